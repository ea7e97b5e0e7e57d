/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The connecting end: each link has its own connected socket.
 */
#ifndef PLUGINS_DTLS_CLIENT_H
#define PLUGINS_DTLS_CLIENT_H

#include "plugins/dtls/dtls.h"

/* Returns NULL when out of memory. */
struct tlscommon_client *dtls_client_new(struct dtls_worker *dtls);
/* Requires that no links exist. NULL is allowed. */
void dtls_client_free(struct tlscommon_client *client);

#endif
