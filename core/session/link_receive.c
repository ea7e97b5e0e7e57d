/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Events that a transport reports for a link, and the control messages that arrive on it.
 */
#include "core/session/flush_queue.h"
#include "core/session/link.h"
#include "core/session/session_events.h"
#include "core/session/session_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

/* How long a PING of an idle link may go unanswered: long enough for several, even on a slow path. */
#define IDLE_TIMEOUT (4 * HG_SECOND)

static void control_failed(struct hg_link *link, const char *error)
{
    hg_log_limited(link_worker(link)->instance, HG_LOG_WARNING, link->peer,
                   "closing the link with %s: invalid control message: %s", link->peer, error);
    link_close(link, TN_CONTROL_ERROR, "%s", error);
}

static void pong(struct hg_link *link, json_int_t id)
{
    char *line = control_encode_pong(id);

    /* A peer that pings faster than it reads the answers gets fewer of them. */
    if (line)
        tn_control_write(link->tn, line, strlen(line));
    free(line);
}

static void handle_message(struct hg_link *link, const struct control_message *message)
{
    switch (message->type) {
    case CONTROL_PING:
        pong(link, message->id);
        return;
    case CONTROL_PONG:
    case CONTROL_UNKNOWN:
        return;
    case CONTROL_OPEN:
    case CONTROL_ACCEPT:
    case CONTROL_REFUSE:
    case CONTROL_DRAIN:
    case CONTROL_NOTICE:
        link->sessions->end->message(link, message);
        return;
    }
}

static void read_control(struct hg_link *link)
{
    const char *data, *error, *newline;
    struct control_message message;
    size_t size;

    while (link_is_alive(link) && (size = tn_control_peek(link->tn, &data)) > 0) {
        newline = memchr(data, '\n', size);
        if (!newline) {
            if (size >= CONTROL_LINE_MAX)
                control_failed(link, "longer than 16384 bytes");
            return;
        }
        if (control_decode(&message, data, (size_t)(newline - data), &error)) {
            control_failed(link, error);
            return;
        }
        tn_control_consume(link->tn, (size_t)(newline - data) + 1);
        /* Further messages of a refused peer are ignored. */
        if (link->state != LINK_REFUSED)
            handle_message(link, &message);
        control_message_free(&message);
    }
}

/* The longest silence of a peer that is alive. With data outstanding, link_is_overdue() usually detects a dead peer
 * sooner. An idle one is sent a PING, which recovery repeats at every probe timeout (RFC 9002 section 6.2.4): if none
 * of them is answered within IDLE_TIMEOUT, the peer is dead. With the default settings, that takes less than 20 s. */
static hg_time silence_bound(const struct settings *settings)
{
    hg_time timeout = settings->dead_after < IDLE_TIMEOUT ? settings->dead_after : IDLE_TIMEOUT;
    hg_time idle = settings->keep_alive + timeout;

    return idle > settings->dead_after ? idle : settings->dead_after;
}

/* Limits a packet size to what the tunnel can handle. */
static size_t bound_packet(size_t size)
{
    size = size < TN_PACKET_MAX ? size : TN_PACKET_MAX;
    return size > TN_PACKET_MIN ? size : TN_PACKET_MIN;
}

static void copy_text(char *copy, size_t capacity, struct hg_text text)
{
    snprintf(copy, capacity, "%.*s", HG_PRINT(text));
}

void sessions_link_up(struct hg_link *link, void *handle, const struct hg_link_info *info)
{
    const struct settings *settings = &link->sessions->pipeline->settings;
    struct tn_params params;

    link->handle = handle;
    link->is_connecting = false;
    link_flush_later(link);
    if (link->state == LINK_CLOSING)
        return;
    link->state = LINK_OPENING;
    link->up_at = hg_now(link_worker(link));
    copy_text(link->peer, sizeof link->peer, info->peer);
    copy_text(link->security, sizeof link->security, info->security);
    tn_params_default(&params);
    params.is_client = link->sessions->pipeline->shape == PIPELINE_CLIENT;
    params.reliable = link->ops->flags & HG_TRANSPORT_RELIABLE;
    link->packet_size = params.packet_size = bound_packet(info->max_packet);
    if (link->ops->probe) {
        params.packet_size_max = bound_packet(info->probe_max);
        params.packet_overhead = info->overhead;
    }
    params.congestion = info->congestion == HG_CONGESTION_CUBIC ? TN_CONGESTION_CUBIC : TN_CONGESTION_BBR;
    if (link->ops->skip_packet_number && getrandom(&params.random, sizeof params.random, 0) != sizeof params.random)
        params.random = 0;
    params.keep_alive = settings->keep_alive;
    params.dead_after = silence_bound(settings);
    link->tn = tn_link_new(NULL, &params, link->up_at);
    if (!link->tn)
        link_close(link, TN_INTERNAL_ERROR, "out of memory");
    else
        link->sessions->end->link_up(link);
}

void sessions_link_down(struct hg_link *link, const char *reason)
{
    link->handle = NULL;
    link->is_connecting = false;
    /* If the core has already decided to end the link, its reason is the better one. */
    if (link->state != LINK_CLOSING && link->state != LINK_REFUSED)
        snprintf(link->reason, sizeof link->reason, "%s", reason);
    link->state = LINK_DOWN;
    link_flush_later(link);
}

void sessions_link_packet(struct hg_link *link, uint64_t packet_number, const uint8_t *packet, size_t size)
{
    int code;

    if (!link_is_alive(link))
        return;
    ++*link->sessions->packets_received;
    code = tn_link_receive(link->tn, hg_now(link_worker(link)), packet_number, packet, size);
    if (code)
        link_failed(link, code);
    else
        read_control(link);
}

/* Packets have arrived on the session's link. */
static void heard(struct hg_link *link)
{
    struct session *session = link->session;

    session_handle_events(session);
    if (!session->confirmed && tn_control_all_acknowledged(link->tn))
        session->confirmed = true;
    if (session->silent || session->asked_for || link->sessions->waiting)
        link->sessions->end->session_answers(session);
}

void sessions_link_batch_end(struct hg_link *link)
{
    if (link_is_alive(link)) {
        tn_link_batch_end(link->tn, hg_now(link_worker(link)));
        if (link->session)
            heard(link);
    }
    link_flush_later(link);
}

void sessions_link_writable(struct hg_link *link)
{
    link->blocked = false;
    link_flush_later(link);
}

void sessions_link_check(struct hg_link *link)
{
    if (link_is_alive(link) && link->sessions->end->ask)
        link->sessions->end->ask(link);
}

void sessions_link_renew(struct hg_link *link)
{
    if (link_is_alive(link) && link->sessions->end->renew)
        link->sessions->end->renew(link);
}

void sessions_link_set_max_packet(struct hg_link *link, size_t max_packet)
{
    if (link->tn)
        tn_link_set_packet_size(link->tn, bound_packet(max_packet));
    link_flush_later(link);
}

void sessions_link_set_probe_max(struct hg_link *link, size_t probe_max)
{
    if (link->tn)
        tn_link_set_packet_size_max(link->tn, bound_packet(probe_max));
    link_flush_later(link);
}
