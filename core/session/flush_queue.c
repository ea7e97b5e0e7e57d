/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/flush_queue.h"

#include "core/session/link.h"

void link_flush_later(struct hg_link *link)
{
    struct sessions *sessions = link->sessions;

    if (link->is_queued)
        return;
    link->is_queued = true;
    link->next_flush = NULL;
    *sessions->flush_tail = link;
    sessions->flush_tail = &link->next_flush;
}

void session_flush_later(const struct session *session)
{
    if (session->link)
        link_flush_later(session->link);
}

void flush_queue_remove(struct hg_link *link)
{
    struct hg_link **place = &link->sessions->flush;

    if (!link->is_queued)
        return;
    while (*place != link)
        place = &(*place)->next_flush;
    *place = link->next_flush;
    if (!*place)
        link->sessions->flush_tail = place;
    link->is_queued = false;
}

struct hg_link *flush_queue_next(struct sessions *sessions)
{
    struct hg_link *link = sessions->flush;

    if (!link)
        return NULL;
    sessions->flush = link->next_flush;
    if (!sessions->flush)
        sessions->flush_tail = &sessions->flush;
    link->is_queued = false;
    return link;
}
