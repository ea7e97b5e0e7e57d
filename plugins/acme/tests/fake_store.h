/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A store in memory, for a fake host: it answers a millisecond later, outlives the plugin, fails and dies when told.
 */
#ifndef ACME_TESTS_FAKE_STORE_H
#define ACME_TESTS_FAKE_STORE_H

#include "tests/unit/fake_host.h"

#include <hopgate/store.h>

/* Where the process that uses the store dies: at the nth change (1: the first), with or without it having been done. */
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
    bool dead;              /* takes and answers nothing any more */
    const char *unwritable; /* keys with that beginning cannot be written; NULL: all can */
    hg_time delay;          /* until other nodes see a change */
    bool closed;            /* no lease can be opened, nor can what they protect be written */
};

extern const struct hg_store_ops fake_store_ops;

void fake_store_init(struct fake_store *store, struct fake_host *host);
/* The process has ended, a new one begins: the values are there, leases and watches are not. */
void fake_store_restart(struct fake_store *store);
void fake_store_free(struct fake_store *store);

/* Another process takes a lease, whoever has it, for so long. */
void fake_store_steal(struct fake_store *store, const char *lease, hg_time time);

/* The value as a text, or NULL. Valid until the next change. */
const char *fake_store_text(const struct fake_store *store, const char *key);
/* The first of the values below the prefix, or NULL. */
const char *fake_store_first(const struct fake_store *store, const char *prefix);
/* Its key. */
const char *fake_store_key(const struct fake_store *store, const char *prefix);
/* As another process would write it, told to who watches … */
void fake_store_set(struct fake_store *store, const char *key, const char *value);
/* … or not told, which a watch may do once more than it has happened but never less: who looks sees it. */
void fake_store_slip(struct fake_store *store, const char *key, const char *value);
/* Watches are told that anything may have changed. */
void fake_store_overflow(struct fake_store *store);

#endif
