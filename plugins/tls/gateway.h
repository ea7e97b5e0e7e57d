/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The gateway's end: connections that arrive on its own ports or come from an edge.
 */
#ifndef PLUGINS_TLS_GATEWAY_H
#define PLUGINS_TLS_GATEWAY_H

#include "plugins/tls/tls.h"

#include <hopgate/connections.h>

/* Accepts on the instance's listeners, if it has any. NULL when out of memory. */
struct tls_gateway *tls_gateway_new(struct tls_worker *tls);
/* NULL is allowed. */
void tls_gateway_free(struct tls_gateway *gateway);

/* Takes over a connection from an edge. */
void tls_gateway_take(struct tls_gateway *gateway, const struct hg_connection *connection);

#endif
