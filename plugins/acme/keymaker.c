/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/keymaker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* How often a running thread is asked whether it is done. It takes a tenth of a second at least. */
#define LOOK_PAUSE (20 * HG_MILLISECOND)

struct acme_keymaker {
    struct hg_worker *worker;
    enum acme_key_type type;
    acme_key_made made;
    void *arg;
    struct hg_timer *timer;
    pthread_t thread;
    bool has_thread;
    atomic_bool done;
    gnutls_x509_privkey_t key;
};

static void *run(void *arg)
{
    struct acme_keymaker *maker = arg;

    maker->key = acme_key_new(maker->type);
    atomic_store(&maker->done, true);
    return NULL;
}

static void look(void *arg)
{
    struct acme_keymaker *maker = arg;
    gnutls_x509_privkey_t key;

    if (!maker->has_thread) {
        run(maker);
    } else if (!atomic_load(&maker->done)) {
        hg_timer_set(maker->worker->host, maker->timer, LOOK_PAUSE);
        return;
    }
    if (maker->has_thread)
        pthread_join(maker->thread, NULL);
    maker->has_thread = false;
    key = maker->key;
    maker->key = NULL;
    maker->made(maker->arg, key);
    acme_keymaker_cancel(maker);
}

struct acme_keymaker *acme_keymaker_begin(struct hg_worker *worker, enum acme_key_type type, acme_key_made made,
                                          void *arg)
{
    struct acme_keymaker *maker = calloc(1, sizeof *maker);

    if (!maker)
        return NULL;
    *maker = (struct acme_keymaker){.worker = worker, .type = type, .made = made, .arg = arg};
    maker->timer = hg_timer_new(worker, look, maker);
    if (!maker->timer) {
        free(maker);
        return NULL;
    }
    /* Without a thread it is made here: late is better than never. */
    maker->has_thread = type >= ACME_RSA2048 && !pthread_create(&maker->thread, NULL, run, maker);
    hg_timer_set(worker->host, maker->timer, 0);
    return maker;
}

void acme_keymaker_cancel(struct acme_keymaker *maker)
{
    if (!maker)
        return;
    if (maker->has_thread)
        pthread_join(maker->thread, NULL);
    hg_timer_free(maker->worker->host, maker->timer);
    acme_key_free(maker->key);
    free(maker);
}
