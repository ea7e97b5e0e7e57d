/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/dtls/client.h"

#include "plugins/dtls/association.h"
#include "plugins/lib/tlscommon/peer_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* With a fixed local port, there can be only one socket at a time, so an address from which nothing at all has arrived
 * after this time is abandoned for the next one. */
#define ANSWER_TIME (1500 * HG_MILLISECOND)

/* Batches to read before other events of the loop are handled. */
#define BATCHES_PER_EVENT 4

/* An association with one address of a gateway. */
struct attempt {
    struct dtls_association association; /* first, so that pointers to both can be cast */
    struct tlscommon_dial *dial;         /* NULL: the link is up, or no longer wanted */
    struct tlscommon_gateway *gateway;
    struct dtls_socket socket;
};

/* ---- One attempt ---- */

static void remove_attempt(struct dtls_association *association)
{
    struct attempt *attempt = (struct attempt *)association;

    dtls_socket_fini(&attempt->socket);
    close(attempt->socket.fd);
}

static void free_attempt(struct dtls_association *association)
{
    free(association);
}

static void attempt_down(struct dtls_association *association, const char *reason)
{
    struct attempt *attempt = (struct attempt *)association;
    struct tlscommon_dial *dial = attempt->dial;
    struct hg_link *link = association->link;

    dtls_association_enter(association);
    attempt->dial = NULL;
    dtls_association_end(association);
    if (dial) {
        ++*association->dtls->counters.handshakes_failed;
        tlscommon_gateway_forget(attempt->gateway);
        tlscommon_dial_failed(dial, attempt, reason);
    } else if (link) {
        hg_link_down(association->dtls->worker, link, reason);
    }
    dtls_association_leave(association);
}

static int verify(gnutls_session_t session)
{
    struct dtls_association *association = gnutls_session_get_ptr(session);
    const struct tlscommon_client *client = association->dtls->client;

    return tlscommon_verify(session, tlscommon_gateway_name(client, ((struct attempt *)association)->gateway),
                            client->config->ca, association->reason, sizeof association->reason);
}

static void attempt_up(struct dtls_association *association)
{
    struct attempt *attempt = (struct attempt *)association;
    gnutls_session_t session = association->session;
    gnutls_datum_t protocol;

    association->reason[0] = '\0';
    if (gnutls_alpn_get_selected_protocol(session, &protocol) < 0)
        snprintf(association->reason, sizeof association->reason, "the peer does not support " TLSCOMMON_ALPN);
    else if (gnutls_session_is_resumed(session) && verify(session) < 0 && !association->reason[0])
        snprintf(association->reason, sizeof association->reason,
                 "the certificate of the resumed session is no longer valid");
    if (association->reason[0]) {
        gnutls_bye(session, GNUTLS_SHUT_WR);
        dtls_socket_flush(association->socket);
        attempt_down(association, association->reason);
        return;
    }
    tlscommon_gateway_keep(attempt->gateway, session);
    association->link = tlscommon_dial_succeeded(attempt->dial, attempt);
    attempt->dial = NULL;
    dtls_association_link_up(association);
}

static const struct dtls_owner attempt_owner = {
    .up = attempt_up, .down = attempt_down, .remove = remove_attempt, .free = free_attempt};

static void receive_arrival(struct dtls_association *association, struct dtls_arrival *arrival)
{
    const uint8_t *datagram;
    size_t size;

    while (association->state != DTLS_ENDED && dtls_arrival_next(arrival, &datagram, &size)) {
        struct dtls_record record;

        while (dtls_record_next(&datagram, &size, &record)) {
            if (!dtls_association_receive(association, &record))
                return;
        }
        if (size > 0)
            ++*association->dtls->counters.dropped;
    }
}

static void receive(struct dtls_association *association)
{
    struct dtls_worker *dtls = association->dtls;
    int count = DTLS_RECEIVE_BATCH;

    for (int i = 0; count == DTLS_RECEIVE_BATCH && i < BATCHES_PER_EVENT; i++) {
        count = dtls_receiver_read(dtls->receiver, association->socket->fd);
        if (count < 0 && errno != EAGAIN && errno != EINTR)
            dtls_association_send_failed(association, errno, 0);
        for (int j = 0; j < count; j++) {
            struct dtls_arrival arrival;

            if (dtls_receiver_get(dtls->receiver, j, &arrival))
                receive_arrival(association, &arrival);
        }
        dtls_association_batch_end(dtls);
        if (association->state == DTLS_ENDED)
            return;
    }
}

static void on_io(void *arg, int events)
{
    struct attempt *attempt = arg;
    struct dtls_association *association = &attempt->association;

    dtls_association_enter(association);
    if (events & HG_WRITE) {
        dtls_socket_flush(&attempt->socket);
        if (!attempt->socket.waiting)
            dtls_association_writable(&attempt->socket);
    }
    if ((events & HG_READ) && association->state != DTLS_ENDED)
        receive(association);
    if (association->state != DTLS_ENDED && !attempt->socket.waiting)
        dtls_socket_flush(&attempt->socket);
    dtls_association_leave(association);
}

/* Opens a socket connected to the address. On error, returns -1 and fills `reason`. */
static int open_socket(struct dtls_worker *dtls, const struct dtls_path *path, char *reason, size_t size)
{
    const struct dtls_instance *instance = dtls->instance;
    sa_family_t family = path->peer.any.sa_family;
    int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    char text[DTLS_PATH_TEXT];

    if (fd < 0) {
        snprintf(reason, size, "cannot open a UDP socket: %s", strerror(errno));
        return -1;
    }
    if (instance->bound && instance->bind_address.any.sa_family == family &&
        bind(fd, &instance->bind_address.any,
             family == AF_INET ? sizeof instance->bind_address.v4 : sizeof instance->bind_address.v6) < 0) {
        snprintf(reason, size, "cannot bind to %s: %s (option bind)", dtls->config->bind.host, strerror(errno));
        close(fd);
        return -1;
    }
    if (connect(fd, &path->peer.any, dtls_path_peer_size(path)) < 0) {
        snprintf(reason, size, "cannot reach %s: %s", dtls_path_print(path, text), strerror(errno));
        close(fd);
        return -1;
    }
    dtls_set_buffers(dtls->worker->instance, fd);
    return fd;
}

/* Sets SNI and session resumption. */
static void prepare_session(const struct attempt *attempt)
{
    gnutls_session_t session = attempt->association.session;

    tlscommon_ask_for(session, tlscommon_gateway_name(attempt->association.dtls->client, attempt->gateway));
    gnutls_session_set_verify_function(session, verify);
    tlscommon_gateway_resume(attempt->gateway, session);
}

static int begin(struct tlscommon_dial *dial, const struct hg_sockaddr *address, char *reason, size_t size)
{
    struct dtls_worker *dtls = dial->client->worker->state;
    struct attempt *attempt = calloc(1, sizeof *attempt);
    struct dtls_path path;
    int fd;

    dtls_path_init(&path, (const struct sockaddr *)&address->address);
    snprintf(reason, size, "out of memory");
    if (!attempt)
        return -1;
    fd = open_socket(dtls, &path, reason, size);
    if (fd < 0) {
        free(attempt);
        return -1;
    }
    if (dtls_socket_init(&attempt->socket, dtls->worker, fd, true, on_io, attempt) < 0) {
        close(fd);
        free(attempt);
        return -1;
    }
    if (dtls_association_init(&attempt->association, dtls, &attempt_owner, &attempt->socket, &path, GNUTLS_CLIENT) <
        0) {
        dtls_socket_fini(&attempt->socket);
        close(fd);
        free(attempt);
        return -1;
    }
    attempt->dial = dial;
    attempt->gateway = dial->gateway;
    tlscommon_dial_begun(dial, attempt);
    if (dial->client->one_at_a_time && tlscommon_dial_has_next(dial))
        attempt->association.answer_by = hg_now(dtls->worker) + ANSWER_TIME;
    prepare_session(attempt);
    if (dtls_association_handshake(&attempt->association))
        dtls_socket_flush(&attempt->socket);
    return 0;
}

static bool is_answered(const void *attempt)
{
    return ((const struct attempt *)attempt)->association.answered;
}

static void end(void *unwanted)
{
    struct attempt *attempt = unwanted;

    attempt->dial = NULL;
    dtls_association_end(&attempt->association);
}

/* ---- Creation and destruction ---- */

struct tlscommon_client *dtls_client_new(struct dtls_worker *dtls)
{
    static const struct tlscommon_attempts attempts = {.begin = begin, .is_answered = is_answered, .end = end};
    struct tlscommon_client *client = malloc(sizeof *client);

    if (!client || tlscommon_client_init(client, dtls->worker, &dtls->config->client, &attempts)) {
        free(client);
        return NULL;
    }
    client->one_at_a_time = dtls->config->bind.port > 0;
    return client;
}

void dtls_client_free(struct tlscommon_client *client)
{
    if (!client)
        return;
    tlscommon_client_fini(client);
    free(client);
}
