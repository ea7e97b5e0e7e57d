/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Packets on a byte stream: each is preceded by its length (docs/protocol.md, section 2.2).
 */
#ifndef PLUGINS_TLS_PACKET_FRAMING_H
#define PLUGINS_TLS_PACKET_FRAMING_H

#include <hopgate/types.h>

#define TLS_PACKET_HEADER 2
#define TLS_PACKET_MAX    16384

/* The reader of one stream; initially zero. It holds memory only while a packet is incomplete. */
struct tls_packets {
    uint8_t header[TLS_PACKET_HEADER];
    size_t header_size; /* bytes of it that have arrived, before the packet starts */
    uint8_t *packet;    /* the incomplete one */
    size_t size, got;
    uint64_t count; /* complete ones: the number of the next one */
};

typedef void (*tls_packet_taker)(void *arg, uint64_t number, const uint8_t *packet, size_t size);

/* Reads the next bytes and passes on each packet that is complete; its bytes are valid during the call. Returns NULL,
 * or what is wrong; the stream is then unusable. */
const char *tls_packets_read(struct tls_packets *packets, const uint8_t *data, size_t size, tls_packet_taker take,
                             void *arg);

/* Whether a packet is incomplete. */
bool tls_packets_is_inside(const struct tls_packets *packets);

void tls_packets_free(struct tls_packets *packets);

/* Writes the header of a packet. */
static inline void tls_packet_write_header(uint8_t header[TLS_PACKET_HEADER], size_t size)
{
    header[0] = (uint8_t)(size >> 8);
    header[1] = (uint8_t)size;
}

#endif
