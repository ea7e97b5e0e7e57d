/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/link.h"

#include "core/base/fatal.h"
#include "core/base/log.h"
#include "core/session/accept.h"
#include "core/session/flush_queue.h"
#include "core/session/session_events.h"

#include <stdio.h>
#include <stdlib.h>

/* The most links of a worker. Each costs its transport about 15 KB, even before authentication. */
#define LINKS_MAX 65536

/* While the transport takes no packets, the tunnel's timer cannot do anything useful more often than this. */
#define BLOCKED_TICK (5 * HG_MILLISECOND)

/* ---- Closing ---- */

/* Whether a link that ends with this code takes its session with it (docs/protocol.md, section 7). */
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
        return false; /* like INTERNAL_ERROR */
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
    link_flush_later(link);
}

void link_died(struct hg_link *link)
{
    link->dead = true;
    link_close(link, TN_NO_ERROR, "no response from %s", link->peer);
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
    /* When a tunnel runs out of memory it has lost track of its streams, so the session cannot continue either. */
    link->session_over = true;
    link_close(link, (uint64_t)code, "%s", tn_link_error(link->tn));
}

/* ---- Time ---- */

void link_set_timer(struct hg_link *link, bool more)
{
    hg_time now = hg_now(link_worker(link));
    hg_time deadline = link->tn ? tn_link_deadline(link->tn) : TN_TIME_NEVER;

    if (more)
        deadline = now;
    if (link->blocked && deadline < now + BLOCKED_TICK)
        deadline = now + BLOCKED_TICK;
    if (deadline > link->check_at)
        deadline = link->check_at;
    if (deadline == TN_TIME_NEVER)
        hg_timer_stop(link->transport->host, link->timer);
    else
        hg_timer_set(link->transport->host, link->timer, deadline > now ? deadline - now : 0);
}

void link_check_at(struct hg_link *link, hg_time when)
{
    link->check_at = when;
    link_set_timer(link, false);
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
    link_flush_later(link);
}

/* ---- Life ---- */

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

void link_free(struct hg_link *link)
{
    accept_cancel(link);
    if (link->handle)
        CALL_PLUGIN(link->transport->instance->name, "close", link->ops->close(link->handle, !link->dead));
    else if (link->is_connecting)
        CALL_PLUGIN(link->transport->instance->name, "cancel", link->ops->cancel(link->transport, link));
    flush_queue_remove(link);
    *link->previous = link->next;
    if (link->next)
        link->next->previous = link->previous;
    link->sessions->link_count--;
    hg_timer_free(link->transport->host, link->timer);
    tn_link_free(link->tn);
    free(link->refused_packet);
    free(link);
}

/* ---- Control messages ---- */

bool link_send_message(struct hg_link *link, char *line)
{
    bool said = line && tn_control_write(link->tn, line, strlen(line));

    if (line)
        explicit_bzero(line, strlen(line)); /* `open` contains credentials */
    free(line);
    if (!said)
        link_close(link, TN_INTERNAL_ERROR, "cannot send a control message");
    link_flush_later(link);
    return said;
}
