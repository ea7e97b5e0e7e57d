/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/identity_review.h"

#include "core/base/fatal.h"
#include "core/base/user_errors.h"
#include "core/session/exchange_stream_private.h"
#include "core/session/session_choice.h"

#include <hopgate/host.h>

int identity_find(struct sessions *sessions)
{
    struct hg_worker *worker = sessions->worker;
    struct hg_capability identity;

    if (!hg_capability(worker->instance, HG_IDENTITY, HG_IDENTITY_VERSION, &identity)) {
        hg_log(worker->instance, HG_LOG_ERROR,
               "no plugin in the pipeline offers `identity`; add one, such as auth_token");
        return -1;
    }
    sessions->identity = identity.ops;
    sessions->identity_worker = hg_capability_worker(worker, &identity);
    return 0;
}

/* Ends exchanges with services that the client is no longer allowed to serve. */
void identity_reset_withdrawn(const struct session *session)
{
    struct exchange_stream *next;

    for (struct exchange_stream *stream = session->streams; stream; stream = next) {
        next = stream->next;
        if (!stream->over && !session_may_serve(session, stream->self->exchange->target.service))
            exchange_stream_fail(stream, TN_STREAM_CANCELLED, &user_errors[USER_ERROR_WITHDRAWN]);
    }
}

static void review(void *arg)
{
    struct sessions *sessions = arg;
    const char *reason = "its client is no longer allowed";
    struct session *next;
    int result;

    for (struct session *session = sessions->sessions; session; session = next) {
        next = session->next;
        if (!session->open)
            continue;
        CALL_PLUGIN(sessions->identity_worker->instance->name, "review",
                    result = sessions->identity->review(sessions->identity_worker, &session->identity, &reason));
        if (result)
            session_end(session, reason);
        else
            identity_reset_withdrawn(session);
    }
}

void identity_watch(struct sessions *sessions, bool on)
{
    const struct hg_identity_ops *identity = sessions->identity;

    if (identity && identity->watch && identity->review)
        identity->watch(sessions->identity_worker, on ? review : NULL, sessions);
}
