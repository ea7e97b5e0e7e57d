/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Calls to HTTPS servers from a worker's loop, by libcurl: bounded in size and time, redirects not followed.
 */
#ifndef PLUGINS_LIB_HTTP_CLIENT_HTTP_CLIENT_H
#define PLUGINS_LIB_HTTP_CLIENT_HTTP_CLIENT_H

#include <hopgate/host.h>
#include <time.h>

/* The calls of one worker; they share connections. */
struct https;
/* A call that goes on. */
struct https_call;

struct https_request {
    const char *method; /* GET, HEAD, POST */
    const char *url;
    bool plain;               /* http: is allowed too */
    const char *accept;       /* NULL: anything */
    const char *content_type; /* POST: of the body */
    struct hg_text body;      /* POST; copied */
    size_t max_size;          /* the most bytes of the response's body; more is an error */
    hg_time timeout;          /* of it all */
};

struct https_response {
    const char *error; /* what failed, for a person; NULL: the rest is there */
    int status;
    struct hg_text body;    /* with a NUL behind it */
    struct hg_text headers; /* header lines; https_header() finds in them */
    time_t date;            /* when the server says that it has answered (RFC 9110 section 6.6.1); 0: it does not */
    int64_t retry_after;    /* seconds that a Retry-After field tells, as seconds or as a date; 0: none */
};

/* Called once, never within https_send(). The response is valid during the call, in which https_send() and
 * https_cancel() of other calls are allowed. */
typedef void (*https_done)(void *arg, const struct https_response *response);

/* `ca`: a file of roots in PEM that are trusted beside the system's, or NULL. It is read here, as are those: later
 * changes count for the next one. What cannot be read is told. NULL: out of memory. */
struct https *https_new(struct hg_worker *worker, const char *ca);
/* Gives up what goes on; no `done` is called any more. NULL is allowed. */
void https_free(struct https *https);

/* NULL: out of memory. */
struct https_call *https_send(struct https *https, const struct https_request *request, https_done done, void *arg);
/* `done` will not be called. */
void https_cancel(struct https_call *call);

/* Why a file cannot serve as `ca`; NULL: it can. */
const char *https_check_roots(const char *path);

/* The value of the `index`th field of that name; a NULL `data`: there is none. */
struct hg_text https_header(const struct https_response *response, const char *name, unsigned index);

#endif
