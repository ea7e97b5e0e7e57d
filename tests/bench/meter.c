/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "tests/bench/meter.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WARM_UP 0.3

static double read_clock(clockid_t clock)
{
    struct timespec now = {0};

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double far_cpu(const struct meter *meter)
{
    clockid_t clock;

    return clock_getcpuclockid(meter->far, &clock) == 0 ? read_clock(clock) : 0;
}

void meter_start(struct meter *meter, const char *name, double seconds,
                 void (*far)(struct meter_shared *shared, const void *arg), const void *arg)
{
    void *shared = mmap(NULL, sizeof(struct meter_shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (shared == MAP_FAILED)
        abort();
    *meter = (struct meter){.name = name, .seconds = seconds, .shared = shared};
    fflush(stdout);
    meter->far = fork();
    if (meter->far == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        far(meter->shared, arg);
        _exit(1);
    }
    for (int i = 0; i < 5000 && atomic_load(&meter->shared->port) == 0; i++)
        usleep(1000);
    meter->warm = read_clock(CLOCK_MONOTONIC) + WARM_UP;
}

bool meter_goes_on(struct meter *meter)
{
    double now = read_clock(CLOCK_MONOTONIC);

    if (meter->begun == 0 && now >= meter->warm) {
        meter->begun = now;
        meter->near_cpu = read_clock(CLOCK_PROCESS_CPUTIME_ID);
        meter->far_cpu = far_cpu(meter);
        meter->begun_bytes = atomic_load(&meter->shared->bytes);
        meter->begun_rounds = meter->rounds;
    }
    return meter->begun == 0 || now < meter->begun + meter->seconds;
}

void meter_finish(struct meter *meter, unsigned long packet, unsigned in_flight)
{
    double took = read_clock(CLOCK_MONOTONIC) - meter->begun;
    double near = read_clock(CLOCK_PROCESS_CPUTIME_ID) - meter->near_cpu, far = far_cpu(meter) - meter->far_cpu;
    double busier = near > far ? near : far;
    double bytes = (double)(atomic_load(&meter->shared->bytes) - meter->begun_bytes);
    double rounds = (double)(meter->rounds - meter->begun_rounds);

    kill(meter->far, SIGKILL);
    waitpid(meter->far, NULL, 0);
    munmap(meter->shared, sizeof *meter->shared);
    printf("{\"bench\": \"%s\", \"packet\": %lu, \"in_flight\": %u, ", meter->name, packet, in_flight);
    if (in_flight == 0)
        printf("\"gbit_per_s\": %.2f, \"gbit_per_core_s\": %.2f, \"send_cpu_s_per_gb\": %.3f, "
               "\"receive_cpu_s_per_gb\": %.3f}\n",
               bytes * 8 / took / 1e9, bytes * 8 / busier / 1e9, near * 1e9 / bytes, far * 1e9 / bytes);
    else
        printf("\"per_second\": %.0f, \"per_core_s\": %.0f, \"near_cpu_us\": %.3f, \"far_cpu_us\": %.3f}\n",
               rounds / took, rounds / busier, near * 1e6 / rounds, far * 1e6 / rounds);
    fflush(stdout);
}
