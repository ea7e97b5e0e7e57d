/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/dtls/reconnect_hint.h"

#include "plugins/dtls/record_header.h"

#include <gnutls/gnutls.h>
#include <stdlib.h>

/* 1,000 a second: no more clients than can complete a handshake in that time. */
#define TURN       (10 * HG_MILLISECOND)
#define TURN_HINTS 10

/* Each client gets the hint twice, since a datagram may get lost, with at least this pause in between. */
#define ROUNDS      2
#define ROUND_PAUSE (300 * HG_MILLISECOND)

struct dtls_recall {
    struct hg_worker *worker;
    struct dtls_socket *socket;
    struct dtls_roster *roster;
    struct hg_timer *timer;
    size_t next; /* index into what the roster found */
    unsigned rounds;
};

void dtls_recall_hint(struct dtls_socket *socket, const struct dtls_path *path)
{
    static const uint8_t alert[DTLS_RECALL_SIZE] = {
        DTLS_RECORD_ALERT, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, GNUTLS_AL_FATAL, GNUTLS_A_UNEXPECTED_MESSAGE};

    dtls_socket_append(socket, NULL, path, alert, sizeof alert, 0);
}

static void on_timer(void *arg)
{
    struct dtls_recall *recall = arg;
    const struct hg_host *host = recall->worker->host;
    size_t count;
    const struct dtls_roster_entry *found = dtls_roster_found(recall->roster, &count);

    for (unsigned i = 0; i < TURN_HINTS && recall->next < count; i++)
        dtls_recall_hint(recall->socket, &found[recall->next++].path);
    if (!recall->socket->waiting)
        dtls_socket_flush(recall->socket);
    if (recall->next < count) {
        hg_timer_set(host, recall->timer, TURN);
        return;
    }
    recall->next = 0;
    if (++recall->rounds < ROUNDS)
        hg_timer_set(host, recall->timer, ROUND_PAUSE);
    else
        dtls_roster_settle(recall->roster);
}

struct dtls_recall *dtls_recall_start(struct hg_worker *worker, struct dtls_socket *socket, struct dtls_roster *roster)
{
    struct dtls_recall *recall;
    size_t count;

    dtls_roster_found(roster, &count);
    if (!count)
        return NULL;
    recall = calloc(1, sizeof *recall);
    if (recall)
        recall->timer = hg_timer_new(worker, on_timer, recall);
    if (!recall || !recall->timer) {
        free(recall);
        return NULL;
    }
    recall->worker = worker;
    recall->socket = socket;
    recall->roster = roster;
    hg_timer_set(worker->host, recall->timer, 0);
    hg_log(worker->instance, HG_LOG_INFO, "asking %zu client%s of the previous process to reconnect", count,
           count == 1 ? "" : "s");
    return recall;
}

void dtls_recall_free(struct dtls_recall *recall)
{
    if (!recall)
        return;
    hg_timer_free(recall->worker->host, recall->timer);
    free(recall);
}
