/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Renewal information (RFC 9773): the authority says when it would like a certificate to be renewed.
 */
#ifndef ACME_ARI_H
#define ACME_ARI_H

#include "plugins/acme/authority.h"
#include "plugins/acme/key_pair.h"
#include "plugins/lib/http_client/http_client.h"

#include <jansson.h>

/* Of one certificate that is kept. */
struct acme_ari;

/* The authority suggests this window. */
typedef void (*acme_suggested)(void *arg, time_t start, time_t end);

/* NULL: out of memory. */
struct acme_ari *acme_ari_new(struct hg_worker *worker, struct https *https, acme_suggested suggested, void *arg);
/* NULL is allowed. */
void acme_ari_free(struct acme_ari *ari);

/* Begins to ask the authority about this certificate, again and again, and about no other any more; for the first time
 * after `delay`. */
void acme_ari_begin(struct acme_ari *ari, struct acme_key_pair *pair, struct acme_authority *authority, hg_time delay);

/* ---- Pure, for tests ---- */

/* Reads the window. False: there is none that means anything. */
bool acme_ari_read(const json_t *json, time_t *start, time_t *end);

/* When to renew a certificate: at a time of the window, by chance, but not in its last tenth, since an authority may be
 * wrong. What was chosen before (`chosen`) stays as long as it lies in the window. `chance` is from 0 to 1. */
time_t acme_ari_time(time_t start, time_t end, time_t chosen, time_t begins, time_t ends, double chance);

#endif
