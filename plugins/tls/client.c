/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/tls/client.h"

#include "plugins/tls/connection.h"
#include "plugins/tlscommon/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* An address that TCP has not reached by then is left for the next one. */
#define ANSWER_TIME (1500 * HG_MILLISECOND)

/* The core's wish for a link, while the gateway's name is looked up and its addresses are tried in order. */
struct wish {
    struct tls_client *client;
    struct wish *next, **previous; /* client->wishes */
    struct hg_link *link;
    struct hg_resolution *resolution;
    struct hg_sockaddr *addresses;
    size_t address_count, next_address;
    struct attempt *attempt; /* the present one; NULL while the name is looked up */
    bool going_on;           /* the attempt ends, the wish does not */
};

/* A connection to one of the addresses. */
struct attempt {
    struct tls_connection connection; /* first, so that one is the other */
    struct wish *wish;
};

struct tls_client {
    struct tls_worker *tls;
    struct wish *wishes;
    gnutls_datum_t session; /* with the newest ticket: for the next handshake */
};

static void free_wish(struct wish *wish)
{
    *wish->previous = wish->next;
    if (wish->next)
        wish->next->previous = wish->previous;
    free(wish->addresses);
    free(wish);
}

/* ---- Tickets ---- */

static void forget_session(struct tls_client *client)
{
    if (client->session.data)
        gnutls_memset(client->session.data, 0, client->session.size);
    gnutls_free(client->session.data);
    client->session.data = NULL;
    client->session.size = 0;
}

/* In TLS 1.3 tickets come after the handshake (RFC 8446 section 4.6.1). */
static int keep_session(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
                        const gnutls_datum_t *message)
{
    const struct tls_connection *connection = gnutls_session_get_ptr(session);
    struct tls_client *client = connection->tls->client;
    gnutls_datum_t fresh;

    (void)type;
    (void)when;
    (void)incoming;
    (void)message;
    if (gnutls_session_get_data2(session, &fresh) < 0)
        return 0;
    forget_session(client);
    client->session = fresh;
    return 0;
}

/* ---- One attempt ---- */

static void try_next(struct wish *wish, const char *reason);

static void attempt_remove(struct tls_connection *connection)
{
    struct attempt *attempt = (struct attempt *)connection;
    struct wish *wish = attempt->wish;

    attempt->wish = NULL;
    wish->attempt = NULL;
    if (!wish->going_on)
        free_wish(wish);
}

static void attempt_free(struct tls_connection *connection)
{
    free(connection);
}

static void attempt_down(struct tls_connection *connection, const char *reason)
{
    struct wish *wish = ((struct attempt *)connection)->wish;
    struct tls_client *client = wish->client;
    struct hg_link *link = wish->link;

    tls_connection_enter(connection);
    if (connection->state == TLS_UP && connection->link) {
        tls_connection_end(connection);
        hg_link_down(client->tls->worker, link, reason);
    } else {
        ++*client->tls->counters.handshakes_failed;
        /* Perhaps it was the resumption that failed: the next handshake is a full one. */
        forget_session(client);
        wish->going_on = true;
        tls_connection_end(connection);
        wish->going_on = false;
        try_next(wish, reason);
    }
    tls_connection_leave(connection);
}

static int verify(gnutls_session_t session)
{
    struct tls_connection *connection = gnutls_session_get_ptr(session);
    const struct tls_worker *tls = connection->tls;

    return tlscommon_verify(session, tls->instance->expected_name, tls->config->ca, connection->reason,
                            sizeof connection->reason);
}

static void attempt_up(struct tls_connection *connection)
{
    gnutls_session_t session = connection->session;
    const char *wrong = NULL;
    gnutls_datum_t protocol;

    connection->reason[0] = '\0';
    if (gnutls_alpn_get_selected_protocol(session, &protocol) < 0)
        wrong = "the server does not speak " TLS_ALPN ": is there a block `tls` in the gateway's pipeline?";
    else if (gnutls_session_is_resumed(session) && verify(session) < 0)
        wrong = connection->reason[0] ? connection->reason : "the resumed session's certificate is not valid";
    if (wrong) {
        tls_connection_say_goodbye(connection, 0);
        attempt_down(connection, wrong);
        return;
    }
    connection->link = ((struct attempt *)connection)->wish->link;
    tls_connection_link_up(connection);
}

static int start_handshake(struct tls_connection *connection)
{
    struct tls_client *client = connection->tls->client;

    if (tls_connection_secure(connection, GNUTLS_CLIENT) < 0)
        return -1;
    tlscommon_ask_for(connection->session, connection->tls->instance->expected_name);
    gnutls_session_set_verify_function(connection->session, verify);
    gnutls_handshake_set_hook_function(connection->session, GNUTLS_HANDSHAKE_NEW_SESSION_TICKET, GNUTLS_HOOK_POST,
                                       keep_session);
    if (client->session.data)
        gnutls_session_set_data(connection->session, client->session.data, client->session.size);
    tls_connection_expect(connection, connection->tls->config->handshake_timeout);
    connection->reason[0] = '\0';
    return 0;
}

static void print_connect_error(char *reason, size_t size, const char *peer, int error)
{
    if (error == ECONNREFUSED)
        snprintf(reason, size, "%s refused: nothing listens on that TCP port", peer);
    else
        snprintf(reason, size, "cannot reach %s: %s", peer, strerror(error));
}

/* TCP has connected, or has not. */
static void attempt_ready(struct tls_connection *connection)
{
    char reason[256];
    int error = 0;
    socklen_t size = sizeof error;

    getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        print_connect_error(reason, sizeof reason, connection->peer, error);
        attempt_down(connection, reason);
    } else if (start_handshake(connection)) {
        attempt_down(connection, "out of memory");
    } else {
        tls_connection_handshake(connection);
    }
}

static const struct tls_owner attempt_owner = {
    .ready = attempt_ready, .up = attempt_up, .down = attempt_down, .remove = attempt_remove, .free = attempt_free};

/* A socket that connects. -1 with `reason` filled. */
static int open_socket(const struct sockaddr *address, socklen_t address_size, char *reason, size_t size)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    char peer[ACCEPT_PEER_SIZE];

    if (fd < 0) {
        snprintf(reason, size, "cannot open a TCP socket: %s", strerror(errno));
        return -1;
    }
    if (connect(fd, address, address_size) == 0 || errno == EINPROGRESS)
        return fd;
    accept_print_peer(peer, address);
    print_connect_error(reason, size, peer, errno);
    close(fd);
    return -1;
}

/* Begins with one address. -1 with `reason` filled. */
static int begin(struct wish *wish, const struct hg_sockaddr *address, char *reason, size_t size)
{
    struct tls_worker *tls = wish->client->tls;
    const struct sockaddr *peer = (const struct sockaddr *)&address->address;
    int fd = open_socket(peer, address->size, reason, size);
    struct attempt *attempt;

    if (fd < 0)
        return -1;
    attempt = calloc(1, sizeof *attempt);
    if (!attempt || tls_connection_init(&attempt->connection, tls, &attempt_owner, fd) < 0) {
        snprintf(reason, size, "out of memory");
        close(fd);
        free(attempt);
        return -1;
    }
    attempt->wish = wish;
    wish->attempt = attempt;
    accept_print_peer(attempt->connection.peer, peer);
    snprintf(attempt->connection.reason, sizeof attempt->connection.reason,
             "no answer from %s: no gateway there, or TCP is blocked on the way", attempt->connection.peer);
    if (wish->next_address < wish->address_count && ANSWER_TIME < tls->config->handshake_timeout)
        tls_connection_expect(&attempt->connection, ANSWER_TIME);
    tls_connection_watch(&attempt->connection, HG_WRITE);
    return 0;
}

/* ---- Links ---- */

/* Goes on with the next address; when there is none, tells the core `reason`, why the last one failed. */
static void try_next(struct wish *wish, const char *reason)
{
    struct hg_worker *worker = wish->client->tls->worker;
    struct hg_link *link = wish->link;
    char text[320];

    snprintf(text, sizeof text, "%s", reason);
    while (wish->next_address < wish->address_count) {
        if (wish->next_address++ > 0)
            hg_log(worker->instance, HG_LOG_INFO, "%s; trying the next address", text);
        if (begin(wish, &wish->addresses[wish->next_address - 1], text, sizeof text) == 0)
            return;
    }
    free_wish(wish);
    hg_link_down(worker, link, text);
}

static void resolved(void *arg, const struct hg_sockaddr *addresses, size_t count, const char *error)
{
    struct wish *wish = arg;
    char reason[320];

    wish->resolution = NULL;
    if (count > 0) {
        wish->addresses = malloc(count * sizeof *addresses);
        if (wish->addresses) {
            memcpy(wish->addresses, addresses, count * sizeof *addresses);
            wish->address_count = count;
        }
    }
    snprintf(reason, sizeof reason, "cannot look up %s: %s", wish->client->tls->config->connect.host,
             error ? error : "out of memory");
    try_next(wish, reason);
}

int tls_client_connect(struct tls_client *client, struct hg_link *link)
{
    const struct hg_address *target = &client->tls->config->connect;
    struct wish *wish = calloc(1, sizeof *wish);

    if (wish) {
        wish->client = client;
        wish->link = link;
        wish->resolution = hg_resolve(client->tls->worker, target->host, target->port, resolved, wish);
    }
    if (!wish || !wish->resolution) {
        hg_log(client->tls->worker->instance, HG_LOG_ERROR, "cannot connect: out of memory");
        free(wish);
        return -1;
    }
    wish->next = client->wishes;
    wish->previous = &client->wishes;
    if (wish->next)
        wish->next->previous = &wish->next;
    client->wishes = wish;
    return 0;
}

void tls_client_cancel(struct tls_client *client, struct hg_link *link)
{
    struct wish *wish = client->wishes;

    while (wish && wish->link != link)
        wish = wish->next;
    if (!wish)
        return;
    if (wish->resolution)
        hg_resolve_cancel(client->tls->worker->host, wish->resolution);
    if (wish->attempt)
        tls_connection_end(&wish->attempt->connection);
    else
        free_wish(wish);
}

/* ---- Life ---- */

struct tls_client *tls_client_new(struct tls_worker *tls)
{
    struct tls_client *client = calloc(1, sizeof *client);

    if (client)
        client->tls = tls;
    return client;
}

void tls_client_free(struct tls_client *client)
{
    if (!client)
        return;
    forget_session(client);
    free(client);
}
