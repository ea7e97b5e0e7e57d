/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/base/backoff.h"

hg_time backoff_next(struct backoff *backoff, uint64_t random)
{
    bool soon = !backoff->refused && backoff->failures < BACKOFF_TRIES;
    hg_time wait = BACKOFF_FIRST, cap = soon ? BACKOFF_SOON : BACKOFF_CAP;

    backoff->refused = false;
    if (!backoff->failures++)
        return 0;
    for (unsigned i = 2; i < backoff->failures && wait < cap; i++)
        wait += wait / 2;
    if (wait > cap)
        wait = cap;
    return wait - random % (wait / 2 + 1);
}

void backoff_refused(struct backoff *backoff)
{
    backoff->refused = true;
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
