/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * If a session's link falls silent, a second link is opened alongside it and takes over the session, unless the first
 * one is heard from again before that.
 */
#include "core/session/failover.h"

#include "core/session/dialer.h"
#include "core/session/link_silence.h"

#include <inttypes.h>

/* While exchanges are in progress: the silence after which the gateway is pinged. The first value is for a stalled
 * transfer; it doubles up to the last while nothing is transferred, so that a long poll costs little. */
#define ASK_FIRST (300 * HG_MILLISECOND)
#define ASK_LAST  (4 * HG_SECOND)

/* Signs of a changed path may be forged, and come in storms: a link is pinged no more often than this. */
#define ASK_AGAIN HG_SECOND

static void seek_other_link(struct session *session)
{
    if (!session->silent)
        hg_log(session->sessions->worker->instance, HG_LOG_WARNING,
               "session %" PRIu64 " does not respond; opening another link", session->number);
    if (!session->silent)
        ++*session->sessions->silent_links;
    session->silent = true;
    dialer_want(session->dialer);
}

void failover_session_answers(struct session *session)
{
    const struct hg_link *link = session->link;

    if (!link || !session->silent || link_unanswered_for(link) >= link_answer_timeout(link))
        return;
    session->silent = false;
    dialer_review(session->dialer);
}

/* Pings the gateway if nothing has arrived for a while although exchanges are in progress, or the end of a response
 * waits for credit. Returns when to check again. */
static hg_time ask_for_life(struct hg_link *link)
{
    hg_time now = hg_now(link_worker(link));
    struct tn_session_stats session;
    struct tn_link_stats stats;
    uint64_t moved;

    if (session_is_idle(link->session))
        return TN_TIME_NEVER;
    tn_link_stats(link->tn, &stats);
    if (stats.unanswered_since != TN_TIME_NEVER)
        return now + ASK_LAST;
    tn_session_stats(link->session->tn, &session);
    moved = session.bytes_sent + session.bytes_received;
    if (moved != link->moved)
        link->ask_after = ASK_FIRST;
    link->moved = moved;
    if (now < stats.last_received + link->ask_after)
        return stats.last_received + link->ask_after;
    link->ask_after = 2 * link->ask_after < ASK_LAST ? 2 * link->ask_after : ASK_LAST;
    link_send_message(link, control_encode_ping(0));
    return now + link->ask_after;
}

void failover_ask(struct hg_link *link)
{
    if (!link->asked_at || hg_now(link_worker(link)) >= link->asked_at + ASK_AGAIN)
        link_ask(link);
}

void failover_renew(struct hg_link *link)
{
    link->is_old = true;
    hg_log(link_worker(link)->instance, HG_LOG_DEBUG,
           "the keys of the link with %s must be renewed; opening another link", link->peer);
    dialer_want(link->dialer);
}

/* Checks whether the gateway responds. Returns when to check again. */
hg_time failover_check(struct hg_link *link)
{
    hg_time dead_after = link->sessions->pipeline->settings.dead_after;
    hg_time now = hg_now(link_worker(link)), timeout = link_answer_timeout(link), left;

    if (!link_is_overdue(link, timeout))
        return link->overdue_at ? link->check_at : ask_for_life(link);
    if (link_unanswered_for(link) >= dead_after) {
        link_died(link);
        return TN_TIME_NEVER;
    }
    seek_other_link(link->session);
    left = dead_after - link_unanswered_for(link);
    return now + (left < timeout ? left : timeout);
}

void failover_watch(struct hg_link *link)
{
    link->ask_after = ASK_FIRST;
    link_check_at(link, hg_now(link_worker(link)) + ASK_FIRST);
}

void failover_watch_exchange(struct hg_link *link)
{
    hg_time soon = hg_now(link_worker(link)) + ASK_FIRST;

    if (link->check_at > soon)
        link_check_at(link, soon);
}
