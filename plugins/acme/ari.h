/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Renewal information (RFC 9773): the authority suggests when to renew a certificate. It is queried again and again
 * while the certificate is in use, for one certificate at a time.
 */
#ifndef ACME_ARI_H
#define ACME_ARI_H

#include <jansson.h>
#include <stdbool.h>
#include <time.h>

struct acme_certificate;
struct acme_manager;

/* A query in progress. */
struct acme_ari;

/* When to query; 0: not possible. */
time_t acme_ari_due(const struct acme_certificate *certificate);
/* Begins a query, unless another one is in progress. acme_schedule() is called when it has ended. */
void acme_ari_ask(struct acme_certificate *certificate);
/* Cancels the query in progress if it is about this certificate. */
void acme_ari_cancel(const struct acme_certificate *certificate);

/* ---- Pure functions, for tests ---- */

/* Reads the suggested window. False: there is no valid one. */
bool acme_ari_read(const json_t *json, time_t *start, time_t *end);
/* When to renew: at `chosen` if that is in the window, or else at a random time in it (`chance` is from 0 to 1); but
 * not in the last tenth of the lifetime, as an authority may be wrong. */
time_t acme_ari_time(time_t start, time_t end, time_t chosen, time_t begins, time_t ends, double chance);

#endif
