/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Attempts to obtain a certificate: what is ordered, where, and what follows from how it ends.
 */
#ifndef ACME_ISSUANCE_H
#define ACME_ISSUANCE_H

#include "plugins/acme/certificate.h"

/* Begins an attempt for one that is due. */
void acme_issuance_begin(struct acme_certificate *certificate);

#endif
