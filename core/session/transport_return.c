/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/base/backoff.h"
#include "core/session/dialer_private.h"
#include "core/session/link.h"
#include "core/session/open_message.h"

/* If a session moves back and loses that link within this time, probes become less frequent: half as often each time,
 * up to this many times. */
#define RETURN_STABLE   (60 * HG_SECOND)
#define RETURN_BACKOFFS 4

/* The position of a link's transport among the endpoints of its gateway. */
static size_t position_of(const struct hg_link *link)
{
    const struct gateway *gateway = link->dialer->gateway;
    size_t position = 0;

    while (&gateway->endpoints[position].transport->public != link->transport->instance)
        position++;
    return position;
}

/* The link of the session that takes new exchanges. */
static const struct hg_link *current_link(const struct dialer *dialer)
{
    const struct session *session = dialer_current_session(dialer);

    return session && !session->silent ? session->link : NULL;
}

/* Schedules the next probe, up to a quarter of the interval sooner or later. */
static void plan_probe(struct dialer *dialer)
{
    struct sessions *sessions = dialer->sessions;
    hg_time interval = sessions->pipeline->settings.probe_interval << dialer->returns_in_vain;

    hg_timer_set(sessions->worker->host, dialer->probe_timer,
                 interval - interval / 4 + dialer_random() % (interval / 2));
}

void return_probe(void *arg)
{
    struct dialer *dialer = arg;
    const struct hg_link *link = current_link(dialer);
    size_t position = link ? position_of(link) : 0;

    if (dialer->sessions->drained_at || dialer->probe || (link && !position))
        return;
    if (position)
        dialer->probe = dialer_connect(dialer, &dialer->gateway->endpoints[dialer->probes++ % position]);
    if (dialer->probe)
        dialer->probe->is_probe = true;
    else
        plan_probe(dialer);
}

void return_link_up(struct hg_link *link)
{
    struct session *session = dialer_current_session(link->dialer);

    if (session && session->link)
        open_message_send(link, session);
    else
        link_close(link, TN_NO_ERROR, "nothing to move");
}

void return_link_ended(struct dialer *dialer, const struct hg_link *link)
{
    dialer->probe = NULL;
    if (dialer->sessions->stopping)
        return;
    hg_log(dialer->sessions->worker->instance, HG_LOG_DEBUG, "%s%s still does not work: %s", dialer->label,
           link->transport->instance->name, link->reason);
    plan_probe(dialer);
}

/* A session has moved to this link. */
void return_note(struct dialer *dialer, const struct hg_link *link, bool returned)
{
    hg_time now = hg_now(dialer->sessions->worker);

    if (returned) {
        ++*dialer->sessions->returned;
        dialer->returned_at = now;
    } else if (dialer->returned_at && now < dialer->returned_at + RETURN_STABLE) {
        dialer->returns_in_vain += dialer->returns_in_vain < RETURN_BACKOFFS;
    } else {
        dialer->returns_in_vain = 0;
    }
    if (position_of(link))
        plan_probe(dialer);
}
