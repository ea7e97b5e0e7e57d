/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The client's end: connecting to an address of the gateway, and session tickets.
 */
#ifndef PLUGINS_TLS_CLIENT_H
#define PLUGINS_TLS_CLIENT_H

#include "plugins/tls/tls.h"

/* Returns NULL when out of memory. */
struct tlscommon_client *tls_client_new(struct tls_worker *tls);
/* Requires that no links exist. NULL is allowed. */
void tls_client_free(struct tlscommon_client *client);

#endif
