/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Names that certificates are for.
 */
#ifndef ACME_NAME_H
#define ACME_NAME_H

#include <hopgate/types.h>

/* The longest DNS name, without its final dot (RFC 1035 section 2.3.4). */
#define ACME_NAME_MAX 253

enum acme_name_kind {
    ACME_NAME_WRONG,
    ACME_NAME_HOST,
    ACME_NAME_WILDCARD, /* "*." and a host */
    ACME_NAME_ADDRESS,  /* IPv4 or IPv6 */
};

/* Host names follow RFC 1123 section 2.1. */
enum acme_name_kind acme_name_kind(struct hg_text name);

/* Writes the form in which names are compared and stored: lower case, no final dot, addresses as inet_ntop() prints
 * them. False: the name is wrong. */
bool acme_name_canonical(struct hg_text name, char canonical[ACME_NAME_MAX + 1]);

/* Whether a canonical `pattern`, which may be a wildcard, matches a canonical `name`. */
bool acme_name_matches(const char *pattern, struct hg_text name);

#endif
