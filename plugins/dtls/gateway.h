/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The listening end: many associations on one socket, distinguished by the path of their datagrams.
 */
#ifndef PLUGINS_DTLS_GATEWAY_H
#define PLUGINS_DTLS_GATEWAY_H

#include "plugins/dtls/dtls.h"

/* Starts on this worker's sockets of all listeners. On error, logs it and returns NULL. */
struct dtls_gateway *dtls_gateway_new(struct dtls_worker *dtls);
/* Frees it with all associations that never became links. NULL is allowed. */
void dtls_gateway_free(struct dtls_gateway *gateway);

#endif
