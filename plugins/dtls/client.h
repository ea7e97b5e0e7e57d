/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The end that connects: each link has a connected socket of its own.
 */
#ifndef DTLS_CLIENT_H
#define DTLS_CLIENT_H

#include "plugins/dtls/dtls.h"

/* NULL when memory is out. */
struct dtls_client *dtls_client_new(struct dtls_worker *dtls);
/* Opens a link; cancels one that is not up yet. As in struct hg_transport_ops. */
int dtls_client_connect(struct dtls_client *client, struct hg_link *link);
void dtls_client_cancel(struct dtls_client *client, struct hg_link *link);
/* Frees it. No link is left. NULL is allowed. */
void dtls_client_free(struct dtls_client *client);

#endif
