/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * TLS between a connection's socket and its buffers.
 */
#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include "plugins/http/connection.h"

/* Shared by the listeners of an instance. NULL after config errors. */
struct tls_context *tls_context_new(struct hg_instance *instance, const char *priority);
void tls_context_free(struct tls_context *context);

/* Allocates what a worker needs for it. Returns 0, or -1 when out of memory. */
int tls_start(struct edge *edge);
void tls_stop(struct edge *edge);

enum {
    TLS_AGAIN = -1,   /* try again when the socket is readable or writable: see tls_wants_write() */
    TLS_FAILED = -2,  /* it is unusable */
    TLS_PARKED = -3,  /* connection_handshake() will be called when the certificate is available, or it is its turn */
    TLS_FOREIGN = -4, /* it speaks a protocol that another plugin takes: see tls_hand_over() */
    TLS_OVER = -5,    /* its protocol consists of the handshake alone, which succeeded */
};

struct tls *tls_new(struct connection *connection, const struct sockaddr *address);
/* 0: done. */
int tls_handshake(struct tls *tls);
/* Passes the descriptor and everything that was received to the plugin that takes the connection. */
void tls_hand_over(struct tls *tls, int fd);
/* The facts about TLS for the stages of an exchange. The handshake must be complete. */
const struct hg_tls *tls_facts(struct tls *tls);
bool tls_wants_write(const struct tls *tls);
/* Whether there are bytes that tls_read() has not returned yet, for which the socket will not become readable. */
bool tls_holds_input(const struct tls *tls);
/* Returns the number of bytes, 0 at the end, TLS_AGAIN or TLS_FAILED. */
ssize_t tls_read(struct tls *tls, uint8_t *data, size_t size);
/* Writes from the start of the output. Returns the number of bytes, TLS_AGAIN or TLS_FAILED. */
ssize_t tls_write(struct tls *tls, const struct output *output);
/* Reading pauses: anything received beyond what was asked for is kept. */
void tls_read_end(struct tls *tls);
/* Sends close_notify, if possible without waiting. */
void tls_bye(struct tls *tls);
void tls_free(struct tls *tls);

#endif
