/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Renewal information (RFC 9773): the authority suggests when to renew a certificate. It is asked about one certificate
 * at a time, and again and again as long as the certificate is in use.
 */
#ifndef ACME_ARI_H
#define ACME_ARI_H

#include <jansson.h>
#include <stdbool.h>
#include <time.h>

struct acme_certificate;
struct acme_manager;

/* A question in progress. */
struct acme_ari;

/* When to ask about the certificate; 0: never, as its authority cannot be asked. */
time_t acme_ari_due(const struct acme_certificate *certificate);
/* Asks about it, unless another question is in progress. When that has ended, acme_schedule() is called. */
void acme_ari_ask(struct acme_certificate *certificate);
/* Cancels the question in progress if it is about this certificate. */
void acme_ari_cancel(const struct acme_certificate *certificate);

/* ---- Pure, for tests ---- */

/* Reads the suggested window. False: there is no valid one. */
bool acme_ari_read(const json_t *json, time_t *start, time_t *end);

/* When to renew: at a random time in the window, but not in the last tenth of the lifetime, since an authority may be
 * wrong. The time that was chosen before stays if it is in the window. `chance` is from 0 to 1. */
time_t acme_ari_time(time_t start, time_t end, time_t chosen, time_t begins, time_t ends, double chance);

#endif
