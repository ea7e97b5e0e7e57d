/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/resume_queue.h"

#include "core/session/rival_processes.h"

#include <stddef.h>
#include <stdio.h>

static hg_time timeout_of(const struct sessions *sessions, bool contested)
{
    hg_time timeout = sessions->pipeline->settings.resume_timeout;

    return contested && timeout > PROCESSES_ABSENCE ? PROCESSES_ABSENCE : timeout;
}

/* When the first in a line, and so any of it, is given up. */
static hg_time line_due(const struct sessions *sessions, bool contested)
{
    const struct session *first = sessions->detached[contested].first;

    return first ? first->detached_at + timeout_of(sessions, contested) : TN_TIME_NEVER;
}

static void set_timer(struct sessions *sessions)
{
    struct hg_worker *core = sessions->worker;
    hg_time now = hg_now(core), due = line_due(sessions, false), contested_due = line_due(sessions, true);

    if (contested_due < due)
        due = contested_due;
    if (due == TN_TIME_NEVER)
        hg_timer_stop(core->host, sessions->detached_timer);
    else
        hg_timer_set(core->host, sessions->detached_timer, due > now ? due - now : 0);
}

static void join_line(struct session *session)
{
    struct detached *line = &session->sessions->detached[session->contested];

    session->detached_at = hg_now(session->sessions->worker);
    session->next_detached = NULL;
    session->previous_detached = line->tail;
    *line->tail = session;
    line->tail = &session->next_detached;
    if (line->first == session)
        set_timer(session->sessions);
}

static void leave_line(struct session *session)
{
    session->detached_at = 0;
    *session->previous_detached = session->next_detached;
    if (session->next_detached)
        session->next_detached->previous_detached = session->previous_detached;
    else
        session->sessions->detached[session->contested].tail = session->previous_detached;
}

static void expire(struct session *session)
{
    char why[320], public_why[128];
    int size;

    ++*session->sessions->expired;
    size = snprintf(public_why, sizeof public_why, "it was not resumed within %.1f s%s",
                    (double)timeout_of(session->sessions, session->contested) / (double)HG_SECOND,
                    session->contested ? ", while another process with this id answers" : "");
    snprintf(why, sizeof why, "%.*s, after it lost its link: %s", size, public_why, session->lost_reason);
    session_end_discreetly(session, why, public_why);
}

static void on_timer(void *arg)
{
    struct sessions *sessions = arg;
    hg_time now = hg_now(sessions->worker);

    while (line_due(sessions, false) <= now)
        expire(sessions->detached[false].first);
    while (line_due(sessions, true) <= now) {
        struct session *session = sessions->detached[true].first;

        /* The other process may be cut off just as this one. */
        if (processes_heard(session, session->detached_at))
            expire(session);
        else
            detached_set_contested(session, false);
    }
    set_timer(sessions);
}

static struct session *of_node(struct registry_node *node)
{
    return node ? (struct session *)((char *)node - offsetof(struct session, lost)) : NULL;
}

int detached_start(struct sessions *sessions)
{
    for (size_t i = 0; i < 2; i++)
        sessions->detached[i].tail = &sessions->detached[i].first;
    sessions->detached_timer = hg_timer_new(sessions->worker, on_timer, sessions);
    return sessions->detached_timer ? 0 : -1;
}

void detached_stop(struct sessions *sessions)
{
    for (size_t i = 0; i < 2; i++)
        while (sessions->detached[i].first)
            session_end(sessions->detached[i].first, "the process stops");
    if (sessions->detached_timer)
        hg_timer_free(sessions->worker->host, sessions->detached_timer);
    registry_free(&sessions->detached_of);
}

struct session *detached_newest(const struct sessions *sessions, struct hg_text client)
{
    return of_node(registry_newest(&sessions->detached_of, client));
}

struct session *detached_older(const struct session *session)
{
    return of_node(registry_older(&session->lost));
}

void detached_add(struct session *session, const char *why)
{
    struct sessions *sessions = session->sessions;

    snprintf(session->lost_reason, sizeof session->lost_reason, "%s", why);
    session_log(session, "has lost its link and waits: %s", why);
    join_line(session);
    if (session->contested)
        processes_ask_others(session);
    session->lost.id = hg_text(session->identity.id);
    /* Without memory it is not found there, and ends by its time alone. */
    if (!session->lost.id.size || registry_add(&sessions->detached_of, &session->lost))
        session->lost.id.size = 0;
}

void detached_remove(struct session *session)
{
    if (!session->detached_at)
        return;
    leave_line(session);
    if (session->lost.id.size)
        registry_remove(&session->sessions->detached_of, &session->lost);
    session->lost.id.size = 0;
}

void detached_set_contested(struct session *session, bool contested)
{
    bool waits = session->detached_at;

    if (waits)
        leave_line(session);
    session->contested = contested;
    if (!waits)
        return;
    join_line(session);
    if (contested)
        processes_ask_others(session);
}
