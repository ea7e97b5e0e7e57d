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
    const struct session *first = sessions->resume_queues[contested].first;

    return first ? first->lost_at + timeout_of(sessions, contested) : TN_TIME_NEVER;
}

static void set_timer(struct sessions *sessions)
{
    struct hg_worker *core = sessions->worker;
    hg_time now = hg_now(core), due = line_due(sessions, false), contested_due = line_due(sessions, true);

    if (contested_due < due)
        due = contested_due;
    if (due == TN_TIME_NEVER)
        hg_timer_stop(core->host, sessions->resume_timer);
    else
        hg_timer_set(core->host, sessions->resume_timer, due > now ? due - now : 0);
}

static void join_line(struct session *session)
{
    struct resume_queue *line = &session->sessions->resume_queues[session->contested];

    session->lost_at = hg_now(session->sessions->worker);
    session->next_lost = NULL;
    session->previous_lost = line->tail;
    *line->tail = session;
    line->tail = &session->next_lost;
    if (line->first == session)
        set_timer(session->sessions);
}

static void leave_line(struct session *session)
{
    session->lost_at = 0;
    *session->previous_lost = session->next_lost;
    if (session->next_lost)
        session->next_lost->previous_lost = session->previous_lost;
    else
        session->sessions->resume_queues[session->contested].tail = session->previous_lost;
}

static void expire(struct session *session)
{
    char why[320], public_why[128];
    int size;

    ++*session->sessions->expired;
    size = snprintf(public_why, sizeof public_why, "not resumed within %.1f s%s",
                    (double)timeout_of(session->sessions, session->contested) / (double)HG_SECOND,
                    session->contested ? ", and another process with this id responds" : "");
    snprintf(why, sizeof why, "%.*s, after it lost its link: %s", size, public_why, session->lost_reason);
    session_end_discreetly(session, why, public_why);
}

static void on_timer(void *arg)
{
    struct sessions *sessions = arg;
    hg_time now = hg_now(sessions->worker);

    while (line_due(sessions, false) <= now)
        expire(sessions->resume_queues[false].first);
    while (line_due(sessions, true) <= now) {
        struct session *session = sessions->resume_queues[true].first;

        /* The other process may be cut off just as this one. */
        if (processes_heard(session, session->lost_at))
            expire(session);
        else
            resume_queue_set_contested(session, false);
    }
    set_timer(sessions);
}

static struct session *of_node(struct multimap_node *node)
{
    return node ? (struct session *)((char *)node - offsetof(struct session, resumable)) : NULL;
}

int resume_queue_start(struct sessions *sessions)
{
    for (size_t i = 0; i < 2; i++)
        sessions->resume_queues[i].tail = &sessions->resume_queues[i].first;
    sessions->resume_timer = hg_timer_new(sessions->worker, on_timer, sessions);
    return sessions->resume_timer ? 0 : -1;
}

void resume_queue_stop(struct sessions *sessions)
{
    for (size_t i = 0; i < 2; i++)
        while (sessions->resume_queues[i].first)
            session_end(sessions->resume_queues[i].first, "the process stops");
    if (sessions->resume_timer)
        hg_timer_free(sessions->worker->host, sessions->resume_timer);
    multimap_free(&sessions->resumable);
}

struct session *resume_queue_newest(const struct sessions *sessions, struct hg_text client)
{
    return of_node(multimap_newest(&sessions->resumable, client));
}

struct session *resume_queue_older(const struct session *session)
{
    return of_node(multimap_older(&session->resumable));
}

void resume_queue_add(struct session *session, const char *why)
{
    struct sessions *sessions = session->sessions;

    snprintf(session->lost_reason, sizeof session->lost_reason, "%s", why);
    session_log(session, "has lost its link and is waiting for another: %s", why);
    join_line(session);
    if (session->contested)
        processes_ask_others(session);
    session->resumable.key = hg_text(session->identity.id);
    /* Without memory it is not found there, and ends by its time alone. */
    if (!session->resumable.key.size || multimap_add(&sessions->resumable, &session->resumable))
        session->resumable.key.size = 0;
}

void resume_queue_remove(struct session *session)
{
    if (!session->lost_at)
        return;
    leave_line(session);
    if (session->resumable.key.size)
        multimap_remove(&session->sessions->resumable, &session->resumable);
    session->resumable.key.size = 0;
}

void resume_queue_set_contested(struct session *session, bool contested)
{
    bool waits = session->lost_at;

    if (waits)
        leave_line(session);
    session->contested = contested;
    if (!waits)
        return;
    join_line(session);
    if (contested)
        processes_ask_others(session);
}
