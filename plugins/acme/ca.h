/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A certificate authority: its directory, nonces and signed requests (RFC 8555 sections 6 and 7.1), and what its
 * answers mean. The account is account.h's.
 */
#ifndef ACME_CA_H
#define ACME_CA_H

#include "plugins/acme/options.h"
#include "plugins/lib/http_client/http_client.h"

#include <gnutls/x509.h>
#include <hopgate/host.h>
#include <jansson.h>
#include <time.h>

/* Nonces that are kept for the next request. */
#define ACME_NONCES 8

struct acme_account;

struct acme_ca {
    struct hg_worker *worker;
    const struct acme_config *config;
    struct https *https;
    const char *url;   /* of the directory */
    char id[33];       /* of it in the store */
    json_t *directory; /* NULL: to be read */
    char *nonces[ACME_NONCES];
    size_t nonce_count;
    time_t paused_until; /* the authority told us to come back then */
    time_t ahead;        /* the clock here is so far ahead of its own; 0: not noticeably, or not known */
    struct acme_account *account;
};

/* What the authority has answered. Valid during the call. */
struct acme_answer {
    const char *error;  /* for a person, in the authority's words; NULL: it is a success */
    const char *type;   /* of its problem, without urn:ietf:params:acme:error: ("badCSR"); "": none */
    int status;         /* 0: it could not be reached */
    bool of_names;      /* not about the request: it is what a challenge's or an order's `error` says */
    bool of_account;    /* `retry_after` is meant for all that the account asks for */
    const json_t *json; /* an object, or NULL */
    struct hg_text body;
    unsigned account;    /* which one has asked: acme_account.number */
    int64_t retry_after; /* seconds, 0: not told */
    const struct https_response *response;
};

typedef void (*acme_answered)(void *arg, const struct acme_answer *answer);

struct acme_query {
    const char *url;           /* where to, or … */
    const char *resource;      /* … which member of the directory */
    const char *payload;       /* JSON; NULL: a POST-as-GET */
    gnutls_x509_privkey_t key; /* signs and is told as JWK; NULL: the account does */
    bool pem;                  /* the answer is a chain, not JSON */
    bool anyway;               /* also while the authority wants to be left alone: it is about the account itself */
};

/* A request that goes on. */
struct acme_request;

struct acme_ca *acme_ca_new(struct hg_worker *worker, struct https *https, const char *url);
void acme_ca_free(struct acme_ca *ca);

/* Asks. Directory and nonce are fetched when needed, badNonce is answered by trying again. While the authority wants to
 * be left alone, what wants something of it waits if that is over soon, else it fails as by the authority's own 429;
 * what only looks (a POST-as-GET) goes on, so that what is issued already is fetched. Never answers within the call.
 * NULL: out of memory. */
struct acme_request *acme_ca_ask(struct acme_ca *ca, const struct acme_query *query, acme_answered answered, void *arg);
/* `answered` will not be called. NULL is allowed. */
void acme_request_cancel(struct acme_request *request);

/* Reads it anew next time. */
void acme_ca_forget_directory(struct acme_ca *ca);

/* Reads the directory if it is not known. */
struct acme_request *acme_ca_read_directory(struct acme_ca *ca, acme_answered answered, void *arg);

/* A URL of the directory, NULL: it is not read yet, or has none of that name. */
const char *acme_ca_resource(const struct acme_ca *ca, const char *name);

/* An absolute URL of a Location field, for the caller to free; NULL: there is none. */
char *acme_answer_location(const struct acme_answer *answer);
/* The `index`th URL of the Link fields with that relation, for the caller to free; NULL: no more. */
char *acme_answer_link(const struct acme_answer *answer, const char *relation, unsigned index);

/* A problem document, as a person wants to read it: "type: detail; name: detail ...". */
void acme_problem_print(const json_t *problem, char *text, size_t size);
/* The problem's type without its prefix; "" if there is none. */
const char *acme_problem_type(const json_t *problem);
/* One of a bounded number of words for a failure: its type, if a standard has it, "unreachable" or "other". */
const char *acme_problem_kind(const struct acme_answer *answer);

#endif
