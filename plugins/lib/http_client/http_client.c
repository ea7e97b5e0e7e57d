/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/http_client/http_client.h"
#include "config.h"
#include "plugins/lib/http_client/trusted_cas.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

/* The size limit of all header lines of a response. */
#define HEADERS_MAX 65536
/* Connections kept open for later calls. */
#define CONNECTIONS_MAX 8

struct text {
    char *data;
    size_t size;
};

struct https_call {
    struct https *https;
    struct https_call *next, **place; /* in https->calls */
    CURL *easy;
    struct curl_slist *fields;
    https_done done;
    void *arg;
    struct text body, headers;
    size_t max_size;
    bool too_large, plain;
    char untrusted[256]; /* why the server is not trusted; "": it is, or was not checked yet */
    char error[CURL_ERROR_SIZE];
};

/* A descriptor that libcurl watches. */
struct watched {
    struct https *https;
    struct hg_io *io;
    struct watched *next, **place; /* in https->watched */
    curl_socket_t fd;
};

struct https {
    struct hg_worker *worker;
    gnutls_x509_trust_list_t trust;
    gnutls_datum_t roots; /* the same in PEM if libcurl has to verify by itself; otherwise, its `data` is NULL */
    CURLM *multi;
    struct hg_timer *timer;
    struct https_call *calls;
    struct watched *watched;
};

/* ---- The loop ---- */

static void call_free(struct https_call *call)
{
    *call->place = call->next;
    if (call->next)
        call->next->place = call->place;
    curl_multi_remove_handle(call->https->multi, call->easy);
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->fields);
    free(call->body.data);
    free(call->headers.data);
    free(call);
}

static void finish(struct https_call *call, CURLcode result)
{
    struct https_response response = {.body = {call->body.data ? call->body.data : "", call->body.size},
                                      .headers = {call->headers.data, call->headers.size}};
    char error[CURL_ERROR_SIZE + 64];
    long status = 0;
    curl_off_t retry_after = 0;

    if (call->too_large) {
        response.error = "the response is too large";
    } else if (*call->untrusted) {
        response.error = call->untrusted;
    } else if (result != CURLE_OK) {
        snprintf(error, sizeof error, "%s", *call->error ? call->error : curl_easy_strerror(result));
        response.error = error;
    }
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &retry_after);
    response.status = (int)status;
    response.retry_after = retry_after > 0 ? retry_after : 0;
    call->done(call->arg, &response);
    call_free(call);
}

/* A `done` may cancel other calls; libcurl then drops their messages. */
static void look_at_ended(struct https *https)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(https->multi, &left))) {
        struct https_call *call = NULL;
        const CURLcode result = message->data.result;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        finish(call, result);
    }
}

static void on_io(void *arg, int events)
{
    struct watched *watched = arg;
    struct https *https = watched->https;
    int running;

    curl_multi_socket_action(https->multi, watched->fd,
                             (events & HG_READ ? CURL_CSELECT_IN : 0) | (events & HG_WRITE ? CURL_CSELECT_OUT : 0),
                             &running);
    look_at_ended(https);
}

static void on_timer(void *arg)
{
    struct https *https = arg;
    int running;

    curl_multi_socket_action(https->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    look_at_ended(https);
}

static int set_timer(CURLM *multi, long milliseconds, void *arg)
{
    struct https *https = arg;
    const struct hg_host *host = https->worker->host;

    (void)multi;
    if (milliseconds < 0)
        hg_timer_stop(host, https->timer);
    else
        hg_timer_set(host, https->timer, (hg_time)milliseconds * HG_MILLISECOND);
    return 0;
}

static void unwatch(struct watched *watched)
{
    *watched->place = watched->next;
    if (watched->next)
        watched->next->place = watched->place;
    hg_io_free(watched->https->worker->host, watched->io);
    free(watched);
}

static struct watched *watch(struct https *https, curl_socket_t fd)
{
    struct watched *watched = calloc(1, sizeof *watched);

    if (!watched)
        return NULL;
    *watched = (struct watched){.https = https, .fd = fd, .next = https->watched, .place = &https->watched};
    watched->io = hg_io_new(https->worker, fd, on_io, watched);
    if (!watched->io) {
        free(watched);
        return NULL;
    }
    if (watched->next)
        watched->next->place = &watched->next;
    https->watched = watched;
    curl_multi_assign(https->multi, fd, watched);
    return watched;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct https *https = arg;
    struct watched *watched = socket_arg;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watched)
            unwatch(watched);
        return 0;
    }
    if (!watched)
        watched = watch(https, fd);
    if (!watched)
        return -1;
    hg_io_set(https->worker->host, watched->io,
              (what & CURL_POLL_IN ? HG_READ : 0) | (what & CURL_POLL_OUT ? HG_WRITE : 0));
    return 0;
}

/* ---- A call ---- */

static bool append(struct text *text, const char *data, size_t size)
{
    char *grown = realloc(text->data, text->size + size + 1);

    if (!grown)
        return false;
    memcpy(grown + text->size, data, size);
    text->data = grown;
    text->size += size;
    grown[text->size] = 0;
    return true;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct https_call *call = arg;

    (void)size;
    if (count > call->max_size - call->body.size) {
        call->too_large = true;
        return 0;
    }
    return append(&call->body, data, count) ? count : 0;
}

/* Only the last response counts, not interim ones. */
static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    struct https_call *call = arg;

    (void)size;
    if (count >= 5 && !memcmp(data, "HTTP/", 5))
        call->headers.size = 0;
    if (count > HEADERS_MAX - call->headers.size) {
        call->too_large = true;
        return 0;
    }
    return append(&call->headers, data, count) ? count : 0;
}

/* Called before a request is sent, on a new or an old connection. libcurl would read all of the system's roots for each
 * connection, which blocks the loop for 20 ms, or 60 ms if they are in a folder. So it verifies only the name, and we
 * verify the chain here, with roots that were read once. On any error, the server is not trusted. */
static int on_connected(void *arg, char *address, char *own_address, int port, int own_port)
{
    struct https_call *call = arg;
    struct curl_tlssessioninfo *tls = NULL;
    const gnutls_datum_t *chain = NULL;
    unsigned count = 0;

    (void)address;
    (void)own_address;
    (void)port;
    (void)own_port;
    if (call->plain)
        return CURL_PREREQFUNC_OK;
    if (!curl_easy_getinfo(call->easy, CURLINFO_TLS_SSL_PTR, &tls) && tls && tls->internals &&
        tls->backend == CURLSSLBACKEND_GNUTLS)
        chain = gnutls_certificate_get_peers(tls->internals, &count);
    return https_trust_covers(call->https->trust, chain, chain ? count : 0, call->untrusted, sizeof call->untrusted)
               ? CURL_PREREQFUNC_OK
               : CURL_PREREQFUNC_ABORT;
}

static bool add_field(struct https_call *call, const char *name, const char *value)
{
    struct curl_slist *fields;
    char line[512];

    if (!value)
        return true;
    snprintf(line, sizeof line, "%s: %s", name, value);
    fields = curl_slist_append(call->fields, line);
    call->fields = fields ? fields : call->fields;
    return fields;
}

static void set_method(CURL *easy, const struct https_request *request)
{
    if (!strcmp(request->method, "HEAD")) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (!strcmp(request->method, "POST")) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
        curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body.data);
    }
}

/* False: without on_connected() or without roots, the server would not be verified. */
static bool set_trust(struct https_call *call)
{
    CURL *easy = call->easy;
    struct curl_blob roots = {call->https->roots.data, call->https->roots.size, CURL_BLOB_NOCOPY};

    curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    if (roots.data)
        return !curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &roots);
    /* A resumed session has no chain to verify. */
    curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    return !curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) &&
           !curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected) &&
           !curl_easy_setopt(easy, CURLOPT_PREREQDATA, call) && !curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
}

static bool set_up(struct https_call *call, const struct https_request *request)
{
    CURL *easy = call->easy;

    if (!add_field(call, "Accept", request->accept) || !add_field(call, "Content-Type", request->content_type) ||
        !add_field(call, "Expect", "") || !set_trust(call))
        return false;
    set_method(easy, request);
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, request->plain ? "http,https" : "https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(request->timeout / HG_MILLISECOND));
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "hopgate/" PACKAGE_VERSION);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->fields);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    return true;
}

struct https_call *https_send(struct https *https, const struct https_request *request, https_done done, void *arg)
{
    struct https_call *call = calloc(1, sizeof *call);

    if (!call)
        return NULL;
    *call = (struct https_call){.https = https,
                                .done = done,
                                .arg = arg,
                                .max_size = request->max_size,
                                .plain = request->plain && !strncasecmp(request->url, "http://", 7),
                                .next = https->calls,
                                .place = &https->calls,
                                .easy = curl_easy_init()};
    if (!call->easy) {
        free(call);
        return NULL;
    }
    if (call->next)
        call->next->place = &call->next;
    https->calls = call;
    if (set_up(call, request) && curl_multi_add_handle(https->multi, call->easy) == CURLM_OK)
        return call;
    call_free(call);
    return NULL;
}

void https_cancel(struct https_call *call)
{
    call_free(call);
}

/* ---- Creation and destruction ---- */

/* Whether on_connected() can get the chain. If libcurl has several backends, the active one is the one without
 * parentheses. */
static bool curl_has_gnutls(void)
{
    const char *backend = curl_version_info(CURLVERSION_NOW)->ssl_version;

    return backend && !strncmp(backend, "GnuTLS/", 7);
}

struct https *https_new(struct hg_worker *worker, const char *ca)
{
    struct https *https = calloc(1, sizeof *https);
    char why[512] = "";

    /* libcurl counts these calls, and has been thread-safe here since 7.84. */
    if (!https || curl_global_init(CURL_GLOBAL_DEFAULT)) {
        free(https);
        return NULL;
    }
    https->worker = worker;
    https->trust = https_trust_new(ca, why, sizeof why);
    if (*why)
        hg_log(worker->instance, HG_LOG_ERROR, "HTTPS client: %s", why);
    if (https->trust && !curl_has_gnutls())
        https->roots = https_trust_pem(https->trust);
    https->multi = curl_multi_init();
    https->timer = hg_timer_new(worker, on_timer, https);
    if (!https->trust || !https->multi || !https->timer || (!https->roots.data && !curl_has_gnutls())) {
        https_free(https);
        return NULL;
    }
    curl_multi_setopt(https->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    curl_multi_setopt(https->multi, CURLMOPT_SOCKETDATA, https);
    curl_multi_setopt(https->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(https->multi, CURLMOPT_TIMERDATA, https);
    curl_multi_setopt(https->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
    return https;
}

void https_free(struct https *https)
{
    if (!https)
        return;
    while (https->calls)
        call_free(https->calls);
    if (https->multi)
        curl_multi_cleanup(https->multi);
    while (https->watched)
        unwatch(https->watched);
    hg_timer_free(https->worker->host, https->timer);
    if (https->trust)
        gnutls_x509_trust_list_deinit(https->trust, 1);
    gnutls_free(https->roots.data);
    free(https);
    curl_global_cleanup();
}
