/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * TLS between a connection's socket and its buffers.
 */
#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include "plugins/http/connection.h"

/* What the listeners of an instance share. NULL after config errors were told. */
struct tls_context *tls_context_new(struct hg_instance *instance, const char *priority);
void tls_context_free(struct tls_context *context);

/* What a worker needs for it. 0, or -1 when out of memory. */
int tls_start(struct edge *edge);
void tls_stop(struct edge *edge);

enum {
    TLS_AGAIN = -1,   /* when the socket is readable or writable again: see tls_wants_write() */
    TLS_FAILED = -2,  /* nothing more can be done with it */
    TLS_PARKED = -3,  /* connection_handshake() will be called when the certificate is there, or its turn has come */
    TLS_FOREIGN = -4, /* it speaks a protocol that another plugin takes: see tls_hand_over() */
    TLS_OVER = -5,    /* it spoke a protocol that consists of the handshake alone, and all went well */
};

struct tls *tls_new(struct connection *connection, const struct sockaddr *address);
/* 0: done. */
int tls_handshake(struct tls *tls);
/* Gives the descriptor and all that was received to the plugin that takes them. */
void tls_hand_over(struct tls *tls, int fd);
/* What the users of an exchange may know. The handshake is done. */
const struct hg_tls *tls_facts(struct tls *tls);
bool tls_wants_write(const struct tls *tls);
/* Whether bytes have come that tls_read() has not given yet: the socket will not be readable for them. */
bool tls_holds_input(const struct tls *tls);
/* Bytes, 0 at the end, TLS_AGAIN or TLS_FAILED. */
ssize_t tls_read(struct tls *tls, uint8_t *data, size_t size);
/* Writes from the front of the output. Bytes, TLS_AGAIN or TLS_FAILED. */
ssize_t tls_write(struct tls *tls, const struct output *output);
/* Reading pauses: what came beyond what was asked for is kept for later. */
void tls_read_end(struct tls *tls);
/* Says goodbye, as far as that goes without waiting. */
void tls_bye(struct tls *tls);
void tls_free(struct tls *tls);

#endif
