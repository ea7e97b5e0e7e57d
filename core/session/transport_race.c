/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/dialer_private.h"

#include "core/base/fatal.h"
#include "core/session/link.h"
#include "core/session/open_message.h"

/* How long the first link that is up may wait for the answer to `open` once a second one is up. */
#define OPEN_HEAD_START (2 * HG_SECOND)

struct hg_link *dialer_connect(struct dialer *dialer, const struct gateway_endpoint *endpoint)
{
    struct sessions *sessions = dialer->sessions;
    const struct hg_transport_ops *ops = &endpoint->transport->plugin->transport;
    struct hg_worker *worker = sessions_worker_of(sessions, endpoint->transport);
    struct hg_link *link = link_new(sessions, worker, hg_now(sessions->worker) + CONNECT_TIMEOUT);
    int result;

    if (!link)
        return NULL;
    CALL_PLUGIN(worker->instance->name, "connect", result = ops->connect(worker, link, endpoint->number));
    if (result) {
        link_free(link);
        return NULL;
    }
    link->dialer = dialer;
    link->is_connecting = true;
    return link;
}

void race_next(struct dialer *dialer)
{
    const struct pipeline *pipeline = dialer->sessions->pipeline;
    const struct gateway *gateway = dialer->gateway;
    struct hg_link *link = NULL;

    while (!link && dialer->next_endpoint < gateway->endpoint_count)
        link = dialer_connect(dialer, &gateway->endpoints[dialer->next_endpoint++]);
    if (link) {
        link->is_attempt = true;
        dialer->attempts++;
    }
    if (dialer->next_endpoint < gateway->endpoint_count)
        hg_timer_set(dialer->sessions->worker->host, dialer->timer, pipeline->settings.head_start);
    dialer_want(dialer);
}

void race_end(struct dialer *dialer, const char *why)
{
    struct sessions *sessions = dialer->sessions;

    for (struct hg_link *link = sessions->links; link; link = link->next)
        if (link->is_attempt && link->dialer == dialer)
            link_close(link, TN_NO_ERROR, "%s", why);
    if (!dialer->waits)
        hg_timer_stop(sessions->worker->host, dialer->timer);
    dialer->next_endpoint = dialer->gateway->endpoint_count;
}

struct hg_link *race_opening_link(const struct dialer *dialer, bool said)
{
    struct hg_link *link = dialer->sessions->links;

    while (link &&
           !(link->dialer == dialer && link->is_attempt && link->state == LINK_OPENING && link->open_sent == said))
        link = link->next;
    return link;
}

void race_link_up(struct hg_link *link)
{
    struct dialer *dialer = link->dialer;
    struct hg_link *first = race_opening_link(dialer, true);
    hg_time now = hg_now(link_worker(link)), until;

    if (!dialer_needs_link(dialer)) {
        link_close(link, TN_NO_ERROR, "no longer needed");
    } else if (first) {
        until = first->up_at + OPEN_HEAD_START;
        link_check_at(first, until > now ? until : now);
        link_check_at(link, now + CONNECT_TIMEOUT);
    } else {
        open_message_send(link, dialer_session_in_need(dialer));
    }
}

/* A gateway can be away for days; only new failures are logged at once. */
static void log_failure(const struct dialer *dialer, const struct hg_link *link)
{
    const char *transport = link->transport->instance->name;
    char failure[sizeof dialer->label + sizeof link->reason + 64];

    snprintf(failure, sizeof failure, "%s%s: %s", dialer->label, transport, link->reason);
    hg_log_limited(dialer->sessions->worker->instance, HG_LOG_WARNING, failure, "%scannot open a session over %s: %s",
                   dialer->label, transport, link->reason);
}

/* A link has left the race. */
void race_link_ended(struct dialer *dialer, const struct hg_link *link)
{
    struct hg_link *second;

    dialer->attempts--;
    if (!dialer_needs_link(dialer))
        return;
    log_failure(dialer, link);
    second = race_opening_link(dialer, false);
    if (second && !race_opening_link(dialer, true))
        open_message_send(second, dialer_session_in_need(dialer));
    race_next(dialer);
}
