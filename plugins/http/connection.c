/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * One connection of a public user: its socket, its deadline, and how it ends.
 *
 * An idle connection has no buffers: they are allocated with the first byte and freed with the last.
 */
#include "plugins/http/connection.h"

#include "plugins/http/tls.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

/* How many unsent bytes the kernel may hold: enough to keep sending while the loop is busy, but less than its default
 * of several megabytes, so that a peer who does not read is noticed soon. */
#define UNSENT_MAX 131072
/* How often to check whether the peer is still there when the connection is not being read. */
#define PEER_CHECK HG_SECOND
/* A connection may read 1 MiB before others get their turn. */
#define READS_PER_TURN 64
/* How long a handshake may wait for its certificate; the provider's own limit is lower. */
#define PARKED_MAX (600 * HG_SECOND)

static const struct hg_host *host_of(const struct connection *connection)
{
    return connection->edge->worker->host;
}

/* ---- Deadline ---- */

static bool is_reading(const struct connection *connection)
{
    return !connection->parked && (connection->phase != CONNECTION_OPEN || connection->reads);
}

/* The timer is also used to check on a peer while the connection is not being read. */
static void set_timer(struct connection *connection)
{
    hg_time now = hg_now(connection->edge->worker);
    hg_time delay = connection->deadline > now ? connection->deadline - now : 0;

    if ((protocol_is_busy(connection) || connection->parked) && delay > PEER_CHECK && !is_reading(connection))
        delay = PEER_CHECK;
    hg_timer_set(host_of(connection), connection->timer, delay);
}

void connection_expect(struct connection *connection, hg_time delay)
{
    connection->deadline = hg_now(connection->edge->worker) + delay;
    set_timer(connection);
}

static bool peer_is_gone(const struct connection *connection)
{
    struct pollfd poll_fd = {.fd = connection->fd, .events = POLLRDHUP};

    return poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & (POLLRDHUP | POLLERR | POLLHUP));
}

/* ---- Watching ---- */

static void watch(struct connection *connection)
{
    int events = 0;

    switch (connection->phase) {
    case CONNECTION_HANDSHAKE:
        if (!connection->parked)
            events = tls_wants_write(connection->tls) ? HG_WRITE : HG_READ;
        break;
    case CONNECTION_OPEN:
        connection->reads = protocol_wants(connection) > 0;
        events = connection->reads ? HG_READ : 0;
        if (!events && protocol_is_busy(connection))
            set_timer(connection);
        break;
    case CONNECTION_LINGER:
        events = HG_READ;
        break;
    default:
        break;
    }
    if (connection->output.count && !hg_is_deferred(&connection->turn_end))
        events |= HG_WRITE;
    hg_io_set(host_of(connection), connection->io, events);
}

static void on_timer(void *arg)
{
    struct connection *connection = arg;

    if (connection->deadline > hg_now(connection->edge->worker)) {
        if (!is_reading(connection) && peer_is_gone(connection)) {
            connection_lost(connection);
            return;
        }
        watch(connection);
        set_timer(connection);
        return;
    }
    switch (connection->phase) {
    case CONNECTION_OPEN:
        protocol_timeout(connection);
        return;
    case CONNECTION_DEAD:
        return;
    default:
        connection_abort(connection, false);
    }
}

/* ---- Input ---- */

/* Returns the number of bytes, 0 at the end, TLS_AGAIN or TLS_FAILED. */
static ssize_t receive(struct connection *connection, uint8_t *data, size_t size)
{
    ssize_t got;

    if (connection->tls)
        return tls_read(connection->tls, data, size);
    do
        got = recv(connection->fd, data, size, 0);
    while (got < 0 && errno == EINTR);
    if (got >= 0)
        return got;
    return errno == EAGAIN || errno == EWOULDBLOCK ? TLS_AGAIN : TLS_FAILED;
}

/* Reads once. False: there is no more for now, or the connection has ended. */
static bool read_once(struct connection *connection, size_t wanted)
{
    struct hg_buffer *input;
    ssize_t got;
    size_t room;

    if (input_reserve(connection)) {
        connection_abort(connection, false);
        return false;
    }
    input = connection->input;
    room = input->capacity - connection->input_end;
    if (wanted > room)
        wanted = room;
    got = receive(connection, input->data + connection->input_end, wanted);
    if (got == TLS_AGAIN)
        return false;
    if (got <= 0) {
        connection_lost(connection);
        return false;
    }
    connection->input_end += (size_t)got;
    protocol_input(connection);
    /* After a short read the socket is empty, but with TLS, only GnuTLS knows what it still holds. */
    return connection->phase == CONNECTION_OPEN && (connection->tls || (size_t)got == wanted);
}

void connection_read(struct connection *connection)
{
    size_t wanted;

    for (int reads = 0; connection->phase == CONNECTION_OPEN && (connection->tls || reads < READS_PER_TURN); reads++) {
        wanted = protocol_wants(connection);
        if (!wanted || !read_once(connection, wanted))
            break;
    }
    if (connection->tls)
        tls_read_end(connection->tls);
    if (connection->phase == CONNECTION_DEAD)
        return;
    if (connection->input && connection->input_start == connection->input_end)
        input_release(connection);
    watch(connection);
}

/* ---- Output ---- */

static void linger(struct connection *connection);

/* All output has been written. */
static void output_done(struct connection *connection)
{
    if (connection->phase == CONNECTION_CLOSING)
        linger(connection);
}

bool connection_flush(struct connection *connection)
{
    struct output *output = &connection->output;
    bool progress = false;

    while (output->count) {
        size_t all = output->bytes;
        ssize_t sent = connection->tls ? tls_write(connection->tls, output) : output_send(connection);

        if (sent == TLS_AGAIN)
            break;
        if (sent < 0) {
            connection_lost(connection);
            return false;
        }
        output_drop(output, (size_t)sent);
        progress = true;
        /* A partial write: the socket is full. */
        if (!connection->tls && (size_t)sent < all)
            break;
    }
    if (progress)
        protocol_sent(connection);
    connection->is_full = output->count > 0;
    hg_buffer_unref(output->tail);
    output->tail = NULL;
    if (!output->count)
        output_done(connection);
    watch(connection);
    return true;
}

static void on_turn_end(void *arg)
{
    struct connection *connection = arg;

    if (connection->phase != CONNECTION_DEAD) {
        if (connection_flush(connection))
            protocol_goes_on(connection);
    } else if (!protocol_is_busy(connection)) {
        connection_free(connection);
    }
}

void connection_flush_later(struct connection *connection)
{
    hg_defer(connection->edge->worker, &connection->turn_end);
}

/* ---- Ending ---- */

/* Closes the socket. The memory is kept until the end of this turn, as callers still use it, and for as long as the
 * exchange refers to it. */
static void die(struct connection *connection)
{
    connection->phase = CONNECTION_DEAD;
    hg_io_free(host_of(connection), connection->io);
    connection->io = NULL;
    hg_timer_stop(host_of(connection), connection->timer);
    if (connection->fd >= 0)
        close(connection->fd);
    connection->fd = -1;
    connection_flush_later(connection);
}

void connection_let_go(struct connection *connection)
{
    if (connection->phase == CONNECTION_DEAD)
        connection_flush_later(connection);
}

void connection_free(struct connection *connection)
{
    struct edge *edge = connection->edge;

    hg_defer_cancel(&connection->turn_end);
    hg_io_free(host_of(connection), connection->io);
    if (connection->fd >= 0)
        close(connection->fd);
    tls_free(connection->tls);
    hg_timer_free(host_of(connection), connection->timer);
    input_release(connection);
    output_clear(&connection->output);
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        edge->connections = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    edge->connection_count--;
    protocol_free(connection);
    if (edge->accept)
        accept_room(edge->accept);
}

static void end(struct connection *connection, bool lost)
{
    if (connection->phase == CONNECTION_DEAD)
        return;
    die(connection);
    protocol_ended(connection, lost);
}

void connection_abort(struct connection *connection, bool reset)
{
    if (reset && connection->phase != CONNECTION_DEAD)
        setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1, .l_linger = 0},
                   sizeof(struct linger));
    end(connection, false);
}

void connection_lost(struct connection *connection)
{
    end(connection, true);
}

void connection_close_half(struct connection *connection)
{
    if (connection->tls)
        tls_bye(connection->tls);
    shutdown(connection->fd, SHUT_WR);
}

static void linger(struct connection *connection)
{
    connection_close_half(connection);
    connection->phase = CONNECTION_LINGER;
    input_release(connection);
    connection_begin_discarding(connection);
}

void connection_finish(struct connection *connection)
{
    if (connection->phase >= CONNECTION_CLOSING)
        return;
    connection->phase = CONNECTION_CLOSING;
    connection_expect(connection, connection->edge->config->idle_timeout);
    if (!hg_is_deferred(&connection->turn_end))
        connection_flush(connection);
}

void connection_drain(struct connection *connection)
{
    if (connection->phase == CONNECTION_OPEN && protocol_is_idle(connection))
        connection_finish(connection);
}

/* ---- Start ---- */

static void hand_over(struct connection *connection)
{
    int fd = connection->fd;

    hg_io_free(host_of(connection), connection->io);
    connection->io = NULL;
    connection->fd = -1;
    ++*connection->edge->handed_over;
    tls_hand_over(connection->tls, fd);
    die(connection);
}

void connection_read_on(struct connection *connection)
{
    if (connection->tls && tls_holds_input(connection->tls))
        connection_read(connection);
    else if (connection->phase != CONNECTION_DEAD)
        watch(connection);
}

/* Waits for the certificate, which may take longer than a handshake and a head are allowed to. */
static void park(struct connection *connection)
{
    connection->parked = true;
    connection_expect(connection, PARKED_MAX);
    watch(connection);
}

void connection_handshake(struct connection *connection)
{
    int result;

    if (connection->phase != CONNECTION_HANDSHAKE)
        return;
    if (connection->parked)
        connection_expect(connection, connection->edge->config->head_timeout);
    connection->parked = false;
    result = tls_handshake(connection->tls);
    if (connection->phase == CONNECTION_DEAD)
        return;
    if (result == TLS_AGAIN) {
        watch(connection);
    } else if (result == TLS_FOREIGN) {
        hand_over(connection);
    } else if (result == TLS_PARKED) {
        park(connection);
    } else if (result == TLS_FAILED || result == TLS_OVER) {
        *connection->edge->failed_handshakes += result == TLS_FAILED;
        linger(connection);
        watch(connection);
    } else {
        connection->phase = CONNECTION_OPEN;
        connection_read(connection);
    }
}

static void on_io(void *arg, int events)
{
    struct connection *connection = arg;

    if (connection->phase == CONNECTION_HANDSHAKE) {
        connection_handshake(connection);
        return;
    }
    if (connection->phase == CONNECTION_LINGER) {
        connection_discard(connection);
        return;
    }
    if ((events & HG_WRITE) && connection->output.count) {
        if (!connection_flush(connection))
            return;
        protocol_goes_on(connection);
    }
    if ((events & HG_READ) && connection->phase == CONNECTION_OPEN)
        connection_read(connection);
}

void connection_open(struct edge *edge, int fd, const struct sockaddr *address, bool tls)
{
    struct connection *connection = protocol_new();

    if (!connection) {
        close(fd);
        return;
    }
    connection->edge = edge;
    connection->turn_end = (struct hg_call){.callback = on_turn_end, .arg = connection};
    connection->fd = fd;
    connection->late = edge->draining;
    connection->next = edge->connections;
    if (connection->next)
        connection->next->previous = connection;
    edge->connections = connection;
    edge->connection_count++;
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &(int){UNSENT_MAX}, sizeof(int));
    connection->peer_host_size = (uint8_t)accept_print_peer(connection->peer, address);
    connection->io = hg_io_new(edge->worker, fd, on_io, connection);
    connection->timer = hg_timer_new(edge->worker, on_timer, connection);
    connection->phase = tls ? CONNECTION_HANDSHAKE : CONNECTION_OPEN;
    if (tls)
        connection->tls = tls_new(connection, address);
    if (!connection->io || !connection->timer || (tls && !connection->tls)) {
        connection_free(connection);
        return;
    }
    connection_expect(connection, edge->config->head_timeout);
    watch(connection);
}
