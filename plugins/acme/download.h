/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Downloading the chain that an authority has issued (RFC 8555 section 7.4.2), and checking it.
 */
#ifndef ACME_DOWNLOAD_H
#define ACME_DOWNLOAD_H

#include "plugins/acme/client.h"
#include "plugins/acme/key_pair.h"

/* The chain in PEM, the preferred one if there are several, for the caller to free. NULL: client->failure. */
char *acme_download(struct acme_client *client, const char *url);

/* The pair, if it can be used: it is for these names, valid now or within a day, and each certificate is signed by the
 * next one. NULL: sets `why`; and `later` if it may become usable, because it is not valid yet or only the
 * intermediates are wrong. */
struct acme_key_pair *acme_download_check(struct hg_text pem, const char *const *names, size_t count, time_t now,
                                          bool *later, char *why, size_t why_size);

#endif
