/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "tests/bench/drive.h"

#include <stdlib.h>
#include <string.h>

/* As in core/session/link.c. */
#define PACKETS_PER_TURN 512
#define BLOCKED_TICK     (5 * HG_MILLISECOND)

static hg_time now_of(const struct drive_link *link)
{
    return hg_now(link->link->transport);
}

static void handle_events(struct drive_link *link)
{
    struct tn_session *session = tn_link_session(link->tn);
    struct tn_event event;

    while (session && tn_session_next_event(session, &event))
        link->drive->user->event(link, &event);
}

static int hand_over(const struct drive_link *link, const uint8_t *packet, size_t size, bool is_probe)
{
    void *handle = link->link->handle;

    return is_probe ? test_ops()->probe(handle, packet, size) : test_ops()->send(handle, packet, size);
}

static void keep_refused(struct drive_link *link, uint64_t number, size_t size, bool is_probe)
{
    link->blocked = true;
    link->refused_probe = is_probe;
    link->refused = malloc(size);
    if (!link->refused)
        abort();
    memcpy(link->refused, link->drive->packet, size);
    link->refused_size = size;
    link->refused_number = number;
}

static bool send_refused(struct drive_link *link)
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
static bool send_packets(struct drive_link *link)
{
    void *handle = link->link->handle;

    if (link->refused && !send_refused(link))
        return false;
    for (unsigned i = 0; i < PACKETS_PER_TURN; i++) {
        uint64_t number = test_ops()->next_packet_number(handle);
        size_t size = tn_link_send(link->tn, now_of(link), number, link->drive->packet, TN_PACKET_MAX);
        bool is_probe = size > tn_link_packet_size(link->tn);

        if (!size)
            return false;
        if (hand_over(link, link->drive->packet, size, is_probe) < 0) {
            keep_refused(link, number, size, is_probe);
            return false;
        }
    }
    return true;
}

void drive_flush(struct drive_link *link)
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
    hg_timer_set(&link->drive->pair.host, link->timer, deadline > now ? deadline - now : 0);
}

static void forget(struct drive_link *link, const char *reason)
{
    link->drive->user->down(link->drive, link, reason);
    link->link->user = NULL;
    hg_timer_free(&link->drive->pair.host, link->timer);
    tn_link_free(link->tn);
    free(link->refused);
    free(link);
}

void drive_close(struct drive_link *link)
{
    struct hg_link *below = link->link;

    forget(link, "closed");
    test_close(below, true);
}

/* False: the link is gone. */
static bool survived(struct drive_link *link, int code)
{
    if (code)
        drive_close(link);
    return !code;
}

static void on_timer(void *arg)
{
    struct drive_link *link = arg;

    if (survived(link, tn_link_timeout(link->tn, now_of(link))))
        drive_flush(link);
}

static void on_up(struct hg_link *below, void *handle, const struct hg_link_info *info)
{
    struct drive *drive = (struct drive *)below->pair;
    struct drive_link *link = calloc(1, sizeof *link);
    struct tn_params params = drive->params;

    drive->pair_up(below, handle, info);
    params.is_client = !below->accepted;
    params.packet_size = below->max_packet;
    params.packet_size_max = below->probe_max;
    params.packet_overhead = below->overhead;
    if (!link)
        abort();
    below->user = link;
    link->drive = drive;
    link->link = below;
    link->tn = tn_link_new(NULL, &params, hg_now(below->transport));
    link->timer = hg_timer_new(below->transport, on_timer, link);
    if (!link->tn || !link->timer)
        abort();
    drive->user->up(link);
    drive_flush(link);
}

static void on_down(struct hg_link *below, const char *reason)
{
    struct drive *drive = (struct drive *)below->pair;

    drive->pair_down(below, reason);
    if (below->user)
        forget(below->user, reason);
    else
        drive->user->down(drive, NULL, reason);
}

static void on_packet(struct hg_link *below, uint64_t number, const uint8_t *packet, size_t size)
{
    struct drive_link *link = below->user;
    const char *bytes;

    if (!link || !survived(link, tn_link_receive(link->tn, now_of(link), number, packet, size)))
        return;
    if (link->drive->user->control && tn_control_peek(link->tn, &bytes) > 0)
        link->drive->user->control(link);
}

static void on_batch_end(struct hg_link *below)
{
    struct drive_link *link = below->user;

    if (!link)
        return;
    tn_link_batch_end(link->tn, now_of(link));
    drive_flush(link);
}

static void on_writable(struct hg_link *below)
{
    struct drive_link *link = below->user;

    if (!link)
        return;
    link->blocked = false;
    drive_flush(link);
}

static void on_max_packet(struct hg_link *below, size_t max_packet)
{
    struct drive_link *link = below->user;

    if (link)
        tn_link_set_packet_size(link->tn, max_packet < TN_PACKET_MAX ? max_packet : TN_PACKET_MAX);
}

static void on_probe_max(struct hg_link *below, size_t probe_max)
{
    struct drive_link *link = below->user;

    if (link)
        tn_link_set_packet_size_max(link->tn, probe_max);
}

void drive_init(struct drive *drive, const struct drive_user *user, const struct test_certificate *ca,
                const struct test_certificate *leaf)
{
    test_pair_init(&drive->pair, ca, leaf);
    drive->user = user;
    tn_params_default(&drive->params);
    drive->pair_up = drive->pair.host.link_up;
    drive->pair_down = drive->pair.host.link_down;
    drive->pair.host.link_up = on_up;
    drive->pair.host.link_down = on_down;
    drive->pair.host.link_packet = on_packet;
    drive->pair.host.link_batch_end = on_batch_end;
    drive->pair.host.link_writable = on_writable;
    drive->pair.host.link_set_max_packet = on_max_packet;
    drive->pair.host.link_set_probe_max = on_probe_max;
}
