/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/pace.h"

/* Validation takes a second or two at the big authorities. */
#define FIRST_PAUSE (250 * HG_MILLISECOND)
#define MAX_PAUSE   (5 * HG_SECOND)

bool acme_pace_init(struct acme_pace *pace, struct hg_worker *worker, hg_callback look, void *arg)
{
    *pace = (struct acme_pace){.timer = hg_timer_new(worker, look, arg), .pause = FIRST_PAUSE};
    return pace->timer;
}

void acme_pace_end(struct acme_pace *pace, struct hg_worker *worker)
{
    hg_timer_free(worker->host, pace->timer);
    pace->timer = NULL;
}

void acme_pace_soon(struct acme_pace *pace, struct hg_worker *worker)
{
    hg_timer_set(worker->host, pace->timer, 0);
}

bool acme_pace_after(struct acme_pace *pace, struct hg_worker *worker, hg_time pause, hg_time deadline)
{
    const hg_time now = hg_now(worker);

    if (now >= deadline || pause >= deadline - now)
        return false;
    hg_timer_set(worker->host, pace->timer, pause);
    return true;
}

bool acme_pace_wait(struct acme_pace *pace, struct hg_worker *worker, int64_t retry_after, hg_time deadline)
{
    const hg_time now = hg_now(worker);
    hg_time pause = pace->pause;

    if (now >= deadline)
        return false;
    if (retry_after > 0 && (uint64_t)retry_after >= (deadline - now) / HG_SECOND)
        return false;
    if (retry_after > 0)
        pause = (hg_time)retry_after * HG_SECOND;
    else if (pause > deadline - now)
        pause = deadline - now;
    pace->pause = pace->pause * 3 / 2 < MAX_PAUSE ? pace->pause * 3 / 2 : MAX_PAUSE;
    hg_timer_set(worker->host, pace->timer, pause);
    return true;
}
