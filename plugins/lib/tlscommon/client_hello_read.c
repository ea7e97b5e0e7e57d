/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/tlscommon/client_hello_read.h"

/* RFC 8446 sections 4 and 5.1. */
#define RECORD_HEADER         5
#define RECORD_MAX            16384
#define RECORD_HANDSHAKE      22
#define MESSAGE_HEADER        4
#define MESSAGE_CLIENT_HELLO  1
#define MAJOR_VERSION         3
#define EXTENSION_SERVER_NAME 0
#define EXTENSION_ALPN        16

/* Reassembles the message, which RFC 8446 section 5.1 allows to be split over several records. */
static enum tlscommon_hello_state join_records(const uint8_t *data, size_t size, uint8_t *message, size_t *message_size)
{
    size_t at = 0, got = 0, wanted = MESSAGE_HEADER;

    for (;;) {
        size_t length;

        if (got >= MESSAGE_HEADER)
            wanted = MESSAGE_HEADER + ((size_t)message[1] << 16 | (size_t)message[2] << 8 | message[3]);
        if (wanted > TLSCOMMON_HELLO_MAX || (got > 0 && message[0] != MESSAGE_CLIENT_HELLO))
            return TLSCOMMON_HELLO_WRONG;
        *message_size = wanted;
        if (got >= wanted)
            return TLSCOMMON_HELLO_COMPLETE;
        if (size - at < RECORD_HEADER)
            return TLSCOMMON_HELLO_INCOMPLETE;
        length = (size_t)data[at + 3] << 8 | data[at + 4];
        if (data[at] != RECORD_HANDSHAKE || data[at + 1] != MAJOR_VERSION || length == 0 || length > RECORD_MAX ||
            length > TLSCOMMON_HELLO_MAX + MESSAGE_HEADER - got)
            return TLSCOMMON_HELLO_WRONG;
        if (size - at - RECORD_HEADER < length)
            return TLSCOMMON_HELLO_INCOMPLETE;
        memcpy(message + got, data + at + RECORD_HEADER, length);
        got += length;
        at += RECORD_HEADER + length;
    }
}

/* RFC 6066 section 3: a list of names, but only one, of type 0, is ever sent. */
static void read_name(struct tlscommon_hello *hello, const uint8_t *data, size_t size)
{
    size_t length = size >= 5 ? (size_t)data[3] << 8 | data[4] : 0;

    if (length == 0 || data[2] != 0 || length > size - 5 || length >= TLSCOMMON_NAME_SIZE ||
        memchr(data + 5, 0, length))
        return;
    for (size_t i = 0; i < length; i++)
        hello->server_name[i] =
            (char)(data[5 + i] >= 'A' && data[5 + i] <= 'Z' ? data[5 + i] + ('a' - 'A') : data[5 + i]);
    hello->server_name[length] = '\0';
}

/* RFC 7301 section 3.1: a list of protocols, each preceded by a length byte. */
static void read_alpn(struct tlscommon_hello *hello, const uint8_t *data, size_t size)
{
    for (size_t at = 2; at < size && data[at] < size - at && hello->alpn_count < TLSCOMMON_ALPN_MAX;
         at += 1U + data[at])
        hello->alpn[hello->alpn_count++] = (struct hg_text){(const char *)data + at + 1, data[at]};
}

static int read_extension(void *arg, unsigned type, const unsigned char *data, unsigned size)
{
    if (type == EXTENSION_SERVER_NAME)
        read_name(arg, data, size);
    else if (type == EXTENSION_ALPN)
        read_alpn(arg, data, size);
    return 0;
}

enum tlscommon_hello_state tlscommon_hello_read(struct tlscommon_hello *hello, const uint8_t *data, size_t size,
                                                uint8_t *message)
{
    gnutls_datum_t body = {message + MESSAGE_HEADER, 0};
    enum tlscommon_hello_state state;
    size_t message_size;

    hello->server_name[0] = '\0';
    hello->alpn_count = 0;
    state = join_records(data, size, message, &message_size);
    if (state == TLSCOMMON_HELLO_COMPLETE) {
        body.size = (unsigned)(message_size - MESSAGE_HEADER);
        gnutls_ext_raw_parse(hello, read_extension, &body, GNUTLS_EXT_RAW_FLAG_TLS_CLIENT_HELLO);
    }
    return state;
}

bool tlscommon_hello_offers(const struct tlscommon_hello *hello, struct hg_text protocol)
{
    for (size_t i = 0; i < hello->alpn_count; i++)
        if (hg_text_equal(hello->alpn[i], protocol))
            return true;
    return false;
}
