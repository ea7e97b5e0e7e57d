/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A certificate authority of the config, as the manager and all attempts see it.
 */
#ifndef ACME_AUTHORITY_H
#define ACME_AUTHORITY_H

#include <stdbool.h>
#include <time.h>

struct acme_authority {
    const char *url;     /* of its directory */
    char id[33];         /* its name in the store */
    time_t paused_until; /* it has told the account to come back then; no order is placed before */
    bool find_account;   /* the account may have another URL now: it is looked up by its key */
    char *renewal_info;  /* its resource for ARI (RFC 9773 section 4.1); NULL: not known, or it has none */
};

void acme_authority_init(struct acme_authority *authority, const char *url);
void acme_authority_end(struct acme_authority *authority);

#endif
