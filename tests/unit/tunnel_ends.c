/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "tests/unit/tunnel_ends.h"

#include <check.h>

struct tn_params params[2];
struct tn_session *sessions[2];
struct tn_link *links[2];
uint64_t numbers[2];
tn_time now;
uint8_t packet[TN_PACKET_MAX];
uint8_t bytes[ENDS_BYTES];

void setup_params(void)
{
    now = TN_SECOND;
    for (int side = 0; side < 2; side++) {
        tn_params_default(&params[side]);
        params[side].is_client = side == CLIENT;
        params[side].stream_window = 512 * 1024; /* enough for what the tests check */
        numbers[side] = 0;
    }
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
}

void setup_ends(void)
{
    struct tn_peer_params peer;

    for (int side = 0; side < 2; side++) {
        sessions[side] = tn_session_new(&params[side]);
        links[side] = tn_link_new(sessions[side], &params[side], now);
    }
    for (int side = 0; side < 2; side++) {
        tn_session_local_params(sessions[!side], &peer);
        tn_session_set_peer_params(sessions[side], &peer);
    }
}

void setup(void)
{
    setup_params();
    setup_ends();
}

void teardown(void)
{
    for (int side = 0; side < 2; side++) {
        tn_link_free(links[side]);
        tn_session_free(sessions[side]);
    }
}

size_t take(int from)
{
    size_t size = tn_link_send(links[from], now, numbers[from], packet, 1200);

    numbers[from] += size > 0;
    return size;
}

int give(int to, size_t size)
{
    return tn_link_receive(links[to], now, numbers[!to] - 1, packet, size);
}

unsigned carry(int from)
{
    unsigned count = 0;
    size_t size;

    while ((size = take(from)) > 0) {
        ck_assert_int_eq(give(!from, size), 0);
        count++;
    }
    tn_link_batch_end(links[!from], now);
    return count;
}

void settle(void)
{
    for (int i = 0; i < 1000; i++) {
        now += TN_MILLISECOND;
        for (int side = 0; side < 2; side++)
            ck_assert_int_eq(tn_link_timeout(links[side], now), 0);
        if (carry(CLIENT) + carry(GATEWAY) == 0 && i > 20)
            return;
    }
    ck_abort_msg("the ends never fall silent");
}

size_t write_bytes(struct tn_stream *stream, size_t offset, size_t size)
{
    struct hg_slice slice = {NULL, bytes + offset, size};

    return tn_stream_write(stream, &slice);
}

struct tn_stream *expect_event(int side, enum tn_event_type type, uint64_t code)
{
    struct tn_event event;

    ck_assert(tn_session_next_event(sessions[side], &event));
    ck_assert_int_eq(event.type, type);
    ck_assert_uint_eq(event.code, code);
    return event.stream;
}

void expect_no_event(int side)
{
    struct tn_event event;

    ck_assert(!tn_session_next_event(sessions[side], &event));
}

size_t read_bytes(struct tn_stream *stream, size_t offset)
{
    struct hg_slice slice;
    size_t total = 0;

    while (tn_stream_peek(stream, &slice)) {
        ck_assert_mem_eq(slice.data, bytes + offset + total, slice.size);
        total += slice.size;
        tn_stream_consume(stream, slice.size);
    }
    return total;
}
