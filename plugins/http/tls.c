/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * TLS between a connection's socket and its buffers.
 *
 * GnuTLS reads each record's five header bytes by a call of their own, so it reads from memory that one larger recv()
 * has filled: the memory is the worker's, and only what is left when reading pauses is kept with the connection. It
 * writes from memory of the worker's too, where the slices of the output are gathered into one record.
 */
#include "plugins/http/http.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <sys/uio.h>

/* One read of the socket: two full records. */
#define INPUT_SIZE 33280

/* The most plaintext of one record (RFC 8446 section 5.1). */
#define RECORD_SIZE 16384

/* A DNS name (RFC 1035 section 2.3.4) and its end. */
#define NAME_SIZE 256

#define ALPN_MAX 16

struct tls_context {
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priority;
    gnutls_datum_t ticket_key;
};

struct tls {
    struct connection *connection;
    gnutls_session_t session;
    const uint8_t *input; /* what was received and GnuTLS has not taken; in the worker's memory or in `kept` */
    size_t input_size;
    uint8_t *kept;
    bool socket_empty; /* since the last read began */
    bool failed;       /* nothing may be sent any more */
    size_t unsent;     /* bytes of a record that GnuTLS has sealed and could not send */
    struct hg_certificate *certificate;
    struct hg_certificate_lookup *lookup; /* the handshake is parked */
    uint8_t alpn[128];                    /* the list that the peer offered, as it came */
    uint8_t alpn_size;
};

/* ---- What listeners share ---- */

/* The certificate was found by on_client_hello(); GnuTLS now wants it. */
static int give_certificate(gnutls_session_t session, const struct gnutls_cert_retr_st *info, gnutls_pcert_st **chain,
                            unsigned *chain_size, gnutls_ocsp_data_st **ocsp, unsigned *ocsp_size,
                            gnutls_privkey_t *key, unsigned *flags)
{
    const struct tls *tls = gnutls_session_get_ptr(session);
    const struct hg_certificate *certificate = tls->certificate;

    (void)info;
    if (!certificate)
        return GNUTLS_E_UNRECOGNIZED_NAME;
    *chain = certificate->chain;
    *chain_size = certificate->chain_size;
    *ocsp = certificate->ocsp;
    *ocsp_size = certificate->ocsp ? certificate->ocsp_size : 0;
    *key = certificate->key;
    *flags = 0; /* all of it stays ours */
    return 0;
}

struct tls_context *tls_context_new(struct hg_instance *instance, const char *priority)
{
    struct tls_context *context = calloc(1, sizeof *context);
    const char *wrong = NULL;
    int result;

    if (!context || gnutls_certificate_allocate_credentials(&context->credentials) ||
        gnutls_session_ticket_key_generate(&context->ticket_key)) {
        hg_config_error(instance, NULL, "GnuTLS cannot be set up: out of memory");
        tls_context_free(context);
        return NULL;
    }
    result = gnutls_priority_init(&context->priority, priority, &wrong);
    if (result) {
        hg_config_error(instance, "tls_priority", "GnuTLS does not understand this from \"%s\" on: %s",
                        wrong ? wrong : "", gnutls_strerror(result));
        tls_context_free(context);
        return NULL;
    }
    gnutls_certificate_set_retrieve_function3(context->credentials, give_certificate);
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
    edge->tls_input = malloc(INPUT_SIZE);
    edge->tls_record = malloc(RECORD_SIZE);
    return edge->tls_input && edge->tls_record &&
                   hg_capability(edge->worker->instance, HG_CERTIFICATES, HG_CERTIFICATES_VERSION, &edge->certificates)
               ? 0
               : -1;
}

void tls_stop(struct edge *edge)
{
    free(edge->tls_input);
    free(edge->tls_record);
}

/* ---- Finding the certificate ---- */

/* Extension 16, RFC 7301 section 3.1: a list of names, each with a byte of length before it. */
static int keep_alpn(void *arg, unsigned type, const unsigned char *data, unsigned size)
{
    struct tls *tls = arg;

    if (type == 16 && size >= 2 && size - 2 <= sizeof tls->alpn) {
        memcpy(tls->alpn, data + 2, size - 2);
        tls->alpn_size = (uint8_t)(size - 2);
    }
    return 0;
}

static int on_handshake_message(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
                                const gnutls_datum_t *message)
{
    (void)type;
    (void)when;
    if (incoming)
        gnutls_ext_raw_parse(gnutls_session_get_ptr(session), keep_alpn, message, GNUTLS_EXT_RAW_FLAG_TLS_CLIENT_HELLO);
    return 0;
}

static size_t split_alpn(const struct tls *tls, struct hg_text *names, size_t capacity)
{
    size_t at = 0, count = 0;

    while (at < tls->alpn_size && at + tls->alpn[at] < tls->alpn_size && count < capacity) {
        names[count++] = (struct hg_text){(const char *)tls->alpn + at + 1, tls->alpn[at]};
        at += 1U + tls->alpn[at];
    }
    return count;
}

static void found(void *arg, struct hg_certificate *certificate)
{
    struct tls *tls = arg;

    tls->lookup = NULL;
    tls->certificate = certificate;
    connection_handshake(tls->connection);
}

static void lower_case(char *text)
{
    for (; *text; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text + ('a' - 'A'));
}

/* Asks for the certificate, before GnuTLS chooses anything. Not called again after the handshake was parked. */
static int on_client_hello(gnutls_session_t session)
{
    struct tls *tls = gnutls_session_get_ptr(session);
    struct edge *edge = tls->connection->edge;
    const struct hg_certificates_ops *ops = edge->certificates.ops;
    struct hg_worker *provider = hg_capability_worker(edge->worker, &edge->certificates);
    char name[NAME_SIZE] = "";
    size_t size = sizeof name;
    unsigned type;
    struct hg_text alpn[ALPN_MAX];
    struct hg_certificate_query query = {
        .alpn = alpn, .alpn_count = split_alpn(tls, alpn, ALPN_MAX), .peer = hg_text(tls->connection->peer)};

    if (tls->certificate) /* a second hello, after HelloRetryRequest */
        return 0;
    if (gnutls_server_name_get(tls->session, name, &size, &type, 0) || type != GNUTLS_NAME_DNS)
        name[0] = '\0';
    lower_case(name);
    query.server_name = hg_text(name);
    tls->certificate = ops->find(provider, &query, found, tls, &tls->lookup);
    if (tls->certificate)
        return 0;
    return tls->lookup ? GNUTLS_E_AGAIN : GNUTLS_E_UNRECOGNIZED_NAME;
}

/* ---- Bytes in and out ---- */

static ssize_t pull(gnutls_transport_ptr_t ptr, void *data, size_t size)
{
    struct tls *tls = ptr;
    uint8_t *memory = tls->connection->edge->tls_input;

    if (!tls->input_size) {
        ssize_t got;

        if (tls->socket_empty) {
            errno = EAGAIN;
            return -1;
        }
        free(tls->kept);
        tls->kept = NULL;
        got = recv(tls->connection->fd, memory, INPUT_SIZE, 0);
        if (got <= 0)
            return got;
        tls->socket_empty = got < INPUT_SIZE;
        tls->input = memory;
        tls->input_size = (size_t)got;
    }
    if (size > tls->input_size)
        size = tls->input_size;
    memcpy(data, tls->input, size);
    tls->input += size;
    tls->input_size -= size;
    return (ssize_t)size;
}

static int pull_timeout(gnutls_transport_ptr_t ptr, unsigned milliseconds)
{
    const struct tls *tls = ptr;

    (void)milliseconds;
    return tls->input_size > 0 || !tls->socket_empty;
}

static ssize_t push(gnutls_transport_ptr_t ptr, const giovec_t *parts, int count)
{
    const struct tls *tls = ptr;
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = (size_t)count};

    return sendmsg(tls->connection->fd, &message, MSG_NOSIGNAL);
}

void tls_read_end(struct tls *tls)
{
    uint8_t *kept;

    tls->socket_empty = false;
    if (!tls->input_size) {
        free(tls->kept);
        tls->kept = NULL;
        return;
    }
    if (tls->kept)
        return; /* what is left lies there already: pull() takes all of it before it receives again */
    kept = malloc(tls->input_size);
    if (!kept) {
        tls->failed = true;
        tls->input_size = 0;
        connection_abort(tls->connection, false);
        return;
    }
    memcpy(kept, tls->input, tls->input_size);
    tls->kept = kept;
    tls->input = kept;
}

bool tls_holds_input(const struct tls *tls)
{
    return tls->input_size > 0 || gnutls_record_check_pending(tls->session) > 0;
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

/* The first bytes of the output as one piece: the first slice if it is enough, else gathered. */
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

    if (tls->failed)
        return TLS_FAILED;
    /* A record that was sealed once is kept by GnuTLS, which is asked to go on with it by NULL. */
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

/* ---- Life ---- */

struct tls *tls_new(struct connection *connection)
{
    static const gnutls_datum_t protocols[] = {{(unsigned char *)(uintptr_t) "http/1.1", 8}};
    const struct tls_context *context = connection->edge->http->tls;
    struct tls *tls = calloc(1, sizeof *tls);

    if (!tls)
        return NULL;
    tls->connection = connection;
    if (gnutls_init(&tls->session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL)) {
        free(tls);
        return NULL;
    }
    gnutls_session_set_ptr(tls->session, tls);
    gnutls_transport_set_ptr(tls->session, tls);
    gnutls_transport_set_pull_function(tls->session, pull);
    gnutls_transport_set_pull_timeout_function(tls->session, pull_timeout);
    gnutls_transport_set_vec_push_function(tls->session, push);
    gnutls_handshake_set_hook_function(tls->session, GNUTLS_HANDSHAKE_CLIENT_HELLO, GNUTLS_HOOK_PRE,
                                       on_handshake_message);
    gnutls_handshake_set_post_client_hello_function(tls->session, on_client_hello);
    if (gnutls_priority_set(tls->session, context->priority) ||
        gnutls_credentials_set(tls->session, GNUTLS_CRD_CERTIFICATE, context->credentials) ||
        gnutls_session_ticket_enable_server(tls->session, &context->ticket_key) ||
        gnutls_alpn_set_protocols(tls->session, protocols, 1, GNUTLS_ALPN_SERVER_PRECEDENCE)) {
        tls_free(tls);
        return NULL;
    }
    return tls;
}

int tls_handshake(struct tls *tls)
{
    int result;

    /* A parked handshake says INTERRUPTED too: it must not be asked to go on at once. */
    do
        result = gnutls_handshake(tls->session);
    while (result < 0 && !gnutls_error_is_fatal(result) && result != GNUTLS_E_AGAIN && !tls->lookup);
    if (result == 0)
        return 0;
    tls_read_end(tls);
    if (tls->lookup)
        return TLS_PARKED;
    if (result == GNUTLS_E_AGAIN)
        return TLS_AGAIN;
    hg_log(tls->connection->edge->worker->instance, HG_LOG_DEBUG, "%s: TLS handshake failed: %s", tls->connection->peer,
           gnutls_strerror(result));
    gnutls_alert_send_appropriate(tls->session, result);
    tls->failed = true;
    return TLS_FAILED;
}

bool tls_wants_write(const struct tls *tls)
{
    return gnutls_record_get_direction(tls->session) == 1;
}

void tls_bye(struct tls *tls)
{
    if (!tls->failed && !tls->unsent)
        gnutls_bye(tls->session, GNUTLS_SHUT_WR);
    tls->failed = true;
}

void tls_free(struct tls *tls)
{
    const struct hg_certificates_ops *ops;
    struct edge *edge;

    if (!tls)
        return;
    edge = tls->connection->edge;
    ops = edge->certificates.ops;
    if (tls->lookup && ops->cancel)
        ops->cancel(hg_capability_worker(edge->worker, &edge->certificates), tls->lookup);
    gnutls_deinit(tls->session);
    hg_certificate_unref(tls->certificate);
    free(tls->kept);
    free(tls);
}
