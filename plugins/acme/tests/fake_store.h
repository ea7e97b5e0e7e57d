/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A store in memory, for a fake host. It answers after a millisecond, outlives the plugin, and can fail.
 */
#ifndef ACME_TESTS_FAKE_STORE_H
#define ACME_TESTS_FAKE_STORE_H

#include "tests/unit/fake_host.h"

#include <hopgate/store.h>

/* The process that uses the store dies at the nth change, before or after it is made. */
struct fake_death {
    unsigned change;
    bool done;
};

struct fake_store {
    struct fake_host *host;
    struct fake_value {
        struct fake_value *next;
        char *key, *value;
        size_t size;
        uint64_t revision;
    } * values;
    struct fake_lease {
        struct fake_lease *next;
        char *name;
        uint64_t fence;
        hg_time until;
    } * leases;
    struct hg_store_request *requests;
    struct hg_store_watch *watches;
    uint64_t revisions;
    unsigned changes; /* puts and removes since fake_store_restart() */
    struct fake_death death;
    bool dead;              /* the process is */
    const char *unwritable; /* keys with this prefix cannot be written */
    hg_time delay;          /* until other nodes see a change */
    bool closed;            /* read-only: no lease can be taken, and what they protect cannot be written */
};

extern const struct hg_store_ops fake_store_ops;

void fake_store_init(struct fake_store *store, struct fake_host *host);
/* A new process begins: without leases and watches. */
void fake_store_restart(struct fake_store *store);
void fake_store_free(struct fake_store *store);

/* Another process takes a lease for that long, even if it is held. */
void fake_store_steal(struct fake_store *store, const char *lease, hg_time time);
/* Whether any process holds it. */
bool fake_store_is_held(struct fake_store *store, const char *lease);

/* A value, or NULL. Valid until the next change. */
const char *fake_store_text(const struct fake_store *store, const char *key);
/* The first value below the prefix, or NULL. */
const char *fake_store_first(const struct fake_store *store, const char *prefix);
/* Its key. */
const char *fake_store_key(const struct fake_store *store, const char *prefix);
/* Another process writes a value, with … */
void fake_store_set(struct fake_store *store, const char *key, const char *value);
/* … or without notifying watches. */
void fake_store_slip(struct fake_store *store, const char *key, const char *value);
/* Notifies watches that anything may have changed. */
void fake_store_overflow(struct fake_store *store);

#endif
