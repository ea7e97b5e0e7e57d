/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/dtls/record_header.h"

/* RFC 6347 section 4.1: a ciphertext is at most 2^14 + 2048 bytes. */
#define FRAGMENT_MAX (16384 + 2048)

/* RFC 6347 section 4.2.2: type 1, length 3, message_seq 2, fragment_offset 3, fragment_length 3. */
#define HANDSHAKE_HEADER 12
#define CLIENT_HELLO     1

/* client_version 2, random 32, session_id 1, cookie 1, cipher_suites 2 + 2, compression_methods 1 + 1. */
#define CLIENT_HELLO_MIN 42

static size_t read24(const uint8_t *bytes)
{
    return (size_t)bytes[0] << 16 | (size_t)bytes[1] << 8 | bytes[2];
}

bool dtls_record_next(const uint8_t **datagram, size_t *size, struct dtls_record *record)
{
    const uint8_t *bytes = *datagram;
    size_t fragment;

    if (*size < DTLS_RECORD_HEADER)
        return false;
    fragment = (size_t)bytes[11] << 8 | bytes[12];
    if (bytes[0] < DTLS_RECORD_CHANGE_CIPHER_SPEC || bytes[0] > DTLS_RECORD_APPLICATION_DATA)
        return false;
    /* {254, 253} is DTLS 1.2; the first ClientHello may have {254, 255} (RFC 6347 section 4.2.1). */
    if (bytes[1] != 254 || (bytes[2] != 253 && bytes[2] != 255))
        return false;
    if (fragment == 0 || fragment > FRAGMENT_MAX || fragment > *size - DTLS_RECORD_HEADER)
        return false;
    record->type = bytes[0];
    record->epoch = (uint16_t)(bytes[3] << 8 | bytes[4]);
    record->bytes = bytes;
    record->size = DTLS_RECORD_HEADER + fragment;
    *datagram += record->size;
    *size -= record->size;
    return true;
}

bool dtls_record_is_client_hello(const struct dtls_record *record)
{
    const uint8_t *handshake = record->bytes + DTLS_RECORD_HEADER;
    size_t size = record->size - DTLS_RECORD_HEADER;

    return record->type == DTLS_RECORD_HANDSHAKE && record->epoch == 0 && size >= HANDSHAKE_HEADER + CLIENT_HELLO_MIN &&
           handshake[0] == CLIENT_HELLO && read24(handshake + 1) == size - HANDSHAKE_HEADER &&
           read24(handshake + 6) == 0 && read24(handshake + 9) == size - HANDSHAKE_HEADER;
}

const uint8_t *dtls_record_client_random(const struct dtls_record *client_hello)
{
    return client_hello->bytes + DTLS_RECORD_HEADER + HANDSHAKE_HEADER + 2;
}
