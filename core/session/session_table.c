/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/session_table.h"

#include "core/base/log.h"
#include "core/loop/network_change.h"
#include "core/session/client.h"
#include "core/session/dialer.h"
#include "core/session/dispatch.h"
#include "core/session/flush_queue.h"
#include "core/session/gateway.h"
#include "core/session/identity_review.h"
#include "core/session/link_flush.h"
#include "core/session/resume_timeout.h"
#include "core/session/session_choice.h"

#include <stdlib.h>

static int check_codecs(const struct sessions *sessions)
{
    const struct pipeline *pipeline = sessions->pipeline;

    for (size_t i = 0; i < pipeline->codec_count; i++)
        if (pipeline->codecs[i]->plugin->codec.data_growth < 64) {
            hg_log(sessions->worker->instance, HG_LOG_ERROR, "the codec %s has a data_growth below 64",
                   pipeline->codecs[i]->public.name);
            return -1;
        }
    return 0;
}

static void count(struct sessions *sessions)
{
    struct hg_worker *worker = sessions->worker;

    sessions->opened = hg_counter(worker, "sessions_opened", "Sessions opened.");
    sessions->resumed = hg_counter(worker, "sessions_resumed", "Sessions continued over another link.");
    sessions->expired = hg_counter(worker, "sessions_expired", "Sessions not resumed in time.");
    sessions->silent_links = hg_counter(worker, "links_silent", "Links whose peer did not respond.");
    sessions->returned = hg_counter(worker, "sessions_returned", "Sessions that moved back to an earlier transport.");
    sessions->refused = hg_counter(worker, "sessions_refused", "Sessions refused.");
    sessions->packets_sent = hg_counter(worker, "packets_sent", "Packets sent.");
    sessions->packets_received = hg_counter(worker, "packets_received", "Packets received.");
}

struct sessions *sessions_start(struct hg_worker *worker, const struct pipeline *pipeline,
                                struct exchange_table *exchanges, struct stage *top)
{
    struct sessions *sessions = calloc(1, sizeof *sessions);
    bool client = pipeline->shape == PIPELINE_CLIENT;

    if (!sessions)
        return NULL;
    worker->state = sessions;
    sessions->worker = worker;
    sessions->pipeline = pipeline;
    sessions->exchanges = exchanges;
    sessions->top = top;
    sessions->flush_tail = &sessions->flush;
    count(sessions);
    if (check_codecs(sessions) || identity_find(sessions) || resume_timeout_start(sessions) ||
        (client ? client_start(sessions) : gateway_start(sessions))) {
        sessions_stop(sessions);
        return NULL;
    }
    return sessions;
}

void sessions_drain(struct sessions *sessions)
{
    if (sessions->drained_at)
        return;
    sessions->drained_at = hg_now(sessions->worker);
    if (sessions->dialers)
        client_drain(sessions);
    else
        gateway_drain(sessions);
}

static bool has_delivered_all(const struct sessions *sessions)
{
    for (const struct session *session = sessions->sessions; session; session = session->next)
        if (!session_is_idle(session))
            return false;
    return true;
}

/* A client's link ends when its session does: see client.c. A gateway only waits until its clients have been notified.
 */
bool sessions_idle(const struct sessions *sessions)
{
    if (sessions->dialers)
        return !sessions->links && has_delivered_all(sessions);
    if (hg_now(sessions->worker) >= sessions->drained_at + DRAIN_TIMEOUT)
        return true;
    for (const struct hg_link *link = sessions->links; link; link = link->next)
        if (link->state == LINK_ACTIVE && !tn_control_all_acknowledged(link->tn))
            return false;
    return true;
}

void sessions_flush(struct sessions *sessions)
{
    struct hg_link *link;

    if (sessions->changes)
        changes_look(sessions->changes);
    sessions_free_delivered(sessions, false);
    while ((link = flush_queue_next(sessions))) {
        link_flush(link);
        if (!sessions->flush)
            exchange_run_ready(sessions->exchanges);
    }
}

static void free_links(struct sessions *sessions)
{
    while (sessions->links) {
        struct hg_link *link = sessions->links;

        if (link->handle) {
            link_close(link, TN_SHUTDOWN, "the process is stopping");
            link_flush(link);
        } else {
            link_free(link);
        }
    }
}

void sessions_stop(struct sessions *sessions)
{
    if (sessions->end == &gateway_end)
        gateway_stop(sessions);
    /* Nothing new from now on. */
    if (!sessions->drained_at)
        sessions->drained_at = hg_now(sessions->worker);
    sessions_flush(sessions);
    sessions->stopping = true;
    free_links(sessions);
    sessions_free_delivered(sessions, true);
    resume_timeout_stop(sessions);
    dialers_stop(sessions);
    dispatch_stop(sessions);
    multimap_free(&sessions->by_client);
    multimap_free(&sessions->by_name);
    sessions->worker->state = NULL;
    free(sessions);
}

bool sessions_target_served(const struct sessions *sessions, const struct hg_target *target)
{
    struct hg_reason reason;
    bool absent = false;

    return session_choose(sessions, target, &reason, &absent) || absent;
}

static void report_figures(const struct session *session, const struct tn_session_stats *streams,
                           const struct tn_link_stats *link)
{
    const struct log_member members[] = {
        LOG_NUMBER("number", session->number),
        LOG_STRING("client", hg_text(session->identity.id)),
        LOG_STRING("peer", hg_text(session->link ? session->link->peer : "none")),
        LOG_NUMBER("streams", streams->streams),
        LOG_NUMBER("exchanges", session->exchanges),
        LOG_NUMBER("bytes_sent", streams->bytes_sent),
        LOG_NUMBER("bytes_received", streams->bytes_received),
        LOG_NUMBER("bytes_sent_again", streams->bytes_resent),
        LOG_NUMBER("bytes_sent_twice", streams->bytes_repeated),
        LOG_NUMBER("bytes_held", streams->bytes_held),
        LOG_NUMBER("bytes_lent", streams->bytes_lent),
        LOG_NUMBER("rtt_us", link->smoothed_rtt / HG_MICROSECOND),
        LOG_NUMBER("packets_lost", link->packets_lost),
        LOG_NUMBER("packet_size", link->packet_size),
        LOG_NUMBER("window", link->congestion_window), /* the last, as a byte link has none */
    };

    log_figures("session", members, sizeof members / sizeof *members - (link->congestion_window == UINT64_MAX));
}

static void report(const struct session *session)
{
    struct tn_session_stats streams;
    struct tn_link_stats link = {0};

    tn_session_stats(session->tn, &streams);
    if (session->link)
        tn_link_stats(session->link->tn, &link);
    report_figures(session, &streams, &link);
}

void sessions_report(const struct sessions *sessions)
{
    for (const struct session *session = sessions->sessions; session; session = session->next)
        if (session->open)
            report(session);
    dialers_report(sessions);
}
