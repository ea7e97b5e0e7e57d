/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Certificate authorities (RFC 8555) inside the process, which replace the HTTP client: they answer after a tenth of a
 * second, check signatures, nonces and challenges, issue real certificates, and fail as rules say.
 */
#ifndef ACME_TESTS_FAKE_CA_H
#define ACME_TESTS_FAKE_CA_H

#include "plugins/acme/clock.h"
#include "tests/unit/fake_host.h"

#include <gnutls/x509.h>
#include <jansson.h>
#include <time.h>

enum {
    FAKE_CAS_MAX = 2,
    FAKE_ACCOUNTS_MAX = 16,
    FAKE_ORDERS_MAX = 256,
    FAKE_NAMES_MAX = 4,
    FAKE_RULES_MAX = 16,
};

struct fake_ca;

/* A fault. Members that are zero have no effect. */
struct fake_rule {
    const char *kind;          /* of request: the first segment of its path, such as "new-order", or "*" */
    unsigned skip;             /* that many requests are answered as usual first */
    unsigned times;            /* how many requests are affected; 0: all */
    int status;                /* the CA only answers with this status */
    const char *type, *detail; /* of the problem; without a type, there is no problem document */
    int64_t retry_after;       /* also added to responses that are as usual otherwise */
    const char *body;          /* instead of the document */
    const char *error;         /* the connection fails, before the CA has processed the request, … */
    bool too_late;             /* … or after it */
    void (*edit)(struct fake_ca *ca,
                 json_t *document); /* changes the response after the CA has processed the request */
    bool kills;                     /* the process dies while it waits for the response */
    unsigned hits;
};

struct fake_ca_order {
    char names[FAKE_NAMES_MAX][64];
    size_t name_count;
    unsigned account;
    const char *status;
    bool wildcard, revoked, revoked_by_own_key;
    struct fake_authorization {
        const char *status;
        const char *failed; /* the challenge type that failed */
        const char *tried;  /* the challenge type that was tried */
    } authorizations[FAKE_NAMES_MAX];
    char profile[32], replaces[128];
    char *leaf; /* PEM */
    gnutls_datum_t der;
};

struct fake_ca {
    const char *host; /* "ca1.test" */
    json_t *meta;     /* of the directory */
    bool no_key_change;
    bool eab_required, eab_used_up;
    const char *eab_words;   /* the error if it is used up */
    int unknown_status;      /* for unknown accounts, with type malformed; 0: accountDoesNotExist */
    bool already_valid;      /* authorizations are */
    bool lazy;               /* does not validate challenges */
    const char *unreachable; /* a challenge type that always fails */
    const char *quoted;      /* challenges fail as unauthorized, with this detail */
    const char *forbidden;   /* a name that is rejected */
    int64_t lifetime;        /* of certificates, in seconds */
    int64_t skew;            /* of its clock, in seconds */
    const char *other_names; /* certificates are for this name instead */
    bool other_key;          /* certificates are for another key */
    int replaces_status;     /* for orders with `replaces` */
    const char *chain;       /* the default chain: "good" or NULL, "alien" (of another authority), "torn" */
    const char *alternate; /* the alternate chain: "good", "other" (another leaf), "cut", "torn" (a link is missing) */
    struct fake_rule rules[FAKE_RULES_MAX];
    size_t rule_count;
    struct fake_ca_account {
        json_t *jwk;
        bool deactivated, forgotten;
    } accounts[FAKE_ACCOUNTS_MAX];
    struct fake_ca_order orders[FAKE_ORDERS_MAX]; /* by number, from 0 on */
    unsigned account_count, order_count, issued, deactivations;
    struct {
        char kind[24];
        unsigned count;
    } seen[24];
    uint8_t nonces[1 << 16]; /* 1: given, 2: used */
    unsigned nonce_count;
    gnutls_x509_privkey_t keys[3]; /* of the intermediate and both roots */
    gnutls_x509_crt_t intermediates[2], roots[2];
};

/* The authorities of a test, with the connections to them. */
struct fake_world {
    struct fake_host *host;
    struct fake_ca cas[FAKE_CAS_MAX];
    bool (*is_presented)(const char *type, const char *name, const char *token, const char *key_authorization);
    bool dead; /* the process: it sends nothing any more */
};

void fake_world_begin(struct fake_world *world, struct fake_host *host);
void fake_world_end(struct fake_world *world);

/* Adds a rule. */
struct fake_rule *fake_ca_rule(struct fake_ca *ca, struct fake_rule rule);
void fake_ca_forget_rules(struct fake_ca *ca);
/* The number of requests of that kind since fake_world_begin(). */
unsigned fake_ca_seen(const struct fake_ca *ca, const char *kind);

struct fake_reply {
    int status;
    char fields[1024];
    char *body;
    json_t *document; /* instead of `body` */
};

/* A request whose signature was checked. */
struct fake_request {
    const char *kind; /* from the path */
    unsigned number;  /* from the path */
    const char *url;
    int account;           /* -1: it was signed with … */
    const json_t *jwk;     /* … this key */
    const json_t *payload; /* NULL: a POST-as-GET */
};

/* fake_ca.c: what an authority does. */
void fake_ca_serve(struct fake_ca *ca, const struct fake_request *request, struct fake_reply *reply);
void fake_ca_directory(struct fake_ca *ca, struct fake_reply *reply);
void fake_reply_problem(struct fake_reply *reply, int status, const char *type, const char *detail);
void fake_reply_field(struct fake_reply *reply, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* fake_jose.c: the payload of a message, a null if it is empty; NULL: it was not signed with the key `jwk`, or the one
 * in its header if `jwk` is NULL. Payload and `header` are for the caller to free. */
json_t *fake_jose_open(const json_t *message, const json_t *jwk, json_t **header);
json_t *fake_jose_header(const json_t *message);
/* "token.thumbprint", for the caller to free. */
char *fake_jose_key_authorization(const char *token, const json_t *jwk);

/* fake_issuer.c */
void fake_issuer_begin(struct fake_ca *ca);
void fake_issuer_end(struct fake_ca *ca);
/* Issues the certificate of an order. False: the CSR is invalid. */
bool fake_issuer_issue(struct fake_ca *ca, struct fake_ca_order *order, const char *csr);
/* The chain in PEM, for the caller to free. */
char *fake_issuer_chain(struct fake_ca *ca, const struct fake_ca_order *order, bool alternate);

extern struct fake_world *fake_world;
#endif
