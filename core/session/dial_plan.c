/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/dialer_private.h"

#include <sys/random.h>

/* The dialer's newest session, or the next older one after `session`. */
static struct session *next_session(const struct dialer *dialer, const struct session *session)
{
    struct session *next = session ? session->next : dialer->sessions->sessions;

    while (next && next->dialer != dialer)
        next = next->next;
    return next;
}

/* The dialer's session that needs a link most, or NULL. */
struct session *dialer_session_in_need(const struct dialer *dialer)
{
    struct session *session = NULL;

    while ((session = next_session(dialer, session)))
        if ((!session->link || session->silent || session->link->is_old) &&
            !(session->draining && session_is_idle(session)))
            return session;
    return NULL;
}

/* The dialer's session that takes new exchanges, or NULL. */
struct session *dialer_current_session(const struct dialer *dialer)
{
    struct session *session = NULL;

    while ((session = next_session(dialer, session)))
        if (!session->draining)
            return session;
    return NULL;
}

bool dialer_needs_link(const struct dialer *dialer)
{
    if (dialer->sessions->stopping)
        return false;
    if (dialer_session_in_need(dialer))
        return true;
    return !dialer->sessions->drained_at && !dialer_current_session(dialer);
}

uint64_t dialer_random(void)
{
    uint64_t number = 0;

    /* Without random numbers, only the spreading of the clients is lost. */
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        number = 0;
    return number;
}

/* A draining gateway refuses new sessions, but resumes existing ones: having been refused the former is no reason to
 * wait before trying the latter. */
static void note_purpose(struct dialer *dialer)
{
    const struct session *session = dialer_session_in_need(dialer);
    bool helps_drained = session && session->draining;

    if (helps_drained && !dialer->helps_drained) {
        dialer->waits = false;
        dialer->not_before = 0;
        backoff_resumed(&dialer->backoff);
    }
    dialer->helps_drained = helps_drained;
}

/* The wait is measured between the starts of two rounds, so the time that the last one took counts. */
static hg_time next_wait(struct dialer *dialer)
{
    hg_time wait = backoff_next(&dialer->backoff, dialer_random()), least = wait / 8, took = 0;

    if (dialer->round_began)
        took = hg_now(dialer->sessions->worker) - dialer->round_began;
    return wait > took + least ? wait - took : least;
}

void dialer_want(struct dialer *dialer)
{
    struct hg_worker *core = dialer->sessions->worker;
    hg_time now = hg_now(core), delay;

    if (dialer->attempts || !dialer_needs_link(dialer))
        return;
    note_purpose(dialer);
    if (dialer->waits)
        return;
    delay = next_wait(dialer);
    if (dialer->not_before > now + delay)
        delay = dialer->not_before - now;
    if (delay)
        hg_log_limited(core->instance, HG_LOG_INFO, dialer->label, "%sreconnecting in %.1f s", dialer->label,
                       (double)delay / (double)HG_SECOND);
    dialer->waits = true;
    dialer->next_endpoint = 0;
    hg_timer_set(core->host, dialer->timer, delay);
}
