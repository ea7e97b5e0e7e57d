/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Fetching the chain that an authority has issued (RFC 8555 section 7.4.2), the preferred one of several, and looking
 * at it before it is used.
 */
#ifndef ACME_DOWNLOAD_H
#define ACME_DOWNLOAD_H

#include "plugins/acme/client.h"
#include "plugins/acme/key_pair.h"

/* The chain in PEM, for the caller to free; NULL: client->failure. */
char *acme_download(struct acme_client *client, const char *url);

/* The pair, if it is usable: key and chain belong together, each certificate is signed by the next one, for these
 * names, valid now. NULL with `why` set, and `later` where it is worth another look: the leaf is not valid yet by the
 * clock here, or only what stands beside it is wrong. */
struct acme_key_pair *acme_download_check(struct hg_text pem, const char *const *names, size_t count, time_t now,
                                          bool *later, char *why, size_t why_size);

#endif
