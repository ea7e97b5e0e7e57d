/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/link_silence.h"

/* A client that has not been answered for three probe timeouts looks for another link (RFC 9002 section 6.2.1), but
 * within these limits. On a byte link TCP repairs losses, which takes longer. */
#define TIMEOUT_MIN          (500 * HG_MILLISECOND)
#define TIMEOUT_MIN_RELIABLE (2 * HG_SECOND)
#define TIMEOUT_MAX          (10 * HG_SECOND)

/* The time between two checks of a peer that owes an answer: enough to read what has arrived. */
#define SECOND_LOOK (20 * HG_MILLISECOND)

/* Three probe timeouts, but at least this. */
static hg_time probe_timeouts(const struct hg_link *link, hg_time least)
{
    struct tn_link_stats stats;
    hg_time time;

    tn_link_stats(link->tn, &stats);
    time = 3 * (stats.smoothed_rtt + 4 * stats.rtt_variance);
    time = time > least ? time : least;
    return time < TIMEOUT_MAX ? time : TIMEOUT_MAX;
}

hg_time link_slow_after(const struct hg_link *link)
{
    return probe_timeouts(link, TIMEOUT_MIN);
}

hg_time link_answer_timeout(const struct hg_link *link)
{
    const struct sessions *sessions = link->sessions;
    bool is_reliable = link->ops->flags & HG_TRANSPORT_RELIABLE;
    hg_time dead_after = sessions->pipeline->settings.dead_after, timeout = dead_after;

    if (sessions->dialers)
        timeout = probe_timeouts(link, is_reliable ? TIMEOUT_MIN_RELIABLE : TIMEOUT_MIN);
    else if (link->session && link->session->contested)
        timeout = CONTESTED_SILENCE;
    return timeout < dead_after ? timeout : dead_after;
}

hg_time link_unanswered_for(const struct hg_link *link)
{
    hg_time now = hg_now(link_worker(link));
    struct tn_link_stats stats;

    tn_link_stats(link->tn, &stats);
    return stats.unanswered_since < now ? now - stats.unanswered_since : 0;
}

bool link_is_overdue(struct hg_link *link, hg_time timeout)
{
    hg_time now = hg_now(link_worker(link));

    if (link_unanswered_for(link) < timeout) {
        link->overdue_at = 0;
        return false;
    }
    if (!link->overdue_at)
        link->overdue_at = now;
    if (now >= link->overdue_at + SECOND_LOOK)
        return true;
    link_check_at(link, link->overdue_at + SECOND_LOOK);
    return false;
}

void link_ask(struct hg_link *link)
{
    if (link->state != LINK_ACTIVE)
        return;
    link->asked_at = hg_now(link->sessions->worker);
    link_send_message(link, control_encode_ping(0));
}
