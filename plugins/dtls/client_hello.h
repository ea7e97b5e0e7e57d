/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What a ClientHello asks for. It is parsed before GnuTLS sees it, since in TLS 1.2 GnuTLS needs the certificate at
 * once, while it may still have to be looked up.
 */
#ifndef PLUGINS_DTLS_CLIENT_HELLO_H
#define PLUGINS_DTLS_CLIENT_HELLO_H

#include "plugins/dtls/record_header.h"

#include <hopgate/types.h>

#define DTLS_HELLO_ALPN 8

/* The texts point into the record. */
struct dtls_hello {
    struct hg_text server_name; /* RFC 6066 section 3; empty if there is none */
    struct hg_text alpn[DTLS_HELLO_ALPN];
    size_t alpn_count; /* of the first few, if there are more */
};

/* Parses a record for which dtls_record_is_client_hello() is true. False: it is malformed. */
bool dtls_hello_read(const struct dtls_record *record, struct dtls_hello *hello);

#endif
