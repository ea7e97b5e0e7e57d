/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The gateway's end: connections that come to ports of its own or from an edge.
 */
#ifndef PLUGINS_TLS_GATEWAY_H
#define PLUGINS_TLS_GATEWAY_H

#include "plugins/tls/tls.h"

#include <hopgate/connections.h>

/* Accepts at the instance's listeners, if it has any. NULL after the reason was logged. */
struct tls_gateway *tls_gateway_new(struct tls_worker *tls);
/* NULL is allowed. */
void tls_gateway_free(struct tls_gateway *gateway);

/* Takes a connection from an edge. */
void tls_gateway_take(struct tls_gateway *gateway, const struct hg_connection *connection);

#endif
