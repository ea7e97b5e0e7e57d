/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Measurements with two processes: this one, and one that it forks as the far end. Each prints a line of JSON.
 */
#ifndef TESTS_BENCH_MEASUREMENT_H
#define TESTS_BENCH_MEASUREMENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Shared by both processes. */
struct measurement_shared {
    atomic_uint port;    /* the far end listens on it; 0: not yet */
    atomic_ullong bytes; /* arrived at the far end */
};

struct measurement {
    const char *name;
    double seconds; /* how long to measure after a warm-up */
    struct measurement_shared *shared;
    pid_t far;
    uint64_t rounds; /* of a ping-pong, counted by this end */
    /* at the start of the measurement; 0: warming up */
    double begun, warm, near_cpu, far_cpu;
    unsigned long long begun_bytes;
    uint64_t begun_rounds;
};

/* Forks; the far end calls `far`, which never returns. Waits until it has set shared->port. */
void measurement_start(struct measurement *measurement, const char *name, double seconds,
                       void (*far)(struct measurement_shared *shared, const void *arg), const void *arg);
/* To be called often; false when the time is over. */
bool measurement_goes_on(struct measurement *measurement);
/* Prints the figures and ends the far end. `packet`: its content in bytes; `in_flight`: 0 for bulk. */
void measurement_finish(struct measurement *measurement, unsigned long packet, unsigned in_flight);

#endif
