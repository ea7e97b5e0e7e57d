/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/tls/connection.h"

#include "plugins/lib/tlscommon/peer_check.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* A packet of this size, with its header, fills a record. */
#define MAX_PACKET (TLS_RECORD_MAX - TLS_PACKET_HEADER)

/* Reads from the socket before other events of the loop are handled. */
#define READS_PER_EVENT 2

/* The kernel accepts no more than this beyond what it can send at once, as a smaller exchange cannot overtake what is
 * waiting there. */
#define NOT_SENT_MAX 131072

/* How long the peer may take to close its half. */
#define CLOSING_TIME (2 * HG_SECOND)

static const struct hg_host *host_of(const struct tls_connection *connection)
{
    return connection->tls->worker->host;
}

/* ---- GnuTLS callbacks ---- */

static ssize_t pull(gnutls_transport_ptr_t context, void *data, size_t size)
{
    struct tls_connection *connection = context;

    return tlscommon_input_pull(&connection->input, data, size);
}

static int pull_timeout(gnutls_transport_ptr_t context, unsigned milliseconds)
{
    const struct tls_connection *connection = context;

    (void)milliseconds;
    return tlscommon_input_pull_timeout(&connection->input);
}

static ssize_t push(gnutls_transport_ptr_t context, const giovec_t *parts, int count)
{
    struct tls_connection *connection = context;

    return tls_output_push(&connection->output, parts, count);
}

/* ---- Start ---- */

static void on_io(void *arg, int events);
static void on_timer(void *arg);

int tls_connection_init(struct tls_connection *connection, struct tls_worker *tls, const struct tls_owner *owner,
                        int fd)
{
    memset(connection, 0, sizeof *connection);
    connection->tls = tls;
    connection->owner = owner;
    connection->fd = fd;
    connection->io = hg_io_new(tls->worker, fd, on_io, connection);
    connection->timer = hg_timer_new(tls->worker, on_timer, connection);
    if (!connection->io || !connection->timer) {
        hg_io_free(tls->worker->host, connection->io);
        hg_timer_free(tls->worker->host, connection->timer);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &(int){NOT_SENT_MAX}, sizeof(int));
    tlscommon_input_init(&connection->input, fd, tls->input, sizeof tls->input);
    tls_output_init(&connection->output, &tls->batch, fd);
    tls_connection_expect(connection, tls->config->handshake_timeout);
    return 0;
}

void tls_connection_expect(struct tls_connection *connection, hg_time delay)
{
    connection->deadline = hg_now(connection->tls->worker) + delay;
    hg_timer_set(host_of(connection), connection->timer, delay);
}

int tls_connection_secure(struct tls_connection *connection, unsigned flags)
{
    gnutls_session_t session =
        tlscommon_setup_session(&connection->tls->instance->setup, flags | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);

    if (!session)
        return -1;
    gnutls_session_set_ptr(session, connection);
    gnutls_transport_set_ptr(session, connection);
    gnutls_transport_set_pull_function(session, pull);
    gnutls_transport_set_pull_timeout_function(session, pull_timeout);
    gnutls_transport_set_vec_push_function(session, push);
    connection->session = connection->output.session = session;
    return 0;
}

void tls_connection_watch(struct tls_connection *connection, int events)
{
    hg_io_set(host_of(connection), connection->io, events);
}

static void watch(struct tls_connection *connection)
{
    tls_connection_watch(connection, HG_READ | (tls_output_is_full(&connection->output) ? HG_WRITE : 0));
}

void tls_connection_park(struct tls_connection *connection)
{
    connection->state = TLS_PARKED;
    tls_connection_watch(connection, 0);
}

/* ---- End ---- */

void tls_connection_enter(struct tls_connection *connection)
{
    connection->busy++;
}

/* Frees everything that only a link needs. */
static void free_session(struct tls_connection *connection)
{
    if (connection->session)
        gnutls_deinit(connection->session);
    connection->session = connection->output.session = NULL;
    tlscommon_certificate_release(&connection->certificate);
    tlscommon_input_free(&connection->input);
    tls_packets_free(&connection->packets);
}

bool tls_connection_leave(struct tls_connection *connection)
{
    bool is_over = connection->state >= TLS_CLOSING;

    if (--connection->busy > 0 || !is_over)
        return !is_over;
    free_session(connection);
    if (connection->state == TLS_ENDED) {
        tls_output_free(&connection->output);
        connection->owner->free(connection);
    }
    return false;
}

static void finish(struct tls_connection *connection)
{
    tls_connection_enter(connection);
    if (connection->state == TLS_CLOSING) {
        *connection->previous_closing = connection->next_closing;
        if (connection->next_closing)
            connection->next_closing->previous_closing = connection->previous_closing;
        connection->tls->closing_count--;
    }
    connection->state = TLS_ENDED;
    hg_io_free(host_of(connection), connection->io);
    hg_timer_free(host_of(connection), connection->timer);
    close(connection->fd);
    tls_connection_leave(connection);
}

/* Lets the peer receive the data in flight: otherwise, unread bytes from the peer would make the kernel reset the
 * connection, and our last bytes would be lost. False: too many connections are doing this already. */
static bool begin_closing(struct tls_connection *connection)
{
    struct tls_worker *tls = connection->tls;

    if (tls->closing_count >= (size_t)tls->config->max_handshakes || connection->output.error)
        return false;
    connection->state = TLS_CLOSING;
    connection->next_closing = tls->closing;
    connection->previous_closing = &tls->closing;
    if (tls->closing)
        tls->closing->previous_closing = &connection->next_closing;
    tls->closing = connection;
    tls->closing_count++;
    if (!tls_output_is_full(&connection->output))
        shutdown(connection->fd, SHUT_WR);
    tls_connection_expect(connection, CLOSING_TIME);
    watch(connection);
    return true;
}

void tls_connection_end(struct tls_connection *connection)
{
    if (connection->state >= TLS_CLOSING)
        return;
    tls_connection_enter(connection);
    tls_output_flush(&connection->output);
    connection->link = NULL;
    connection->owner->remove(connection);
    if (!connection->farewell || !begin_closing(connection))
        finish(connection);
    tls_connection_leave(connection);
}

void tls_connection_end_closing(struct tls_worker *tls)
{
    while (tls->closing)
        finish(tls->closing);
}

void tls_connection_say_goodbye(struct tls_connection *connection, int alert)
{
    tls_output_flush(&connection->output);
    if (alert > 0)
        gnutls_alert_send(connection->session, GNUTLS_AL_FATAL, (gnutls_alert_description_t)alert);
    else
        gnutls_bye(connection->session, GNUTLS_SHUT_WR);
    connection->farewell = true;
}

/* Waits for the peer to close. */
static void on_closing(struct tls_connection *connection, int events)
{
    struct tls_output *output = &connection->output;
    ssize_t got = 1;

    if ((events & HG_WRITE) && tls_output_is_full(output)) {
        tls_output_resume(output);
        if (!tls_output_is_full(output))
            shutdown(connection->fd, SHUT_WR);
        watch(connection);
    }
    if (events & HG_READ)
        got = recv(connection->fd, connection->tls->input, sizeof connection->tls->input, 0);
    if (output->error || got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        finish(connection);
}

/* Ends the link from within a call of the core; the report follows later. */
static void lose(struct tls_connection *connection, const char *reason)
{
    if (connection->lost || connection->state != TLS_UP)
        return;
    connection->lost = true;
    snprintf(connection->reason, sizeof connection->reason, "%s", reason);
    hg_timer_set(host_of(connection), connection->timer, 0);
}

static void check_output(struct tls_connection *connection)
{
    if (connection->output.error)
        lose(connection, strerror(connection->output.error));
    else if (connection->output.tls_error)
        lose(connection, gnutls_strerror(connection->output.tls_error));
}

/* Why GnuTLS failed. */
static const char *failure_text(struct tls_connection *connection, int error, char *text, size_t size)
{
    const char *when = connection->state == TLS_UP ? "" : " during the handshake";

    if (connection->reason[0])
        return connection->reason;
    if (connection->input.error || connection->output.error)
        snprintf(text, size, "%s%s",
                 strerror(connection->input.error ? connection->input.error : connection->output.error), when);
    else if (error == GNUTLS_E_PREMATURE_TERMINATION)
        snprintf(text, size, "the peer closed the TCP connection%s without close_notify",
                 tls_packets_is_inside(&connection->packets) ? " in the middle of a packet" : when);
    else
        tlscommon_print_failure(connection->session, error, TLSCOMMON_ALPN, text, size);
    return text;
}

static void fail(struct tls_connection *connection, int error)
{
    char text[256];

    connection->alerted = error == GNUTLS_E_FATAL_ALERT_RECEIVED;
    if (error == GNUTLS_E_PREMATURE_TERMINATION)
        ++*connection->tls->counters.truncated;
    if (error != GNUTLS_E_PREMATURE_TERMINATION && error != GNUTLS_E_FATAL_ALERT_RECEIVED && !connection->input.error) {
        tls_output_flush(&connection->output);
        gnutls_alert_send_appropriate(connection->session, error);
        connection->farewell = true;
    }
    tls_output_flush(&connection->output);
    connection->owner->down(connection, failure_text(connection, error, text, sizeof text));
}

/* ---- Handshake ---- */

static void receive(struct tls_connection *connection);

static void complete(struct tls_connection *connection)
{
    hg_timer_stop(host_of(connection), connection->timer);
    tlscommon_certificate_release(&connection->certificate);
    connection->state = TLS_UP;
    ++*connection->tls->counters.handshakes;
    if (gnutls_session_is_resumed(connection->session))
        ++*connection->tls->counters.resumed;
    connection->owner->up(connection);
    /* Packets may have arrived with the last bytes of the handshake. */
    if (connection->state == TLS_UP)
        receive(connection);
}

bool tls_connection_handshake(struct tls_connection *connection)
{
    int result;

    tls_connection_enter(connection);
    connection->state = TLS_HANDSHAKE;
    do
        result = gnutls_handshake(connection->session);
    while (result == GNUTLS_E_INTERRUPTED || result == GNUTLS_E_WARNING_ALERT_RECEIVED);
    tls_output_flush(&connection->output);
    if (result == 0) {
        complete(connection);
    } else if (result == GNUTLS_E_AGAIN && !connection->output.error && !tlscommon_input_pause(&connection->input)) {
        watch(connection);
    } else {
        fail(connection, result);
    }
    return tls_connection_leave(connection);
}

static void overdue(struct tls_connection *connection)
{
    char reason[256];

    if (connection->certificate.lookup)
        snprintf(reason, sizeof reason, "handshake with %s: no certificate was available in time", connection->peer);
    else
        snprintf(reason, sizeof reason, "the handshake with %s timed out", connection->peer);
    connection->owner->down(connection, connection->reason[0] ? connection->reason : reason);
}

static void on_timer(void *arg)
{
    struct tls_connection *connection = arg;

    if (connection->state == TLS_CLOSING) {
        finish(connection);
        return;
    }
    tls_connection_enter(connection);
    if (connection->lost)
        connection->owner->down(connection, connection->reason);
    else if (connection->state != TLS_UP)
        overdue(connection);
    tls_connection_leave(connection);
}

void tls_connection_link_up(struct tls_connection *connection)
{
    char security[96];
    struct hg_link_info info = {.peer = hg_text(connection->peer), .max_packet = MAX_PACKET};

    tlscommon_print_security(connection->session, security, sizeof security);
    info.security = hg_text(security);
    watch(connection);
    /* The batch may contain no packets, but the core now has something to send. */
    connection->received = true;
    hg_link_up(connection->tls->worker, connection->link, connection, &info);
}

/* ---- Receiving ---- */

static void take_packet(void *arg, uint64_t number, const uint8_t *packet, size_t size)
{
    struct tls_connection *connection = arg;

    connection->received = true;
    hg_link_packet(connection->tls->worker, connection->link, number, packet, size);
}

/* Receives one record. Positive: there may be more; 0: the peer has closed; otherwise an error of GnuTLS. */
static int receive_record(struct tls_connection *connection)
{
    gnutls_packet_t record = NULL;
    gnutls_datum_t data;
    ssize_t result = gnutls_record_recv_packet(connection->session, &record);

    if (result > 0) {
        gnutls_packet_get(record, &data, NULL);
        connection->bad = tls_packets_read(&connection->packets, data.data, data.size, take_packet, connection);
    }
    if (record)
        gnutls_packet_deinit(record);
    /* AGAIN is also returned after a record without data, such as a ticket; but if it means that bytes are missing, all
     * bytes that have arrived have been used. */
    if (result == GNUTLS_E_INTERRUPTED || result == GNUTLS_E_WARNING_ALERT_RECEIVED ||
        (result == GNUTLS_E_AGAIN && connection->input.size > 0))
        return 1;
    return result > 0 ? 1 : (int)result;
}

static void peer_has_closed(struct tls_connection *connection)
{
    bool inside = tls_packets_is_inside(&connection->packets);

    tls_output_flush(&connection->output);
    gnutls_bye(connection->session, GNUTLS_SHUT_WR);
    tls_output_flush(&connection->output);
    connection->owner->down(connection, inside ? "closed by the peer in the middle of a packet" : "closed by the peer");
}

static void stream_is_bad(struct tls_connection *connection)
{
    char reason[128];

    snprintf(reason, sizeof reason, "invalid packet from the peer: %s", connection->bad);
    tls_connection_say_goodbye(connection, GNUTLS_A_DECODE_ERROR);
    connection->owner->down(connection, reason);
}

static void batch_end(struct tls_connection *connection)
{
    if (!connection->received)
        return;
    connection->received = false;
    hg_link_batch_end(connection->tls->worker, connection->link);
}

static void receive(struct tls_connection *connection)
{
    int result;

    tls_connection_enter(connection);
    connection->input.reads = READS_PER_EVENT;
    do
        result = receive_record(connection);
    while (result > 0 && !connection->bad);
    /* After success, nothing is left here: GnuTLS has the incomplete record. */
    tlscommon_input_free(&connection->input);
    batch_end(connection);
    if (connection->state == TLS_UP) {
        tls_output_flush(&connection->output); /* what GnuTLS itself wants to send */
        watch(connection);
        if (connection->bad)
            stream_is_bad(connection);
        else if (result == 0)
            peer_has_closed(connection);
        else if (result != GNUTLS_E_AGAIN && result < 0)
            fail(connection, result);
    }
    tls_connection_leave(connection);
}

/* ---- Sending ---- */

uint64_t tls_connection_next_packet_number(void *handle)
{
    const struct tls_connection *connection = handle;

    return connection->output.packets;
}

int tls_connection_send(void *handle, const uint8_t *packet, size_t size)
{
    struct tls_connection *connection = handle;

    if (tls_output_add(&connection->output, packet, size))
        return 0;
    connection->refused = true;
    return -1;
}

void tls_connection_flush(void *handle)
{
    struct tls_connection *connection = handle;

    tls_output_flush(&connection->output);
    check_output(connection);
    watch(connection);
}

static void send_again(struct tls_connection *connection)
{
    tls_output_resume(&connection->output);
    check_output(connection);
    watch(connection);
    if (tls_output_is_full(&connection->output) || !connection->refused || connection->state != TLS_UP)
        return;
    connection->refused = false;
    hg_link_writable(connection->tls->worker, connection->link);
}

void tls_connection_close(void *handle, bool graceful)
{
    struct tls_connection *connection = handle;

    if (graceful && !connection->lost)
        tls_connection_say_goodbye(connection, 0);
    tls_connection_end(connection);
}

/* ---- Socket events ---- */

static void on_io(void *arg, int events)
{
    struct tls_connection *connection = arg;

    if (connection->state == TLS_CLOSING) {
        on_closing(connection, events);
        return;
    }
    tls_connection_enter(connection);
    if (connection->state == TLS_FIRST) {
        connection->owner->ready(connection);
    } else {
        if (events & HG_WRITE)
            send_again(connection);
        if ((events & HG_READ) && connection->state == TLS_HANDSHAKE)
            tls_connection_handshake(connection);
        else if ((events & HG_READ) && connection->state == TLS_UP)
            receive(connection);
    }
    tls_connection_leave(connection);
}
