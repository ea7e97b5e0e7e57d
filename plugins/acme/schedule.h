/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * When the next attempt for each certificate is due, by the wall clock, as plans outlive the process.
 */
#ifndef ACME_SCHEDULE_H
#define ACME_SCHEDULE_H

#include "plugins/acme/certificate.h"

#define ACME_DAY 86400
/* The pause while the store cannot be written, in seconds. */
#define ACME_STORE_PAUSE 60

/* Begins the attempts that are due and sets the timer for the next one. */
void acme_schedule(struct acme_manager *manager);
/* Calls it soon, but not within this call. */
void acme_schedule_soon(struct acme_manager *manager);

/* When the next attempt is due; 0: none is planned. */
time_t acme_schedule_due(const struct acme_certificate *certificate);
/* Whether an attempt is due but has not begun. */
bool acme_schedule_is_due(const struct acme_certificate *certificate);

/* Plans the next attempt: in `pause` seconds, … */
void acme_schedule_in(struct acme_certificate *certificate, double pause);
/* … after the pause for that many failures, … */
void acme_schedule_retry(struct acme_certificate *certificate);
/* … or in a day, for names that the authority rejects. */
void acme_schedule_rejected(struct acme_certificate *certificate);

/* The certificate's authority has sent Retry-After: for this certificate, or for the whole account, which is stored for
 * all gateways. */
void acme_schedule_pause(struct acme_certificate *certificate, int64_t retry_after, bool whole_account);
/* Until when an authority accepts no order for this certificate; may be in the past. */
time_t acme_schedule_paused_until(const struct acme_certificate *certificate, unsigned authority);

#endif
