/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What the store holds of a certificate: reading it in a task, and using it.
 */
#ifndef ACME_LOAD_H
#define ACME_LOAD_H

#include "plugins/acme/certificate.h"
#include "plugins/acme/store.h"
#include "plugins/lib/task/task.h"

struct acme_stored {
    struct acme_key_pair *pair;     /* "certificates"; NULL: there is none, or … */
    char fault[256];                /* … it cannot be used: why; else "" */
    struct acme_key_pair *previous; /* "previous", read only if there is no `pair` */
    json_t *state;                  /* "states", or NULL */
};

/* In a task. */
void acme_stored_read(struct acme_stored *stored, struct task *task, struct store *store, const char *id);
void acme_stored_free(struct acme_stored *stored);

/* Uses what is better there than here; the pairs pass to the certificate. */
void acme_stored_use(struct acme_stored *stored, struct acme_certificate *certificate);

/* In a task: reads the certificate with this id and uses it, for the first time or since it has changed. Not during an
 * attempt, after which it is read again. */
void acme_load(struct task *task, struct acme_manager *manager, const char *id);

#endif
