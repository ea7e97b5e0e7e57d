/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The unit tests of acme, by subject.
 */
#ifndef ACME_TESTS_CASES_H
#define ACME_TESTS_CASES_H

#include <check.h>

TCase *cases_account(void);
TCase *cases_on_demand(void);
TCase *cases_death(void);
TCase *cases_download(void);
TCase *cases_options(void);
TCase *cases_metrics(void);
TCase *cases_order(void);
TCase *cases_parts(void);
TCase *cases_pauses(void);
TCase *cases_revocation(void);
TCase *cases_saving(void);
TCase *cases_renewal_time(void);
TCase *cases_storm(void);

#endif
