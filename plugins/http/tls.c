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

/* The largest ClientHello that is looked at, and what is enough for nearly all. */
#define HELLO_MAX   RECORD_SIZE
#define HELLO_USUAL 2048

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
    size_t kept_size;
    bool hello_read;   /* the ClientHello was looked at */
    bool socket_empty; /* since the last read began */
    bool failed;       /* nothing may be sent any more */
    size_t unsent;     /* bytes of a record that GnuTLS has sealed and could not send */
    struct hg_certificate *certificate;
    struct hg_certificate_lookup *lookup; /* the handshake is parked */
};

/* ---- What listeners share ---- */

/* The certificate was found by look_up(); GnuTLS now wants it. */
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

/* GnuTLS chooses the cipher suite, and for that the certificate, within the call that reads the ClientHello. So the
 * hello is collected and read here first, and a handshake that waits for its certificate is one that GnuTLS has not
 * begun. What looks wrong is left to GnuTLS, which knows the right alert. */

enum hello {
    HELLO_INCOMPLETE,
    HELLO_COMPLETE,
    HELLO_WRONG,
};

/* Puts the message together that the records carry (RFC 8446 section 5.1 lets it be split over several). `message` is
 * INPUT_SIZE bytes. */
static enum hello join_records(const uint8_t *data, size_t size, uint8_t *message, size_t *message_size)
{
    size_t at = 0, wanted = 4;

    *message_size = 0;
    for (;;) {
        size_t length;

        if (*message_size >= 4)
            wanted = 4 + ((size_t)message[1] << 16 | (size_t)message[2] << 8 | message[3]);
        if (wanted > HELLO_MAX || (*message_size > 0 && message[0] != 1))
            return HELLO_WRONG;
        if (*message_size >= wanted)
            return HELLO_COMPLETE;
        if (size - at < 5)
            return HELLO_INCOMPLETE;
        length = (size_t)data[at + 3] << 8 | data[at + 4];
        if (data[at] != 22 || data[at + 1] != 3 || length == 0 || length > RECORD_SIZE)
            return HELLO_WRONG;
        if (size - at - 5 < length)
            return HELLO_INCOMPLETE;
        if (length > INPUT_SIZE - *message_size)
            return HELLO_WRONG;
        memcpy(message + *message_size, data + at + 5, length);
        *message_size += length;
        at += 5 + length;
    }
}

/* What the hello asks for. */
struct wish {
    char name[NAME_SIZE];
    struct hg_text alpn[ALPN_MAX];
    size_t alpn_count;
};

/* RFC 6066 section 3: a list of names, of which only one of type 0 is ever sent. */
static void read_name(struct wish *wish, const uint8_t *data, size_t size)
{
    size_t length = size >= 5 ? (size_t)data[3] << 8 | data[4] : 0;

    if (length == 0 || data[2] != 0 || length > size - 5 || length >= NAME_SIZE || memchr(data + 5, 0, length))
        return;
    for (size_t i = 0; i < length; i++)
        wish->name[i] = (char)(data[5 + i] >= 'A' && data[5 + i] <= 'Z' ? data[5 + i] + ('a' - 'A') : data[5 + i]);
    wish->name[length] = '\0';
}

/* RFC 7301 section 3.1: a list of protocols, each with a byte of length before it. */
static void read_alpn(struct wish *wish, const uint8_t *data, size_t size)
{
    for (size_t at = 2; at < size && data[at] < size - at && wish->alpn_count < ALPN_MAX; at += 1U + data[at])
        wish->alpn[wish->alpn_count++] = (struct hg_text){(const char *)data + at + 1, data[at]};
}

static int read_extension(void *arg, unsigned type, const unsigned char *data, unsigned size)
{
    if (type == 0)
        read_name(arg, data, size);
    else if (type == 16)
        read_alpn(arg, data, size);
    return 0;
}

static void found(void *arg, struct hg_certificate *certificate)
{
    struct tls *tls = arg;

    tls->lookup = NULL;
    tls->certificate = certificate;
    connection_handshake(tls->connection);
}

static void look_up(struct tls *tls, const uint8_t *message, size_t size)
{
    struct edge *edge = tls->connection->edge;
    const struct hg_certificates_ops *ops = edge->certificates.ops;
    struct hg_worker *provider = hg_capability_worker(edge->worker, &edge->certificates);
    gnutls_datum_t hello = {(unsigned char *)(uintptr_t)message + 4, (unsigned)size - 4};
    struct wish wish = {.alpn_count = 0};
    struct hg_certificate_query query;

    gnutls_ext_raw_parse(&wish, read_extension, &hello, GNUTLS_EXT_RAW_FLAG_TLS_CLIENT_HELLO);
    query = (struct hg_certificate_query){.server_name = hg_text(wish.name),
                                          .alpn = wish.alpn,
                                          .alpn_count = wish.alpn_count,
                                          .peer = hg_text(tls->connection->peer)};
    tls->certificate = ops->find(provider, &query, found, tls, &tls->lookup);
}

/* Receives into memory that pull() will read from. Bytes, 0 at the end, TLS_AGAIN or TLS_FAILED. */
static ssize_t receive_hello(struct tls *tls)
{
    ssize_t got;

    if (tls->input_size == tls->kept_size) {
        size_t size = tls->kept_size ? 2 * tls->kept_size : HELLO_USUAL;
        uint8_t *larger = realloc(tls->kept, size);

        if (!larger)
            return TLS_FAILED;
        tls->kept = larger;
        tls->kept_size = size;
    }
    got = recv(tls->connection->fd, tls->kept + tls->input_size, tls->kept_size - tls->input_size, 0);
    if (got < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? TLS_AGAIN : TLS_FAILED;
    tls->input = tls->kept;
    tls->input_size += (size_t)got;
    return got;
}

static int give_up(struct tls *tls)
{
    tls->failed = true;
    return TLS_FAILED;
}

/* 0 when GnuTLS may begin, or as tls_handshake(). */
static int await_hello(struct tls *tls)
{
    uint8_t *message = tls->connection->edge->tls_input;
    enum hello hello;
    size_t size;

    do {
        ssize_t got = receive_hello(tls);

        if (got <= 0)
            return got == TLS_AGAIN ? TLS_AGAIN : give_up(tls);
        hello = join_records(tls->input, tls->input_size, message, &size);
    } while (hello == HELLO_INCOMPLETE);
    tls->hello_read = true;
    if (hello == HELLO_COMPLETE)
        look_up(tls, message, size);
    return tls->lookup ? TLS_PARKED : 0;
}

/* Here an error becomes the right alert. */
static int on_client_hello(gnutls_session_t session)
{
    const struct tls *tls = gnutls_session_get_ptr(session);

    return tls->certificate ? 0 : GNUTLS_E_UNRECOGNIZED_NAME;
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
    tls->kept_size = tls->input_size;
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
    int result = tls->hello_read ? 0 : await_hello(tls);

    if (result)
        return result;
    do
        result = gnutls_handshake(tls->session);
    while (result < 0 && !gnutls_error_is_fatal(result) && result != GNUTLS_E_AGAIN);
    if (result == 0)
        return 0;
    tls_read_end(tls);
    if (result == GNUTLS_E_AGAIN)
        return TLS_AGAIN;
    hg_log(tls->connection->edge->worker->instance, HG_LOG_DEBUG, "%s: TLS handshake failed: %s", tls->connection->peer,
           gnutls_strerror(result));
    gnutls_alert_send_appropriate(tls->session, result);
    return give_up(tls);
}

bool tls_wants_write(const struct tls *tls)
{
    return tls->hello_read && gnutls_record_get_direction(tls->session) == 1;
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
