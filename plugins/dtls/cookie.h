/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Cookies: proof that a peer can receive at the address it sends from (RFC 6347 section 4.2.1), required before
 * anything is allocated for it.
 */
#ifndef PLUGINS_DTLS_COOKIE_H
#define PLUGINS_DTLS_COOKIE_H

#include "plugins/dtls/record_header.h"
#include "plugins/dtls/socket.h"

#include <gnutls/dtls.h>
#include <hopgate/types.h>

/* The secrets that cookies are made with: the current one, and the previous one, whose cookies are still accepted. */
struct dtls_cookie_keys {
    gnutls_datum_t present, previous;
    hg_time rotated;
};

/* Returns 0, or -1 when out of memory. */
int dtls_cookie_keys_init(struct dtls_cookie_keys *keys, hg_time now);
void dtls_cookie_keys_fini(struct dtls_cookie_keys *keys);

/* Returns whether a ClientHello carries a valid cookie; if so, fills `prestate` for gnutls_dtls_prestate_set(). */
bool dtls_cookie_verify(struct dtls_cookie_keys *keys, hg_time now, const struct dtls_path *path,
                        const struct dtls_record *client_hello, gnutls_dtls_prestate_st *prestate);

/* Answers a ClientHello with a HelloVerifyRequest, which is smaller than any ClientHello. */
void dtls_cookie_send(const struct dtls_cookie_keys *keys, struct dtls_socket *socket, const struct dtls_path *path);

#endif
