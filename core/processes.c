/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/processes.h"

#include "core/detached.h"
#include "core/link.h"

bool is_same_process(const struct session *one, const struct session *other)
{
    return one == other || (*one->process && !strcmp(one->process, other->process));
}

/* Whether it could serve in the place of another one. */
static bool is_there(const struct session *session)
{
    return session->link && !session->draining;
}

/* ---- Which sessions are contested ---- */

/* One that has lost its link before is not contested by a process that comes back to a session of its own, since both
 * may have been cut off and be on their way; one that begins anew may stand in the place of a dead one. */
static void set_contested(struct session *session, bool contested, bool anew)
{
    if (session->contested == contested || (contested && !session->link && !anew))
        return;
    if (session->link)
        link_queue(session->link); /* its patience is another one */
    detached_set_contested(session, contested);
}

static void review(const struct sessions *sessions, struct hg_text client, bool anew)
{
    const struct session *one = session_newest(sessions, client), *other;

    while (one && !is_there(one))
        one = session_older(one);
    other = one;
    while (other && (!is_there(other) || is_same_process(other, one)))
        other = session_older(other);
    /* No session is of both processes. */
    for (struct session *session = session_newest(sessions, client); session; session = session_older(session))
        set_contested(session, (one && !is_same_process(session, one)) || (other && !is_same_process(session, other)),
                      anew);
}

void processes_review(const struct sessions *sessions, struct hg_text client)
{
    review(sessions, client, false);
}

/* ---- Asking for life ---- */

/* What elicits an ACK is enough: it is repeated until that comes, and link_is_overdue() sees that it does not. */
static void ask(const struct session *session)
{
    if (session->link && link_is_alive(session->link))
        link_say(session->link, control_encode_ping(0));
}

void processes_ask_others(const struct session *session)
{
    struct session *other = session_newest(session->sessions, hg_text(session->identity.id));

    for (; other; other = session_older(other))
        if (!is_same_process(other, session))
            ask(other);
}

void processes_opened(struct session *opened)
{
    review(opened->sessions, hg_text(opened->identity.id), true);
    processes_ask_others(opened);
}

bool processes_heard(const struct session *session, hg_time since)
{
    const struct session *other = session_newest(session->sessions, hg_text(session->identity.id));
    struct tn_link_stats stats;

    for (; other; other = session_older(other)) {
        if (!is_there(other) || is_same_process(other, session))
            continue;
        tn_link_stats(other->link->tn, &stats);
        if (stats.last_received > since)
            return true;
    }
    return false;
}
