/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Two ends of the tunnel, with a session over a link, whose packets and clock are controlled by the test.
 */
#ifndef TESTS_UNIT_TUNNEL_ENDS_H
#define TESTS_UNIT_TUNNEL_ENDS_H

#include "core/base/buffer.h"
#include "core/tunnel/tunnel.h"

enum {
    CLIENT,
    GATEWAY,
};

#define ENDS_BYTES 400000

extern struct tn_params params[2];
extern struct tn_session *sessions[2];
extern struct tn_link *links[2];
extern uint64_t numbers[2]; /* of the next packet */
extern tn_time now;
extern uint8_t packet[TN_PACKET_MAX]; /* the packet that take() took */
extern uint8_t bytes[ENDS_BYTES];     /* the content of streams */

/* setup() does both steps; parameters may be changed between the other two. */
void setup(void);
void setup_params(void);
void setup_ends(void);
void teardown(void);

/* take() takes the next packet of one end, 0 if there is none; give() passes it to the other end and returns 0 or an
 * error. */
size_t take(int from);
int give(int to, size_t size);
/* Carries everything that can be sent now, in one batch; returns how many packets. */
unsigned carry(int from);
/* Lets both ends exchange packets until they are silent, including delayed ACKs. */
void settle(void);

/* Writes part of `bytes`; returns how much there was room for. */
size_t write_bytes(struct tn_stream *stream, size_t offset, size_t size);
/* Reads everything available and compares it with `bytes`; returns how much. */
size_t read_bytes(struct tn_stream *stream, size_t offset);
struct tn_stream *expect_event(int side, enum tn_event_type type, uint64_t code);
void expect_no_event(int side);

#endif
