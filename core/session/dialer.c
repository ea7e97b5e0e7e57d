/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/dialer.h"

#include "core/base/log.h"
#include "core/loop/network_change.h"
#include "core/session/dialer_private.h"
#include "core/session/link_silence.h"
#include "core/session/session_lookup.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void on_timer(void *arg)
{
    struct dialer *dialer = arg;

    dialer->waits = false;
    if (!dialer_needs_link(dialer))
        return;
    dialer->round_began = hg_now(dialer->sessions->worker);
    race_next(dialer);
}

/* Sets the prefix of its log lines. */
static void set_label(struct dialer *dialer, unsigned number)
{
    const struct sessions *sessions = dialer->sessions;
    int64_t links = sessions->pipeline->settings.links;
    char name[280];

    gateway_print(name, sizeof name, dialer->gateway);
    if (links > 1)
        snprintf(dialer->label, sizeof dialer->label, "%s, link %u: ", name, number);
    else if (sessions->gateways.count > 1)
        snprintf(dialer->label, sizeof dialer->label, "%s: ", name);
}

static int add_dialer(struct sessions *sessions, const struct gateway *gateway, unsigned number)
{
    struct dialer *dialer = calloc(1, sizeof *dialer), **place = &sessions->dialers;

    if (!dialer)
        return -1;
    while (*place)
        place = &(*place)->next;
    *place = dialer;
    dialer->sessions = sessions;
    dialer->gateway = gateway;
    set_label(dialer, number);
    dialer->timer = hg_timer_new(sessions->worker, on_timer, dialer);
    dialer->probe_timer = hg_timer_new(sessions->worker, return_probe, dialer);
    return dialer->timer && dialer->probe_timer ? 0 : -1;
}

/* Just a random string to the gateway, but people can tell from its log which process is meant. */
static int name_process(char process[static CONTROL_NAME_SIZE + 1])
{
    char random[CONTROL_SESSION_NAME_SIZE + 1], host[256] = "", shown[25];

    if (session_random_name(random))
        return -1;
    gethostname(host, sizeof host - 1);
    log_printable(shown, sizeof shown, host);
    snprintf(process, CONTROL_NAME_SIZE + 1, "%s:%ld:%s", shown, (long)getpid(), random);
    return 0;
}

int dialers_start(struct sessions *sessions)
{
    const struct pipeline *pipeline = sessions->pipeline;

    if (name_process(sessions->process) || gateway_list_make(&sessions->gateways, pipeline))
        return -1;
    for (size_t i = 0; i < sessions->gateways.count; i++)
        for (unsigned number = 1; number <= pipeline->settings.links; number++)
            if (add_dialer(sessions, &sessions->gateways.list[i], number))
                return -1;
    sessions->changes = changes_watch(sessions->worker, dialers_changed, sessions);
    if (!sessions->changes)
        return -1;
    for (struct dialer *dialer = sessions->dialers; dialer; dialer = dialer->next)
        dialer_want(dialer);
    return 0;
}

void dialers_stop(struct sessions *sessions)
{
    changes_unwatch(sessions->changes);
    sessions->changes = NULL;
    while (sessions->dialers) {
        struct dialer *dialer = sessions->dialers;

        sessions->dialers = dialer->next;
        hg_timer_free(sessions->worker->host, dialer->timer);
        hg_timer_free(sessions->worker->host, dialer->probe_timer);
        free(dialer);
    }
    gateway_list_free(&sessions->gateways);
}

void dialer_review(struct dialer *dialer)
{
    if (dialer->attempts && !dialer_needs_link(dialer))
        race_end(dialer, "no longer needed");
}

void dialers_review(struct sessions *sessions)
{
    for (struct dialer *dialer = sessions->dialers; dialer; dialer = dialer->next)
        dialer_review(dialer);
}

void dialer_refused(struct dialer *dialer, hg_time not_before, bool drains)
{
    dialer->not_before = not_before;
    if (!drains)
        backoff_refused(&dialer->backoff);
}

void dialer_link_up(struct hg_link *link)
{
    if (link->is_probe)
        return_link_up(link);
    else
        race_link_up(link);
}

void dialer_accepted(struct hg_link *link, bool resumed)
{
    struct dialer *dialer = link->dialer;
    bool returned = link->is_probe;

    link->is_attempt = link->is_probe = false;
    dialer->round_began = 0;
    if (returned) {
        dialer->probe = NULL;
    } else {
        dialer->attempts--;
        race_end(dialer, "another link was faster");
    }
    if (resumed)
        backoff_resumed(&dialer->backoff);
    return_note(dialer, link, returned);
    dialer_want(dialer);
}

void dialer_link_ended(struct hg_link *link)
{
    struct dialer *dialer = link->dialer;

    if (link->is_attempt) {
        race_link_ended(dialer, link);
        return;
    }
    if (link->is_probe) {
        return_link_ended(dialer, link);
        return;
    }
    if (link->was_active)
        backoff_link_ended(&dialer->backoff, hg_now(link->sessions->worker) - link->up_at);
    dialer_want(dialer);
}

/* ---- When the network has changed ---- */

/* If a handshake has already taken this long when the network changes, it was probably started on the old path. */
#define STUCK HG_SECOND

static void try_again_soon(struct dialer *dialer)
{
    hg_time now = hg_now(dialer->sessions->worker);

    if (dialer->attempts && now >= dialer->round_began + STUCK && !race_opening_link(dialer, true))
        race_end(dialer, "the network has changed");
    /* Earlier and current tries failed on a network that no longer exists, so they do not count. But a wait that a
     * gateway asked for still does. */
    backoff_resumed(&dialer->backoff);
    if (!dialer->waits)
        return;
    dialer->waits = false;
    dialer_want(dialer);
}

void dialers_changed(void *arg)
{
    struct sessions *sessions = arg;

    for (struct hg_link *link = sessions->links; link; link = link->next)
        link_ask(link);
    for (struct dialer *dialer = sessions->dialers; dialer; dialer = dialer->next)
        try_again_soon(dialer);
}

/* ---- Reporting ---- */

static void report(const struct dialer *dialer)
{
    const struct session *session = dialer_current_session(dialer);
    const char *transport = session && session->link ? session->link->transport->instance->name : "none";
    char gateway[280];

    gateway_print(gateway, sizeof gateway, dialer->gateway);
    log_figures("session",
                (const struct log_member[]){
                    LOG_STRING("gateway", hg_text(gateway)),
                    LOG_NUMBER("session", session ? session->number : 0),
                    LOG_STRING("transport", hg_text(transport)),
                    LOG_NUMBER("failures", dialer->backoff.failures),
                },
                4);
}

void dialers_report(const struct sessions *sessions)
{
    for (const struct dialer *dialer = sessions->dialers; dialer; dialer = dialer->next)
        report(dialer);
}
