/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * One operation, from the call to its answer: created and answered in a worker's thread, executed in the store's.
 */
#ifndef PLUGINS_STORE_FILE_REQUEST_H
#define PLUGINS_STORE_FILE_REQUEST_H

#include <hopgate/store.h>

enum request_kind {
    REQUEST_GET,
    REQUEST_PUT,
    REQUEST_REMOVE,
    REQUEST_LIST,
    REQUEST_ACQUIRE,
    REQUEST_RENEW,
    REQUEST_RELEASE,
    REQUEST_WATCH, /* start watching for changes */
};

struct handle; /* in plugins/store_file/thread.h */

struct hg_store_request {
    struct hg_store_request *next;
    enum request_kind kind;
    struct handle *handle; /* its owner */
    hg_store_done done;    /* used only by the worker's thread; NULL: cancelled */
    void *arg;

    char key[HG_STORE_KEY_MAX + 1]; /* of a value or lease, or a prefix */
    size_t key_size;
    struct hg_text put; /* PUT: the value, in its own memory */
    uint64_t condition; /* PUT, REMOVE */
    char lease[HG_STORE_KEY_MAX + 1];
    size_t lease_size; /* PUT, REMOVE; 0: none */
    uint64_t fence;
    char owner[HG_STORE_OWNER_MAX + 1];
    hg_time time_to_live;

    struct hg_store_answer answer;
    char error[1024];               /* where answer.error points */
    struct hg_store_entry *entries; /* where answer.entries points; their keys are allocated separately */
    uint8_t *memory;                /* where answer.value points */
    size_t memory_size;
};

/* A request for that key, which may be too long; it is then refused when it is executed. NULL: out of memory. */
struct hg_store_request *request_new(enum request_kind kind, struct hg_text key, hg_store_done done, void *arg);
/* Frees it, wiping the values. */
void request_free(struct hg_store_request *request);

/* Sets status and error. */
__attribute__((format(printf, 3, 4))) void request_fail(struct hg_store_request *request, enum hg_store_status status,
                                                        const char *format, ...);

static inline struct hg_text request_key(const struct hg_store_request *request)
{
    return (struct hg_text){request->key, request->key_size};
}

#endif
