/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * How long a client waits before it tries to connect again.
 *
 * The first try after a good link is made at once. Then the wait grows by half with each failure, up to a cap, and a
 * random part of it is left out, so that the clients of a gateway that restarts do not come back all at once. The cap
 * is a low one while the gateway may be back at any moment, since a try costs it but one small packet until it is
 * there.
 */
#ifndef CORE_BASE_BACKOFF_H
#define CORE_BASE_BACKOFF_H

#include <hopgate/types.h>

#include <stdbool.h>

/* A client is back within 5 s of its gateway's return, … */
#define BACKOFF_FIRST (250 * HG_MILLISECOND)
#define BACKOFF_SOON  (4 * HG_SECOND)
/* … until it was away for so many tries, which take at least some ten minutes, or is there and refuses the client. */
#define BACKOFF_TRIES 200
#define BACKOFF_CAP   (30 * HG_SECOND)
/* A link that lived this long makes the next failure the first one again. */
#define BACKOFF_STABLE (10 * HG_SECOND)

/* Zeroed at the start. */
struct backoff {
    unsigned failures; /* since a link was stable */
    bool refused;      /* the last was one: the gateway is there */
};

/* The wait before the next try. `random` is any random number. */
hg_time backoff_next(struct backoff *backoff, uint64_t random);

/* The try was refused by the gateway, for reasons that will hardly be others soon. */
void backoff_refused(struct backoff *backoff);

/* A link that was up has ended after `lifetime`. */
void backoff_link_ended(struct backoff *backoff, hg_time lifetime);

/* A session goes on: the gateway is well, it is the path that is not. The next wait is a short one. */
void backoff_resumed(struct backoff *backoff);

#endif
