/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "tests/bench/tunnel_driver.h"

#include <stdlib.h>
#include <string.h>

/* The same as in core/session/link.c. */
#define PACKETS_PER_TURN 512
#define BLOCKED_TICK     (5 * HG_MILLISECOND)

static hg_time now_of(const struct driver_link *link)
{
    return hg_now(link->link->transport);
}

static void handle_events(struct driver_link *link)
{
    struct tn_session *session = tn_link_session(link->tn);
    struct tn_event event;

    while (session && tn_session_next_event(session, &event))
        link->driver->user->event(link, &event);
}

static int hand_over(const struct driver_link *link, const uint8_t *packet, size_t size, bool is_probe)
{
    void *handle = link->link->handle;

    return is_probe ? test_ops()->probe(handle, packet, size) : test_ops()->send(handle, packet, size);
}

static void keep_refused(struct driver_link *link, uint64_t number, size_t size, bool is_probe)
{
    link->blocked = true;
    link->refused_probe = is_probe;
    link->refused = malloc(size);
    if (!link->refused)
        abort();
    memcpy(link->refused, link->driver->packet, size);
    link->refused_size = size;
    link->refused_number = number;
}

static bool send_refused(struct driver_link *link)
{
    void *handle = link->link->handle;

    if (test_ops()->next_packet_number(handle) == link->refused_number &&
        hand_over(link, link->refused, link->refused_size, link->refused_probe) < 0) {
        link->blocked = true;
        return false;
    }
    free(link->refused);
    link->refused = NULL;
    return true;
}

/* Returns whether there is more. */
static bool send_packets(struct driver_link *link)
{
    void *handle = link->link->handle;

    if (link->refused && !send_refused(link))
        return false;
    for (unsigned i = 0; i < PACKETS_PER_TURN; i++) {
        uint64_t number = test_ops()->next_packet_number(handle);
        size_t size = tn_link_send(link->tn, now_of(link), number, link->driver->packet, TN_PACKET_MAX);
        bool is_probe = size > tn_link_packet_size(link->tn);

        if (!size)
            return false;
        if (hand_over(link, link->driver->packet, size, is_probe) < 0) {
            keep_refused(link, number, size, is_probe);
            return false;
        }
    }
    return true;
}

void driver_flush(struct driver_link *link)
{
    hg_time now = now_of(link), deadline;
    bool more;

    handle_events(link);
    more = !link->blocked && send_packets(link);
    test_ops()->flush(link->link->handle);
    handle_events(link);
    deadline = more ? now : tn_link_deadline(link->tn);
    if (link->blocked && deadline < now + BLOCKED_TICK)
        deadline = now + BLOCKED_TICK;
    hg_timer_set(&link->driver->pair.host, link->timer, deadline > now ? deadline - now : 0);
}

static void forget(struct driver_link *link, const char *reason)
{
    link->driver->user->down(link->driver, link, reason);
    link->link->user = NULL;
    hg_timer_free(&link->driver->pair.host, link->timer);
    tn_link_free(link->tn);
    free(link->refused);
    free(link);
}

void driver_close(struct driver_link *link)
{
    struct hg_link *below = link->link;

    forget(link, "closed");
    test_close(below, true);
}

/* False: the link has ended. */
static bool survived(struct driver_link *link, int code)
{
    if (code)
        driver_close(link);
    return !code;
}

static void on_timer(void *arg)
{
    struct driver_link *link = arg;

    if (survived(link, tn_link_timeout(link->tn, now_of(link))))
        driver_flush(link);
}

static void on_up(struct hg_link *below, void *handle, const struct hg_link_info *info)
{
    struct driver *driver = (struct driver *)below->pair;
    struct driver_link *link = calloc(1, sizeof *link);
    struct tn_params params = driver->params;

    driver->pair_up(below, handle, info);
    params.is_client = !below->accepted;
    params.packet_size = below->max_packet;
    params.packet_size_max = below->probe_max;
    params.packet_overhead = below->overhead;
    if (!link)
        abort();
    below->user = link;
    link->driver = driver;
    link->link = below;
    link->tn = tn_link_new(NULL, &params, hg_now(below->transport));
    link->timer = hg_timer_new(below->transport, on_timer, link);
    if (!link->tn || !link->timer)
        abort();
    driver->user->up(link);
    driver_flush(link);
}

static void on_down(struct hg_link *below, const char *reason)
{
    struct driver *driver = (struct driver *)below->pair;

    driver->pair_down(below, reason);
    if (below->user)
        forget(below->user, reason);
    else
        driver->user->down(driver, NULL, reason);
}

static void on_packet(struct hg_link *below, uint64_t number, const uint8_t *packet, size_t size)
{
    struct driver_link *link = below->user;
    const char *bytes;

    if (!link || !survived(link, tn_link_receive(link->tn, now_of(link), number, packet, size)))
        return;
    if (link->driver->user->control && tn_control_peek(link->tn, &bytes) > 0)
        link->driver->user->control(link);
}

static void on_batch_end(struct hg_link *below)
{
    struct driver_link *link = below->user;

    if (!link)
        return;
    tn_link_batch_end(link->tn, now_of(link));
    driver_flush(link);
}

static void on_writable(struct hg_link *below)
{
    struct driver_link *link = below->user;

    if (!link)
        return;
    link->blocked = false;
    driver_flush(link);
}

static void on_max_packet(struct hg_link *below, size_t max_packet)
{
    struct driver_link *link = below->user;

    if (link)
        tn_link_set_packet_size(link->tn, max_packet < TN_PACKET_MAX ? max_packet : TN_PACKET_MAX);
}

static void on_probe_max(struct hg_link *below, size_t probe_max)
{
    struct driver_link *link = below->user;

    if (link)
        tn_link_set_packet_size_max(link->tn, probe_max);
}

void driver_init(struct driver *driver, const struct driver_user *user, const struct test_certificate *ca,
                 const struct test_certificate *leaf)
{
    test_pair_init(&driver->pair, ca, leaf);
    driver->user = user;
    tn_params_default(&driver->params);
    driver->pair_up = driver->pair.host.link_up;
    driver->pair_down = driver->pair.host.link_down;
    driver->pair.host.link_up = on_up;
    driver->pair.host.link_down = on_down;
    driver->pair.host.link_packet = on_packet;
    driver->pair.host.link_batch_end = on_batch_end;
    driver->pair.host.link_writable = on_writable;
    driver->pair.host.link_set_max_packet = on_max_packet;
    driver->pair.host.link_set_probe_max = on_probe_max;
}
