/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/rival_processes.h"

#include "core/base/log.h"
#include "core/session/flush_queue.h"
#include "core/session/link_silence.h"
#include "core/session/resume_queue.h"
#include "core/session/session_lookup.h"

#include <stdio.h>
#include <time.h>

/* Whether it could serve in place of another session. */
static bool is_there(const struct session *session)
{
    return session->link && !session->draining;
}

/* ---- How many sessions are allowed ---- */

/* Ends idle sessions without a link that belong to other processes: the client has forgotten them, or never had them.
 */
static void end_forgotten(const struct sessions *sessions, const char *client, const char *process)
{
    struct session *session = resume_queue_newest(sessions, hg_text(client)), *older;

    for (; session; session = older) {
        bool is_own = *process && !strcmp(session->process, process);

        older = resume_queue_older(session);
        if (!is_own && session_is_idle(session))
            session_end(session, "its client is opening a new one");
    }
}

/* The session to end when another one is opened, or NULL. Of the sessions without a link it is the one that has been
 * without for longest, preferring those of other processes to the process's own (`only_own`: only its own count). Also
 * counts all sessions. */
static struct session *find_room(const struct sessions *sessions, const char *client, const char *process,
                                 bool only_own, size_t *count)
{
    struct session *session = session_newest(sessions, hg_text(client)), *other = NULL, *own = NULL;

    for (*count = 0; session; session = session_older(session)) {
        bool is_own = *process && !strcmp(session->process, process);
        struct session **best = is_own ? &own : &other;

        if (only_own && !is_own)
            continue;
        ++*count;
        if (session->lost_at && (!*best || session->lost_at < (*best)->lost_at))
            *best = session;
    }
    return other ? other : own;
}

/* Whether another session is allowed, if necessary in place of one without a link. */
static bool have_room(const struct sessions *sessions, const char *client, const char *process, bool only_own,
                      int64_t most)
{
    size_t count;
    struct session *lost = find_room(sessions, client, process, only_own, &count);

    if (count < (size_t)most)
        return true;
    if (!lost)
        return false;
    session_end(lost, "its client is opening another one and has reached its limit");
    return true;
}

bool rivals_make_room(const struct sessions *sessions, const char *client, const char *process, char *reason,
                      size_t size)
{
    const struct settings *settings = &sessions->pipeline->settings;

    process = process ? process : "";
    end_forgotten(sessions, client, process);
    if (*process && !have_room(sessions, client, process, true, settings->sessions_per_process))
        snprintf(reason, size, "this process of %s already has %lld sessions (sessions_per_process)", client,
                 (long long)settings->sessions_per_process);
    else if (!have_room(sessions, client, process, false, settings->sessions_per_client))
        snprintf(reason, size, "%s already has %lld sessions (sessions_per_client)", client,
                 (long long)settings->sessions_per_client);
    else
        return true;
    return false;
}

/* ---- Pinging ---- */

/* Anything that elicits an ACK will do: it is repeated until the ACK arrives, and link_is_overdue() notices if it does
 * not. So a peer that already owes an ACK needs no ping. */
static void ask(const struct session *session)
{
    struct tn_link_stats stats;

    if (!session->link || !link_is_alive(session->link))
        return;
    tn_link_stats(session->link->tn, &stats);
    if (stats.unanswered_since == TN_TIME_NEVER)
        link_send_message(session->link, control_encode_ping(0));
}

static void ask_others(const struct session *session)
{
    struct session *other = session_newest(session->sessions, hg_text(session->identity.id));

    for (; other; other = session_older(other))
        if (!session_is_same_process(other, session))
            ask(other);
}

bool rivals_heard(const struct session *session, hg_time since)
{
    const struct session *other = session_newest(session->sessions, hg_text(session->identity.id));
    struct tn_link_stats stats;

    for (; other; other = session_older(other)) {
        if (!is_there(other) || session_is_same_process(other, session))
            continue;
        tn_link_stats(other->link->tn, &stats);
        if (stats.last_received > since)
            return true;
    }
    return false;
}

/* ---- Which sessions are contested ---- */

/* A session that had already lost its link is not contested by a process that merely resumes its own session, since
 * both processes may have been cut off and be on their way back. A process that opens a new session, however, may be
 * the replacement of a dead one. */
static void set_contested(struct session *session, bool contested, bool anew)
{
    if (session->contested == contested || (contested && !session->link && !anew))
        return;
    if (session->link)
        link_flush_later(session->link); /* its answer is now due at a different time */
    resume_queue_set_contested(session, contested);
    if (session->lost_at && contested)
        ask_others(session);
}

static void review(const struct sessions *sessions, struct hg_text client, bool anew)
{
    const struct session *one = session_newest(sessions, client), *other;

    while (one && !is_there(one))
        one = session_older(one);
    other = one;
    while (other && (!is_there(other) || session_is_same_process(other, one)))
        other = session_older(other);
    /* No session belongs to both of the two processes. */
    for (struct session *session = session_newest(sessions, client); session; session = session_older(session))
        set_contested(session,
                      (one && !session_is_same_process(session, one)) ||
                          (other && !session_is_same_process(session, other)),
                      anew);
}

void rivals_review(const struct sessions *sessions, struct hg_text client)
{
    review(sessions, client, false);
}

void rivals_session_down(struct session *session)
{
    if (session->lost_at && session->contested)
        ask_others(session);
    rivals_review(session->sessions, hg_text(session->identity.id));
}

void rivals_opened(struct session *opened)
{
    struct session *other = session_newest(opened->sessions, hg_text(opened->identity.id));
    bool is_first = true;

    review(opened->sessions, hg_text(opened->identity.id), true);
    ask_others(opened);
    for (; other; other = session_older(other))
        is_first &= other == opened || !session_is_same_process(other, opened);
    for (other = session_newest(opened->sessions, hg_text(opened->identity.id)); other; other = session_older(other)) {
        if (!is_first || !is_there(other) || session_is_same_process(other, opened))
            continue;
        other->asked_for = opened->number;
        other->asked_at = hg_now(opened->sessions->worker);
    }
}

/* ---- Two processes serving ---- */

/* "gate1:4711:… at 192.0.2.1:50000, since 2026-01-31T23:59:59Z" */
static void print_process(char *text, size_t size, const struct session *session)
{
    char process[sizeof session->process], when[32];
    struct timespec now;
    struct tm parts;
    time_t since;

    clock_gettime(CLOCK_REALTIME, &now);
    since = now.tv_sec -
            (time_t)((hg_now(session->sessions->worker) - session->opened_at + (HG_SECOND - 1 - (hg_time)now.tv_nsec)) /
                     HG_SECOND);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&since, &parts));
    log_printable(process, sizeof process, *session->process ? session->process : "(unnamed)");
    snprintf(text, size, "%s at %s, since %s", process, session->link->peer, when);
}

static void announce(const struct session *former, const struct session *newer)
{
    const char *id = newer->identity.id;
    char first[240], second[240], text[400];

    print_process(first, sizeof first, former);
    print_process(second, sizeof second, newer);
    hg_log_limited(
        newer->sessions->worker->instance, HG_LOG_WARNING, id,
        "two processes use the id %s: new exchanges go to the newer one, %s; the older one, %s, only gets those for "
        "services that the newer one does not have",
        id, second, first);
    snprintf(text, sizeof text, "another process uses this id and now gets all new exchanges: %s", second);
    link_send_message(former->link, control_encode_notice(text));
    snprintf(text, sizeof text, "another process already uses this id: %s", first);
    link_send_message(newer->link, control_encode_notice(text));
}

void rivals_answered(struct session *session)
{
    hg_time now = hg_now(session->sessions->worker);
    struct session *newer = NULL, *other;
    uint64_t number = session->asked_for;

    if (!number || now <= session->asked_at || link_unanswered_for(session->link))
        return;
    other = session_newest(session->sessions, hg_text(session->identity.id));
    for (; other; other = session_older(other)) {
        if (other->number == number)
            newer = other;
        if (session_is_same_process(other, session))
            other->asked_for = 0;
    }
    if (newer && is_there(newer) && is_there(session))
        announce(session, newer);
}
