/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/backoff.h"

hg_time backoff_next(struct backoff *backoff, uint64_t random)
{
    hg_time wait = BACKOFF_FIRST;

    if (!backoff->failures++)
        return 0;
    for (unsigned i = 2; i < backoff->failures && wait < BACKOFF_CAP; i++)
        wait += wait / 2;
    if (wait > BACKOFF_CAP)
        wait = BACKOFF_CAP;
    return wait - random % (wait / 2 + 1);
}

void backoff_link_ended(struct backoff *backoff, hg_time lifetime)
{
    if (lifetime >= BACKOFF_STABLE)
        backoff->failures = 0;
}

void backoff_resumed(struct backoff *backoff)
{
    if (backoff->failures > 1)
        backoff->failures = 1;
}
