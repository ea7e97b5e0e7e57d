/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A session and its streams, packet by packet: errors that the simulator's random runs would not detect.
 */
#include "core/tunnel/varint.h"
#include "tests/sim/random.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/slowness.h"
#include "tests/unit/tunnel_ends.h"

#include <check.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

START_TEST(one_exchange)
{
    struct tn_stream *asked = tn_stream_open(sessions[GATEWAY]), *served;

    ck_assert_uint_eq(tn_stream_id(asked), 1);
    ck_assert_uint_eq(write_bytes(asked, 0, 500), 500);
    tn_stream_finish(asked);
    ck_assert_uint_eq(carry(GATEWAY), 1);
    served = expect_event(CLIENT, TN_EVENT_OPENED, 0);
    ck_assert_ptr_eq(expect_event(CLIENT, TN_EVENT_READABLE, 0), served);
    expect_no_event(CLIENT);
    ck_assert_uint_eq(tn_stream_id(served), 1);
    ck_assert(!tn_stream_fin_read(served));
    ck_assert_uint_eq(read_bytes(served, 0), 500);
    ck_assert(tn_stream_fin_read(served));
    ck_assert_uint_eq(write_bytes(served, 1000, 50), 50);
    tn_stream_finish(served);
    ck_assert_uint_eq(write_bytes(served, 0, 1), 0);
    /* The response and the ACK in one packet. */
    ck_assert_uint_eq(carry(CLIENT), 1);
    ck_assert(tn_stream_all_acknowledged(asked));
    ck_assert_ptr_eq(expect_event(GATEWAY, TN_EVENT_READABLE, 0), asked);
    ck_assert_uint_eq(read_bytes(asked, 1000), 50);
    tn_stream_release(asked);
    tn_stream_release(served);
    settle();
    ck_assert_uint_eq(tn_session_stream_count(sessions[CLIENT]), 0);
    ck_assert_uint_eq(tn_session_stream_count(sessions[GATEWAY]), 0);
    expect_no_event(CLIENT);
    expect_no_event(GATEWAY);
}
END_TEST

/* Many small messages share packets. */
START_TEST(small_streams_share_packets)
{
    for (int i = 0; i < 50; i++) {
        struct tn_stream *stream = tn_stream_open(sessions[GATEWAY]);

        ck_assert_uint_eq(write_bytes(stream, 0, 40), 40);
        tn_stream_finish(stream);
    }
    ck_assert_uint_le(carry(GATEWAY), 2);
}
END_TEST

/* A small message does not wait behind a bulk stream, and bulk streams share evenly. */
START_TEST(fair_turns)
{
    struct tn_stream *bulk[2] = {tn_stream_open(sessions[GATEWAY]), tn_stream_open(sessions[GATEWAY])}, *small;
    size_t size;

    for (int i = 0; i < 2; i++)
        write_bytes(bulk[i], 0, 200000);
    /* The first turn of each. */
    for (int i = 0; i < 8; i++) {
        size = take(GATEWAY);
        ck_assert_uint_gt(size, 0);
        ck_assert_int_eq(give(CLIENT, size), 0);
    }
    small = tn_stream_open(sessions[GATEWAY]);
    write_bytes(small, 0, 100);
    size = take(GATEWAY);
    ck_assert_int_eq(give(CLIENT, size), 0);
    for (;;) {
        struct tn_event event;

        ck_assert_msg(tn_session_next_event(sessions[CLIENT], &event), "the small stream had to wait");
        if (tn_stream_id(event.stream) == tn_stream_id(small) && tn_stream_readable(event.stream) == 100)
            break;
    }
    for (int i = 0; i < 50; i++) {
        struct tn_event event;
        size_t read[2] = {0, 0};

        settle();
        while (tn_session_next_event(sessions[CLIENT], &event))
            if (tn_stream_id(event.stream) < 9)
                read[tn_stream_id(event.stream) >> 2] += tn_stream_readable(event.stream);
        ck_assert_uint_le(read[0] > read[1] ? read[0] - read[1] : read[1] - read[0], 16384);
    }
}
END_TEST

/* An endless sequence of new small streams does not starve a download. */
START_TEST(old_turns)
{
    struct tn_stream *bulk = tn_stream_open(sessions[GATEWAY]);
    struct tn_session_stats stats;
    size_t size;

    write_bytes(bulk, 0, 200000);
    for (int i = 0; i < 9; i++) {
        for (int k = 0; k < 20; k++) {
            struct tn_stream *stream = tn_stream_open(sessions[GATEWAY]);

            ck_assert_uint_eq(write_bytes(stream, 0, 500), 500);
            tn_stream_finish(stream);
        }
        size = take(GATEWAY);
        ck_assert_int_eq(give(CLIENT, size), 0);
    }
    tn_session_stats(sessions[GATEWAY], &stats);
    ck_assert_uint_gt(stats.bytes_sent, 9000);
    ck_assert_uint_le(tn_stream_write_room(bulk), params[GATEWAY].send_buffer - 200000 + 9000);
    ck_assert_uint_ge(tn_stream_write_room(bulk), params[GATEWAY].send_buffer - 200000 + 5500);
}
END_TEST

/* Nor does a small message wait behind lost data of a download; and both continue. */
START_TEST(small_exchange_beside_lost_data)
{
    struct tn_stream *bulk = tn_stream_open(sessions[GATEWAY]), *small;
    struct tn_event event;
    unsigned sent = 0, lost = 0;

    write_bytes(bulk, 0, 100000);
    while (take(GATEWAY) > 0)
        lost++;
    ck_assert_uint_ge(lost, 8);
    write_bytes(bulk, 100000, 100000);
    now += 2 * TN_SECOND;
    ck_assert_int_eq(tn_link_timeout(links[GATEWAY], now), 0);
    carry(GATEWAY); /* two probes: they show what was lost */
    carry(CLIENT);
    while (tn_session_next_event(sessions[CLIENT], &event))
        ;
    small = tn_stream_open(sessions[GATEWAY]);
    write_bytes(small, 0, 64);
    tn_stream_finish(small);
    while (tn_session_stream_count(sessions[CLIENT]) < 2 && sent < 3) {
        size_t size;

        now += 100 * TN_MILLISECOND; /* for pacing */
        size = take(GATEWAY);
        ck_assert_uint_gt(size, 0);
        ck_assert_int_eq(give(CLIENT, size), 0);
        sent++;
    }
    ck_assert_uint_eq(tn_session_stream_count(sessions[CLIENT]), 2);
    ck_assert_uint_eq(sent, 2);
}
END_TEST

/* Only consuming gives credit; a stalled reader stops its writer and no others. */
START_TEST(credit_by_consuming)
{
    struct tn_stream *stalled = tn_stream_open(sessions[GATEWAY]), *other = tn_stream_open(sessions[GATEWAY]), *s;
    struct tn_session_stats stats;
    struct tn_event event;
    size_t written = 0, read = 0;

    for (int i = 0; i < 100; i++) {
        written += write_bytes(stalled, 0, sizeof bytes);
        settle();
    }
    tn_session_stats(sessions[CLIENT], &stats);
    ck_assert_uint_eq(stats.bytes_held, params[CLIENT].stream_window);
    /* Beyond its credit, little is buffered for it. */
    ck_assert_uint_eq(written, params[CLIENT].stream_window + 16384);
    while (tn_session_next_event(sessions[CLIENT], &event))
        ;
    for (int i = 0; i < 20; i++) {
        ck_assert_uint_eq(write_bytes(other, 0, 100000), 100000);
        settle();
        s = expect_event(CLIENT, i == 0 ? TN_EVENT_OPENED : TN_EVENT_READABLE, 0);
        if (i == 0)
            expect_event(CLIENT, TN_EVENT_READABLE, 0);
        read += read_bytes(s, 0);
    }
    ck_assert_uint_eq(read, 2000000);
}
END_TEST

/* The window of a reader that keeps up grows to its limit, and no further. */
START_TEST(window_grows)
{
    struct tn_stream *stream = tn_stream_open(sessions[GATEWAY]);
    struct tn_event event;
    uint64_t most = 0;

    for (unsigned i = 0, rounds = repetitions(3000); i < rounds; i++) {
        struct tn_session_stats stats;

        write_bytes(stream, 0, sizeof bytes);
        carry(GATEWAY);
        while (tn_session_next_event(sessions[CLIENT], &event))
            tn_stream_consume(event.stream, tn_stream_readable(event.stream));
        now += TN_MILLISECOND / 10;
        for (int side = 0; side < 2; side++)
            ck_assert_int_eq(tn_link_timeout(links[side], now), 0);
        carry(CLIENT);
        now += TN_MILLISECOND;
        while (tn_session_next_event(sessions[GATEWAY], &event))
            ;
        tn_session_stats(sessions[GATEWAY], &stats);
        most = stats.bytes_unacked > most ? stats.bytes_unacked : most;
    }
    /* Nothing is read from now on, so only the window can still be sent. */
    for (int i = 0; i < 100; i++) {
        write_bytes(stream, 0, sizeof bytes);
        settle();
    }
    while (tn_session_next_event(sessions[CLIENT], &event))
        most = tn_stream_readable(event.stream);
    ck_assert_uint_gt(most, params[CLIENT].stream_window);
    ck_assert_uint_le(most, params[CLIENT].stream_window + params[CLIENT].session_window / 2);
}
END_TEST

static uint64_t lent_by(int side)
{
    struct tn_session_stats stats;

    tn_session_stats(sessions[side], &stats);
    ck_assert_uint_le(stats.bytes_lent, params[side].session_window);
    ck_assert_uint_le(stats.bytes_held, stats.bytes_lent + stats.streams * params[side].stream_window);
    return stats.bytes_lent;
}

/* A round: the gateway writes as much as it may, and the client reads everything that arrived on this stream. */
static uint64_t read_round(struct tn_stream *stream)
{
    struct tn_event event;
    uint64_t read = 0;

    write_bytes(stream, 0, sizeof bytes);
    settle();
    while (tn_session_next_event(sessions[CLIENT], &event)) {
        if (tn_stream_id(event.stream) != tn_stream_id(stream))
            continue;
        read += tn_stream_readable(event.stream);
        tn_stream_consume(event.stream, tn_stream_readable(event.stream));
    }
    while (tn_session_next_event(sessions[GATEWAY], &event))
        ;
    lent_by(CLIENT);
    return read;
}

/* A hundred readers read as fast as they can and then stall, in sessions with windows of any size: a stream whose
 * reader continues still has its reserve, and once everything is read or dropped, all loans are back in the pool. */
START_TEST(stalled_readers_do_not_use_up_the_pool)
{
    static const uint64_t pools[] = {1, 1000, 256 << 10, 4 << 20};
    struct tn_stream *streams[100], *last;
    uint64_t before, read = 0;

    teardown();
    setup_params();
    params[CLIENT].stream_window = 12288;
    params[CLIENT].session_window = pools[_i];
    setup_ends();
    for (size_t i = 0; i < 100; i++) {
        streams[i] = tn_stream_open(sessions[GATEWAY]);
        for (int round = 0; round < 20; round++)
            ck_assert_uint_gt(read_round(streams[i]), 0);
        write_bytes(streams[i], 0, sizeof bytes);
        settle(); /* never read */
    }
    before = lent_by(CLIENT);
    last = tn_stream_open(sessions[GATEWAY]);
    for (int round = 0; round < 20; round++)
        read += read_round(last);
    ck_assert_uint_ge(read, 20 * 12288 - 4096);
    ck_assert_uint_ge(before + params[CLIENT].session_window / 2, lent_by(CLIENT));
    for (size_t i = 0; i < 100; i++)
        tn_stream_reset(streams[i], TN_STREAM_CANCELLED);
    tn_stream_reset(last, TN_STREAM_CANCELLED);
    settle();
    ck_assert_uint_eq(lent_by(CLIENT), 0);
}
END_TEST

static bool fill(struct tn_stream *stream, void *context)
{
    (void)context;
    while (write_bytes(stream, 0, sizeof bytes) > 0)
        ;
    return true;
}

static void small_windows(uint64_t size)
{
    teardown();
    setup_params();
    params[CLIENT].stream_window = size;
    setup_ends();
}

static uint64_t sent_by(int side)
{
    struct tn_session_stats stats;

    tn_session_stats(sessions[side], &stats);
    return stats.bytes_sent;
}

/* A gap prevents a reader that keeps up from reading, and so from giving credit: the window grows in the meantime. */
START_TEST(window_grows_behind_gap)
{
    struct tn_stream *stream;
    struct tn_event event;

    small_windows(8192);
    stream = tn_stream_open(sessions[GATEWAY]);
    write_bytes(stream, 0, 100000);
    ck_assert_uint_gt(take(GATEWAY), 0); /* lost */
    carry(GATEWAY);
    ck_assert_uint_eq(sent_by(GATEWAY), 8192);
    while (tn_session_next_event(sessions[CLIENT], &event))
        ck_assert_uint_eq(tn_stream_readable(event.stream), 0);
    carry(CLIENT);
    take(GATEWAY); /* sent again and lost again */
    carry(GATEWAY);
    ck_assert_uint_gt(sent_by(GATEWAY), 8192);
    ck_assert_uint_le(sent_by(GATEWAY), 2 * 8192);
}
END_TEST

/* But not while there is unread data in order. */
START_TEST(window_stays_with_stalled_reader)
{
    struct tn_stream *stream;

    small_windows(8192);
    stream = tn_stream_open(sessions[GATEWAY]);
    write_bytes(stream, 0, 100000);
    carry(GATEWAY);
    settle();
    ck_assert_uint_eq(sent_by(GATEWAY), 8192);
}
END_TEST

/* With a large window, credit is renewed long before half of it is used up. */
START_TEST(credit_comes_early)
{
    const uint64_t window = 1 << 20;
    struct tn_event event;
    uint64_t read = 0;

    small_windows(window);
    ck_assert(tn_stream_open(sessions[GATEWAY]));
    for (int i = 0; i < 40; i++) {
        tn_session_each_stream(sessions[GATEWAY], fill, NULL);
        settle();
        while (tn_session_next_event(sessions[CLIENT], &event)) {
            size_t readable = tn_stream_readable(event.stream);

            if (read + readable > window / 8)
                readable = window / 8 - read;
            tn_stream_consume(event.stream, readable);
            read += readable;
        }
    }
    ck_assert_uint_eq(read, window / 8);
    ck_assert_uint_eq(sent_by(GATEWAY), window + window / 8);
}
END_TEST

/* If credit was lost, a peer that reports that it is blocked gets it again, before any timer. */
START_TEST(blocked_is_answered)
{
    struct tn_stream *stream;
    struct tn_event event;

    small_windows(8192);
    stream = tn_stream_open(sessions[GATEWAY]);
    write_bytes(stream, 0, 6000);
    carry(GATEWAY);
    while (tn_session_next_event(sessions[CLIENT], &event))
        tn_stream_consume(event.stream, tn_stream_readable(event.stream));
    ck_assert_uint_gt(take(CLIENT), 0); /* lost */
    ck_assert_uint_eq(take(CLIENT), 0);
    write_bytes(stream, 6000, 20000);
    carry(GATEWAY);
    ck_assert_uint_eq(sent_by(GATEWAY), 8192);
    carry(CLIENT);
    carry(GATEWAY);
    ck_assert_uint_gt(sent_by(GATEWAY), 8192);
}
END_TEST

/* ---- Peers that violate the protocol ---- */

struct forged {
    uint8_t data[64];
    uint8_t *end;
};

static void forge(struct forged *forged, size_t count, const uint64_t *varints)
{
    forged->end = forged->data;
    for (size_t i = 0; i < count; i++)
        forged->end = varint_write(forged->end, varints[i]);
}

#define FORGE(...) forge(&forged, sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), (const uint64_t[]){__VA_ARGS__})

static int give_forged(int to, const struct forged *forged)
{
    return tn_link_receive(links[to], now, numbers[!to]++, forged->data, (size_t)(forged->end - forged->data));
}

START_TEST(violations)
{
    struct forged forged;

    switch (_i) {
    case 0: /* data beyond the stream's credit */
        FORGE(0x0e, 1, params[CLIENT].stream_window, 1, 7);
        ck_assert_int_eq(give_forged(CLIENT, &forged), TN_FLOW_CONTROL_ERROR);
        break;
    case 1: /* beyond one stream's; any number of open streams, each within its own, is no violation */
        for (uint64_t i = 0; i < params[CLIENT].max_streams; i++) {
            FORGE(0x0e, 4 * i + 1, params[CLIENT].stream_window - 1, 1, 7);
            ck_assert_int_eq(give_forged(CLIENT, &forged), 0);
        }
        FORGE(0x0e, 1, params[CLIENT].stream_window, 1, 7);
        ck_assert_int_eq(give_forged(CLIENT, &forged), TN_FLOW_CONTROL_ERROR);
        break;
    case 2: /* a final size that shrinks */
        FORGE(0x0e, 1, 10, 1, 7);
        ck_assert_int_eq(give_forged(CLIENT, &forged), 0);
        FORGE(0x0f, 1, 5, 0);
        ck_assert_int_eq(give_forged(CLIENT, &forged), TN_FINAL_SIZE_ERROR);
        break;
    case 3: /* data after the end */
        FORGE(0x0f, 1, 5, 0);
        ck_assert_int_eq(give_forged(CLIENT, &forged), 0);
        FORGE(0x0e, 1, 5, 1, 7);
        ck_assert_int_eq(give_forged(CLIENT, &forged), TN_FINAL_SIZE_ERROR);
        break;
    case 4: /* a reset that changes the end */
        FORGE(0x0f, 1, 5, 0);
        ck_assert_int_eq(give_forged(CLIENT, &forged), 0);
        FORGE(0x04, 1, 0, 6);
        ck_assert_int_eq(give_forged(CLIENT, &forged), TN_FINAL_SIZE_ERROR);
        break;
    case 5: /* a reset beyond credit */
        FORGE(0x04, 1, 0, params[CLIENT].stream_window + 1);
        ck_assert_int_eq(give_forged(CLIENT, &forged), TN_FLOW_CONTROL_ERROR);
        break;
    case 6: /* a stream above the limit */
        FORGE(0x0e, 4 * params[CLIENT].max_streams + 1, 0, 1, 7);
        ck_assert_int_eq(give_forged(CLIENT, &forged), TN_STREAM_LIMIT_ERROR);
        break;
    case 7: /* a stream of the receiver that was never opened */
        FORGE(0x0e, 0, 0, 1, 7);
        ck_assert_int_eq(give_forged(CLIENT, &forged), TN_STREAM_STATE_ERROR);
        break;
    case 8: /* a unidirectional one */
        FORGE(0x11, 3, 1);
        ck_assert_int_eq(give_forged(CLIENT, &forged), TN_STREAM_STATE_ERROR);
        break;
    case 9: /* an ACK of a packet that was never sent */
        FORGE(0x02, 0, 0, 0, 0);
        ck_assert_int_eq(give_forged(CLIENT, &forged), TN_PROTOCOL_VIOLATION);
        break;
    case 10: /* an empty packet */
        forged.end = forged.data;
        ck_assert_int_eq(give_forged(CLIENT, &forged), TN_FRAME_ENCODING_ERROR);
        break;
    case 11: /* CONTROL beyond what may be held */
        FORGE(0x06, TN_CONTROL_RECEIVE_MAX, 1, 7);
        ck_assert_int_eq(give_forged(CLIENT, &forged), TN_CONTROL_BUFFER_EXCEEDED);
        break;
    case 12: /* more streams than there are ids */
        FORGE(0x12, UINT64_C(1) << 61);
        ck_assert_int_eq(give_forged(CLIENT, &forged), TN_FRAME_ENCODING_ERROR);
        break;
    case 13: /* CONTROL and a frame of the session in one packet, in either order */
    case 14:
        if (_i == 13)
            FORGE(0x06, 0, 1, 7, 0x0e, 1, 0, 1, 7);
        else
            FORGE(0x10, 1000000, 0x06, 0, 1, 7);
        ck_assert_int_eq(give_forged(CLIENT, &forged), TN_PROTOCOL_VIOLATION);
        break;
    default: /* an unknown frame */
        FORGE(0x1e);
        ck_assert_int_eq(give_forged(CLIENT, &forged), TN_FRAME_ENCODING_ERROR);
        break;
    }
    if (_i < 15)
        ck_assert_str_ne(tn_link_error(links[CLIENT]), "");
}
END_TEST

/* An ACK of the packets from `first` to `last`. */
static int give_ack(int to, uint64_t first, uint64_t last)
{
    struct forged forged;

    FORGE(0x02, last, 0, 0, last - first);
    return give_forged(to, &forged);
}

static uint64_t unacked_by(int side)
{
    struct tn_session_stats stats;

    tn_session_stats(sessions[side], &stats);
    return stats.bytes_unacked;
}

/* The gateway may send without limit as far as the client's credit goes, and keeps 100,000 bytes. */
static struct tn_stream *endless_credit(bool reliable)
{
    static const struct tn_peer_params endless = {VARINT_MAX, VARINT_MAX, 100};
    uint64_t random = params[GATEWAY].random;

    teardown();
    setup_params();
    params[GATEWAY].random = random;
    params[GATEWAY].reliable = params[CLIENT].reliable = reliable;
    params[GATEWAY].session_unacked = 100000;
    setup_ends();
    tn_session_set_peer_params(sessions[GATEWAY], &endless);
    return tn_stream_open(sessions[GATEWAY]);
}

/* Whether the packet taken contains the first bytes of the stream: STREAM without OFF, perhaps after a PING. */
static bool holds_first_bytes(size_t size)
{
    size_t i = 0;

    while (i < size && packet[i] <= 0x01)
        i++;
    return i < size && (packet[i] & 0xfc) == 0x08;
}

/* A gateway keeps only so much for a client, regardless of the credit it gives: for one that acknowledges nothing on a
 * byte link, and for one that never acknowledges the first bytes, so that the rest of the stream must be kept as well.
 * Once they are acknowledged, everything continues. */
START_TEST(unacknowledged_data_is_limited)
{
    bool reliable = _i == 1;
    struct tn_stream *stream = endless_credit(reliable);
    uint64_t before;

    for (int i = 0; i < 1000; i++) {
        size_t size;

        write_bytes(stream, 0, 20000);
        now += TN_MILLISECOND;
        ck_assert_int_eq(tn_link_timeout(links[GATEWAY], now), 0);
        while ((size = take(GATEWAY)) > 0)
            if (!reliable && !holds_first_bytes(size))
                ck_assert_int_eq(give_ack(GATEWAY, numbers[GATEWAY] - 1, numbers[GATEWAY] - 1), 0);
        ck_assert_uint_lt(unacked_by(GATEWAY), 100000 + TN_PACKET_MAX);
    }
    before = sent_by(GATEWAY);
    ck_assert_uint_ge(before, 100000);
    ck_assert(!tn_link_wants_send(links[GATEWAY], now));
    ck_assert_int_eq(give_ack(GATEWAY, 0, numbers[GATEWAY] - 1), 0);
    ck_assert_uint_eq(unacked_by(GATEWAY), 0);
    ck_assert(tn_link_wants_send(links[GATEWAY], now));
    while (take(GATEWAY) > 0)
        ;
    ck_assert_uint_gt(sent_by(GATEWAY), before);
}
END_TEST

/* RFC 9000 section 21.4: a peer that acknowledges everything, received or not, would be sent more than its path
 * carries. */
START_TEST(an_ack_of_a_skipped_number_is_a_violation)
{
    struct tn_stream *stream;
    uint64_t skipped = UINT64_MAX;
    unsigned count = 0;

    setup_params();
    params[GATEWAY].random = 12345;
    stream = endless_credit(false);
    for (int i = 0; i < 200000 && count < 3; i++) {
        write_bytes(stream, 0, 1000);
        now += TN_MILLISECOND;
        ck_assert_int_eq(tn_link_timeout(links[GATEWAY], now), 0);
        if (tn_link_skips(links[GATEWAY], numbers[GATEWAY])) {
            ck_assert(!tn_link_skips(links[GATEWAY], numbers[GATEWAY] + 1));
            if (count++ > 0)
                ck_assert_uint_ge(numbers[GATEWAY] - skipped, 256);
            skipped = numbers[GATEWAY]++;
        }
        if (take(GATEWAY) > 0)
            ck_assert_int_eq(give_ack(GATEWAY, numbers[GATEWAY] - 1, numbers[GATEWAY] - 1), 0);
    }
    ck_assert_uint_eq(count, 3);
    write_bytes(stream, 0, 1000);
    ck_assert_int_eq(tn_link_timeout(links[GATEWAY], now += TN_SECOND), 0);
    ck_assert_uint_gt(take(GATEWAY), 0);
    ck_assert_int_eq(give_ack(GATEWAY, skipped + 1, numbers[GATEWAY] - 1), 0);
    ck_assert_int_eq(give_ack(GATEWAY, skipped - 1, numbers[GATEWAY] - 1), TN_PROTOCOL_VIOLATION);
    /* The numbers of a byte link are implicit, so none is skipped. */
    endless_credit(true);
    for (uint64_t number = 0; number < 5000; number++)
        ck_assert(!tn_link_skips(links[GATEWAY], number));
}
END_TEST

/* Nothing is lost on a byte link: a peer that acknowledges only the newest packet would make us keep the others. */
START_TEST(an_ack_on_a_byte_link_must_be_complete)
{
    struct tn_stream *stream = endless_credit(true);

    write_bytes(stream, 0, 5000);
    while (take(GATEWAY) > 0)
        ;
    ck_assert_uint_gt(numbers[GATEWAY], 3);
    ck_assert_int_eq(give_ack(GATEWAY, 0, 1), 0);
    ck_assert_int_eq(give_ack(GATEWAY, 1, 2), 0);
    ck_assert_int_eq(give_ack(GATEWAY, 4, 4), TN_PROTOCOL_VIOLATION);
    ck_assert_str_ne(tn_link_error(links[GATEWAY]), "");
}
END_TEST

/* A reset after the end and all bytes is too late; an earlier one drops what is unread and returns its credit. */
START_TEST(early_and_late_resets)
{
    struct forged forged;
    struct tn_session_stats stats;
    struct tn_stream *stream;

    FORGE(0x0f, 1, 0, 2, 7, 8);
    ck_assert_int_eq(give_forged(CLIENT, &forged), 0);
    FORGE(0x04, 1, 9, 2);
    ck_assert_int_eq(give_forged(CLIENT, &forged), 0);
    stream = expect_event(CLIENT, TN_EVENT_OPENED, 0);
    expect_event(CLIENT, TN_EVENT_READABLE, 0);
    expect_no_event(CLIENT);
    ck_assert_uint_eq(tn_stream_readable(stream), 2);
    FORGE(0x0e, 5, 0, 2, 7, 8);
    ck_assert_int_eq(give_forged(CLIENT, &forged), 0);
    FORGE(0x04, 5, 9, 200);
    ck_assert_int_eq(give_forged(CLIENT, &forged), 0);
    expect_event(CLIENT, TN_EVENT_OPENED, 0);
    stream = expect_event(CLIENT, TN_EVENT_RESET, 9);
    expect_no_event(CLIENT);
    ck_assert_uint_eq(tn_stream_readable(stream), 0);
    tn_session_stats(sessions[CLIENT], &stats);
    ck_assert_uint_eq(stats.bytes_received, 202);
    ck_assert_uint_eq(stats.bytes_held, 2);
    /* If a reader stops before the reset arrives, the reset is not reported to it. */
    FORGE(0x04, 9, 9, 0);
    ck_assert_int_eq(give_forged(CLIENT, &forged), 0);
    stream = expect_event(CLIENT, TN_EVENT_OPENED, 0);
    tn_stream_stop_sending(stream, 1);
    expect_no_event(CLIENT);
}
END_TEST

/* Single bytes with gaps between them, on as many streams as allowed: memory is limited by the number of pieces. */
START_TEST(fragments_are_limited)
{
    struct tn_session_stats stats;
    struct tn_link_stats link_stats;
    struct mallinfo2 before = mallinfo2(), after;

    for (uint64_t i = 0; i < 40000; i++) {
        struct forged forged;

        FORGE(0x0e, 4 * (i % 100) + 1, 2 * (i / 100) + 1, 1, 7);
        ck_assert_int_eq(give_forged(CLIENT, &forged), 0);
    }
    after = mallinfo2();
    tn_session_stats(sessions[CLIENT], &stats);
    tn_link_stats(links[CLIENT], &link_stats);
    ck_assert_uint_eq(stats.received_fragments, 16384);
    ck_assert_uint_eq(link_stats.packets_ignored, 40000 - 16384);
    /* With a sanitizer, the allocator reports nothing. */
    if (before.uordblks > 0 && after.uordblks > before.uordblks)
        ck_assert_uint_lt(after.uordblks - before.uordblks, 4 << 20);
}
END_TEST

/* Random frames, mostly well-formed and close to what is allowed: an error or none, but nothing else. */
START_TEST(random_frames)
{
    struct random random = {(uint64_t)_i + 1};
    static const uint8_t types[] = {0x00, 0x01, 0x02, 0x04, 0x05, 0x06, 0x08, 0x0a, 0x0b, 0x0c, 0x0e,
                                    0x0f, 0x0f, 0x10, 0x11, 0x12, 0x14, 0x15, 0x16, 0x1c, 0x1d};

    for (int run = 0; run < 20; run++) {
        int error = 0;

        for (int i = 0; i < 200 && error == 0; i++) {
            uint8_t *exact, *end = packet;
            struct tn_event event;

            while (end - packet < 300 && random_chance(&random, 0.8)) {
                *end++ = types[random_between(&random, 0, sizeof types - 1)];
                for (uint64_t n = random_between(&random, 0, 4); n > 0; n--)
                    end = varint_write(end, random_chance(&random, 0.02) ? VARINT_MAX - random_scaled(&random, 0, 100)
                                                                         : random_scaled(&random, 0, 500));
            }
            exact = malloc((size_t)(end - packet) + 1);
            ck_assert_ptr_nonnull(exact);
            memcpy(exact, packet, (size_t)(end - packet));
            now += 100000;
            error = tn_link_receive(links[CLIENT], now, numbers[GATEWAY]++, exact, (size_t)(end - packet));
            free(exact);
            while (tn_session_next_event(sessions[CLIENT], &event)) {
                if (!event.stream)
                    continue;
                write_bytes(event.stream, 0, 100);
                tn_stream_consume(event.stream, tn_stream_readable(event.stream) / 2);
                if (random_chance(&random, 0.2))
                    tn_stream_release(event.stream);
            }
            while (take(CLIENT) > 0)
                ;
        }
        teardown();
        setup();
    }
}
END_TEST

/* An idle session and its link are small. */
START_TEST(idle_memory)
{
    struct mallinfo2 before = mallinfo2(), after;

    setup();
    after = mallinfo2();
    if (before.uordblks > 0 && after.uordblks > before.uordblks)
        ck_assert_uint_lt(after.uordblks - before.uordblks, 2 * 4096);
    teardown();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tunnel");
    TCase *ends = tcase_create("ends"), *bare = tcase_create("no setup");

    tcase_add_checked_fixture(ends, setup, teardown);
    tcase_add_test(ends, one_exchange);
    tcase_add_test(ends, small_streams_share_packets);
    tcase_add_test(ends, fair_turns);
    tcase_add_test(ends, old_turns);
    tcase_add_test(ends, credit_by_consuming);
    tcase_add_test(ends, small_exchange_beside_lost_data);
    tcase_add_test(ends, window_grows);
    tcase_add_loop_test(ends, stalled_readers_do_not_use_up_the_pool, 0, 4);
    tcase_add_test(ends, window_grows_behind_gap);
    tcase_add_test(ends, window_stays_with_stalled_reader);
    tcase_add_test(ends, credit_comes_early);
    tcase_add_test(ends, blocked_is_answered);
    tcase_add_loop_test(ends, violations, 0, 16);
    tcase_add_loop_test(ends, unacknowledged_data_is_limited, 0, 2);
    tcase_add_test(ends, an_ack_on_a_byte_link_must_be_complete);
    tcase_add_test(ends, an_ack_of_a_skipped_number_is_a_violation);
    tcase_add_test(ends, early_and_late_resets);
    tcase_add_test(ends, fragments_are_limited);
    tcase_add_loop_test(ends, random_frames, 0, 20);
    tcase_add_test(bare, idle_memory);
    tcase_set_timeout(ends, 60);
    suite_add_tcase(suite, ends);
    suite_add_tcase(suite, bare);
    return run_suite(suite);
}
