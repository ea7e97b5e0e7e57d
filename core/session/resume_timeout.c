/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/resume_timeout.h"

#include "core/session/resume_queue.h"
#include "core/session/rival_processes.h"

#include <stdio.h>

static void expire(struct session *session)
{
    char why[320], public_why[128];
    int size;

    ++*session->sessions->expired;
    size = snprintf(public_why, sizeof public_why, "not resumed within %.1f s%s",
                    (double)resume_queue_timeout(session->sessions, session->contested) / (double)HG_SECOND,
                    session->contested ? ", and another process with this id responds" : "");
    snprintf(why, sizeof why, "%.*s, after it lost its link: %s", size, public_why, session->lost_reason);
    session_end_discreetly(session, why, public_why);
}

static void on_timer(void *arg)
{
    struct sessions *sessions = arg;
    struct session *session;

    while ((session = resume_queue_due(sessions, false)))
        expire(session);
    while ((session = resume_queue_due(sessions, true))) {
        /* The other process may be cut off just like this one. */
        if (rivals_heard(session, session->lost_at))
            expire(session);
        else
            resume_queue_set_contested(session, false);
    }
    resume_queue_set_timer(sessions);
}

int resume_timeout_start(struct sessions *sessions)
{
    for (size_t i = 0; i < 2; i++)
        sessions->resume_queues[i].tail = &sessions->resume_queues[i].first;
    sessions->resume_timer = hg_timer_new(sessions->worker, on_timer, sessions);
    return sessions->resume_timer ? 0 : -1;
}

void resume_timeout_stop(struct sessions *sessions)
{
    for (size_t i = 0; i < 2; i++)
        while (sessions->resume_queues[i].first)
            session_end(sessions->resume_queues[i].first, "the process is stopping");
    if (sessions->resume_timer)
        hg_timer_free(sessions->worker->host, sessions->resume_timer);
    multimap_free(&sessions->resumable);
}
