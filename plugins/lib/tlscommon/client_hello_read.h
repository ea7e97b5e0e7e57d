/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What a ClientHello on a byte stream asks for, parsed before GnuTLS sees it: GnuTLS selects the cipher suite, and for
 * that the certificate, in the call that reads the hello, while the certificate may still have to be looked up.
 * Malformed input is left to GnuTLS, which knows the right alert.
 */
#ifndef PLUGINS_LIB_TLSCOMMON_CLIENT_HELLO_READ_H
#define PLUGINS_LIB_TLSCOMMON_CLIENT_HELLO_READ_H

#include <hopgate/certificates.h>

/* The largest ClientHello that is parsed. */
#define TLSCOMMON_HELLO_MAX 16384

/* A DNS name (RFC 1035 section 2.3.4), terminated. */
#define TLSCOMMON_NAME_SIZE 256

#define TLSCOMMON_ALPN_MAX 16

enum tlscommon_hello_state {
    TLSCOMMON_HELLO_INCOMPLETE,
    TLSCOMMON_HELLO_COMPLETE,
    TLSCOMMON_HELLO_WRONG,
};

struct tlscommon_hello {
    char server_name[TLSCOMMON_NAME_SIZE];   /* in lower case; empty: no valid name */
    struct hg_text alpn[TLSCOMMON_ALPN_MAX]; /* the first few, if there are more; they point into `message` */
    size_t alpn_count;
};

/* Parses the stream from its first byte. `message` is a buffer of at least TLSCOMMON_HELLO_MAX + 4 bytes. If the state
 * is COMPLETE, `hello` contains what could be parsed. */
enum tlscommon_hello_state tlscommon_hello_read(struct tlscommon_hello *hello, const uint8_t *data, size_t size,
                                                uint8_t *message);

/* Whether the protocol is offered. */
bool tlscommon_hello_offers(const struct tlscommon_hello *hello, struct hg_text protocol);

#endif
