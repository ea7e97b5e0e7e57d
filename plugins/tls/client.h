/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The client's end: connecting, to one address of the gateway after the other, and session tickets.
 */
#ifndef TLS_CLIENT_H
#define TLS_CLIENT_H

#include "plugins/tls/tls.h"

/* NULL when memory is out. */
struct tls_client *tls_client_new(struct tls_worker *tls);
/* All links and connects must be gone. NULL is allowed. */
void tls_client_free(struct tls_client *client);

/* As ops->connect and ops->cancel of <hopgate/transport.h>. */
int tls_client_connect(struct tls_client *client, struct hg_link *link);
void tls_client_cancel(struct tls_client *client, struct hg_link *link);

#endif
