/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "tests/bench/measurement.h"

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

static double far_cpu(const struct measurement *measurement)
{
    clockid_t clock;

    return clock_getcpuclockid(measurement->far, &clock) == 0 ? read_clock(clock) : 0;
}

void measurement_start(struct measurement *measurement, const char *name, double seconds,
                       void (*far)(struct measurement_shared *shared, const void *arg), const void *arg)
{
    void *shared =
        mmap(NULL, sizeof(struct measurement_shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (shared == MAP_FAILED)
        abort();
    *measurement = (struct measurement){.name = name, .seconds = seconds, .shared = shared};
    fflush(stdout);
    measurement->far = fork();
    if (measurement->far == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        far(measurement->shared, arg);
        _exit(1);
    }
    for (int i = 0; i < 5000 && atomic_load(&measurement->shared->port) == 0; i++)
        usleep(1000);
    measurement->warm = read_clock(CLOCK_MONOTONIC) + WARM_UP;
}

bool measurement_goes_on(struct measurement *measurement)
{
    double now = read_clock(CLOCK_MONOTONIC);

    if (measurement->begun == 0 && now >= measurement->warm) {
        measurement->begun = now;
        measurement->near_cpu = read_clock(CLOCK_PROCESS_CPUTIME_ID);
        measurement->far_cpu = far_cpu(measurement);
        measurement->begun_bytes = atomic_load(&measurement->shared->bytes);
        measurement->begun_rounds = measurement->rounds;
    }
    return measurement->begun == 0 || now < measurement->begun + measurement->seconds;
}

void measurement_finish(struct measurement *measurement, unsigned long packet, unsigned in_flight)
{
    double took = read_clock(CLOCK_MONOTONIC) - measurement->begun;
    double near = read_clock(CLOCK_PROCESS_CPUTIME_ID) - measurement->near_cpu,
           far = far_cpu(measurement) - measurement->far_cpu;
    double busier = near > far ? near : far;
    double bytes = (double)(atomic_load(&measurement->shared->bytes) - measurement->begun_bytes);
    double rounds = (double)(measurement->rounds - measurement->begun_rounds);

    kill(measurement->far, SIGKILL);
    waitpid(measurement->far, NULL, 0);
    munmap(measurement->shared, sizeof *measurement->shared);
    printf("{\"bench\": \"%s\", \"packet\": %lu, \"in_flight\": %u, ", measurement->name, packet, in_flight);
    if (in_flight == 0)
        printf("\"gbit_per_s\": %.2f, \"gbit_per_core_s\": %.2f, \"send_cpu_s_per_gb\": %.3f, "
               "\"receive_cpu_s_per_gb\": %.3f}\n",
               bytes * 8 / took / 1e9, bytes * 8 / busier / 1e9, near * 1e9 / bytes, far * 1e9 / bytes);
    else
        printf("\"per_second\": %.0f, \"per_core_s\": %.0f, \"near_cpu_us\": %.3f, \"far_cpu_us\": %.3f}\n",
               rounds / took, rounds / busier, near * 1e6 / rounds, far * 1e6 / rounds);
    fflush(stdout);
}
