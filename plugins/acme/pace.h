/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * How often something that takes its time at an authority is looked at.
 */
#ifndef ACME_PACE_H
#define ACME_PACE_H

#include <hopgate/host.h>

struct acme_pace {
    struct hg_timer *timer;
    hg_time pause;
};

/* False: out of memory. */
bool acme_pace_init(struct acme_pace *pace, struct hg_worker *worker, hg_callback look, void *arg);
void acme_pace_end(struct acme_pace *pace, struct hg_worker *worker);
/* Looks as soon as the callers have returned. */
void acme_pace_soon(struct acme_pace *pace, struct hg_worker *worker);
/* Looks after `pause`. False: that would be after `deadline`. */
bool acme_pace_after(struct acme_pace *pace, struct hg_worker *worker, hg_time pause, hg_time deadline);
/* Looks after a pause that grows each time, or that the authority tells (`retry_after` seconds). False: that would be
 * after `deadline`. */
bool acme_pace_wait(struct acme_pace *pace, struct hg_worker *worker, int64_t retry_after, hg_time deadline);

#endif
