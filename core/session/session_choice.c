/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/session_choice.h"

#include "core/base/user_errors.h"
#include "core/session/link_silence.h"
#include "core/session/session_lookup.h"

/* A client that has acknowledged nothing for this long gets no new exchanges until it does. */
#define SILENT_AFTER (2 * HG_SECOND)

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

/* Whether the session can be expected to deliver at once. */
static bool answers(const struct session *session)
{
    return session->link && link_unanswered_for(session->link) < SILENT_AFTER;
}

/* Whether its client has owed an ACK for so long that it may be gone. */
static bool is_slow(const struct session *session)
{
    return link_unanswered_for(session->link) >= link_slow_after(session->link);
}

/* Whether the client announces the service. If no session does, the newest one is used nevertheless: the client
 * decides, and its pipeline may be able to do more than its routes say. */
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

/* Whether a session is a better choice for a new exchange than one that is at least as new. Both respond. */
static bool is_better(const struct session *one, const struct session *other, struct hg_text service)
{
    bool one_serves = serves(one, service), other_serves = serves(other, service);
    bool slow = is_slow(one), other_slow = is_slow(other);

    if (one_serves != other_serves)
        return one_serves;
    if (slow != other_slow)
        return other_slow;
    if (!session_is_same_process(one, other))
        return false;
    if (one->stream_count != other->stream_count)
        return one->stream_count < other->stream_count;
    return one->chosen < other->chosen;
}

struct session *session_choose(const struct sessions *sessions, const struct hg_target *target,
                               struct hg_reason *reason, bool *absent)
{
    struct session *session = session_newest(sessions, target->client), *best = NULL;
    bool draining = false;

    *absent = false;
    *reason = user_errors[USER_ERROR_NOT_CONNECTED];
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
        *reason = user_errors[USER_ERROR_LINK_LOST];
    else if (draining)
        *reason = user_errors[USER_ERROR_CLIENT_STOPS];
    else
        *reason = user_errors[USER_ERROR_NOT_ALLOWED];
    return NULL;
}
