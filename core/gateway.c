/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The gateway's end of the tunnel: it lets clients in, and carries each exchange to the client that its target names.
 */
#include "core/carriage.h"
#include "core/link.h"
#include "core/reason.h"

#include <stdio.h>

/* How long an authenticated link may take to say `open`, and a refused one to hear why. */
#define OPEN_TIMEOUT   (10 * HG_SECOND)
#define REFUSE_TIMEOUT (2 * HG_SECOND)
/* Exchanges that may wait for a stream of one session. */
#define WAITING_MAX 1024

/* ---- Links ---- */

struct hg_link *sessions_link_accept(struct hg_worker *transport)
{
    struct sessions *sessions = worker_of(transport)->sessions;

    /* The transport bounds its own handshake. */
    return link_new(sessions, transport, TN_TIME_NEVER);
}

static void gateway_link_up(struct hg_link *link)
{
    link_check_at(link, link->up_at + OPEN_TIMEOUT);
}

static void gateway_check(struct hg_link *link)
{
    if (link->state == LINK_OPENING)
        link_close(link, TN_PROTOCOL_VIOLATION, "no `open` within 10 s");
    else if (link->state == LINK_REFUSED)
        link_close(link, link->close_code, "%s", link->reason);
}

static void gateway_link_ended(struct hg_link *link)
{
    if (link->state != LINK_HANDSHAKE && !link->was_active)
        hg_log(link->sessions->worker->core.instance, HG_LOG_DEBUG, "the link with %s ended before a session: %s",
               link->peer, link->reason);
}

static void refuse(struct hg_link *link, const char *code, const char *reason, unsigned retry_after)
{
    char *line = control_encode_refuse(code, reason, retry_after);

    ++*link->sessions->refused;
    hg_log(link->sessions->worker->core.instance, HG_LOG_WARNING, "%s is refused a session: %s", link->peer, reason);
    if (!link_say(link, line))
        return;
    link->state = LINK_REFUSED;
    link->close_code = TN_CONNECTION_REFUSED;
    snprintf(link->reason, sizeof link->reason, "%s: %s", code, reason);
    link_check_at(link, hg_now(&link->sessions->worker->core) + REFUSE_TIMEOUT);
}

/* The first codec of the client's that this gateway has too, or NULL. */
static const struct instance *common_codec(const struct sessions *sessions, const struct control_message *open)
{
    const struct instance *codec = NULL;

    for (size_t i = 0; i < open->codec_count && !codec; i++)
        codec = session_find_codec(sessions, open->codecs[i]);
    return codec;
}

/* Writes `accept` and lets the link carry the session. False: the link is being closed. */
static bool accept_session(struct hg_link *link, struct session *session, const struct control_message *open)
{
    struct control_offer offer = {
        .codecs = &session->codec->wire_name,
        .codec_count = 1,
        .session = session->name,
    };
    char *line;

    session_local_parameters(session, &offer.parameters);
    line = control_encode_accept(&offer);
    if (!link_say(link, line))
        return false;
    session_set_peer_parameters(session, link, &open->parameters);
    tn_link_attach(link->tn, session->tn, hg_now(&link->sessions->worker->core));
    link->session = session;
    session->link = link;
    link->state = LINK_ACTIVE;
    link->was_active = true;
    link_check_at(link, TN_TIME_NEVER);
    return true;
}

/* Takes over the identity. */
static void open_session(struct hg_link *link, const struct instance *codec, const struct hg_identity *identity,
                         const struct control_message *open)
{
    struct session *session = session_new(link->sessions);

    if (!session) {
        hg_buffer_unref(identity->owner);
        refuse(link, "overload", "out of memory", 5);
        return;
    }
    session->identity = *identity;
    session_set_codec(session, codec);
    session->registered.id = hg_text(session->identity.id);
    if (session_make_name(session) || registry_add(&link->sessions->registry, &session->registered)) {
        session->registered.id.size = 0;
        session_end(session, "out of memory");
        refuse(link, "overload", "out of memory", 5);
        return;
    }
    if (accept_session(link, session, open))
        session_opened(session);
    else
        session_end(session, "its `accept` could not be sent");
}

static void receive_open(struct hg_link *link, const struct control_message *open)
{
    struct sessions *sessions = link->sessions;
    const struct instance *codec;
    struct hg_identity identity = {0};
    const char *reason = "credentials refused";

    if (!open->speaks_version) {
        refuse(link, "version", "this gateway speaks version 1 of the protocol alone", 0);
        return;
    }
    if (sessions->drained_at) {
        refuse(link, "draining", "this gateway is about to stop", 1);
        return;
    }
    if (sessions->identity->verify(sessions->identity_worker, open->credentials, hg_text(link->peer), &identity,
                                   &reason)) {
        refuse(link, "credentials", reason, 0);
        return;
    }
    codec = common_codec(sessions, open);
    if (codec && !open->session) {
        open_session(link, codec, &identity, open);
        return;
    }
    hg_buffer_unref(identity.owner);
    if (!codec)
        refuse(link, "codec", "none of the client's codecs is in this gateway's pipeline", 0);
    else
        refuse(link, "session", "the session has ended", 0);
}

static void receive_drain(struct hg_link *link, const struct control_message *drain)
{
    struct session *session = link->session;
    char reason[REASON_DETAIL_SIZE];

    if (!session || session->draining)
        return;
    session->draining = true;
    reason_printable(reason, sizeof reason, drain->reason);
    hg_log(link->sessions->worker->core.instance, HG_LOG_INFO, "session %llu of %s takes no more exchanges: %s",
           (unsigned long long)session->number, session->identity.id, reason);
}

static void gateway_message(struct hg_link *link, const struct control_message *message)
{
    if (message->type == CONTROL_OPEN && link->state == LINK_OPENING)
        receive_open(link, message);
    else if (message->type == CONTROL_DRAIN)
        receive_drain(link, message);
    else
        link_close(link, TN_CONTROL_ERROR, "a control message that a gateway does not expect");
}

/* A client has no credit for streams of its own, so none can come: see session_new(). */
static void gateway_stream_opened(struct session *session, struct tn_stream *stream)
{
    tn_stream_reset(stream, TN_STREAM_REFUSED);
    tn_stream_stop_sending(stream, TN_STREAM_REFUSED);
    tn_stream_release(stream);
    session_touch(session);
}

const struct tunnel_end gateway_end = {
    .link_up = gateway_link_up,
    .message = gateway_message,
    .check = gateway_check,
    .link_ended = gateway_link_ended,
    .stream_opened = gateway_stream_opened,
};

/* ---- Exchanges ---- */

/* Its place in an exchange: self->state. */
struct gateway_place {
    struct carriage *carriage; /* NULL: no session was found */
};

static struct carriage *carriage_of(const struct hg_self *self)
{
    return ((const struct gateway_place *)self->state)->carriage;
}

static enum hg_verdict fail(struct hg_self *self, struct hg_reason reason)
{
    char detail[512];

    snprintf(detail, sizeof detail, "%.*s: %s", HG_PRINT(self->exchange->target.client), reason.detail);
    if (self->exchange->target.client.size)
        reason.detail = detail;
    hg_reset(self, &reason);
    return HG_ERROR;
}

/* Gives the carriage a stream, or a place in line. 0, or -1: the line is too long. */
static int find_stream(struct carriage *carriage)
{
    struct session *session = carriage->session;
    struct tn_stream *stream = session->waiting ? NULL : tn_stream_open(session->tn);

    if (stream)
        carriage_set_stream(carriage, stream);
    else if (session->waiting_count < WAITING_MAX)
        carriage_wait(carriage);
    else
        return -1;
    return 0;
}

static enum hg_verdict gateway_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head)
{
    struct sessions *sessions = worker_of(self->worker)->sessions;
    const struct hg_target *target = &self->exchange->target;
    struct gateway_place *place = self->state;
    struct hg_reason reason;
    struct session *session;

    (void)direction;
    if (!target->client.size)
        return fail(self, (struct hg_reason){404, "destination_not_found", "no route for this request", 0});
    session = session_for_target(sessions, target, &reason);
    if (!session)
        return fail(self, reason);
    if (hg_head_set(self->host, head, &head->service, target->service))
        return fail(self, (struct hg_reason){503, "proxy_internal_error", "out of memory", 1});
    place->carriage = carriage_new(session, HG_DOWN);
    if (!place->carriage)
        return fail(self, (struct hg_reason){503, "proxy_internal_error", "out of memory", 1});
    place->carriage->self = self;
    if (find_stream(place->carriage))
        return fail(self, (struct hg_reason){503, "connection_limit_reached", "too many exchanges at once", 1});
    return carriage_send_head(place->carriage, head);
}

static size_t gateway_data(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice)
{
    (void)direction;
    return carriage_send_data(carriage_of(self), slice);
}

static enum hg_verdict gateway_finish(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers)
{
    (void)direction;
    return carriage_send_end(carriage_of(self), trailers);
}

static void gateway_reset(struct hg_self *self, const struct hg_reason *reason)
{
    if (carriage_of(self))
        carriage_was_reset(carriage_of(self), reason);
}

static void gateway_writable(struct hg_self *self, enum hg_direction direction)
{
    (void)direction;
    carriage_receive(carriage_of(self));
}

static void gateway_detach(struct hg_self *self)
{
    if (carriage_of(self))
        carriage_free(carriage_of(self));
}

const struct hg_stage_ops sessions_gateway_ops = {
    .size = sizeof sessions_gateway_ops,
    .events = HG_EVENTS_MESSAGES | HG_EVENTS_UPGRADED,
    .self_size = sizeof(struct gateway_place),
    .head = gateway_head,
    .data = gateway_data,
    .end = gateway_finish,
    .reset = gateway_reset,
    .writable = gateway_writable,
    .detach = gateway_detach,
};
