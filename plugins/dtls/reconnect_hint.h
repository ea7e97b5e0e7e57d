/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Calling clients back: the hint that an association is not known here, and after a restart one for each client that
 * the process before had. A client that gets it asks for life, and opens another link when there is no answer, long
 * before it would notice by itself (docs/protocol.md section 5).
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
