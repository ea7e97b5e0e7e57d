/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/dtls/client.h"

#include "plugins/dtls/association.h"
#include "plugins/dtls/certificate.h"
#include "plugins/tlscommon/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An address from which nothing at all has come by then is left for the next one. */
#define ANSWER_TIME (1500 * HG_MILLISECOND)

/* Batches read before other events of the loop get their turn. */
#define BATCHES_PER_EVENT 4

/* The core's wish for a link, while its address is looked up and the addresses are tried in order. */
struct connection {
    struct dtls_client *client;
    struct dtls_list link_in_client; /* in client->connections */
    struct hg_link *link;
    struct hg_resolution *resolution;
    struct hg_sockaddr *addresses;
    size_t address_count, next_address;
    struct attempt *attempt; /* the present one; NULL while the name is looked up */
    bool going_on;           /* the attempt ends, the connection does not */
};

/* An association with one of the addresses. */
struct attempt {
    struct dtls_association association; /* first, so that one is the other */
    struct connection *connection;
    struct dtls_socket socket;
};

struct dtls_client {
    struct dtls_worker *dtls;
    struct dtls_list connections;
    gnutls_datum_t session; /* of the newest association, with its ticket: for the next handshake */
};

static void free_connection(struct connection *connection)
{
    dtls_list_remove(&connection->link_in_client);
    free(connection->addresses);
    free(connection);
}

static void forget_session(struct dtls_client *client)
{
    if (client->session.data)
        gnutls_memset(client->session.data, 0, client->session.size);
    gnutls_free(client->session.data);
    client->session.data = NULL;
    client->session.size = 0;
}

/* ---- One attempt ---- */

static void remove_attempt(struct dtls_association *association)
{
    struct attempt *attempt = (struct attempt *)association;
    struct connection *connection = attempt->connection;

    dtls_socket_fini(&attempt->socket);
    close(attempt->socket.fd);
    connection->attempt = NULL;
    attempt->connection = NULL;
    if (!connection->going_on)
        free_connection(connection);
}

static void free_attempt(struct dtls_association *association)
{
    free(association);
}

static void try_next(struct connection *connection, const char *reason);

static void attempt_down(struct dtls_association *association, const char *reason)
{
    struct connection *connection = ((struct attempt *)association)->connection;
    struct dtls_client *client = connection->client;
    bool was_up = association->state == DTLS_UP;

    dtls_association_enter(association);
    if (was_up) {
        struct hg_link *link = connection->link;

        dtls_association_end(association);
        hg_link_down(client->dtls->worker, link, reason);
    } else {
        ++*client->dtls->counters.handshakes_failed;
        /* Perhaps it was the resumption that failed: the next handshake is a full one. */
        forget_session(client);
        connection->going_on = true;
        dtls_association_end(association);
        connection->going_on = false;
        try_next(connection, reason);
    }
    dtls_association_leave(association);
}

static void keep_session(struct dtls_client *client, gnutls_session_t session)
{
    gnutls_datum_t fresh;

    if (gnutls_session_get_data2(session, &fresh) < 0)
        return;
    forget_session(client);
    client->session = fresh;
}

static void attempt_up(struct dtls_association *association)
{
    struct attempt *attempt = (struct attempt *)association;
    struct connection *connection = attempt->connection;
    gnutls_session_t session = association->session;
    gnutls_datum_t protocol;

    association->reason[0] = '\0';
    if (gnutls_alpn_get_selected_protocol(session, &protocol) < 0)
        snprintf(association->reason, sizeof association->reason, "the peer does not speak " DTLS_ALPN);
    else if (gnutls_session_is_resumed(session) && dtls_certificate_verify(session) < 0 && !association->reason[0])
        snprintf(association->reason, sizeof association->reason, "the resumed session's certificate is not valid");
    if (association->reason[0]) {
        gnutls_bye(session, GNUTLS_SHUT_WR);
        dtls_socket_flush(association->socket);
        association->state = DTLS_HANDSHAKE; /* the core never saw it up */
        attempt_down(association, association->reason);
        return;
    }
    keep_session(connection->client, session);
    association->link = connection->link;
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

/* A socket connected to the address. -1 with `reason` filled. */
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
    dtls_worker_set_buffers(dtls, fd);
    return fd;
}

/* SNI, resumption. */
static void prepare_session(struct dtls_client *client, gnutls_session_t session)
{
    const char *name = client->dtls->instance->expected_name;

    tlscommon_ask_for(session, name);
    gnutls_session_set_verify_function(session, dtls_certificate_verify);
    if (client->session.data)
        gnutls_session_set_data(session, client->session.data, client->session.size);
}

/* Begins with one address. -1 with `reason` filled. */
static int begin(struct connection *connection, const struct dtls_path *path, char *reason, size_t size)
{
    struct dtls_client *client = connection->client;
    struct dtls_worker *dtls = client->dtls;
    struct attempt *attempt = calloc(1, sizeof *attempt);
    int fd;

    snprintf(reason, size, "out of memory");
    if (!attempt)
        return -1;
    fd = open_socket(dtls, path, reason, size);
    if (fd < 0) {
        free(attempt);
        return -1;
    }
    if (dtls_socket_init(&attempt->socket, dtls->worker, fd, true, on_io, attempt) < 0) {
        close(fd);
        free(attempt);
        return -1;
    }
    if (dtls_association_init(&attempt->association, dtls, &attempt_owner, &attempt->socket, path, GNUTLS_CLIENT) < 0) {
        dtls_socket_fini(&attempt->socket);
        close(fd);
        free(attempt);
        return -1;
    }
    attempt->connection = connection;
    connection->attempt = attempt;
    if (connection->next_address < connection->address_count)
        attempt->association.answer_by = hg_now(dtls->worker) + ANSWER_TIME;
    prepare_session(client, attempt->association.session);
    if (dtls_association_handshake(&attempt->association))
        dtls_socket_flush(&attempt->socket);
    return 0;
}

/* ---- Links ---- */

/* Goes on with the next address; when there is none, tells the core `reason`, why the last one failed. */
static void try_next(struct connection *connection, const char *reason)
{
    struct dtls_client *client = connection->client;
    struct hg_worker *worker = client->dtls->worker;
    struct hg_link *link = connection->link;
    char text[320];

    snprintf(text, sizeof text, "%s", reason);
    while (connection->next_address < connection->address_count) {
        const struct hg_sockaddr *address = &connection->addresses[connection->next_address++];
        struct dtls_path path;

        if (connection->next_address > 1)
            hg_log(worker->instance, HG_LOG_INFO, "%s; trying the next address", text);
        dtls_path_init(&path, (const struct sockaddr *)&address->address);
        if (begin(connection, &path, text, sizeof text) == 0)
            return;
    }
    free_connection(connection);
    hg_link_down(worker, link, text);
}

static void resolved(void *arg, const struct hg_sockaddr *addresses, size_t count, const char *error)
{
    struct connection *connection = arg;
    const struct hg_address *target = &connection->client->dtls->config->connect;
    char reason[320];

    connection->resolution = NULL;
    if (count > 0) {
        connection->addresses = malloc(count * sizeof *addresses);
        if (connection->addresses) {
            memcpy(connection->addresses, addresses, count * sizeof *addresses);
            connection->address_count = count;
        }
    }
    snprintf(reason, sizeof reason, "cannot look up %s: %s", target->host, error ? error : "out of memory");
    try_next(connection, reason);
}

int dtls_client_connect(struct dtls_client *client, struct hg_link *link)
{
    const struct hg_address *target = &client->dtls->config->connect;
    struct connection *connection = calloc(1, sizeof *connection);

    if (connection) {
        connection->client = client;
        connection->link = link;
        connection->resolution = hg_resolve(client->dtls->worker, target->host, target->port, resolved, connection);
    }
    if (!connection || !connection->resolution) {
        hg_log(client->dtls->worker->instance, HG_LOG_ERROR, "cannot connect: out of memory");
        free(connection);
        return -1;
    }
    dtls_list_append(&client->connections, &connection->link_in_client);
    return 0;
}

void dtls_client_cancel(struct dtls_client *client, struct hg_link *link)
{
    for (struct dtls_list *at = client->connections.next; at != &client->connections; at = at->next) {
        struct connection *connection = DTLS_LIST_ENTRY(at, struct connection, link_in_client);

        if (connection->link != link)
            continue;
        if (connection->resolution)
            hg_resolve_cancel(client->dtls->worker->host, connection->resolution);
        if (connection->attempt)
            dtls_association_end(&connection->attempt->association);
        else
            free_connection(connection);
        return;
    }
}

struct dtls_client *dtls_client_new(struct dtls_worker *dtls)
{
    struct dtls_client *client = calloc(1, sizeof *client);

    if (!client)
        return NULL;
    client->dtls = dtls;
    dtls_list_init(&client->connections);
    return client;
}

void dtls_client_free(struct dtls_client *client)
{
    if (!client)
        return;
    forget_session(client);
    free(client);
}
