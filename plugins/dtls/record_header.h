/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The unencrypted part of a DTLS record (RFC 6347 section 4.1), checked before GnuTLS sees the datagram: a datagram
 * without a complete record header makes a GnuTLS session unusable.
 */
#ifndef PLUGINS_DTLS_RECORD_HEADER_H
#define PLUGINS_DTLS_RECORD_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DTLS_RECORD_HEADER 13

/* Record types (RFC 5246 section 6.2.1). */
enum {
    DTLS_RECORD_CHANGE_CIPHER_SPEC = 20,
    DTLS_RECORD_ALERT = 21,
    DTLS_RECORD_HANDSHAKE = 22,
    DTLS_RECORD_APPLICATION_DATA = 23,
};

struct dtls_record {
    uint16_t type;
    uint16_t epoch;
    const uint8_t *bytes; /* the header and what follows it */
    size_t size;          /* of header and payload */
};

/* Takes the next record from a datagram. False: there is none, or the rest is invalid and must be dropped (RFC 6347
 * section 4.1.2.7). */
bool dtls_record_next(const uint8_t **datagram, size_t *size, struct dtls_record *record);

/* Whether the record is a complete ClientHello outside any association, which may be answered with a cookie. */
bool dtls_record_is_client_hello(const struct dtls_record *record);

/* The 32 random bytes that distinguish the handshakes of different ClientHellos. */
#define DTLS_RANDOM_SIZE 32
const uint8_t *dtls_record_client_random(const struct dtls_record *client_hello);

#endif
