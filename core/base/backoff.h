/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * How long a client waits before it tries to connect again.
 *
 * The first try after a good link is made at once. After that the wait grows by half with each failure, up to a cap.
 * Each wait is shortened by a random part, so that the clients of a restarted gateway do not all come back at the same
 * moment. The cap is low while the gateway may return at any time, since until then a try costs only one small packet.
 */
#ifndef CORE_BASE_BACKOFF_H
#define CORE_BASE_BACKOFF_H

#include "core/base/cold.h"

#include <hopgate/types.h>

#include <stdbool.h>

/* A client reconnects within 5 s of its gateway's return, … */
#define BACKOFF_FIRST (250 * HG_MILLISECOND)
#define BACKOFF_SOON  (4 * HG_SECOND)
/* … unless the gateway has been away for this many tries, which take at least ten minutes or so, or is up and refuses
 * the client. */
#define BACKOFF_TRIES 200
#define BACKOFF_CAP   (30 * HG_SECOND)
/* After a link that lived this long, the next failure counts as the first again. */
#define BACKOFF_STABLE (10 * HG_SECOND)

/* Initialize with zeros. */
struct backoff {
    unsigned failures; /* since the last stable link */
    bool refused;      /* the last try was refused: the gateway is up */
};

/* The wait before the next try. `random` is any random number. */
COLD hg_time backoff_next(struct backoff *backoff, uint64_t random);

/* The gateway refused the try, for a reason that is unlikely to change soon. */
COLD void backoff_refused(struct backoff *backoff);

/* A link that was up has ended after `lifetime`. */
COLD void backoff_link_ended(struct backoff *backoff, hg_time lifetime);

/* A session was resumed: the gateway is fine and the path is at fault, so the next wait is short. */
COLD void backoff_resumed(struct backoff *backoff);

#endif
