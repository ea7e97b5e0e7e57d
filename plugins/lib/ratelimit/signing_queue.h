/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Decides whose handshake is signed next. Signatures are the main cost of a server's handshakes: 0.1 ms with ECDSA,
 * 1 ms with 2,048-bit RSA, 5 ms with 4,096-bit RSA. Once signing has taken 5 ms in a turn of the loop, the rest waits,
 * so that a plugin delays no other event by more than that and one signature.
 *
 * There are several queues, by how many turns of the same source are already waiting: none, one, two or three, four to
 * seven, and so on. Every other turn goes to the first queue that is not empty; the other turns rotate through all
 * queues. So a source that sends many gets only what is left over, and one with a single request waits for just a
 * handful of others, however many there are.
 */
#ifndef PLUGINS_LIB_RATELIMIT_SIGNING_QUEUE_H
#define PLUGINS_LIB_RATELIMIT_SIGNING_QUEUE_H

#include "plugins/lib/ratelimit/source_counts.h"

#include <hopgate/host.h>

#define TURNS_QUEUES 16

/* A request to sign. */
struct turn {
    struct turn *next, **previous; /* in its queue; previous NULL: not waiting */
    unsigned queue;
    struct share share;
    hg_callback go;
    void *arg;
};

struct turns;

/* Returns NULL when there is no memory or no random numbers. */
struct turns *turns_new(struct hg_worker *worker);
/* Nothing may be waiting. NULL is allowed. */
void turns_free(struct turns *turns);

struct share turns_share(const struct turns *turns, const struct sockaddr *source);
void turn_init(struct turn *turn, struct share share, hg_callback go, void *arg);

/* True: it may sign at once, and must then call turns_done(). False: it has to wait; go(arg) will be called. */
bool turns_take(struct turns *turns, struct turn *turn);
void turns_done(struct turns *turns);
/* Gives up its turn, if it is waiting; also allowed for one that is all zero. */
void turns_leave(struct turns *turns, struct turn *turn);

#endif
