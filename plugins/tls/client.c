/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/tls/client.h"

#include "plugins/lib/tlscommon/peer_check.h"
#include "plugins/tls/connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A connection to one address of a gateway. */
struct attempt {
    struct tls_connection connection; /* first, so that pointers to both can be cast */
    struct tlscommon_dial *dial;      /* NULL: the link is up, or no longer wanted */
    struct tlscommon_gateway *gateway;
};

/* ---- One attempt ---- */

/* In TLS 1.3, tickets arrive after the handshake (RFC 8446 section 4.6.1). */
static int keep_session(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
                        const gnutls_datum_t *message)
{
    const struct attempt *attempt = gnutls_session_get_ptr(session);

    (void)type;
    (void)when;
    (void)incoming;
    (void)message;
    tlscommon_gateway_keep(attempt->gateway, session);
    return 0;
}

/* Only its dial refers to it, and has been notified before. */
static void attempt_remove(struct tls_connection *connection)
{
    (void)connection;
}

static void attempt_free(struct tls_connection *connection)
{
    free(connection);
}

static void attempt_down(struct tls_connection *connection, const char *reason)
{
    struct attempt *attempt = (struct attempt *)connection;
    struct tlscommon_dial *dial = attempt->dial;
    struct hg_link *link = connection->link;

    tls_connection_enter(connection);
    attempt->dial = NULL;
    tls_connection_end(connection);
    if (dial) {
        ++*connection->tls->counters.handshakes_failed;
        tlscommon_gateway_forget(attempt->gateway);
        tlscommon_dial_failed(dial, attempt, reason);
    } else if (link) {
        hg_link_down(connection->tls->worker, link, reason);
    }
    tls_connection_leave(connection);
}

static int verify(gnutls_session_t session)
{
    struct tls_connection *connection = gnutls_session_get_ptr(session);
    const struct tlscommon_client *client = connection->tls->client;

    return tlscommon_verify(session, tlscommon_gateway_name(client, ((struct attempt *)connection)->gateway),
                            client->config->ca, connection->reason, sizeof connection->reason);
}

static void attempt_up(struct tls_connection *connection)
{
    struct attempt *attempt = (struct attempt *)connection;
    gnutls_session_t session = connection->session;
    const char *wrong = NULL;
    gnutls_datum_t protocol;

    connection->reason[0] = '\0';
    if (gnutls_alpn_get_selected_protocol(session, &protocol) < 0)
        wrong = "the server does not support " TLSCOMMON_ALPN "; is there a `tls` block in the gateway's pipeline?";
    else if (gnutls_session_is_resumed(session) && verify(session) < 0)
        wrong =
            connection->reason[0] ? connection->reason : "the certificate of the resumed session is no longer valid";
    if (wrong) {
        tls_connection_say_goodbye(connection, 0);
        attempt_down(connection, wrong);
        return;
    }
    connection->link = tlscommon_dial_succeeded(attempt->dial, attempt);
    attempt->dial = NULL;
    tls_connection_link_up(connection);
}

static int start_handshake(struct tls_connection *connection)
{
    const struct attempt *attempt = (const struct attempt *)connection;

    if (tls_connection_secure(connection, GNUTLS_CLIENT) < 0)
        return -1;
    tlscommon_ask_for(connection->session, tlscommon_gateway_name(connection->tls->client, attempt->gateway));
    gnutls_session_set_verify_function(connection->session, verify);
    gnutls_handshake_set_hook_function(connection->session, GNUTLS_HANDSHAKE_NEW_SESSION_TICKET, GNUTLS_HOOK_POST,
                                       keep_session);
    tlscommon_gateway_resume(attempt->gateway, connection->session);
    tls_connection_expect(connection, connection->tls->config->handshake_timeout);
    connection->reason[0] = '\0';
    return 0;
}

static void print_connect_error(char *reason, size_t size, const char *peer, int error)
{
    if (error == ECONNREFUSED)
        snprintf(reason, size, "%s: connection refused; nothing is listening on that TCP port", peer);
    else
        snprintf(reason, size, "cannot reach %s: %s", peer, strerror(error));
}

/* TCP has connected, or failed to. */
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

/* Opens a socket that connects. On error, returns -1 and fills `reason`. */
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

static int begin(struct tlscommon_dial *dial, const struct hg_sockaddr *address, char *reason, size_t size)
{
    struct tls_worker *tls = dial->client->worker->state;
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
    attempt->dial = dial;
    attempt->gateway = dial->gateway;
    tlscommon_dial_begun(dial, attempt);
    accept_print_peer(attempt->connection.peer, peer);
    snprintf(attempt->connection.reason, sizeof attempt->connection.reason,
             "no response from %s; there is no gateway, or TCP is blocked on the way", attempt->connection.peer);
    tls_connection_watch(&attempt->connection, HG_WRITE);
    return 0;
}

/* TCP has connected, so the peer is there. */
static bool is_answered(const void *attempt)
{
    return ((const struct attempt *)attempt)->connection.session != NULL;
}

static void end(void *unwanted)
{
    struct attempt *attempt = unwanted;

    attempt->dial = NULL;
    tls_connection_end(&attempt->connection);
}

/* ---- Creation and destruction ---- */

struct tlscommon_client *tls_client_new(struct tls_worker *tls)
{
    static const struct tlscommon_attempts attempts = {.begin = begin, .is_answered = is_answered, .end = end};
    struct tlscommon_client *client = malloc(sizeof *client);

    if (!client || !tlscommon_client_init(client, tls->worker, &tls->config->client, &attempts))
        return client;
    free(client);
    return NULL;
}

void tls_client_free(struct tlscommon_client *client)
{
    if (!client)
        return;
    tlscommon_client_fini(client);
    free(client);
}
