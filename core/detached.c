/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/detached.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

static hg_time timeout_of(const struct sessions *sessions)
{
    return sessions->worker->pipeline->settings.resume_timeout;
}

/* All wait equally long: the first in the list is the first to be given up. */
static void set_timer(struct sessions *sessions)
{
    const struct session *first = sessions->detached;
    struct hg_worker *core = &sessions->worker->core;
    hg_time now = hg_now(core), due;

    if (!first) {
        hg_timer_stop(core->host, sessions->detached_timer);
        return;
    }
    due = first->detached_at + timeout_of(sessions);
    hg_timer_set(core->host, sessions->detached_timer, due > now ? due - now : 0);
}

static void expire(struct session *session)
{
    char why[256];

    ++*session->sessions->expired;
    snprintf(why, sizeof why, "it lost its link (%s) and was not resumed within %.1f s", session->lost_reason,
             (double)timeout_of(session->sessions) / (double)HG_SECOND);
    session_end(session, why);
}

static void on_timer(void *arg)
{
    struct sessions *sessions = arg;
    hg_time now = hg_now(&sessions->worker->core);

    while (sessions->detached && now >= sessions->detached->detached_at + timeout_of(sessions))
        expire(sessions->detached);
    set_timer(sessions);
}

static struct session *of_node(struct registry_node *node)
{
    return node ? (struct session *)((char *)node - offsetof(struct session, lost)) : NULL;
}

int detached_start(struct sessions *sessions)
{
    sessions->detached_tail = &sessions->detached;
    sessions->detached_timer = hg_timer_new(&sessions->worker->core, on_timer, sessions);
    return sessions->detached_timer ? 0 : -1;
}

void detached_stop(struct sessions *sessions)
{
    while (sessions->detached)
        session_end(sessions->detached, "the process stops");
    if (sessions->detached_timer)
        hg_timer_free(sessions->worker->core.host, sessions->detached_timer);
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
    hg_log(sessions->worker->core.instance, HG_LOG_INFO, "session %" PRIu64 "%s%s has lost its link and waits: %s",
           session->number, *session->identity.id ? " of " : "", session->identity.id, why);
    session->detached_at = hg_now(&sessions->worker->core);
    session->next_detached = NULL;
    session->previous_detached = sessions->detached_tail;
    *sessions->detached_tail = session;
    sessions->detached_tail = &session->next_detached;
    if (sessions->detached == session)
        set_timer(sessions);
    session->lost.id = hg_text(session->identity.id);
    /* Without memory it is not found there, and ends by its time alone. */
    if (!session->lost.id.size || registry_add(&sessions->detached_of, &session->lost))
        session->lost.id.size = 0;
}

void detached_remove(struct session *session)
{
    if (!session->detached_at)
        return;
    session->detached_at = 0;
    *session->previous_detached = session->next_detached;
    if (session->next_detached)
        session->next_detached->previous_detached = session->previous_detached;
    else
        session->sessions->detached_tail = session->previous_detached;
    if (session->lost.id.size)
        registry_remove(&session->sessions->detached_of, &session->lost);
    session->lost.id.size = 0;
}
