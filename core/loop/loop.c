/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/loop/loop.h"

#include "core/base/fatal.h"
#include "core/base/log.h"

#include <stdlib.h>
#include <time.h>

/* How often, in seconds, events that the log has only counted are reported. */
#define LOG_INTERVAL 61.

/* ---- Time ---- */

hg_time loop_read_clock(struct loop *loop)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    loop->now = (hg_time)now.tv_sec * HG_SECOND + (hg_time)now.tv_nsec;
    return loop->now;
}

/* ---- Timers ---- */

/* The libev timer is only ever moved earlier; if it fires before the deadline, it is set again for the remaining time.
 * So postponing a deadline, as every bit of progress does, costs one store. */
struct hg_timer {
    ev_timer watcher;
    struct loop *loop;
    const char *plugin;
    hg_callback callback;
    void *arg;
    hg_time deadline; /* 0: not running */
    hg_time fires;    /* when the watcher will fire; meaningless while it is not active */
    hg_time looked;   /* the deadline for which descriptors have already been checked (see timer_fired()) */
};

/* If a timer fires this much after its deadline, the process was late (it was stopped, asleep or busy), not a peer. */
#define LATE (10 * HG_MILLISECOND)

static void timer_arm(struct hg_timer *timer, hg_time delay, int priority)
{
    ev_timer_stop(timer->loop->ev, &timer->watcher);
    ev_set_priority(&timer->watcher, priority);
    ev_timer_set(&timer->watcher, (double)delay / (double)HG_SECOND, 0.);
    ev_timer_start(timer->loop->ev, &timer->watcher);
    timer->fires = loop_now(timer->loop) + delay;
}

static void timer_fired(struct ev_loop *ev, ev_timer *watcher, int events)
{
    struct hg_timer *timer = (struct hg_timer *)watcher;
    hg_time now = loop_now(timer->loop);

    (void)ev;
    (void)events;
    if (!timer->deadline)
        return;
    /* libev's clock and ours are read at slightly different moments, so a deadline that has nearly passed counts as
     * passed. */
    if (timer->deadline > now + HG_MICROSECOND * 100) {
        timer_arm(timer, timer->deadline - now, 0);
        return;
    }
    /* Data that arrived in time may still be waiting in a socket and may set the timer again, so descriptors are served
     * first. These are the descriptors of the next turn, since a wait interrupted by SIGCONT or the end of a sleep
     * reports none (epoll_wait(2), EINTR). */
    if (now - timer->deadline > LATE && timer->looked != timer->deadline) {
        timer->looked = timer->deadline;
        timer_arm(timer, 0, EV_MINPRI);
        return;
    }
    timer->deadline = 0;
    CALL_PLUGIN(timer->plugin, "timer", timer->callback(timer->arg));
}

struct hg_timer *loop_timer_new(struct loop *loop, const char *plugin, hg_callback callback, void *arg)
{
    struct hg_timer *timer = calloc(1, sizeof *timer);

    if (!timer)
        return NULL;
    timer->loop = loop;
    timer->plugin = plugin;
    timer->callback = callback;
    timer->arg = arg;
    ev_init(&timer->watcher, timer_fired);
    return timer;
}

void loop_timer_set(struct hg_timer *timer, hg_time delay)
{
    timer->deadline = loop_now(timer->loop) + delay;
    if (!delay) /* for the next turn: such a deadline cannot be missed, and must not be postponed for a check of the
                   descriptors */
        timer->looked = timer->deadline;
    if (!ev_is_active(&timer->watcher) || timer->fires > timer->deadline)
        timer_arm(timer, delay, 0);
}

void loop_timer_stop(struct hg_timer *timer)
{
    timer->deadline = 0;
}

void loop_timer_free(struct hg_timer *timer)
{
    ev_timer_stop(timer->loop->ev, &timer->watcher);
    free(timer);
}

/* ---- Descriptors ---- */

struct hg_io {
    ev_io watcher;
    struct loop *loop;
    const char *plugin;
    hg_io_callback callback;
    void *arg;
};

static void io_ready(struct ev_loop *ev, ev_io *watcher, int events)
{
    struct hg_io *io = (struct hg_io *)watcher;
    int ready = (events & EV_READ ? HG_READ : 0) | (events & EV_WRITE ? HG_WRITE : 0);

    (void)ev;
    CALL_PLUGIN(io->plugin, "io", io->callback(io->arg, ready));
}

struct hg_io *loop_io_new(struct loop *loop, const char *plugin, int fd, hg_io_callback callback, void *arg)
{
    struct hg_io *io = calloc(1, sizeof *io);

    if (!io)
        return NULL;
    io->loop = loop;
    trim_added(&loop->trim);
    io->plugin = plugin;
    io->callback = callback;
    io->arg = arg;
    ev_io_init(&io->watcher, io_ready, fd, EV_NONE);
    return io;
}

void loop_io_set(struct hg_io *io, int events)
{
    int wanted = (events & HG_READ ? EV_READ : 0) | (events & HG_WRITE ? EV_WRITE : 0);

    if ((io->watcher.events & (EV_READ | EV_WRITE)) == wanted)
        return;
    ev_io_stop(io->loop->ev, &io->watcher);
    ev_io_modify(&io->watcher, wanted);
    if (wanted)
        ev_io_start(io->loop->ev, &io->watcher);
}

void loop_io_free(struct hg_io *io)
{
    ev_io_stop(io->loop->ev, &io->watcher);
    trim_removed(&io->loop->trim, io->loop->ev);
    free(io);
}

/* ---- Deferred calls, posts from any thread ---- */

static void ring_init(struct hg_call *ring)
{
    ring->next = ring->previous = ring;
}

static void ring_append(struct hg_call *ring, struct hg_call *call)
{
    call->next = ring;
    call->previous = ring->previous;
    ring->previous->next = call;
    ring->previous = call;
}

/* Moves all calls of `from` to `to`, an empty ring. */
static void ring_move(struct hg_call *to, struct hg_call *from)
{
    ring_init(to);
    if (from->next == from)
        return;
    to->next = from->next;
    to->previous = from->previous;
    to->next->previous = to->previous->next = to;
    ring_init(from);
}

/* Takes the first call out of a ring; NULL if it is empty. */
static struct hg_call *ring_take(struct hg_call *ring)
{
    struct hg_call *call = ring->next;

    if (call == ring)
        return NULL;
    hg_defer_cancel(call);
    return call;
}

void loop_defer(struct loop *loop, const char *plugin, struct hg_call *call)
{
    call->plugin = plugin;
    ring_append(&loop->deferred, call);
}

void loop_run_deferred(struct loop *loop)
{
    struct hg_call ring, *call;

    /* Calls deferred from now on wait for the next turn; otherwise a call that defers itself would run forever. */
    ring_move(&ring, &loop->deferred);
    while ((call = ring_take(&ring)))
        CALL_PLUGIN(call->plugin, "call", call->callback(call->arg));
}

void loop_post(struct loop *loop, const char *plugin, struct hg_call *call)
{
    bool is_new;

    pthread_mutex_lock(&loop->post_lock);
    is_new = !call->next;
    if (is_new) {
        call->plugin = plugin;
        ring_append(&loop->posts, call);
    }
    pthread_mutex_unlock(&loop->post_lock);
    if (is_new)
        ev_async_send(loop->ev, &loop->posted);
}

void loop_post_cancel(struct loop *loop, struct hg_call *call)
{
    pthread_mutex_lock(&loop->post_lock);
    hg_defer_cancel(call);
    pthread_mutex_unlock(&loop->post_lock);
}

/* Copies the call: once it is out of the ring, another thread may post it again. */
static bool take_post(struct loop *loop, struct hg_call *ring, struct hg_call *copy)
{
    const struct hg_call *call;

    pthread_mutex_lock(&loop->post_lock);
    call = ring_take(ring);
    if (call)
        *copy = *call;
    pthread_mutex_unlock(&loop->post_lock);
    return call != NULL;
}

static void run_posts(struct loop *loop)
{
    struct hg_call ring, call;

    pthread_mutex_lock(&loop->post_lock);
    ring_move(&ring, &loop->posts);
    pthread_mutex_unlock(&loop->post_lock);
    /* One by one, since each may cancel others. */
    while (take_post(loop, &ring, &call))
        CALL_PLUGIN(call.plugin, "call", call.callback(call.arg));
}

static void on_posted(struct ev_loop *ev, ev_async *watcher, int events)
{
    (void)ev;
    (void)events;
    run_posts(watcher->data);
}

/* ---- Turns ---- */

static void on_before_wait(struct ev_loop *ev, ev_prepare *watcher, int events)
{
    struct loop *loop = watcher->data;

    (void)events;
    loop->turn_ends(loop);
    if (loop->deferred.next != &loop->deferred)
        ev_async_send(ev, &loop->posted); /* keeps the loop from waiting; takes no system call here */
    if (log_has_counted() && !ev_is_active(&loop->log_timer))
        ev_timer_again(ev, &loop->log_timer);
}

static void on_after_wait(struct ev_loop *ev, ev_check *watcher, int events)
{
    struct loop *loop = watcher->data;

    (void)ev;
    (void)events;
    loop->now = 0;
}

static void on_log_timer(struct ev_loop *ev, ev_timer *watcher, int events)
{
    (void)events;
    log_counted(false);
    ev_timer_stop(ev, watcher);
}

int loop_init(struct loop *loop, void (*turn_ends)(struct loop *loop))
{
    *loop = (struct loop){.turn_ends = turn_ends};
    ring_init(&loop->deferred);
    ring_init(&loop->posts);
    pthread_mutex_init(&loop->post_lock, NULL);
    loop->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    if (!loop->ev)
        return -1;
    ev_prepare_init(&loop->before_wait, on_before_wait);
    ev_check_init(&loop->after_wait, on_after_wait);
    ev_async_init(&loop->posted, on_posted);
    ev_timer_init(&loop->log_timer, on_log_timer, 0., LOG_INTERVAL);
    trim_init(&loop->trim);
    loop->before_wait.data = loop->after_wait.data = loop->posted.data = loop;
    /* The first watcher of a turn: afterwards the time is read again. */
    ev_set_priority(&loop->after_wait, EV_MAXPRI);
    ev_prepare_start(loop->ev, &loop->before_wait);
    ev_check_start(loop->ev, &loop->after_wait);
    ev_async_start(loop->ev, &loop->posted);
    return 0;
}

void loop_end(struct loop *loop)
{
    run_posts(loop);
    pthread_mutex_destroy(&loop->post_lock);
    if (loop->ev)
        ev_loop_destroy(loop->ev);
}

void loop_run(struct loop *loop)
{
    fatal_mark_thread();
    ev_run(loop->ev, 0);
}

void loop_break(struct loop *loop)
{
    ev_break(loop->ev, EVBREAK_ALL);
}
