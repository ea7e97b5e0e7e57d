/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Asking clients to reconnect: the hint that an association is unknown here, sent after a restart to each client of the
 * previous process. A client that gets it checks whether the gateway still responds and, if not, opens another link,
 * long before it would notice otherwise (docs/protocol.md section 5).
 */
#ifndef PLUGINS_DTLS_RECONNECT_HINT_H
#define PLUGINS_DTLS_RECONNECT_HINT_H

#include "plugins/dtls/association_file.h"
#include "plugins/dtls/socket.h"

struct dtls_recall;

/* Queues the hint: an unencrypted fatal alert. Anyone could send it, so no client acts on it without checking. */
void dtls_recall_hint(struct dtls_socket *socket, const struct dtls_path *path);
/* The size of that record. */
#define DTLS_RECALL_SIZE 15

/* Starts sending hints to all peers found in the roster's file. Returns NULL if there are none or when out of
 * memory. */
struct dtls_recall *dtls_recall_start(struct hg_worker *worker, struct dtls_socket *socket, struct dtls_roster *roster);
/* NULL is allowed. */
void dtls_recall_free(struct dtls_recall *recall);

#endif
