/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/tls/gateway.h"

#include "plugins/lib/ratelimit/signing_queue.h"
#include "plugins/tls/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct peer {
    struct tls_connection connection; /* first, so that pointers to both can be cast */
    struct tls_gateway *gateway;
    struct turn turn; /* to sign */
    struct peer *next, **previous;
};

struct tls_gateway {
    struct tls_worker *tls;
    struct accept *accept; /* NULL: an edge accepts */
    struct ratelimit *ratelimit;
    struct turns *turns;
    struct peer *peers;
    size_t handshakes;    /* of connections that are not up yet */
    struct shares shares; /* of handshakes */
};

/* ---- Peers ---- */

static bool has_room(void *arg)
{
    const struct tls_gateway *gateway = arg;

    return gateway->handshakes < (size_t)gateway->tls->config->max_handshakes;
}

/* A handshake has ended, successfully or not. */
static void handshake_over(const struct peer *peer)
{
    struct tls_gateway *gateway = peer->gateway;

    gateway->handshakes--;
    shares_remove(&gateway->shares, peer->turn.share);
    if (gateway->accept)
        accept_room(gateway->accept);
}

static void peer_remove(struct tls_connection *connection)
{
    struct peer *peer = (struct peer *)connection;

    turns_leave(peer->gateway->turns, &peer->turn);
    *peer->previous = peer->next;
    if (peer->next)
        peer->next->previous = peer->previous;
    if (connection->state != TLS_UP)
        handshake_over(peer);
}

static void peer_free(struct tls_connection *connection)
{
    free(connection);
}

static void peer_down(struct tls_connection *connection, const char *reason)
{
    struct hg_worker *worker = connection->tls->worker;
    struct hg_link *link = connection->link;

    if (connection->state != TLS_UP) {
        ++*connection->tls->counters.handshakes_failed;
        if (connection->alerted)
            hg_log_limited(worker->instance, HG_LOG_WARNING, connection->peer, "%s aborted the handshake: %s",
                           connection->peer, reason);
        else
            hg_log(worker->instance, HG_LOG_DEBUG, "handshake with %s failed: %s", connection->peer, reason);
    }
    tls_connection_enter(connection);
    tls_connection_end(connection);
    if (link)
        hg_link_down(worker, link, reason);
    tls_connection_leave(connection);
}

static void peer_up(struct tls_connection *connection)
{
    handshake_over((struct peer *)connection);
    connection->link = hg_link_accept(connection->tls->worker);
    if (connection->link) {
        tls_connection_link_up(connection);
        return;
    }
    tls_connection_say_goodbye(connection, GNUTLS_A_INTERNAL_ERROR);
    tls_connection_end(connection);
}

/* ---- Before the handshake ---- */

static void secure(struct tls_connection *connection)
{
    const struct tls_instance *instance = connection->tls->instance;

    if (tls_connection_secure(connection, GNUTLS_SERVER) < 0 ||
        gnutls_session_ticket_enable_server(connection->session, &instance->setup.ticket_key) < 0) {
        peer_down(connection, "out of memory");
        return;
    }
    tlscommon_certificate_require(connection->session);
    tls_connection_handshake(connection);
}

/* Starts only after others had their turn. */
static void begin(struct tls_connection *connection)
{
    struct peer *peer = (struct peer *)connection;
    struct turns *turns = peer->gateway->turns;

    if (!turns_take(turns, &peer->turn)) {
        tls_connection_park(connection);
        return;
    }
    secure(connection);
    turns_done(turns);
}

static void on_turn(void *arg)
{
    secure(arg);
}

static void certificate_decided(void *arg)
{
    begin(arg);
}

static void find_certificate(struct tls_connection *connection, const struct tlscommon_hello *hello)
{
    const struct hg_certificate_query query = {.server_name = hg_text(hello->server_name),
                                               .alpn = hello->alpn,
                                               .alpn_count = hello->alpn_count,
                                               .peer = hg_text(connection->peer)};

    if (tlscommon_certificate_find(&connection->certificate, connection->tls->worker, &query, certificate_decided,
                                   connection))
        begin(connection);
    else
        tls_connection_park(connection);
}

/* Parses what has arrived of the ClientHello. */
static enum tlscommon_hello_state read_hello(struct tls_connection *connection)
{
    struct tlscommon_hello hello;
    enum tlscommon_hello_state state =
        tlscommon_hello_read(&hello, connection->input.data, connection->input.size, connection->tls->input);

    if (state == TLSCOMMON_HELLO_COMPLETE)
        find_certificate(connection, &hello);
    else if (state == TLSCOMMON_HELLO_WRONG)
        secure(connection); /* GnuTLS sends the right alert */
    return state;
}

static void peer_ready(struct tls_connection *connection)
{
    ssize_t got;

    do {
        got = tlscommon_input_receive(&connection->input);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            peer_down(connection, got == 0 ? "closed before it sent anything" : strerror(errno));
            return;
        }
    } while (read_hello(connection) == TLSCOMMON_HELLO_INCOMPLETE);
}

static const struct tls_owner peer_owner = {
    .ready = peer_ready, .up = peer_up, .down = peer_down, .remove = peer_remove, .free = peer_free};

/* Returns NULL when out of memory; the descriptor is then closed. */
static struct tls_connection *add_peer(struct tls_gateway *gateway, int fd, struct share share)
{
    struct peer *peer = calloc(1, sizeof *peer);

    if (!peer || tls_connection_init(&peer->connection, gateway->tls, &peer_owner, fd) < 0) {
        close(fd);
        free(peer);
        return NULL;
    }
    peer->gateway = gateway;
    peer->next = gateway->peers;
    peer->previous = &gateway->peers;
    if (peer->next)
        peer->next->previous = &peer->next;
    gateway->peers = peer;
    turn_init(&peer->turn, share, on_turn, peer);
    shares_add(&gateway->shares, share);
    gateway->handshakes++;
    tls_connection_watch(&peer->connection, HG_READ);
    return &peer->connection;
}

/* Whether this source may start another handshake. */
static bool admits(struct tls_gateway *gateway, const struct sockaddr *address, struct share share)
{
    if (!shares_has_room(&gateway->shares, share, (uint32_t)gateway->tls->config->max_handshakes)) {
        ++*gateway->tls->counters.refused;
        return false;
    }
    return ratelimit_admits(gateway->ratelimit, address);
}

static void on_connection(void *arg, int fd, const struct sockaddr *address, size_t listener)
{
    struct tls_gateway *gateway = arg;
    struct share share = turns_share(gateway->turns, address);
    struct tls_connection *connection;

    (void)listener;
    if (!admits(gateway, address, share)) {
        close(fd);
        return;
    }
    connection = add_peer(gateway, fd, share);
    if (connection)
        accept_print_peer(connection->peer, address);
}

void tls_gateway_take(struct tls_gateway *gateway, const struct hg_connection *taken)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    struct tls_connection *connection;
    struct share share;

    if (!has_room(gateway)) {
        ++*gateway->tls->counters.refused;
        close(taken->fd);
        return;
    }
    if (getpeername(taken->fd, (struct sockaddr *)&address, &size) < 0) {
        close(taken->fd);
        return;
    }
    share = turns_share(gateway->turns, (struct sockaddr *)&address);
    if (!admits(gateway, (struct sockaddr *)&address, share)) {
        close(taken->fd);
        return;
    }
    connection = add_peer(gateway, taken->fd, share);
    if (!connection)
        return;
    memcpy(connection->peer, taken->peer.data,
           taken->peer.size < sizeof connection->peer ? taken->peer.size : sizeof connection->peer - 1);
    tls_connection_enter(connection);
    if (tlscommon_input_put(&connection->input, taken->bytes, taken->size))
        peer_down(connection, "out of memory");
    else
        read_hello(connection);
    tls_connection_leave(connection);
}

/* ---- Creation and destruction ---- */

struct tls_gateway *tls_gateway_new(struct tls_worker *tls)
{
    static const struct accept_user user = {.has_room = has_room, .connection = on_connection};
    struct tls_gateway *gateway = calloc(1, sizeof *gateway);
    size_t count = tls->config->listen.count;

    if (!gateway)
        return NULL;
    gateway->tls = tls;
    gateway->ratelimit = ratelimit_new(tls->worker, &tls->config->ratelimit);
    gateway->turns = turns_new(tls->worker);
    if (gateway->ratelimit && gateway->turns && count > 0)
        gateway->accept = accept_start(tls->worker, tls->instance->setup.listeners, count, &user, gateway);
    if (gateway->ratelimit && gateway->turns && (gateway->accept || count == 0))
        return gateway;
    tls_gateway_free(gateway);
    return NULL;
}

void tls_gateway_free(struct tls_gateway *gateway)
{
    if (!gateway)
        return;
    while (gateway->peers) {
        gateway->peers->connection.farewell = false;
        tls_connection_end(&gateway->peers->connection);
    }
    accept_free(gateway->accept);
    ratelimit_free(gateway->ratelimit);
    turns_free(gateway->turns);
    free(gateway);
}
