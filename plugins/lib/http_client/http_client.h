/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Requests to HTTPS servers from a worker's loop, with libcurl: limited in size and time; redirects are not followed.
 */
#ifndef PLUGINS_LIB_HTTP_CLIENT_HTTP_CLIENT_H
#define PLUGINS_LIB_HTTP_CLIENT_HTTP_CLIENT_H

#include <hopgate/host.h>
#include <time.h>

/* The calls of one worker, which share connections. */
struct https;
/* A call in progress. */
struct https_call;

struct https_request {
    const char *method; /* GET, HEAD, POST */
    const char *url;
    bool plain;               /* also allow http */
    const char *accept;       /* NULL: anything */
    const char *content_type; /* POST: of the body */
    struct hg_text body;      /* POST; copied */
    size_t max_size;          /* of the response's body in bytes; more is an error */
    hg_time timeout;          /* for the whole call */
};

struct https_response {
    const char *error; /* what failed, for humans; NULL: the other members are set */
    int status;
    struct hg_text body;    /* terminated by NUL */
    struct hg_text headers; /* header lines, searched by https_header() */
    int64_t retry_after;    /* the delay in seconds from a Retry-After field, given in seconds or as a date; 0: none */
};

/* Called once, never from https_send(). The response is valid during the call, in which https_send(), and
 * https_cancel() for other calls, are allowed. */
typedef void (*https_done)(void *arg, const struct https_response *response);

/* `ca`: a PEM file with roots that are trusted in addition to the system's, or NULL. All roots are read here; later
 * changes have no effect. Roots that cannot be read are logged. NULL: out of memory. */
struct https *https_new(struct hg_worker *worker, const char *ca);
/* Cancels all calls; no `done` will be called. NULL is allowed. */
void https_free(struct https *https);

/* Starts a call. NULL: out of memory. */
struct https_call *https_send(struct https *https, const struct https_request *request, https_done done, void *arg);
/* `done` will not be called. */
void https_cancel(struct https_call *call);

/* Why a file cannot be used as `ca`; NULL: it can. */
const char *https_check_roots(const char *path);

/* The value of the `index`th field with that name; `data` is NULL if there is none. */
struct hg_text https_header(const struct https_response *response, const char *name, unsigned index);

#endif
