/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Fuzzes what anyone can send before a handshake has begun, and the framing of packets on a byte stream. The first byte
 * of the input selects the parser, the second one where the rest is split.
 */
#include "plugins/dtls/client_hello.h"
#include "plugins/lib/tlscommon/client_hello_read.h"
#include "plugins/tls/packet_framing.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

static bool is_inside(struct hg_text text, const void *bytes, size_t size)
{
    const char *begin = bytes;

    return text.size == 0 || (text.data >= begin && text.size <= size && text.data <= begin + size - text.size);
}

static void read_datagram(const uint8_t *data, size_t size)
{
    struct dtls_record record;
    struct dtls_hello hello;

    while (dtls_record_next(&data, &size, &record)) {
        must(record.size > DTLS_RECORD_HEADER && record.bytes + record.size == data);
        if (!dtls_record_is_client_hello(&record) || !dtls_hello_read(&record, &hello))
            continue;
        must(is_inside(hello.server_name, record.bytes, record.size));
        must(hello.alpn_count <= DTLS_HELLO_ALPN);
        for (size_t i = 0; i < hello.alpn_count; i++)
            must(is_inside(hello.alpn[i], record.bytes, record.size));
    }
}

/* More bytes complete a ClientHello, but never change one that is complete or wrong. */
static void read_stream(const uint8_t *data, size_t size, size_t split)
{
    static uint8_t part_message[TLSCOMMON_HELLO_MAX + 4], message[TLSCOMMON_HELLO_MAX + 4];
    struct tlscommon_hello part, hello;
    enum tlscommon_hello_state part_state = tlscommon_hello_read(&part, data, split, part_message);
    enum tlscommon_hello_state state = tlscommon_hello_read(&hello, data, size, message);

    must(part_state == TLSCOMMON_HELLO_INCOMPLETE || part_state == state);
    if (state != TLSCOMMON_HELLO_COMPLETE)
        return;
    must(memchr(hello.server_name, '\0', sizeof hello.server_name) != NULL);
    must(hello.alpn_count <= TLSCOMMON_ALPN_MAX);
    for (size_t i = 0; i < hello.alpn_count; i++)
        must(is_inside(hello.alpn[i], message, sizeof message));
    if (part_state == TLSCOMMON_HELLO_COMPLETE)
        must(!strcmp(part.server_name, hello.server_name) && part.alpn_count == hello.alpn_count);
}

/* FNV-1a over the sizes and bytes of all packets. */
static void take_packet(void *arg, uint64_t number, const uint8_t *packet, size_t size)
{
    uint64_t *hash = arg;

    *hash = (*hash ^ number ^ size << 16) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < size; i++)
        *hash = (*hash ^ packet[i]) * UINT64_C(0x100000001b3);
}

/* The packets do not depend on how their bytes arrive. */
static void read_packets(const uint8_t *data, size_t size, size_t split)
{
    struct tls_packets whole = {.count = 0}, parts = {.count = 0};
    uint64_t whole_hash = 0, parts_hash = 0;
    const char *wrong = tls_packets_read(&whole, data, size, take_packet, &whole_hash);
    const char *wrong_in_parts = tls_packets_read(&parts, data, split, take_packet, &parts_hash);

    if (!wrong_in_parts)
        wrong_in_parts = tls_packets_read(&parts, data + split, size - split, take_packet, &parts_hash);
    must(wrong == wrong_in_parts && whole_hash == parts_hash && whole.count == parts.count);
    must(wrong || tls_packets_is_inside(&whole) == tls_packets_is_inside(&parts));
    tls_packets_free(&whole);
    tls_packets_free(&parts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t split;

    if (size < 2)
        return 0;
    size -= 2;
    split = size * data[1] / 255;
    if (data[0] % 3 == 0)
        read_datagram(data + 2, size);
    else if (data[0] % 3 == 1)
        read_stream(data + 2, size, split);
    else
        read_packets(data + 2, size, split);
    return 0;
}
