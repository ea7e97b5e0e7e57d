/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/accept.h"

#include "core/base/fatal.h"
#include "core/base/log.h"
#include "core/session/dispatch.h"
#include "core/session/identity_review.h"
#include "core/session/link.h"
#include "core/session/rival_processes.h"
#include "core/session/session_lookup.h"
#include "core/session/session_parameters.h"
#include "core/session/stream_error.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define REFUSE_TIMEOUT (2 * HG_SECOND)

/* How long a plugin may take to verify credentials: less than a client waits for the answer. */
#define VERIFY_TIMEOUT (8 * HG_SECOND)

/* Refuses a session that has already been logged. */
static void send_refuse(struct hg_link *link, const char *code, const char *reason, unsigned retry_after)
{
    char *line = control_encode_refuse(code, reason, retry_after);

    ++*link->sessions->refused;
    if (!link_send_message(link, line))
        return;
    link->state = LINK_REFUSED;
    link->close_code = TN_CONNECTION_REFUSED;
    snprintf(link->reason, sizeof link->reason, "%s: %s", code, reason);
    link_check_at(link, hg_now(link->sessions->worker) + REFUSE_TIMEOUT);
}

static void refuse(struct hg_link *link, const char *code, const char *reason, unsigned retry_after)
{
    hg_log_limited(link->sessions->worker->instance, HG_LOG_WARNING, link->peer, "session refused for %s: %s",
                   link->peer, reason);
    send_refuse(link, code, reason, retry_after);
}

/* The client's first codec that this gateway has, too, or NULL. */
static const struct instance *common_codec(const struct sessions *sessions, const struct control_message *open)
{
    const struct instance *codec = NULL;

    for (size_t i = 0; i < open->codec_count && !codec; i++)
        codec = session_find_codec(sessions, open->codecs[i]);
    return codec;
}

/* Writes `accept` and attaches the session to the link. False: the link is being closed. */
static bool accept_session(struct hg_link *link, struct session *session, bool resumed,
                           const struct control_message *open)
{
    const struct sessions *sessions = link->sessions;
    struct control_offer offer = {
        .codecs = &session->codec->wire_name,
        .codec_count = 1,
        .session = session->name,
        .resumed = resumed,
    };

    session_local_parameters(sessions, &offer.parameters);
    if (!link_send_message(link, control_encode_accept(&offer)))
        return false;
    session_set_peer_parameters(session, link, &open->parameters);
    session_attach(session, link);
    link_check_at(link, sessions->drained_at ? sessions->drained_at + DRAIN_TIMEOUT : TN_TIME_NEVER);
    if (sessions->drained_at)
        link_send_message(link, control_encode_drain("the gateway is stopping", 1));
    return true;
}

/* Takes ownership of the identity. */
static void open_session(struct hg_link *link, const struct instance *codec, const struct hg_identity *identity,
                         const struct control_message *open)
{
    struct session *session = NULL;
    char reason[256] = "out of memory";

    if (rivals_make_room(link->sessions, identity->id, open->process, reason, sizeof reason))
        session = session_new(link->sessions);
    if (!session) {
        hg_buffer_unref(identity->owner);
        refuse(link, "overload", reason, 5);
        return;
    }
    session->identity = *identity;
    if (open->process)
        snprintf(session->process, sizeof session->process, "%s", open->process);
    session->services = json_incref(open->services);
    session_set_codec(session, codec);
    if (session_register(session)) {
        session_end(session, "out of memory");
        refuse(link, "overload", "out of memory", 5);
        return;
    }
    if (!accept_session(link, session, false, open)) {
        session_end(session, "cannot send `accept`");
        return;
    }
    session_opened(session);
    rivals_opened(session);
    dispatch_retry(session);
}

/* Continues a session over this link; the newest link wins. Takes ownership of the identity, whose services may have
 * changed. */
static void resume_session(struct hg_link *link, struct session *session, const struct hg_identity *identity,
                           const struct control_message *open)
{
    char why[sizeof session->lost_reason];

    snprintf(why, sizeof why, "%s", session->link ? "the client prefers this link" : session->lost_reason);
    hg_buffer_unref(session->identity.owner);
    session->identity = *identity;
    json_decref(session->services);
    session->services = json_incref(open->services);
    identity_reset_withdrawn(session);
    if (!accept_session(link, session, true, open))
        return;
    session_resumed(session, why);
    rivals_review(link->sessions, hg_text(session->identity.id));
    dispatch_retry(session);
}

/* Whether an existing session can continue over another link. */
static bool can_resume(const struct session *session, const struct control_message *open)
{
    /* The current link may be about to end the session. */
    if (session->link && session->link->session_over)
        return false;
    for (size_t i = 0; i < open->codec_count; i++)
        if (!strcmp(open->codecs[i], session->codec->wire_name))
            return true;
    return false;
}

/* "this gateway has binary, json; the client has foo" */
static void print_codecs(char *text, size_t size, const struct sessions *sessions, const struct control_message *open)
{
    const struct pipeline *pipeline = sessions->pipeline;
    size_t used = (size_t)snprintf(text, size, "no codec in common: this gateway has ");

    for (size_t i = 0; i < pipeline->codec_count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "",
                                 pipeline->codecs[i]->plugin->codec.wire_name);
    if (used < size)
        used += (size_t)snprintf(text + used, size - used, "; the client has ");
    for (size_t i = 0; i < open->codec_count && used < size; i++) {
        char name[32];

        log_printable(name, sizeof name, open->codecs[i]);
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", name);
    }
}

/* Admits a client that has proved its identity. Takes ownership of the identity. */
static void admit(struct hg_link *link, struct session *named, const struct hg_identity *identity,
                  const struct control_message *open)
{
    struct sessions *sessions = link->sessions;
    const struct instance *codec = common_codec(sessions, open);
    char text[STREAM_ERROR_DETAIL_SIZE];

    if (named && strcmp(named->identity.id, identity->id)) {
        hg_log_limited(sessions->worker->instance, HG_LOG_WARNING, link->peer,
                       "%s, with the credentials of %s, tried to resume session %" PRIu64 " of %s", link->peer,
                       identity->id, named->number, named->identity.id);
        send_refuse(link, "session", "the session belongs to another client", 0);
    } else if (!codec) {
        print_codecs(text, sizeof text, sessions, open);
        refuse(link, "codec", text, 0);
    } else if (named && can_resume(named, open)) {
        resume_session(link, named, identity, open);
        return;
    } else if (sessions->drained_at) {
        refuse(link, "draining", "this gateway is stopping", 1);
    } else {
        open_session(link, codec, identity, open);
        return;
    }
    hg_buffer_unref(identity->owner);
}

/* ---- Credentials ---- */

/* An `open` whose credentials are being verified. */
struct verifying {
    struct hg_verification public; /* first, so that a pointer to either is a pointer to both */
    struct hg_link *link;
    bool answered_within;        /* verify() has called answered(), which it must not */
    struct control_message open; /* without its credentials, which have been wiped */
};

/* What is wrong with an answer of the identity plugin, or NULL. */
static const char *verdict_fault(const struct sessions *sessions, const struct hg_verification *verification,
                                 enum hg_verify answer)
{
    const char *id = verification->identity.id;

    if (answer == HG_VERIFY_LATER)
        return sessions->identity->cancel ? "answers HG_VERIFY_LATER twice" : "answers later, but has no cancel()";
    if (answer != HG_VERIFY_GRANTED && answer != HG_VERIFY_REFUSED)
        return "returns an invalid answer";
    if (answer == HG_VERIFY_REFUSED)
        return NULL;
    if (!memchr(id, '\0', sizeof verification->identity.id) || !*id || strchr(id, '/'))
        return "grants an id that is empty, too long or contains \"/\"";
    for (; *id; id++)
        if (iscntrl((unsigned char)*id))
            return "grants an id with a control character";
    return NULL;
}

/* The answer has arrived. */
static void verified(struct hg_link *link, const struct hg_verification *verification, enum hg_verify answer,
                     const struct control_message *open)
{
    const char *fault = verdict_fault(link->sessions, verification, answer);

    if (fault) {
        hg_log(link->sessions->identity_worker->instance, HG_LOG_ERROR, "this plugin has a bug: its verify() %s",
               fault);
        send_refuse(link, "credentials", "credentials refused", 0);
        if (answer == HG_VERIFY_GRANTED)
            hg_buffer_unref(verification->identity.owner);
    } else if (answer == HG_VERIFY_GRANTED)
        admit(link, open->session ? session_by_name(link->sessions, open->session) : NULL, &verification->identity,
              open);
    else
        send_refuse(link, "credentials", verification->reason ? verification->reason : "credentials refused", 0);
}

COLD static void answered_within(struct hg_verification *verification, enum hg_verify answer)
{
    struct verifying *verifying = (struct verifying *)verification;

    (void)answer;
    verifying->answered_within = true;
}

/* The answer comes later; by then the link may be closing. */
COLD static void answered(struct hg_verification *verification, enum hg_verify answer)
{
    struct verifying *verifying = (struct verifying *)verification;
    struct hg_link *link = verifying->link;

    link->verifying = NULL;
    if (link->state == LINK_VERIFYING)
        verified(link, verification, answer, &verifying->open);
    else if (answer == HG_VERIFY_GRANTED)
        hg_buffer_unref(verification->identity.owner);
    control_message_free(&verifying->open);
    free(verifying);
}

void accept_cancel(struct hg_link *link)
{
    struct verifying *verifying = link->verifying;
    const struct sessions *sessions = link->sessions;

    if (!verifying)
        return;
    link->verifying = NULL;
    CALL_PLUGIN(sessions->identity_worker->instance->name, "cancel",
                sessions->identity->cancel(sessions->identity_worker, &verifying->public));
    control_message_free(&verifying->open);
    free(verifying);
}

void accept_overdue(struct hg_link *link)
{
    accept_cancel(link);
    refuse(link, "overload", "the credentials could not be verified in time", 5);
}

static void verify(struct hg_link *link, const struct control_message *open)
{
    const struct sessions *sessions = link->sessions;
    struct verifying *verifying = calloc(1, sizeof *verifying);
    enum hg_verify answer;

    if (!verifying) {
        refuse(link, "overload", "out of memory", 5);
        return;
    }
    verifying->link = link;
    verifying->public.answered = answered_within;
    CALL_PLUGIN(sessions->identity_worker->instance->name, "verify",
                answer = sessions->identity->verify(sessions->identity_worker, open->credentials, hg_text(link->peer),
                                                    &verifying->public));
    verifying->public.answered = answered;
    if (verifying->answered_within)
        hg_log(sessions->identity_worker->instance, HG_LOG_ERROR,
               "this plugin has a bug: its verify() calls answered() before it has returned (ignored)");
    if (answer == HG_VERIFY_LATER && sessions->identity->cancel) {
        verifying->open = *open;
        verifying->open.credentials = NULL;
        json_incref(open->root);
        link->verifying = verifying;
        link->state = LINK_VERIFYING;
        link_check_at(link, hg_now(sessions->worker) + VERIFY_TIMEOUT);
        return;
    }
    verified(link, &verifying->public, answer, open);
    free(verifying);
}

void accept_open(struct hg_link *link, const struct control_message *open)
{
    const struct sessions *sessions = link->sessions;

    if (!open->speaks_version)
        refuse(link, "version", "this gateway only supports version 1 of the protocol", 0);
    /* Exchanges in progress may finish, even over another link. */
    else if (sessions->drained_at && !(open->session && session_by_name(sessions, open->session)))
        refuse(link, "draining", "this gateway is stopping", 1);
    else
        verify(link, open);
}
