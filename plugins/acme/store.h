/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The store as acme uses it: JSON and PEM under "acme/", every write protected by the lease of the one who orders.
 */
#ifndef ACME_STORE_H
#define ACME_STORE_H

#include <hopgate/host.h>
#include <hopgate/store.h>
#include <jansson.h>

/* Segments of keys below "acme/". */
#define ACME_ACCOUNTS     "accounts"
#define ACME_CERTIFICATES "certificates"
#define ACME_PREVIOUS     "previous"   /* the pair that each of them has replaced */
#define ACME_QUARANTINE   "quarantine" /* what was found in the place of one and is no pair */
#define ACME_CHALLENGES   "challenges"
#define ACME_ORDERS       "orders"
#define ACME_STATES       "states"
#define ACME_PAUSES       "pauses"
#define ACME_QUOTAS       "quotas"
#define ACME_REQUESTS     "requests" /* of operators: ACME_RENEW@NAME, with the serial number of what is to be replaced */
#define ACME_RENEW        "renew"

struct acme_store {
    struct hg_worker *worker; /* acme's */
    const struct hg_store_ops *ops;
    struct hg_worker *provider;
    const char *lease; /* whose holder alone may write */
    uint64_t fence;    /* of it; 0: it is not held, and everybody may */
};

/* False: there is no store. */
bool acme_store_open(struct acme_store *store, struct hg_worker *worker);

/* Wipes and frees a text. NULL is allowed. */
void acme_secret_free(char *text);

/* "acme/KIND/NAME". */
struct acme_store_path {
    char text[HG_STORE_KEY_MAX + 1];
};
struct acme_store_path acme_store_key(const char *kind, const char *name);

/* What a write depends on: the lease, if there is one, and that the value has this revision. */
struct hg_store_condition acme_store_condition(const struct acme_store *store, uint64_t revision);

/* As the operations of the store. NULL: out of memory or stopped. */
struct hg_store_request *acme_store_get(struct acme_store *store, const char *kind, const char *name,
                                        hg_store_done done, void *arg);
struct hg_store_request *acme_store_put(struct acme_store *store, const char *kind, const char *name,
                                        struct hg_text value, hg_store_done done, void *arg);
/* Takes `value`. */
struct hg_store_request *acme_store_put_json(struct acme_store *store, const char *kind, const char *name,
                                             json_t *value, hg_store_done done, void *arg);
struct hg_store_request *acme_store_remove(struct acme_store *store, const char *kind, const char *name,
                                           hg_store_done done, void *arg);
/* Only while it has that revision. */
struct hg_store_request *acme_store_remove_if(struct acme_store *store, const char *kind, const char *name,
                                              uint64_t revision, hg_store_done done, void *arg);
/* NULL is allowed. */
void acme_store_cancel(struct acme_store *store, struct hg_store_request *request);

/* What the value holds as JSON, an object; NULL: there is none, or it is something else. */
json_t *acme_store_json(const struct hg_store_answer *answer);
/* The last segment of a key. */
struct hg_text acme_store_name(struct hg_text key);

#endif
