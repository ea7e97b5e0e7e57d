/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Whose signature is next. Signing is what a server's handshake costs: 0.1 ms with ECDSA, 1 ms with RSA of 2,048 bits,
 * 5 ms with 4,096. In each turn of the loop no more is begun once that has taken 5 ms; the rest waits, so that what
 * else happens in the loop waits no longer than that and one signature more.
 *
 * Those who wait stand in several queues, by how many of the same source wait already: none, one, two or three, four
 * to seven, and so on. Every other turn is for the first queue that is not empty, the others go round. So a source that
 * sends many gets what nobody else wants, and who comes alone waits for a handful of others, however many there are.
 */
#ifndef PLUGINS_LIB_RATELIMIT_SIGNING_QUEUE_H
#define PLUGINS_LIB_RATELIMIT_SIGNING_QUEUE_H

#include "plugins/lib/ratelimit/source_counts.h"

#include <hopgate/host.h>

#define TURNS_QUEUES 16

/* One who wants to sign. */
struct turn {
    struct turn *next, **previous; /* of its queue; previous NULL: it does not wait */
    unsigned queue;
    struct share share;
    hg_callback go;
    void *arg;
};

struct turns;

/* NULL when memory or random numbers are out. */
struct turns *turns_new(struct hg_worker *worker);
/* Nobody waits any more. NULL is allowed. */
void turns_free(struct turns *turns);

struct share turns_share(const struct turns *turns, const struct sockaddr *source);
void turn_init(struct turn *turn, struct share share, hg_callback go, void *arg);

/* True: it may sign at once, and calls turns_done() afterwards. False: it waits, and go(arg) will be called. */
bool turns_take(struct turns *turns, struct turn *turn);
void turns_done(struct turns *turns);
/* It does not want to any more, if it ever did: also one that was zeroed. */
void turns_leave(struct turns *turns, struct turn *turn);

#endif
