/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/loop/network_change.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* Shorter sleeps are ignored. The two clocks are not read at the same moment, and the process may be held up in
 * between. */
#define SLEEP_LEAST (500 * HG_MILLISECOND)

/* A change of network causes several messages, and takes a moment to complete. */
#define SETTLE (200 * HG_MILLISECOND)
/* The pause between two reports: doubled each time, and reset once there has been no change for four times as long. */
#define QUIET_FIRST (500 * HG_MILLISECOND)
#define QUIET_LAST  (60 * HG_SECOND)

/* Messages read in one turn. If there are more, the kernel drops them, which does no harm. */
#define MESSAGES_PER_TURN 64

struct changes {
    struct hg_worker *worker;
    hg_callback changed;
    void *arg;

    hg_time asleep; /* in total, since boot */
    int clock;      /* a timerfd that wakes the process after a sleep; -1: none */
    struct hg_io *clock_io;

    int netlink; /* -1: none */
    struct hg_io *netlink_io;
    struct hg_timer *timer; /* running while a change has yet to be reported */
    hg_time reported_at;    /* the time of the last report; 0: none yet */
    hg_time quiet;
};

/* ---- Sleep ---- */

static hg_time read_clock(clockid_t id)
{
    struct timespec now = {0};

    clock_gettime(id, &now);
    return (hg_time)now.tv_sec * HG_SECOND + (hg_time)now.tv_nsec;
}

/* CLOCK_MONOTONIC stops while the machine sleeps, CLOCK_BOOTTIME does not (clock_gettime(2)). */
static hg_time time_asleep(void)
{
    hg_time monotonic = read_clock(CLOCK_MONOTONIC), boot = read_clock(CLOCK_BOOTTIME);

    return boot > monotonic ? boot - monotonic : 0;
}

void changes_look(struct changes *changes)
{
    hg_time asleep = time_asleep(), before = changes->asleep;

    if (asleep < before + SLEEP_LEAST)
        return;
    changes->asleep = asleep;
    hg_log(changes->worker->instance, HG_LOG_INFO, "the machine was suspended for %.1f s; checking all links",
           (double)(asleep - before) / (double)HG_SECOND);
    changes->changed(changes->arg);
}

/* A timer on the time of day, as far in the future as possible: it is cancelled whenever that clock jumps, as at the
 * end of a sleep (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET). A timer on the monotonic clock would sleep as well. */
static void arm_clock(const struct changes *changes)
{
    static const struct itimerspec never = {.it_value.tv_sec = INT32_MAX};

    timerfd_settime(changes->clock, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
}

static void on_clock(void *arg, int events)
{
    struct changes *changes = arg;
    uint64_t count;

    (void)events;
    if (read(changes->clock, &count, sizeof count) < 0 && errno == EAGAIN)
        return;
    arm_clock(changes);
    changes_look(changes);
}

static void watch_clock(struct changes *changes)
{
    changes->asleep = time_asleep();
    changes->clock = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (changes->clock < 0)
        return;
    changes->clock_io = hg_io_new(changes->worker, changes->clock, on_clock, changes);
    if (!changes->clock_io)
        return;
    arm_clock(changes);
    hg_io_set(changes->worker->host, changes->clock_io, HG_READ);
}

/* ---- Network ---- */

/* Reads the pending messages; their content does not matter. Returns whether there were any. */
static bool drain(const struct changes *changes)
{
    char messages[8192];
    bool any = false;

    for (int i = 0; i < MESSAGES_PER_TURN; i++) {
        ssize_t got = recv(changes->netlink, messages, sizeof messages, MSG_TRUNC);

        /* ENOBUFS: there were more than the kernel could hold. */
        if (got == 0 || (got < 0 && errno != ENOBUFS && errno != EINTR))
            break;
        any = true;
    }
    return any;
}

static void on_netlink(void *arg, int events)
{
    struct changes *changes = arg;
    hg_time now = hg_now(changes->worker), due = now + SETTLE;

    (void)events;
    if (!drain(changes))
        return;
    if (!changes->reported_at || now > changes->reported_at + 4 * changes->quiet)
        changes->quiet = QUIET_FIRST;
    else if (due < changes->reported_at + changes->quiet)
        due = changes->reported_at + changes->quiet;
    /* A burst of changes must not keep waking the process. */
    hg_io_set(changes->worker->host, changes->netlink_io, 0);
    hg_timer_set(changes->worker->host, changes->timer, due - now);
}

static void on_timer(void *arg)
{
    struct changes *changes = arg;

    drain(changes);
    changes->reported_at = hg_now(changes->worker);
    changes->quiet = 2 * changes->quiet < QUIET_LAST ? 2 * changes->quiet : QUIET_LAST;
    hg_io_set(changes->worker->host, changes->netlink_io, HG_READ);
    hg_log(changes->worker->instance, HG_LOG_DEBUG, "addresses or routes have changed; checking all links");
    changes->changed(changes->arg);
}

static void watch_network(struct changes *changes)
{
    const struct sockaddr_nl address = {.nl_family = AF_NETLINK,
                                        .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |
                                                     RTMGRP_IPV6_ROUTE};

    changes->netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (changes->netlink < 0 || bind(changes->netlink, (const struct sockaddr *)&address, sizeof address)) {
        hg_log(changes->worker->instance, HG_LOG_DEBUG, "cannot watch for network changes: netlink: %s",
               strerror(errno));
        return;
    }
    changes->timer = hg_timer_new(changes->worker, on_timer, changes);
    changes->netlink_io = hg_io_new(changes->worker, changes->netlink, on_netlink, changes);
    if (changes->timer && changes->netlink_io)
        hg_io_set(changes->worker->host, changes->netlink_io, HG_READ);
}

/* ---- Life ---- */

struct changes *changes_watch(struct hg_worker *worker, hg_callback changed, void *arg)
{
    struct changes *changes = calloc(1, sizeof *changes);

    if (!changes)
        return NULL;
    *changes = (struct changes){.worker = worker, .changed = changed, .arg = arg, .clock = -1, .netlink = -1};
    watch_clock(changes);
    watch_network(changes);
    return changes;
}

void changes_unwatch(struct changes *changes)
{
    if (!changes)
        return;
    hg_io_free(changes->worker->host, changes->clock_io);
    hg_io_free(changes->worker->host, changes->netlink_io);
    hg_timer_free(changes->worker->host, changes->timer);
    if (changes->clock >= 0)
        close(changes->clock);
    if (changes->netlink >= 0)
        close(changes->netlink);
    free(changes);
}
