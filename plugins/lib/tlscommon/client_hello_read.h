/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What a ClientHello on a byte stream asks for, read before GnuTLS sees it: GnuTLS chooses the cipher suite, and for
 * that the certificate, within the call that reads the hello, but the certificate may yet have to be looked up. What
 * looks wrong is left to GnuTLS, which knows the right alert.
 */
#ifndef PLUGINS_LIB_TLSCOMMON_CLIENT_HELLO_READ_H
#define PLUGINS_LIB_TLSCOMMON_CLIENT_HELLO_READ_H

#include <hopgate/certificates.h>

/* The largest ClientHello that is looked at. */
#define TLSCOMMON_HELLO_MAX 16384

/* A DNS name (RFC 1035 section 2.3.4) and its end. */
#define TLSCOMMON_NAME_SIZE 256

#define TLSCOMMON_ALPN_MAX 16

enum tlscommon_hello_state {
    TLSCOMMON_HELLO_INCOMPLETE,
    TLSCOMMON_HELLO_COMPLETE,
    TLSCOMMON_HELLO_WRONG,
};

struct tlscommon_hello {
    char server_name[TLSCOMMON_NAME_SIZE];   /* in lower case; empty: none that could be one */
    struct hg_text alpn[TLSCOMMON_ALPN_MAX]; /* the first ones, if there are more; they stand in `message` */
    size_t alpn_count;
};

/* Reads what has come from the stream's first byte on. `message` is memory of at least TLSCOMMON_HELLO_MAX + 4 bytes;
 * `hello` is filled when the state is COMPLETE, with what could be understood. */
enum tlscommon_hello_state tlscommon_hello_read(struct tlscommon_hello *hello, const uint8_t *data, size_t size,
                                                uint8_t *message);

/* Whether the protocol is among those offered. */
bool tlscommon_hello_offers(const struct tlscommon_hello *hello, struct hg_text protocol);

#endif
