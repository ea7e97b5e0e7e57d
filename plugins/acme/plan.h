/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * When a job's next attempt is due. By the wall clock, since plans outlive the process.
 */
#ifndef ACME_PLAN_H
#define ACME_PLAN_H

#include "plugins/acme/agent.h"

#define ACME_DAY 86400
/* How long to wait for a disk that is full, in seconds. */
#define ACME_STORE_PAUSE 60

/* The longest pause, in seconds, that an authority which was about to issue is waited for while there is another one.
 */
#define ACME_STAY_PAUSE 3600

/* In so many seconds. */
void acme_plan(struct acme_job *job, double pause);
/* After as many failures as there were. */
void acme_plan_retry(struct acme_job *job);
/* Names that the authority will not have are tried daily. */
void acme_plan_rejected(struct acme_job *job);
/* The authority wants to be left alone for so many seconds, by the account or with this certificate: remembered, over
 * restarts. */
void acme_plan_pause_account(struct acme_agent *agent, struct acme_authority *authority, int64_t retry_after);
void acme_plan_pause(struct acme_job *job, int64_t retry_after);
/* What was planned while the clock was far ahead is not waited for. */
void acme_plan_correct(struct acme_agent *agent);

#endif
