/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/origin/origin.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* How long to reuse the addresses of a name without another lookup, so that services that close every connection do not
 * cost one each time. */
#define ADDRESSES_KNOWN (5 * HG_SECOND)

/* How long to keep a connection for its owner, as nothing reports when the owner leaves: longer than edges keep users'
 * connections by default. */
#define OWNED_TIME (90 * HG_SECOND)

/* How many unsent bytes the kernel may hold: enough to keep sending while the loop is busy, but less than its default
 * of several megabytes, so that a peer who does not read is noticed soon. */
#define UNSENT_MAX 131072

static void on_io(void *arg, int events);

/* ---- Sending ---- */

void connection_watch(struct connection *connection)
{
    hg_io_set(connection->origin->host, connection->io,
              (connection->is_paused ? 0 : HG_READ) | (connection->is_full ? HG_WRITE : 0));
}

static ssize_t send_slots(struct connection *connection)
{
    struct iovec parts[OUTPUT_SLOTS];
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = connection->output_count};
    ssize_t sent;

    for (size_t i = 0; i < connection->output_count; i++) {
        const struct hg_slice *slice = &connection->output[(connection->output_first + i) % OUTPUT_SLOTS].slice;

        parts[i] = (struct iovec){(void *)(uintptr_t)slice->data, slice->size};
    }
    do
        sent = sendmsg(connection->fd, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent;
}

enum unasked connection_look(const struct connection *connection)
{
    char bytes[12];
    ssize_t size = recv(connection->fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);

    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return UNASKED_NOTHING;
    /* A service may send a 408 before it closes an idle connection (RFC 9110 section 15.5.9). */
    if (size <= 0 || (size == sizeof bytes && memcmp(bytes + 8, " 408", 4) == 0))
        return UNASKED_END;
    return UNASKED_BYTES;
}

/* RFC 9112 section 6.3: what arrived before the request was written is not its response. */
static bool is_usable(const struct connection *connection)
{
    enum unasked unasked = connection_look(connection);

    if (unasked == UNASKED_NOTHING)
        return true;
    pool_learn(connection->pool, connection, unasked);
    return false;
}

/* The peer does not accept any more. What it sent before that can still be read, and often explains why. */
static void sending_failed(struct connection *connection)
{
    struct request *request = connection->request;

    if (!connection->sent && request_replay(request, connection)) {
        connection_reopen(connection);
        return;
    }
    connection->is_broken = true;
    connection->is_full = false;
    connection_drop_output(connection);
    connection_watch(connection);
    connection_set_timer(connection);
    request_resume(request); /* to discard the rest of the body */
}

void connection_flush(struct connection *connection)
{
    ssize_t sent;

    hg_defer_cancel(&connection->turn_end);
    if (connection->state != CONNECTION_BUSY || connection->is_broken || !connection->output_count)
        return;
    if (connection->is_reused && !connection->sent && !is_usable(connection)) {
        connection_reopen(connection);
        return;
    }
    sent = send_slots(connection);
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
        sending_failed(connection);
        return;
    }
    if (sent > 0) {
        connection->sent += (uint64_t)sent;
        connection_output_sent(connection, (size_t)sent);
    }
    connection->is_full = connection->output_count > 0;
    connection_watch(connection);
    connection_set_timer(connection);
    if (!connection->is_full)
        request_resume(connection->request);
}

/* ---- Time-outs ---- */

/* Whether only the service can make the next move. */
static bool awaits_response(const struct connection *connection)
{
    return !connection->response.in_body && !connection->output_count &&
           (connection->request->is_complete || connection->is_broken);
}

void connection_set_timer(struct connection *connection)
{
    const struct hg_host *host = connection->origin->host;

    if (connection->state == CONNECTION_IDLE)
        hg_timer_set(host, connection->timer, connection->origin->config->keep_alive);
    else if (connection->state == CONNECTION_OWNED)
        hg_timer_set(host, connection->timer, OWNED_TIME);
    else if (connection->state == CONNECTION_ON_TRIAL)
        hg_timer_set(host, connection->timer, connection->origin->trial_time);
    else if (connection->state == CONNECTION_BUSY && connection->is_paused)
        hg_timer_stop(host, connection->timer);
    else if (connection->state == CONNECTION_BUSY && awaits_response(connection))
        hg_timer_set(host, connection->timer, connection->request->rule->response_timeout);
    else if (connection->state == CONNECTION_BUSY)
        hg_timer_set(host, connection->timer, connection->request->rule->idle_timeout);
}

/* Fails the request and the connection. */
static void fail(struct connection *connection, int status, const char *error, const char *detail)
{
    struct request *request = connection->request;

    request_fail(request, &(struct hg_reason){status, error, detail, 0});
    connection_free(connection);
}

/* The detail names the option that set the limit, for the owner of the service, who may prefer a different one. */
static void timed_out(struct connection *connection, int status, const char *error, const char *what, hg_time limit,
                      const char *option)
{
    char detail[160];

    snprintf(detail, sizeof detail, "%s %gs (option %s of the client's route rule or origin)", what,
             (double)limit / (double)HG_SECOND, option);
    fail(connection, status, error, detail);
}

static void busy_for_too_long(struct connection *connection)
{
    const struct rule *rule = connection->request->rule;

    if (connection->response.is_over)
        response_part(connection);
    else if (connection->response.in_body)
        timed_out(connection, 504, "connection_read_timeout", "the service sent nothing for", rule->idle_timeout,
                  "idle_timeout");
    else if (connection->is_full)
        timed_out(connection, 504, "connection_write_timeout", "the service did not read the request for",
                  rule->idle_timeout, "idle_timeout");
    else if (awaits_response(connection))
        timed_out(connection, 504, "http_response_timeout", "the service did not respond within",
                  rule->response_timeout, "response_timeout");
    else
        timed_out(connection, 408, "http_request_error", "the request made no progress for", rule->idle_timeout,
                  "idle_timeout");
}

/* ---- Connecting ---- */

static void open_socket(struct connection *connection);

static const struct hg_reason *reason_of_errno(int error)
{
    static const struct hg_reason refused = {502, "connection_refused", "the service refused the connection", 0};
    static const struct hg_reason unroutable = {502, "destination_ip_unroutable", "there is no route to the service",
                                                0};
    static const struct hg_reason exhausted = {503, "connection_limit_reached", "cannot open more connections", 1};
    static const struct hg_reason other = {502, "destination_unavailable", "cannot connect to the service", 0};

    switch (error) {
    case ECONNREFUSED:
        return &refused;
    case EHOSTUNREACH:
    case ENETUNREACH:
        return &unroutable;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EADDRNOTAVAIL:
        return &exhausted;
    default:
        return &other;
    }
}

static void cannot_connect(struct connection *connection, int error)
{
    struct pool *pool = connection->pool;

    if (!pool->is_literal)
        pool->known_until = 0; /* the addresses may be outdated */
    pool_unreachable(pool, strerror(error));
    if (error == ETIMEDOUT) {
        timed_out(connection, 504, "connection_timeout", "cannot connect to the service within",
                  connection->request->rule->connect_timeout, "connect_timeout");
        return;
    }
    request_fail(connection->request, reason_of_errno(error));
    connection_free(connection);
}

static void close_socket(struct connection *connection)
{
    hg_io_free(connection->origin->host, connection->io);
    connection->io = NULL;
    if (connection->fd >= 0)
        close(connection->fd);
    connection->fd = -1;
}

/* Makes on_timer() try the next address. This never happens here, as it would call into the code that waits for a
 * connection. */
static void try_next_soon(struct connection *connection, int error)
{
    close_socket(connection);
    connection->error = error;
    hg_timer_set(connection->origin->host, connection->timer, HG_MILLISECOND);
}

static void try_next(struct connection *connection)
{
    struct pool *pool = connection->pool;

    connection->tries++;
    if (connection->tries >= pool->address_count || hg_now(connection->origin->worker) >= connection->give_up_at)
        cannot_connect(connection, connection->error);
    else
        open_socket(connection);
}

static void on_timer(void *arg)
{
    struct connection *connection = arg;

    switch (connection->state) {
    case CONNECTION_ON_TRIAL:
        pool_trial_passed(connection->pool);
        connection_free(connection); /* others may be waiting for a service that handles one connection at a time */
        return;
    case CONNECTION_IDLE:
    case CONNECTION_OWNED:
        connection_free(connection);
        return;
    case CONNECTION_BUSY:
        busy_for_too_long(connection);
        return;
    case CONNECTION_RESOLVING:
        pool_unreachable(connection->pool, "cannot look up its name in time");
        timed_out(connection, 504, "dns_timeout", "cannot look up the service's name within",
                  connection->request->rule->connect_timeout, "connect_timeout");
        return;
    case CONNECTION_CONNECTING:
        if (connection->fd >= 0) {
            close_socket(connection);
            connection->error = ETIMEDOUT;
        }
        try_next(connection);
        return;
    }
}

static void open_socket(struct connection *connection)
{
    struct pool *pool = connection->pool;
    size_t at = (pool->good_address + connection->tries) % pool->address_count;
    const struct hg_sockaddr *address = &pool->addresses[at];
    hg_time now = hg_now(connection->origin->worker);
    hg_time left = connection->give_up_at > now ? connection->give_up_at - now : 0;
    const int on = 1, unsent = UNSENT_MAX;

    connection->state = CONNECTION_CONNECTING;
    connection->fd = socket(address->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0) {
        try_next_soon(connection, errno);
        return;
    }
    /* Requests are written whole, so there is no point in waiting for more. */
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    if (connect(connection->fd, (const struct sockaddr *)&address->address, address->size) && errno != EINPROGRESS) {
        try_next_soon(connection, errno);
        return;
    }
    connection->io = hg_io_new(connection->origin->worker, connection->fd, on_io, connection);
    if (!connection->io) {
        try_next_soon(connection, ENOMEM);
        return;
    }
    hg_io_set(connection->origin->host, connection->io, HG_WRITE);
    /* The first address may be a black hole: leave time for the others. */
    hg_timer_set(connection->origin->host, connection->timer, left / (pool->address_count - connection->tries));
}

static void connected(struct connection *connection)
{
    struct pool *pool = connection->pool;
    socklen_t size = sizeof(int);
    int error = 0;

    if (getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size))
        error = errno;
    if (error) {
        close_socket(connection);
        connection->error = error;
        try_next(connection);
        return;
    }
    pool->good_address = (pool->good_address + connection->tries) % pool->address_count;
    pool_reachable(pool);
    ++*connection->origin->connections_opened;
    connection->state = CONNECTION_BUSY;
    connection->is_full = false;
    /* If more of the body is to come, it is offered again in this turn, and sent along. */
    if (connection->request->is_complete) {
        connection_flush(connection);
        return;
    }
    connection_watch(connection);
    connection_set_timer(connection);
    hg_defer(connection->origin->worker, &connection->turn_end);
    request_resume(connection->request);
}

static void on_resolved(void *arg, const struct hg_sockaddr *addresses, size_t count, const char *error)
{
    struct connection *connection = arg;
    struct pool *pool = connection->pool;

    connection->resolution = NULL;
    if (error) {
        pool_unreachable(pool, error);
        fail(connection, 502, "dns_error", "cannot look up the service's name");
        return;
    }
    pool->address_count = count < POOL_ADDRESSES ? count : POOL_ADDRESSES;
    memcpy(pool->addresses, addresses, pool->address_count * sizeof *addresses);
    pool->good_address = 0;
    pool->known_until = hg_now(connection->origin->worker) + ADDRESSES_KNOWN;
    open_socket(connection);
}

/* Starts to connect; connect_timeout starts now. */
static void begin_to_connect(struct connection *connection)
{
    struct pool *pool = connection->pool;
    struct origin *origin = connection->origin;
    hg_time now = hg_now(origin->worker), timeout = connection->request->rule->connect_timeout;

    connection->tries = 0;
    connection->give_up_at = now + timeout;
    if (pool->address_count && (pool->is_literal || now < pool->known_until)) {
        open_socket(connection);
        return;
    }
    connection->state = CONNECTION_RESOLVING;
    connection->resolution = hg_resolve(origin->worker, pool->host, pool->url.port, on_resolved, connection);
    hg_timer_set(origin->host, connection->timer, connection->resolution ? timeout : 0);
}

/* ---- Socket events ---- */

static void on_io(void *arg, int events)
{
    struct connection *connection = arg;

    if (connection->state == CONNECTION_CONNECTING) {
        connected(connection);
        return;
    }
    if (connection->state >= CONNECTION_IDLE) { /* closed by the service, or sending without a request */
        pool_learn(connection->pool, connection, connection_look(connection));
        connection_free(connection);
        return;
    }
    if (events & HG_WRITE)
        connection_flush(connection);
    if (events & HG_READ && connection->state == CONNECTION_BUSY && !connection->is_paused)
        response_read(connection);
}

/* ---- Creation and destruction ---- */

/* If the name is too long to be valid, the connection has no owner and is not reused. */
static void set_owner(struct connection *connection, struct hg_text owner)
{
    connection->is_last = owner.size > sizeof connection->owner;
    if (!owner.size || connection->is_last)
        return;
    memcpy(connection->owner, owner.data, owner.size);
    connection->owner_size = (uint8_t)owner.size;
}

/* More may have arrived in this turn, and is sent along. */
static void on_turn_end(void *arg)
{
    connection_flush(arg);
}

int connection_open(struct pool *pool, struct request *request)
{
    struct connection *connection = calloc(1, sizeof *connection);
    struct origin *origin = pool->origin;

    if (!connection)
        return -1;
    connection->origin = origin;
    connection->turn_end = (struct hg_call){.callback = on_turn_end, .arg = connection};
    connection->pool = pool;
    connection->fd = -1;
    connection->timer = hg_timer_new(origin->worker, on_timer, connection);
    if (!connection->timer) {
        free(connection);
        return -1;
    }
    pool->count++;
    connection->request = request;
    set_owner(connection, request->self->exchange->request->connection);
    response_start(connection);
    begin_to_connect(connection);
    if (!request_start(request, connection))
        connection_free(connection);
    return 0;
}

void connection_begin(struct connection *connection, struct request *request)
{
    connection->state = CONNECTION_BUSY;
    connection->is_reused = true;
    connection->sent = 0;
    connection->request = request;
    response_start(connection);
    if (!request_start(request, connection)) {
        connection_free(connection);
        return;
    }
    if (request->is_complete)
        connection_flush(connection);
    else
        hg_defer(connection->origin->worker, &connection->turn_end);
}

void connection_reopen(struct connection *connection)
{
    hg_defer_cancel(&connection->turn_end);
    close_socket(connection);
    connection->is_reused = connection->is_broken = connection->is_full = connection->is_paused = false;
    connection->sent = 0;
    response_start(connection);
    begin_to_connect(connection);
}

void connection_free(struct connection *connection)
{
    struct pool *pool = connection->pool;

    hg_defer_cancel(&connection->turn_end);
    if (connection->resolution)
        hg_resolve_cancel(connection->origin->host, connection->resolution);
    close_socket(connection);
    hg_timer_free(connection->origin->host, connection->timer);
    connection_drop_output(connection);
    hg_buffer_unref(connection->input);
    pool_closed(pool, connection);
    free(connection);
}
