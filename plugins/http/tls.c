/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * TLS between a connection's socket and its buffers.
 *
 * GnuTLS reads and writes memory of the worker (see plugins/lib/tlscommon/tcp_input.h); for writing, the slices of the
 * output are copied there into one record.
 */
#include "plugins/http/tls.h"
#include "plugins/lib/ratelimit/signing_queue.h"
#include "plugins/lib/tlscommon/handshake_certificate.h"
#include "plugins/lib/tlscommon/tcp_input.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/uio.h>

/* The most plaintext of one record (RFC 8446 section 5.1). */
#define RECORD_SIZE 16384

/* A connection may read 1 MiB before others get their turn. */
#define READS_PER_TURN 32

struct tls_context {
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priority;
    gnutls_datum_t ticket_key;
};

struct tls {
    struct tlscommon_certificate certificate; /* first, as tlscommon_certificate_serve() requires */
    struct connection *connection;
    gnutls_session_t session;
    struct tlscommon_input input;
    bool hello_read; /* the ClientHello has been parsed */
    bool may_sign;   /* it is its turn, or will be without asking again */
    struct turn turn;
    const char *own;     /* the protocol that ends with the handshake, chosen by the certificates' provider; or NULL */
    bool failed;         /* nothing more can be sent or received */
    bool said_bye;       /* nothing more may be sent */
    size_t unsent;       /* bytes of a record that GnuTLS has encrypted but could not send */
    struct hg_tls facts; /* what exchanges report; filled for the first one */
    char *server_name;
};

/* ---- Shared by all listeners ---- */

struct tls_context *tls_context_new(struct hg_instance *instance, const char *priority)
{
    struct tls_context *context = calloc(1, sizeof *context);
    const char *wrong = NULL;
    int result;

    if (!context || gnutls_certificate_allocate_credentials(&context->credentials) ||
        gnutls_session_ticket_key_generate(&context->ticket_key)) {
        hg_config_error(instance, NULL, "cannot set up GnuTLS: out of memory");
        tls_context_free(context);
        return NULL;
    }
    result = gnutls_priority_init(&context->priority, priority, &wrong);
    if (result) {
        hg_config_error(instance, "tls_priority", "not a GnuTLS priority string, at \"%s\": %s", wrong ? wrong : "",
                        gnutls_strerror(result));
        tls_context_free(context);
        return NULL;
    }
    tlscommon_certificate_serve(context->credentials);
    return context;
}

void tls_context_free(struct tls_context *context)
{
    if (!context)
        return;
    if (context->priority)
        gnutls_priority_deinit(context->priority);
    if (context->credentials)
        gnutls_certificate_free_credentials(context->credentials);
    gnutls_free(context->ticket_key.data);
    free(context);
}

int tls_start(struct edge *edge)
{
    struct hg_instance *instance = edge->worker->instance;
    struct hg_capability certificates;

    edge->tls_input = malloc(TLSCOMMON_INPUT_MIN);
    edge->tls_record = malloc(RECORD_SIZE);
    edge->turns = turns_new(edge->worker);
    if (hg_capability(instance, HG_CONNECTIONS, HG_CONNECTIONS_VERSION, &edge->taker)) {
        const struct hg_connections_ops *ops = edge->taker.ops;

        edge->taken = ops->protocols(edge->taker.provider);
    }
    if (hg_capability(instance, HG_CERTIFICATES, HG_CERTIFICATES_VERSION, &certificates)) {
        const struct hg_certificates_ops *ops = certificates.ops;

        edge->handshakes = ops->protocols ? ops->protocols(certificates.provider) : NULL;
    }
    return edge->tls_input && edge->tls_record && edge->turns ? 0 : -1;
}

void tls_stop(struct edge *edge)
{
    free(edge->tls_input);
    free(edge->tls_record);
    turns_free(edge->turns);
}

/* ---- Before the handshake ---- */

/* Selects the protocol that ends with the handshake. Without a certificate or memory, the protocols stay those that
 * were not offered, so GnuTLS refuses. */
static void select_own(const struct tls *tls)
{
    gnutls_datum_t protocol = {(unsigned char *)(uintptr_t)tls->own, 0};

    if (!tls->own || !tls->certificate.found)
        return;
    protocol.size = (unsigned)strlen(tls->own);
    gnutls_alpn_set_protocols(tls->session, &protocol, 1, GNUTLS_ALPN_MANDATORY);
}

static void certificate_decided(void *arg)
{
    struct tls *tls = arg;

    select_own(tls);
    connection_handshake(tls->connection);
}

static void on_turn(void *arg)
{
    connection_handshake(((struct tls *)arg)->connection);
}

/* The first of these protocols that is offered, or NULL. */
static const char *find_offered(const char *const *protocols, const struct tlscommon_hello *hello)
{
    for (; protocols && *protocols; protocols++)
        if (tlscommon_hello_offers(hello, hg_text(*protocols)))
            return *protocols;
    return NULL;
}

void tls_hand_over(struct tls *tls, int fd)
{
    const struct edge *edge = tls->connection->edge;
    const struct hg_connections_ops *ops = edge->taker.ops;
    const struct hg_connection connection = {
        .fd = fd, .bytes = tls->input.data, .size = tls->input.size, .peer = hg_text(tls->connection->peer)};

    ops->take(hg_capability_worker(edge->worker, &edge->taker), &connection);
}

static int give_up(struct tls *tls)
{
    tls->failed = true;
    return TLS_FAILED;
}

/* Returns 0 if GnuTLS may start, or else as tls_handshake(). */
static int await_hello(struct tls *tls)
{
    struct edge *edge = tls->connection->edge;
    enum tlscommon_hello_state state;
    struct tlscommon_hello hello;
    struct hg_certificate_query query;

    do {
        ssize_t got = tlscommon_input_receive(&tls->input);

        if (got <= 0)
            return got < 0 && errno == EAGAIN ? TLS_AGAIN : give_up(tls);
        state = tlscommon_hello_read(&hello, tls->input.data, tls->input.size, edge->tls_input);
    } while (state == TLSCOMMON_HELLO_INCOMPLETE);
    tls->hello_read = true;
    if (state == TLSCOMMON_HELLO_WRONG)
        return tls->connection->late ? give_up(tls) : 0;
    tls->own = find_offered(edge->handshakes, &hello);
    if (!tls->own && find_offered(edge->taken, &hello))
        return TLS_FOREIGN;
    if (tls->connection->late)
        return give_up(tls);
    query = (struct hg_certificate_query){.server_name = hg_text(hello.server_name),
                                          .alpn = hello.alpn,
                                          .alpn_count = hello.alpn_count,
                                          .peer = hg_text(tls->connection->peer)};
    if (!tlscommon_certificate_find(&tls->certificate, edge->worker, &query, certificate_decided, tls))
        return TLS_PARKED;
    select_own(tls);
    return 0;
}

/* ---- Reading and writing ---- */

static ssize_t pull(gnutls_transport_ptr_t ptr, void *data, size_t size)
{
    struct tls *tls = ptr;

    return tlscommon_input_pull(&tls->input, data, size);
}

static int pull_timeout(gnutls_transport_ptr_t ptr, unsigned milliseconds)
{
    const struct tls *tls = ptr;

    (void)milliseconds;
    return tlscommon_input_pull_timeout(&tls->input);
}

static ssize_t push(gnutls_transport_ptr_t ptr, const giovec_t *parts, int count)
{
    const struct tls *tls = ptr;
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = (size_t)count};

    return sendmsg(tls->connection->fd, &message, MSG_NOSIGNAL);
}

void tls_read_end(struct tls *tls)
{
    int failed = tlscommon_input_pause(&tls->input);

    tls->input.reads = READS_PER_TURN;
    if (!failed)
        return;
    tls->failed = true;
    connection_abort(tls->connection, false);
}

bool tls_holds_input(const struct tls *tls)
{
    return tls->input.size > 0 || gnutls_record_check_pending(tls->session) > 0;
}

ssize_t tls_read(struct tls *tls, uint8_t *data, size_t size)
{
    ssize_t got;

    if (tls->failed)
        return TLS_FAILED;
    do
        got = gnutls_record_recv(tls->session, data, size);
    while (got == GNUTLS_E_INTERRUPTED);
    if (got >= 0)
        return got;
    if (got == GNUTLS_E_AGAIN)
        return TLS_AGAIN;
    tls->failed = true;
    return TLS_FAILED;
}

/* The first bytes of the output as one block: the first slice if it is large enough, else a copy. */
static const uint8_t *gather(const struct tls *tls, const struct output *output, size_t *size)
{
    uint8_t *record = tls->connection->edge->tls_record;
    const struct hg_slice *slice = &output->slices[output->first];

    *size = 0;
    if (output->count == 1 || slice->size >= RECORD_SIZE) {
        *size = slice->size < RECORD_SIZE ? slice->size : RECORD_SIZE;
        return slice->data;
    }
    for (size_t i = 0; i < output->count && *size < RECORD_SIZE; i++) {
        size_t part;

        slice = &output->slices[(output->first + i) % OUTPUT_SLICES];
        part = slice->size < RECORD_SIZE - *size ? slice->size : RECORD_SIZE - *size;
        memcpy(record + *size, slice->data, part);
        *size += part;
    }
    return record;
}

ssize_t tls_write(struct tls *tls, const struct output *output)
{
    const uint8_t *data = NULL;
    size_t size = 0;
    ssize_t sent;

    if (tls->failed || tls->said_bye)
        return TLS_FAILED;
    /* GnuTLS keeps a record that it has encrypted; NULL makes it continue with that. */
    if (!tls->unsent)
        data = gather(tls, output, &size);
    do
        sent = gnutls_record_send(tls->session, data, size);
    while (sent == GNUTLS_E_INTERRUPTED);
    if (sent == GNUTLS_E_AGAIN) {
        if (!tls->unsent)
            tls->unsent = size;
        return TLS_AGAIN;
    }
    tls->unsent = 0;
    if (sent < 0)
        tls->failed = true;
    return sent < 0 ? TLS_FAILED : sent;
}

/* ---- Creation and destruction ---- */

struct tls *tls_new(struct connection *connection, const struct sockaddr *address)
{
    static const gnutls_datum_t protocols[] = {{(unsigned char *)(uintptr_t) "http/1.1", 8},
                                               {(unsigned char *)(uintptr_t) "http/1.0", 8}};
    const struct tls_context *context = connection->edge->http->tls;
    struct tls *tls = calloc(1, sizeof *tls);

    if (!tls)
        return NULL;
    tls->connection = connection;
    turn_init(&tls->turn, turns_share(connection->edge->turns, address), on_turn, tls);
    tlscommon_input_init(&tls->input, connection->fd, connection->edge->tls_input, TLSCOMMON_INPUT_MIN);
    if (gnutls_init(&tls->session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL)) {
        free(tls);
        return NULL;
    }
    gnutls_session_set_ptr(tls->session, tls);
    gnutls_transport_set_ptr(tls->session, tls);
    gnutls_transport_set_pull_function(tls->session, pull);
    gnutls_transport_set_pull_timeout_function(tls->session, pull_timeout);
    gnutls_transport_set_vec_push_function(tls->session, push);
    tlscommon_certificate_require(tls->session);
    if (gnutls_priority_set(tls->session, context->priority) ||
        gnutls_credentials_set(tls->session, GNUTLS_CRD_CERTIFICATE, context->credentials) ||
        gnutls_session_ticket_enable_server(tls->session, &context->ticket_key) ||
        gnutls_alpn_set_protocols(tls->session, protocols, 2, GNUTLS_ALPN_MANDATORY | GNUTLS_ALPN_SERVER_PRECEDENCE)) {
        tls_free(tls);
        return NULL;
    }
    return tls;
}

/* In TLS 1.3, and when resuming in TLS 1.2, nothing that we send answers the user's last flight. So a user whose kernel
 * collects small packets (Nagle) would hold back the request for 40 ms until the delayed acknowledgement, and also the
 * second half of that flight if it is written in two parts. */
static void acknowledge(const struct tls *tls)
{
    setsockopt(tls->connection->fd, IPPROTO_TCP, TCP_QUICKACK, &(int){1}, sizeof(int));
}

int tls_handshake(struct tls *tls)
{
    int result = tls->hello_read ? 0 : await_hello(tls);
    struct turns *turns = tls->connection->edge->turns;
    bool signs = !tls->may_sign;

    if (result)
        return result;
    tls->may_sign = true;
    if (signs && !turns_take(turns, &tls->turn))
        return TLS_PARKED;
    do
        result = gnutls_handshake(tls->session);
    while (result < 0 && !gnutls_error_is_fatal(result) && result != GNUTLS_E_AGAIN);
    if (signs)
        turns_done(turns);
    if (result == 0 || result == GNUTLS_E_AGAIN)
        acknowledge(tls);
    if (result == 0)
        return tls->own ? TLS_OVER : 0;
    tls_read_end(tls);
    if (result == GNUTLS_E_AGAIN)
        return TLS_AGAIN;
    hg_log(tls->connection->edge->worker->instance, HG_LOG_DEBUG, "%s: TLS handshake failed: %s", tls->connection->peer,
           gnutls_strerror(result));
    gnutls_alert_send_appropriate(tls->session, result);
    return give_up(tls);
}

static struct hg_text server_name(struct tls *tls)
{
    char name[256]; /* longer than any DNS name (RFC 1035 section 2.3.4) */
    size_t size = sizeof name;
    unsigned type;

    if (gnutls_server_name_get(tls->session, name, &size, &type, 0) || type != GNUTLS_NAME_DNS)
        return HG_TEXT("");
    tls->server_name = strndup(name, size);
    return hg_text(tls->server_name);
}

const struct hg_tls *tls_facts(struct tls *tls)
{
    gnutls_datum_t alpn;

    if (tls->facts.version.size)
        return &tls->facts;
    tls->facts.version = hg_text(gnutls_protocol_get_name(gnutls_protocol_get_version(tls->session)));
    tls->facts.cipher = hg_text(gnutls_cipher_get_name(gnutls_cipher_get(tls->session)));
    tls->facts.server_name = server_name(tls);
    if (!gnutls_alpn_get_selected_protocol(tls->session, &alpn))
        tls->facts.alpn = (struct hg_text){(const char *)alpn.data, alpn.size};
    return &tls->facts;
}

bool tls_wants_write(const struct tls *tls)
{
    return tls->hello_read && gnutls_record_get_direction(tls->session) == 1;
}

void tls_bye(struct tls *tls)
{
    if (!tls->failed && !tls->said_bye && !tls->unsent)
        gnutls_bye(tls->session, GNUTLS_SHUT_WR);
    tls->said_bye = true;
}

void tls_free(struct tls *tls)
{
    if (!tls)
        return;
    gnutls_deinit(tls->session);
    turns_leave(tls->connection->edge->turns, &tls->turn);
    tlscommon_certificate_release(&tls->certificate);
    tlscommon_input_free(&tls->input);
    free(tls->server_name);
    free(tls);
}
