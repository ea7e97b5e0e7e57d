/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/resume_queue.h"

#include <stddef.h>
#include <stdio.h>

hg_time resume_queue_timeout(const struct sessions *sessions, bool contested)
{
    hg_time timeout = sessions->pipeline->settings.resume_timeout;

    return contested && timeout > CONTESTED_ABSENCE ? CONTESTED_ABSENCE : timeout;
}

/* When the first session of a queue, and thus the earliest, is given up. */
static hg_time queue_due(const struct sessions *sessions, bool contested)
{
    const struct session *first = sessions->resume_queues[contested].first;

    return first ? first->lost_at + resume_queue_timeout(sessions, contested) : TN_TIME_NEVER;
}

void resume_queue_set_timer(struct sessions *sessions)
{
    struct hg_worker *core = sessions->worker;
    hg_time now = hg_now(core), due = queue_due(sessions, false), contested_due = queue_due(sessions, true);

    if (contested_due < due)
        due = contested_due;
    if (due == TN_TIME_NEVER)
        hg_timer_stop(core->host, sessions->resume_timer);
    else
        hg_timer_set(core->host, sessions->resume_timer, due > now ? due - now : 0);
}

static void enqueue(struct session *session)
{
    struct resume_queue *queue = &session->sessions->resume_queues[session->contested];

    session->lost_at = hg_now(session->sessions->worker);
    session->next_lost = NULL;
    session->previous_lost = queue->tail;
    *queue->tail = session;
    queue->tail = &session->next_lost;
    if (queue->first == session)
        resume_queue_set_timer(session->sessions);
}

static void dequeue(struct session *session)
{
    session->lost_at = 0;
    *session->previous_lost = session->next_lost;
    if (session->next_lost)
        session->next_lost->previous_lost = session->previous_lost;
    else
        session->sessions->resume_queues[session->contested].tail = session->previous_lost;
}

struct session *resume_queue_due(const struct sessions *sessions, bool contested)
{
    return queue_due(sessions, contested) <= hg_now(sessions->worker) ? sessions->resume_queues[contested].first : NULL;
}

void resume_queue_add(struct session *session, const char *why)
{
    snprintf(session->lost_reason, sizeof session->lost_reason, "%s", why);
    enqueue(session);
    session->resumable.key = hg_text(session->identity.id);
    /* Without memory it cannot be found there, and only ends by its timeout. */
    if (!session->resumable.key.size || multimap_add(&session->sessions->resumable, &session->resumable))
        session->resumable.key.size = 0;
}

void resume_queue_remove(struct session *session)
{
    if (!session->lost_at)
        return;
    dequeue(session);
    if (session->resumable.key.size)
        multimap_remove(&session->sessions->resumable, &session->resumable);
    session->resumable.key.size = 0;
}

void resume_queue_set_contested(struct session *session, bool contested)
{
    bool waits = session->lost_at;

    if (waits)
        dequeue(session);
    session->contested = contested;
    if (waits)
        enqueue(session);
}

static struct session *of_node(struct multimap_node *node)
{
    return node ? (struct session *)((char *)node - offsetof(struct session, resumable)) : NULL;
}

struct session *resume_queue_newest(const struct sessions *sessions, struct hg_text client)
{
    return of_node(multimap_newest(&sessions->resumable, client));
}

struct session *resume_queue_older(const struct session *session)
{
    return of_node(multimap_older(&session->resumable));
}
