/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Requests to a certificate authority: directory, nonces and signed messages (RFC 8555 sections 6 and 7.1). A client
 * belongs to a task, which waits for each response.
 */
#ifndef ACME_CLIENT_H
#define ACME_CLIENT_H

#include "plugins/acme/options.h"
#include "plugins/lib/http_client/http_client.h"
#include "plugins/lib/task/task.h"

#include <gnutls/x509.h>
#include <jansson.h>

/* A certificate authority in the config, shared by the manager and all attempts. */
struct acme_authority {
    const char *url;     /* of its directory */
    char id[33];         /* its name in the store */
    time_t paused_until; /* it sent Retry-After for the whole account; no order is placed before */
    bool find_account;   /* the account's URL may have changed: find it by its key */
    char *renewal_info;  /* its URL for ARI (RFC 9773 section 4.1); NULL: unknown, or none */
};

void acme_authority_init(struct acme_authority *authority, const char *url);
void acme_authority_end(struct acme_authority *authority);

struct acme_answer {
    int status;
    json_t *json; /* an object, or NULL */
    char *body, *headers;
    int64_t retry_after; /* seconds; 0: none */
};

/* acme_failure.status of local errors. */
#define ACME_LOCAL 1

struct acme_failure {
    char error[1200];   /* for humans, in the authority's words */
    char type[64];      /* of the problem document, without urn:ietf:params:acme:error:, or "" */
    int status;         /* 0: no response */
    bool in_validation; /* from the `error` of a challenge or an order, so not about the request */
    bool whole_account; /* `retry_after` applies to all requests of the account */
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
    struct acme_answer answer; /* valid until the next request */
    struct acme_failure failure;
};

void acme_client_init(struct acme_client *client, struct task *task, struct https *https,
                      struct acme_authority *authority);
void acme_client_end(struct acme_client *client);

struct acme_query {
    const char *url;           /* the URL, or … */
    const char *resource;      /* … the member of the directory that has it */
    const char *payload;       /* JSON; NULL: a POST-as-GET */
    gnutls_x509_privkey_t key; /* to sign with, sent as JWK; NULL: the account's */
    bool pem;                  /* the response is a chain, not JSON */
    bool about_account;        /* allowed during pauses */
};

/* Sends a request. True: client->answer; false: client->failure. Fetches directory and nonce if needed, and repeats the
 * request after badNonce. During a pause of the account, a request waits if the pause ends soon, or else fails as if
 * the authority had answered 429; except a POST-as-GET, so that issued certificates are still downloaded. */
bool acme_client_ask(struct acme_client *client, const struct acme_query *query);
/* With `payload`, which it takes over. */
bool acme_client_ask_json(struct acme_client *client, struct acme_query query, json_t *payload);

/* Reads the directory, once. */
bool acme_client_read_directory(struct acme_client *client);
/* A URL in the directory; NULL: none with this name, or not read yet. */
const char *acme_client_resource(const struct acme_client *client, const char *name);

/* The URL in the response's Location field, for the caller to free; NULL: none. */
char *acme_client_location(const struct acme_client *client);
/* The `index`th URL in the response's Link fields with this relation, for the caller to free; NULL: no more. */
char *acme_client_link(const struct acme_client *client, const char *relation, unsigned index);

/* ---- Failures ---- */

/* Sets client->failure. Returns false. */
bool acme_client_fail(struct acme_client *client, int status, const char *type, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Prepends "WHAT: " to the error. Returns false. */
bool acme_client_prefix(struct acme_client *client, const char *what);
/* The same request would be refused again. */
bool acme_failure_is_refusal(const struct acme_failure *failure);
/* A rate limit was exceeded, or the authority is busy. */
bool acme_failure_is_limit(const struct acme_failure *failure);

#endif
