/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Reading a certificate from the store.
 */
#ifndef ACME_LOAD_H
#define ACME_LOAD_H

#include "plugins/acme/certificate.h"
#include "plugins/acme/store.h"
#include "plugins/lib/task/task.h"

struct acme_stored {
    struct acme_key_pair *pair;     /* or NULL */
    char fault[256];                /* why `pair` cannot be used, or "" */
    struct acme_key_pair *previous; /* or NULL; read only if there is no `pair` */
    json_t *state;                  /* or NULL */
};

/* In a task. */
void acme_stored_read(struct acme_stored *stored, struct task *task, struct store *store, const char *id);
void acme_stored_free(struct acme_stored *stored);

/* Adopts newer data from the store. The references to the pairs pass to the certificate. */
void acme_stored_use(struct acme_stored *stored, struct acme_certificate *certificate);

/* In a task: reads the certificate with this id and uses it. During an attempt, this is put off until after it. */
void acme_load(struct task *task, struct acme_manager *manager, const char *id);

#endif
