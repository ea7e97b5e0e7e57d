/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/session.h"

#include "core/base/log.h"
#include "core/session/exchange_stream.h"
#include "core/session/link.h"
#include "core/session/resume_queue.h"
#include "core/session/rival_processes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

/* A client that acknowledges nothing for so long gets no new exchange until it does. */
#define SILENT_AFTER (2 * HG_SECOND)

static void set_params(const struct sessions *sessions, struct tn_params *params)
{
    tn_params_default(params);
    params->is_client = sessions->pipeline->shape == PIPELINE_CLIENT;
    params->session_window = sessions->pipeline->settings.session_window;
    params->session_unacked = params->session_window;
    /* It is the gateway that opens streams; the other direction is reserved (docs/protocol.md, section 4.1). */
    if (!params->is_client)
        params->max_streams = 0;
}

struct session *session_new(struct sessions *sessions)
{
    struct session *session = calloc(1, sizeof *session);
    struct tn_params params;

    if (!session)
        return NULL;
    set_params(sessions, &params);
    session->tn = tn_session_new(&params);
    if (!session->tn) {
        free(session);
        return NULL;
    }
    session->sessions = sessions;
    session->number = ++sessions->next_number;
    session->waiting_tail = &session->waiting;
    session->next = sessions->sessions;
    session->previous = &sessions->sessions;
    if (session->next)
        session->next->previous = &session->next;
    sessions->sessions = session;
    return session;
}

void session_log(const struct session *session, const char *format, ...)
{
    /* A client whose network comes and goes has a line for each, and so have thousands after a restart. */
    static const struct log_limit limit = {20, 2000};
    const struct log_event event = {.level = HG_LOG_INFO, .part = session->sessions->worker->instance->name};
    const char *id = session->identity.id;
    char text[512];
    va_list arguments;
    int size = snprintf(text, sizeof text, "session %" PRIu64 "%s%s ", session->number, *id ? " of " : "", id);

    va_start(arguments, format);
    vsnprintf(text + size, sizeof text - (size_t)size, format, arguments);
    va_end(arguments);
    if (log_admits(limit, format, id, &event, "%s", text))
        log_event(&event, "%s", text);
}

static void log_end(const struct session *session, const char *why)
{
    struct tn_session_stats stats;

    if (!session->open)
        return;
    tn_session_stats(session->tn, &stats);
    session_log(session,
                "ended after %.1f s: %s (exchanges %" PRIu64 ", bytes sent %" PRIu64 ", received %" PRIu64
                ", sent again %" PRIu64 ", repeated %" PRIu64 ")",
                (double)(hg_now(session->sessions->worker) - session->opened_at) / (double)HG_SECOND, why,
                session->exchanges, stats.bytes_sent, stats.bytes_received, stats.bytes_resent, stats.bytes_repeated);
}

/* Takes the session off its link, which ends. */
static void leave_link(struct session *session, uint64_t code, const char *why)
{
    struct hg_link *link = session->link;

    if (!link)
        return;
    session->link = NULL;
    link->session = NULL;
    tn_link_detach(link->tn);
    link_close(link, code, "%s", why);
}

void session_end_discreetly(struct session *session, const char *why, const char *public_why)
{
    char detail[384];
    struct hg_reason reason = {502, "connection_terminated", detail, 0};
    struct exchange_stream *next;

    snprintf(detail, sizeof detail, "the session%s%s ended: %s", *session->identity.id ? " of " : "",
             session->identity.id, public_why);
    log_end(session, why);
    leave_link(session, TN_SESSION_ENDED, why);
    resume_queue_remove(session);
    for (struct exchange_stream *stream = session->streams; stream; stream = next) {
        next = stream->next;
        exchange_stream_session_lost(stream, &reason);
    }
    if (session->by_client.key.size) {
        multimap_remove(&session->sessions->by_client, &session->by_client);
        processes_review(session->sessions, hg_text(session->identity.id));
    }
    if (session->by_name.key.size)
        multimap_remove(&session->sessions->by_name, &session->by_name);
    *session->previous = session->next;
    if (session->next)
        session->next->previous = session->previous;
    tn_session_free(session->tn);
    hg_buffer_unref(session->identity.owner);
    json_decref(session->services);
    free(session);
}

void session_end(struct session *session, const char *why)
{
    session_end_discreetly(session, why, why);
}

/* 128 random bits in base64url, without padding (RFC 4648 section 5). */
int session_random_name(char *name)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t bits[18] = {0};

    if (getrandom(bits, 16, 0) != 16)
        return -1;
    for (size_t i = 0; i < CONTROL_SESSION_NAME_SIZE; i++) {
        size_t bit = 6 * i;
        unsigned pair = (unsigned)bits[bit / 8] << 8 | bits[bit / 8 + 1];

        name[i] = digits[pair >> (10 - bit % 8) & 63];
    }
    name[CONTROL_SESSION_NAME_SIZE] = '\0';
    return 0;
}

void session_local_parameters(const struct sessions *sessions, struct control_parameters *parameters)
{
    struct tn_params params;

    set_params(sessions, &params);
    tn_params_told(&params, &parameters->limits);
    parameters->max_ack_delay = (unsigned)(params.max_ack_delay / TN_MILLISECOND);
}

void session_set_peer_parameters(struct session *session, struct hg_link *link,
                                 const struct control_parameters *parameters)
{
    tn_session_set_peer_params(session->tn, &parameters->limits);
    tn_link_set_peer_max_ack_delay(link->tn, parameters->max_ack_delay * TN_MILLISECOND);
}

const struct instance *session_find_codec(const struct sessions *sessions, const char *wire_name)
{
    const struct pipeline *pipeline = sessions->pipeline;

    for (size_t i = 0; i < pipeline->codec_count; i++)
        if (!strcmp(pipeline->codecs[i]->plugin->codec.wire_name, wire_name))
            return pipeline->codecs[i];
    return NULL;
}

void session_set_codec(struct session *session, const struct instance *codec)
{
    session->codec = &codec->plugin->codec;
    session->codec_worker = sessions_worker_of(session->sessions, codec);
}

void session_attach(struct session *session, struct hg_link *link)
{
    leave_link(session, TN_LINK_REPLACED, "the session has moved to another link");
    resume_queue_remove(session);
    session->silent = false;
    session->link = link;
    link->session = session;
    link->state = LINK_ACTIVE;
    link->was_active = true;
    tn_link_attach(link->tn, session->tn, hg_now(session->sessions->worker));
    link_queue(link);
}

void session_opened(struct session *session)
{
    const struct hg_link *link = session->link;

    session->open = true;
    session->opened_at = hg_now(session->sessions->worker);
    ++*session->sessions->opened;
    session_log(session, "opened with %s over %s (%s), codec %s", link->peer, link->transport->instance->name,
                link->security, session->codec->wire_name);
}

void session_resumed(struct session *session, const char *why)
{
    const struct hg_link *link = session->link;

    ++*session->sessions->resumed;
    session_log(session, "continues with %s over %s (%s): %s", link->peer, link->transport->instance->name,
                link->security, why);
}

/* ---- Finding ---- */

struct session *session_by_name(const struct sessions *sessions, const char *name)
{
    struct multimap_node *node = multimap_newest(&sessions->by_name, hg_text(name));

    return node ? (struct session *)((char *)node - offsetof(struct session, by_name)) : NULL;
}

static struct session *of_node(struct multimap_node *node)
{
    return node ? (struct session *)((char *)node - offsetof(struct session, by_client)) : NULL;
}

struct session *session_newest(const struct sessions *sessions, struct hg_text client)
{
    return of_node(multimap_newest(&sessions->by_client, client));
}

struct session *session_older(const struct session *session)
{
    return of_node(multimap_older(&session->by_client));
}

bool session_may_serve(const struct session *session, struct hg_text service)
{
    const char *const *allowed = session->identity.services;

    if (!allowed)
        return true;
    for (; *allowed; allowed++)
        if (hg_text_equal(hg_text(*allowed), service))
            return true;
    return false;
}

/* Whether the session can be expected to deliver at once what it is given. */
static bool answers(const struct session *session)
{
    return session->link && link_unanswered_for(session->link) < SILENT_AFTER;
}

/* Whether its client owes an ACK for so long that it may be gone. */
static bool is_slow(const struct session *session)
{
    return link_unanswered_for(session->link) >= link_slow_after(session->link);
}

/* Whether the client says that it has the service. What none says goes to the newest all the same: it is the client
 * that decides, and its pipeline may do more than its routes say. */
static bool serves(const struct session *session, struct hg_text service)
{
    size_t count = json_array_size(session->services);

    for (size_t i = 0; i < count; i++) {
        const json_t *name = json_array_get(session->services, i);

        if (hg_text_equal((struct hg_text){json_string_value(name), json_string_length(name)}, service))
            return true;
    }
    return !session->services;
}

/* Whether a session is a better place for a new exchange than one that is not older. Both answer. */
static bool is_better(const struct session *one, const struct session *other, struct hg_text service)
{
    bool one_serves = serves(one, service), other_serves = serves(other, service);
    bool doubt = is_slow(one), other_doubt = is_slow(other);

    if (one_serves != other_serves)
        return one_serves;
    if (doubt != other_doubt)
        return other_doubt;
    if (!is_same_process(one, other))
        return false;
    if (one->stream_count != other->stream_count)
        return one->stream_count < other->stream_count;
    return one->chosen < other->chosen;
}

struct session *session_for_target(const struct sessions *sessions, const struct hg_target *target,
                                   struct hg_reason *reason, bool *absent)
{
    struct session *session = session_newest(sessions, target->client), *best = NULL;
    bool draining = false;

    *absent = false;
    *reason = (struct hg_reason){503, "destination_unavailable", "the client is not connected", 5};
    if (!session)
        return NULL;
    for (; session; session = session_older(session)) {
        if (!session_may_serve(session, target->service))
            continue;
        if (session->draining)
            draining = true;
        else if (!answers(session))
            *absent = true;
        else if (!best || is_better(session, best, target->service))
            best = session;
    }
    if (best)
        return best;
    if (*absent)
        reason->detail = "the client has lost its link and has not reconnected yet";
    else if (draining)
        *reason = (struct hg_reason){503, "destination_unavailable", "the client is stopping", 1};
    else
        *reason = (struct hg_reason){404, "destination_not_found", "the client may not serve this service", 0};
    return NULL;
}

/* ---- Streams ---- */

/* Streams have become free: those that wait get theirs, in order. */
static void open_waiting(struct session *session)
{
    while (session->waiting) {
        struct tn_stream *tn = tn_stream_open(session->tn);

        if (!tn)
            return;
        exchange_stream_set_stream(session->waiting, tn);
    }
}

static void handle_event(struct session *session, const struct tn_event *event)
{
    struct exchange_stream *stream;

    switch (event->type) {
    case TN_EVENT_OPENED:
        session->sessions->end->stream_opened(session, event->stream);
        return;
    case TN_EVENT_STREAMS:
        open_waiting(session);
        return;
    case TN_EVENT_READABLE:
    case TN_EVENT_WRITABLE:
    case TN_EVENT_RESET:
    case TN_EVENT_STOPPED:
        stream = tn_stream_user(event->stream);
        if (stream)
            exchange_stream_event(stream, event);
        return;
    }
}

void session_handle_events(struct session *session)
{
    struct tn_event event;

    while (tn_session_next_event(session->tn, &event))
        handle_event(session, &event);
}

void session_write(struct session *session)
{
    while (session->unwritten)
        exchange_stream_write(session->unwritten);
}

void session_touch(struct session *session)
{
    if (session->link)
        link_queue(session->link);
}

bool session_is_idle(const struct session *session)
{
    return !session->streams && !tn_session_stream_count(session->tn);
}

/* Whether it is worth waiting for another link. */
static bool may_outlive_link(const struct session *session)
{
    const struct sessions *sessions = session->sessions;

    if (sessions->stopping || !session->confirmed || !sessions->pipeline->settings.resume_timeout)
        return false;
    return !((session->draining || sessions->drained_at) && session_is_idle(session));
}

void session_link_lost(struct session *session, bool over, const char *why)
{
    session->link = NULL;
    if (over || !may_outlive_link(session)) {
        session_end_discreetly(session, why, "its link was closed");
        return;
    }
    resume_queue_add(session, why);
    if (session->by_client.key.size)
        processes_review(session->sessions, hg_text(session->identity.id));
}
