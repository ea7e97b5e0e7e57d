/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/ratelimit/signing_queue.h"

#include <stdlib.h>
#include <time.h>

/* Two plugins that do this may be busy in the same turn of the loop. */
#define TURN_TIME (5 * HG_MILLISECOND)

/* This many waiting addresses of a network count as one more turn waiting at the same address. So a source that is
 * alone at its address is not set back by a single neighbor, but a network gains nothing from having many addresses. */
#define NETWORK_PART 4

struct queue {
    struct turn *first, **tail;
};

struct turns {
    struct hg_worker *worker;
    struct hg_timer *timer;
    hg_time turn;   /* the loop's time in this turn */
    hg_time used;   /* time spent signing in this turn */
    hg_time began;  /* when the current signature was started */
    size_t waiting; /* in all queues */
    unsigned next;  /* the queue to take from next, … */
    bool few;       /* … unless it is the turn of the first non-empty one */
    struct queue queues[TURNS_QUEUES];
    struct shares shares; /* of those that wait; for a network: its addresses that do */
};

/* hg_now() does not advance within a turn. */
static hg_time clock_time(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (hg_time)now.tv_sec * HG_SECOND + (hg_time)now.tv_nsec;
}

static void begin_turn(struct turns *turns)
{
    turns->turn = hg_now(turns->worker);
    turns->used = 0;
}

/* ---- Queues ---- */

static unsigned choose_queue(const struct turns *turns, struct share share)
{
    uint32_t waiting = turns->shares.addresses[share.address];
    uint32_t network = turns->shares.networks[share.network] / NETWORK_PART;
    unsigned queue = 0;

    for (waiting = waiting > network ? waiting : network; waiting && queue < TURNS_QUEUES - 1; waiting >>= 1)
        queue++;
    return queue;
}

static void count(struct shares *shares, struct share share)
{
    if (!shares->addresses[share.address]++)
        shares->networks[share.network]++;
}

static void uncount(struct shares *shares, struct share share)
{
    if (!--shares->addresses[share.address])
        shares->networks[share.network]--;
}

static void enqueue(struct turns *turns, struct turn *turn)
{
    struct queue *queue;

    turn->queue = choose_queue(turns, turn->share);
    queue = &turns->queues[turn->queue];
    turn->next = NULL;
    turn->previous = queue->tail;
    *queue->tail = turn;
    queue->tail = &turn->next;
    count(&turns->shares, turn->share);
    turns->waiting++;
}

void turns_leave(struct turns *turns, struct turn *turn)
{
    if (!turn->previous)
        return;
    *turn->previous = turn->next;
    if (turn->next)
        turn->next->previous = turn->previous;
    else
        turns->queues[turn->queue].tail = turn->previous;
    turn->previous = NULL;
    uncount(&turns->shares, turn->share);
    turns->waiting--;
}

/* Requires that there is one. Takes alternately from the first non-empty queue and from all queues in rotation. */
static struct turn *take_next(struct turns *turns)
{
    unsigned queue = turns->few ? 0 : turns->next;
    struct turn *turn;

    while (!turns->queues[queue].first)
        queue = (queue + 1) % TURNS_QUEUES;
    if (!turns->few)
        turns->next = (queue + 1) % TURNS_QUEUES;
    turns->few = !turns->few;
    turn = turns->queues[queue].first;
    turns_leave(turns, turn);
    return turn;
}

/* ---- Turns ---- */

bool turns_take(struct turns *turns, struct turn *turn)
{
    if (turns->turn != hg_now(turns->worker))
        begin_turn(turns);
    if (!turns->waiting && turns->used < TURN_TIME) {
        turns->began = clock_time();
        return true;
    }
    if (!turn->previous)
        enqueue(turns, turn);
    hg_timer_set(turns->worker->host, turns->timer, 0);
    return false;
}

void turns_done(struct turns *turns)
{
    turns->used += clock_time() - turns->began;
}

static void on_timer(void *arg)
{
    struct turns *turns = arg;

    begin_turn(turns);
    while (turns->waiting && turns->used < TURN_TIME) {
        const struct turn *turn = take_next(turns);

        turns->began = clock_time();
        turn->go(turn->arg);
        turns_done(turns);
    }
    if (turns->waiting)
        hg_timer_set(turns->worker->host, turns->timer, 0);
}

/* ---- Creation and destruction ---- */

struct share turns_share(const struct turns *turns, const struct sockaddr *source)
{
    return shares_find(&turns->shares, source);
}

void turn_init(struct turn *turn, struct share share, hg_callback go, void *arg)
{
    *turn = (struct turn){.share = share, .go = go, .arg = arg};
}

struct turns *turns_new(struct hg_worker *worker)
{
    struct turns *turns = calloc(1, sizeof *turns);

    if (!turns)
        return NULL;
    turns->worker = worker;
    turns->timer = hg_timer_new(worker, on_timer, turns);
    for (unsigned i = 0; i < TURNS_QUEUES; i++)
        turns->queues[i].tail = &turns->queues[i].first;
    if (turns->timer && shares_init(&turns->shares) == 0)
        return turns;
    turns_free(turns);
    return NULL;
}

void turns_free(struct turns *turns)
{
    if (!turns)
        return;
    hg_timer_free(turns->worker->host, turns->timer);
    free(turns);
}
