/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * When the next attempt for each certificate is due. By the wall clock, since plans outlive the process.
 */
#ifndef ACME_SCHEDULE_H
#define ACME_SCHEDULE_H

#include "plugins/acme/certificate.h"

#define ACME_DAY 86400
/* How long to wait for a disk that is full, in seconds. */
#define ACME_STORE_PAUSE 60

/* Begins the attempts that are due, and sets the timer for the next one. */
void acme_schedule(struct acme_manager *manager);
/* The same, soon and not within the call. */
void acme_schedule_soon(struct acme_manager *manager);

/* When an attempt for it is due; 0: none is planned. */
time_t acme_schedule_due(const struct acme_certificate *certificate);
/* Whether one is due that has not begun. */
bool acme_schedule_is_due(const struct acme_certificate *certificate);

/* The next attempt is in so many seconds … */
void acme_schedule_in(struct acme_certificate *certificate, double pause);
/* … or after as many failures as there were … */
void acme_schedule_retry(struct acme_certificate *certificate);
/* … or in a day, for names that the authority refuses. */
void acme_schedule_rejected(struct acme_certificate *certificate);

/* The authority wants no order for so many seconds: for the account, which every gateway remembers, or with this
 * certificate. */
void acme_schedule_pause_account(struct acme_manager *manager, struct acme_authority *authority, int64_t retry_after);
void acme_schedule_pause(struct acme_certificate *certificate, int64_t retry_after);
/* Until when that authority takes no order for it; in the past: it does. */
time_t acme_schedule_paused_until(const struct acme_certificate *certificate, unsigned authority);

#endif
