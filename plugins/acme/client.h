/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Requests to a certificate authority: its directory, nonces and signed messages (RFC 8555 sections 6 and 7.1). For the
 * code of a task: each call returns when the answer is there. A client serves one task.
 */
#ifndef ACME_CLIENT_H
#define ACME_CLIENT_H

#include "plugins/acme/authority.h"
#include "plugins/acme/options.h"
#include "plugins/lib/http_client/http_client.h"
#include "plugins/lib/task/task.h"

#include <gnutls/x509.h>
#include <jansson.h>

/* What the authority has answered. */
struct acme_answer {
    int status;
    const json_t *json; /* an object, or NULL */
    const char *body;
    struct hg_text headers;
    int64_t retry_after; /* seconds, 0: not told */
};

/* acme_failure.status of what has failed here, not at the authority. */
#define ACME_LOCAL 1

/* Why something cannot be had. */
struct acme_failure {
    char error[1200]; /* for a person, in the authority's words */
    char type[64];    /* of its problem, without urn:ietf:params:acme:error: ("badCSR"); "": none */
    int status;       /* 0: the authority could not be reached */
    bool of_names;    /* not about the request: it is what a challenge's or an order's `error` says */
    bool of_account;  /* `retry_after` is meant for all that the account asks for */
    int64_t retry_after;
};

struct acme_client {
    struct task *task;
    struct hg_instance *instance;
    const struct acme_config *config;
    struct https *https;
    struct acme_authority *authority;
    json_t *directory; /* NULL: not read yet */
    char *nonce;       /* for the next request, or NULL */
    struct {
        gnutls_x509_privkey_t key;
        char *kid, *thumbprint;
    } account;                 /* as account.h sets it */
    struct acme_answer answer; /* the last one, valid until the next request */
    struct acme_failure failure;
    char *body, *headers; /* of the answer */
    json_t *json;
};

void acme_client_init(struct acme_client *client, struct task *task, struct https *https,
                      struct acme_authority *authority);
void acme_client_end(struct acme_client *client);

struct acme_query {
    const char *url;           /* where to, or … */
    const char *resource;      /* … which member of the directory */
    const char *payload;       /* JSON; NULL: a POST-as-GET */
    gnutls_x509_privkey_t key; /* signs and is told as JWK; NULL: the account does */
    bool pem;                  /* the answer is a chain, not JSON */
    bool of_account; /* it is about the account itself: asked also while the authority wants to be left alone */
};

/* Asks. True: client->answer; false: client->failure. Directory and nonce are fetched when needed, and badNonce is
 * answered by trying again. While the authority wants to be left alone, what wants something of it waits if that is
 * over soon, else it fails as by the authority's own 429; what only looks (a POST-as-GET) goes on, so that what is
 * issued already is fetched. */
bool acme_client_ask(struct acme_client *client, const struct acme_query *query);
/* The same, with `payload`, which passes to it. */
bool acme_client_ask_json(struct acme_client *client, struct acme_query query, json_t *payload);

/* Reads the directory if it is not known yet. */
bool acme_client_read_directory(struct acme_client *client);
/* A URL of the directory; NULL: it is not read yet, or has none of that name. */
const char *acme_client_resource(const struct acme_client *client, const char *name);

/* The absolute URL of the answer's Location field, for the caller to free; NULL: there is none. */
char *acme_client_location(const struct acme_client *client);
/* The `index`th URL of the answer's Link fields with that relation, for the caller to free; NULL: no more. */
char *acme_client_link(const struct acme_client *client, const char *relation, unsigned index);

/* ---- Failures ---- */

/* Sets client->failure. Returns false. */
bool acme_client_fail(struct acme_client *client, int status, const char *type, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Puts "WHAT: " before the error. Returns false. */
bool acme_client_prefix(struct acme_client *client, const char *what);
/* The same would be refused again, in contrast to what is too much or too early. */
bool acme_failure_is_refusal(const struct acme_failure *failure);
/* The authority asks for less, or has no time. */
bool acme_failure_is_limit(const struct acme_failure *failure);

#endif
