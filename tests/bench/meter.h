/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Figures of two processes: this one, and one that it forks as the far end. A line of JSON for each measurement.
 */
#ifndef TESTS_BENCH_METER_H
#define TESTS_BENCH_METER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Seen by both processes. */
struct meter_shared {
    atomic_uint port;    /* where the far end listens; 0: not yet */
    atomic_ullong bytes; /* that have arrived at the far end */
};

struct meter {
    const char *name;
    double seconds; /* to be measured, after a warm-up */
    struct meter_shared *shared;
    pid_t far;
    uint64_t rounds; /* of a ping-pong, counted by this end */
    /* at the beginning of the measurement; 0: warming up */
    double begun, warm, near_cpu, far_cpu;
    unsigned long long begun_bytes;
    uint64_t begun_rounds;
};

/* Forks; the far end calls `far`, which never returns. Waits until it has set shared->port. */
void meter_start(struct meter *meter, const char *name, double seconds,
                 void (*far)(struct meter_shared *shared, const void *arg), const void *arg);
/* Call often; false when the time is over. */
bool meter_goes_on(struct meter *meter);
/* Prints the figures and ends the far end. `packet`: bytes of content in one; `in_flight`: 0 for bulk. */
void meter_finish(struct meter *meter, unsigned long packet, unsigned in_flight);

#endif
