/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/tls/packet_framing.h"

#include <stdlib.h>

/* Continues with the incomplete packet. Returns how many bytes were used. */
static size_t fill(struct tls_packets *packets, const uint8_t *data, size_t size, tls_packet_taker take, void *arg)
{
    size_t part = packets->size - packets->got;

    if (part > size)
        part = size;
    memcpy(packets->packet + packets->got, data, part);
    packets->got += part;
    if (packets->got < packets->size)
        return part;
    take(arg, packets->count++, packets->packet, packets->size);
    free(packets->packet);
    packets->packet = NULL;
    return part;
}

/* Reads as much of the header as there is. Returns how many bytes were used. */
static size_t fill_header(struct tls_packets *packets, const uint8_t *data, size_t size)
{
    size_t used = 0;

    while (packets->header_size < TLS_PACKET_HEADER && used < size)
        packets->header[packets->header_size++] = data[used++];
    return used;
}

const char *tls_packets_read(struct tls_packets *packets, const uint8_t *data, size_t size, tls_packet_taker take,
                             void *arg)
{
    const uint8_t *end = data + size;

    while (data < end) {
        if (packets->packet) {
            data += fill(packets, data, (size_t)(end - data), take, arg);
            continue;
        }
        data += fill_header(packets, data, (size_t)(end - data));
        if (packets->header_size < TLS_PACKET_HEADER)
            return NULL;
        packets->header_size = 0;
        packets->size = (size_t)packets->header[0] << 8 | packets->header[1];
        if (packets->size == 0)
            return "a packet of 0 bytes was announced";
        if (packets->size > TLS_PACKET_MAX)
            return "a packet of more than 16384 bytes was announced";
        if (packets->size <= (size_t)(end - data)) {
            take(arg, packets->count++, data, packets->size);
            data += packets->size;
            continue;
        }
        packets->packet = malloc(packets->size);
        if (!packets->packet)
            return "out of memory";
        packets->got = 0;
    }
    return NULL;
}

bool tls_packets_is_inside(const struct tls_packets *packets)
{
    return packets->packet || packets->header_size > 0;
}

void tls_packets_free(struct tls_packets *packets)
{
    free(packets->packet);
    packets->packet = NULL;
}
