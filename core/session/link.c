/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/link.h"

#include "core/base/log.h"
#include "core/session/rival_processes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Links of a worker. One costs its transport some 15 KB even before anybody has authenticated. */
#define LINKS_MAX 65536
/* A client that is owed an answer for three probe timeouts looks for another link (RFC 9002 section 6.2.1), but not
 * sooner or later than this. On a byte link it is TCP that repairs losses, which takes it longer. */
#define PATIENCE_LEAST          (500 * HG_MILLISECOND)
#define PATIENCE_LEAST_RELIABLE (2 * HG_SECOND)
#define PATIENCE_MOST           (10 * HG_SECOND)
/* Between two looks at a peer that owes an answer: time enough for what has arrived to be read. */
#define SECOND_LOOK (20 * HG_MILLISECOND)

/* ---- Life ---- */

static void on_timer(void *arg);

struct hg_link *link_new(struct sessions *sessions, struct hg_worker *transport, hg_time check_at)
{
    const struct instance *instance = (const struct instance *)transport->instance;
    struct hg_link *link;

    if (sessions->link_count >= LINKS_MAX)
        return NULL;
    link = calloc(1, sizeof *link);
    if (!link)
        return NULL;
    link->timer = hg_timer_new(sessions->worker, on_timer, link);
    if (!link->timer) {
        free(link);
        return NULL;
    }
    link->sessions = sessions;
    link->transport = transport;
    link->ops = &instance->plugin->transport;
    link->state = LINK_HANDSHAKE;
    link->next = sessions->links;
    link->previous = &sessions->links;
    if (link->next)
        link->next->previous = &link->next;
    sessions->links = link;
    sessions->link_count++;
    link_check_at(link, check_at);
    return link;
}

static void unqueue(struct hg_link *link)
{
    struct hg_link **place = &link->sessions->flush;

    if (!link->is_queued)
        return;
    while (*place != link)
        place = &(*place)->next_flush;
    *place = link->next_flush;
    if (!*place)
        link->sessions->flush_tail = place;
    link->is_queued = false;
}

void link_free(struct hg_link *link)
{
    if (link->handle)
        link->ops->close(link->handle, !link->dead);
    else if (link->is_connecting)
        link->ops->cancel(link->transport, link);
    unqueue(link);
    *link->previous = link->next;
    if (link->next)
        link->next->previous = link->previous;
    link->sessions->link_count--;
    hg_timer_free(link->transport->host, link->timer);
    tn_link_free(link->tn);
    free(link->refused_packet);
    free(link);
}

/* ---- Silence ---- */

/* Three probe timeouts, but not less. */
static hg_time probe_timeouts(const struct hg_link *link, hg_time least)
{
    struct tn_link_stats stats;
    hg_time time;

    tn_link_stats(link->tn, &stats);
    time = 3 * (stats.smoothed_rtt + 4 * stats.rtt_variance);
    time = time > least ? time : least;
    return time < PATIENCE_MOST ? time : PATIENCE_MOST;
}

hg_time link_slow_after(const struct hg_link *link)
{
    return probe_timeouts(link, PATIENCE_LEAST);
}

hg_time link_answer_timeout(const struct hg_link *link)
{
    const struct sessions *sessions = link->sessions;
    bool is_reliable = link->ops->flags & HG_TRANSPORT_RELIABLE;
    hg_time dead_after = sessions->pipeline->settings.dead_after, patience = dead_after;

    if (sessions->dialers)
        patience = probe_timeouts(link, is_reliable ? PATIENCE_LEAST_RELIABLE : PATIENCE_LEAST);
    else if (link->session && link->session->contested)
        patience = PROCESSES_SILENCE;
    return patience < dead_after ? patience : dead_after;
}

hg_time link_unanswered_for(const struct hg_link *link)
{
    hg_time now = hg_now(link_worker(link));
    struct tn_link_stats stats;

    tn_link_stats(link->tn, &stats);
    return stats.unanswered_since < now ? now - stats.unanswered_since : 0;
}

bool link_is_overdue(struct hg_link *link, hg_time patience)
{
    hg_time now = hg_now(link_worker(link));

    if (link_unanswered_for(link) < patience) {
        link->overdue_at = 0;
        return false;
    }
    if (!link->overdue_at)
        link->overdue_at = now;
    if (now >= link->overdue_at + SECOND_LOOK)
        return true;
    link_check_at(link, link->overdue_at + SECOND_LOOK);
    return false;
}

void link_died(struct hg_link *link)
{
    link->dead = true;
    link_close(link, TN_NO_ERROR, "no response from %s", link->peer);
}

/* ---- Closing ---- */

/* Whether a link that ends by this code takes its session with it (docs/protocol.md, section 7). */
static bool ends_session(uint64_t code)
{
    switch (code) {
    case TN_NO_ERROR:
    case TN_INTERNAL_ERROR:
    case TN_LINK_REPLACED:
        return false;
    case TN_CONNECTION_REFUSED:
    case TN_FLOW_CONTROL_ERROR:
    case TN_STREAM_LIMIT_ERROR:
    case TN_STREAM_STATE_ERROR:
    case TN_FINAL_SIZE_ERROR:
    case TN_FRAME_ENCODING_ERROR:
    case TN_PARAMETER_ERROR:
    case TN_PROTOCOL_VIOLATION:
    case TN_CONTROL_BUFFER_EXCEEDED:
    case TN_SESSION_ENDED:
    case TN_SHUTDOWN:
    case TN_CONTROL_ERROR:
        return true;
    default:
        return false; /* as INTERNAL_ERROR */
    }
}

void link_close(struct hg_link *link, uint64_t code, const char *format, ...)
{
    va_list arguments;

    if (link->state == LINK_CLOSING || link->state == LINK_DOWN)
        return;
    if (link->state != LINK_REFUSED) {
        va_start(arguments, format);
        vsnprintf(link->reason, sizeof link->reason, format, arguments);
        va_end(arguments);
        link->close_code = code;
        link->session_over |= ends_session(code);
    }
    link->state = LINK_CLOSING;
    link_queue(link);
}

void link_failed(struct hg_link *link, int code)
{
    char reason[200];

    if (code == TN_DEAD) {
        link_died(link);
        return;
    }
    if (code == TN_CLOSED) {
        link->is_closed = true;
        link->session_over = ends_session(tn_link_close_code(link->tn));
        log_printable(reason, sizeof reason, tn_link_close_reason(link->tn));
        link_close(link, TN_NO_ERROR, "%s closed the link: %s%s%s", link->peer,
                   tn_error_name(tn_link_close_code(link->tn)), *reason ? ", " : "", reason);
        return;
    }
    hg_log_limited(link_worker(link)->instance, HG_LOG_WARNING, link->peer, "closing the link with %s: %s: %s",
                   link->peer, tn_error_name((uint64_t)code), tn_link_error(link->tn));
    /* A tunnel that ran out of memory has lost track of its streams: that session cannot go on either. */
    link->session_over = true;
    link_close(link, (uint64_t)code, "%s", tn_link_error(link->tn));
}

static void on_timer(void *arg)
{
    struct hg_link *link = arg;
    hg_time now = hg_now(link_worker(link));
    int code;

    if (link->check_at <= now) {
        link->check_at = TN_TIME_NEVER;
        link->sessions->end->check(link);
    }
    if (link_is_alive(link) && tn_link_deadline(link->tn) <= now) {
        code = tn_link_timeout(link->tn, now);
        if (code)
            link_failed(link, code);
    }
    if (link->session)
        session_handle_events(link->session);
    link_queue(link);
}
