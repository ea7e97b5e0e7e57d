/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A link, packet by packet: loss, acknowledgements, pacing, repetition, silence, closing.
 */
#include "tests/unit/run_suite.h"
#include "tests/unit/tunnel_ends.h"

#include <check.h>
#include <stdlib.h>

/* Sends nine packets, `apart` from each other, of which only `arrives` arrives (-1: none), then some that do; returns
 * the congestion window afterwards. */
static uint64_t window_after_losses(tn_time apart, int arrives)
{
    struct tn_stream *stream;
    struct tn_link_stats stats;

    teardown();
    setup_params();
    params[CLIENT].congestion = params[GATEWAY].congestion = TN_CONGESTION_CUBIC;
    setup_ends();
    stream = tn_stream_open(sessions[GATEWAY]);
    for (int i = 0; i < 2; i++) {
        write_bytes(stream, 0, 100);
        ck_assert_int_eq(give(CLIENT, take(GATEWAY)), 0);
    }
    now += 50 * TN_MILLISECOND;
    tn_link_batch_end(links[CLIENT], now);
    carry(CLIENT);
    for (int i = 0; i < 9; i++) {
        size_t size;

        now += apart;
        write_bytes(stream, 0, 100);
        size = take(GATEWAY);
        ck_assert_uint_gt(size, 0);
        if (i == arrives)
            ck_assert_int_eq(give(CLIENT, size), 0);
    }
    now += apart;
    for (int i = 0; i < 4; i++) {
        write_bytes(stream, 0, 100);
        ck_assert_int_eq(give(CLIENT, take(GATEWAY)), 0);
    }
    now += 50 * TN_MILLISECOND;
    tn_link_batch_end(links[CLIENT], now);
    carry(CLIENT);
    tn_link_stats(links[GATEWAY], &stats);
    ck_assert_uint_ge(stats.packets_lost, 8);
    return stats.congestion_window;
}

/* RFC 9002 section 7.6: if all packets sent over more than three probe timeouts (here 390 ms) are lost, that is
 * persistent congestion; over a shorter time, or if one of them arrives, it is an ordinary loss. */
START_TEST(persistent_congestion)
{
    /* The last ACK has let it grow again. */
    ck_assert_uint_le(window_after_losses(100 * TN_MILLISECOND, -1), 3 * 1200);
    ck_assert_uint_ge(window_after_losses(40 * TN_MILLISECOND, -1), 7 * 1200);
    ck_assert_uint_ge(window_after_losses(100 * TN_MILLISECOND, 4), 7 * 1200);
}
END_TEST

START_TEST(duplicates_are_dropped)
{
    struct tn_stream *stream = tn_stream_open(sessions[GATEWAY]);
    struct tn_link_stats stats;
    size_t size;

    write_bytes(stream, 0, 100);
    size = take(GATEWAY);
    ck_assert_int_eq(give(CLIENT, size), 0);
    ck_assert_int_eq(give(CLIENT, size), 0);
    tn_link_stats(links[CLIENT], &stats);
    ck_assert_uint_eq(stats.packets_received, 1);
    ck_assert_uint_eq(stats.packets_duplicate, 1);
}
END_TEST

/* One packet is lost, the next three arrive: it is sent again upon the ACK, without a timer. */
START_TEST(loss_by_packet_number)
{
    struct tn_stream *stream = tn_stream_open(sessions[GATEWAY]);
    struct tn_link_stats stats;

    write_bytes(stream, 0, 1000);
    ck_assert_uint_gt(take(GATEWAY), 0);
    for (size_t i = 1; i < 4; i++) {
        write_bytes(stream, 1000 * i, 1000);
        ck_assert_int_eq(give(CLIENT, take(GATEWAY)), 0);
    }
    tn_link_batch_end(links[CLIENT], now);
    ck_assert_uint_eq(carry(CLIENT), 1);
    tn_link_stats(links[GATEWAY], &stats);
    ck_assert_uint_eq(stats.packets_lost, 1);
    ck_assert_uint_eq(carry(GATEWAY), 1);
    ck_assert_ptr_eq(tn_stream_user(expect_event(CLIENT, TN_EVENT_OPENED, 0)), NULL);
    ck_assert_uint_eq(read_bytes(expect_event(CLIENT, TN_EVENT_READABLE, 0), 0), 4000);
}
END_TEST

/* The only packet is lost: the probe after the timeout carries its data, and not just a PING. */
START_TEST(probe_carries_data)
{
    struct tn_stream *stream = tn_stream_open(sessions[GATEWAY]);
    tn_time deadline;

    write_bytes(stream, 0, 1000);
    ck_assert_uint_gt(take(GATEWAY), 0);
    deadline = tn_link_deadline(links[GATEWAY]);
    /* RFC 9002 section 6.2.2: three times the initial RTT, plus the ACK delay. */
    ck_assert_uint_eq(deadline - now, 999 * TN_MILLISECOND + 5 * TN_MILLISECOND);
    now = deadline - 1;
    ck_assert_int_eq(tn_link_timeout(links[GATEWAY], now), 0);
    ck_assert(!tn_link_wants_send(links[GATEWAY], now));
    now = deadline;
    ck_assert_int_eq(tn_link_timeout(links[GATEWAY], now), 0);
    ck_assert(tn_link_wants_send(links[GATEWAY], now));
    ck_assert_uint_ge(carry(GATEWAY), 1);
    expect_event(CLIENT, TN_EVENT_OPENED, 0);
    ck_assert_uint_eq(read_bytes(expect_event(CLIENT, TN_EVENT_READABLE, 0), 0), 1000);
    /* The next timeout is twice as long. */
    ck_assert_uint_eq(tn_link_deadline(links[GATEWAY]) - now, 2 * (deadline - TN_SECOND));
}
END_TEST

START_TEST(acks_are_delayed)
{
    struct tn_stream *stream = tn_stream_open(sessions[GATEWAY]);

    write_bytes(stream, 0, 100);
    ck_assert_uint_eq(carry(GATEWAY), 1);
    ck_assert(!tn_link_wants_send(links[CLIENT], now));
    ck_assert_uint_eq(tn_link_deadline(links[CLIENT]), now + 5 * TN_MILLISECOND);
    now += 5 * TN_MILLISECOND;
    ck_assert_int_eq(tn_link_timeout(links[CLIENT], now), 0);
    ck_assert(tn_link_wants_send(links[CLIENT], now));
    now += 95 * TN_MILLISECOND;
    ck_assert_uint_eq(carry(CLIENT), 1);
    {
        struct tn_link_stats stats;

        tn_link_stats(links[GATEWAY], &stats);
        ck_assert_uint_eq(stats.smoothed_rtt, 100 * TN_MILLISECOND);
        ck_assert_uint_eq(stats.bytes_in_flight, 0);
    }
}
END_TEST

/* The window holds back packets, and the deadline is when pacing allows the next ones. */
START_TEST(window_and_pacing)
{
    struct tn_stream *stream = tn_stream_open(sessions[GATEWAY]);
    struct tn_link_stats stats;

    write_bytes(stream, 0, 100000);
    ck_assert_uint_eq(carry(GATEWAY), 10);
    tn_link_stats(links[GATEWAY], &stats);
    ck_assert_uint_eq(stats.bytes_in_flight, 12000);
    ck_assert_uint_eq(stats.congestion_window, 12000);
    ck_assert(!tn_link_wants_send(links[GATEWAY], now));
    now += 100 * TN_MILLISECOND;
    carry(CLIENT);
    /* The whole window is free, and has doubled; it is sent over about half a round trip, in quanta. */
    tn_link_stats(links[GATEWAY], &stats);
    ck_assert_uint_eq(stats.congestion_window, 24000);
    ck_assert_uint_lt(carry(GATEWAY), 20);
    ck_assert(!tn_link_wants_send(links[GATEWAY], now));
    for (int i = 0; i < 100 && stats.bytes_in_flight < 24000; i++) {
        ck_assert_uint_gt(tn_link_deadline(links[GATEWAY]), now);
        ck_assert_uint_le(tn_link_deadline(links[GATEWAY]), now + 10 * TN_MILLISECOND);
        now = tn_link_deadline(links[GATEWAY]);
        ck_assert_int_eq(tn_link_timeout(links[GATEWAY], now), 0);
        carry(GATEWAY);
        tn_link_stats(links[GATEWAY], &stats);
    }
    ck_assert_uint_ge(stats.bytes_in_flight, 24000);
}
END_TEST

START_TEST(keep_alive_and_timeout)
{
    tn_time start = now;

    ck_assert_uint_eq(tn_link_deadline(links[CLIENT]), start + 10 * TN_SECOND);
    now = start + 10 * TN_SECOND;
    ck_assert_int_eq(tn_link_timeout(links[CLIENT], now), 0);
    ck_assert_uint_eq(carry(CLIENT), 1);
    settle();
    /* The response gave both another ten seconds. */
    ck_assert_uint_ge(tn_link_deadline(links[CLIENT]), start + 20 * TN_SECOND);
    ck_assert_uint_ge(tn_link_deadline(links[GATEWAY]), start + 20 * TN_SECOND);
    /* From now on nothing arrives. */
    start = now;
    for (int i = 0;; i++) {
        int error;

        ck_assert_int_lt(i, 100);
        now = tn_link_deadline(links[CLIENT]);
        ck_assert_uint_ne(now, TN_TIME_NEVER);
        error = tn_link_timeout(links[CLIENT], now);
        if (error) {
            ck_assert_int_eq(error, TN_DEAD);
            break;
        }
        while (take(CLIENT) > 0)
            ;
    }
    ck_assert_uint_gt(now - start, 15 * TN_SECOND);
    ck_assert_uint_lt(now - start, 20 * TN_SECOND);
    ck_assert_uint_eq(tn_link_deadline(links[CLIENT]), TN_TIME_NEVER);
}
END_TEST

START_TEST(closing)
{
    struct tn_stream *stream = tn_stream_open(sessions[GATEWAY]);
    size_t size;

    write_bytes(stream, 0, 100);
    tn_link_close(links[GATEWAY], TN_SHUTDOWN, "bye\n");
    ck_assert(tn_link_wants_send(links[GATEWAY], now));
    size = take(GATEWAY);
    ck_assert_uint_eq(take(GATEWAY), 0);
    ck_assert_int_eq(give(CLIENT, size), TN_CLOSED);
    ck_assert_uint_eq(tn_link_close_code(links[CLIENT]), TN_SHUTDOWN);
    ck_assert_str_eq(tn_link_close_reason(links[CLIENT]), "bye?");
    ck_assert_str_eq(tn_error_name(TN_SHUTDOWN), "SHUTDOWN");
    ck_assert_uint_eq(take(CLIENT), 0);
    ck_assert_uint_eq(tn_link_deadline(links[CLIENT]), TN_TIME_NEVER);
    expect_no_event(CLIENT);
}
END_TEST

/* A gateway's streams wait until the peer has its `accept`. */
START_TEST(accept_comes_first)
{
    struct tn_link *fresh[2];
    struct tn_stream *stream = tn_stream_open(sessions[GATEWAY]);
    const char *text;
    size_t size;

    for (int side = 0; side < 2; side++) {
        tn_link_detach(links[side]);
        fresh[side] = tn_link_new(NULL, &params[side], now);
    }
    write_bytes(stream, 0, 100);
    ck_assert(tn_control_write(fresh[GATEWAY], "accept\n", 7));
    tn_link_attach(fresh[GATEWAY], sessions[GATEWAY], now);
    size = tn_link_send(fresh[GATEWAY], now, 0, packet, 1200);
    ck_assert_uint_gt(size, 0);
    ck_assert_int_eq(tn_link_receive(fresh[CLIENT], now, 0, packet, size), 0);
    ck_assert_uint_eq(tn_link_send(fresh[GATEWAY], now, 1, packet, 1200), 0);
    ck_assert_uint_eq(tn_control_peek(fresh[CLIENT], &text), 7);
    ck_assert_mem_eq(text, "accept\n", 7);
    tn_control_consume(fresh[CLIENT], 7);
    now += 5 * TN_MILLISECOND;
    ck_assert_int_eq(tn_link_timeout(fresh[CLIENT], now), 0);
    size = tn_link_send(fresh[CLIENT], now, 0, packet, 1200);
    ck_assert_int_eq(tn_link_receive(fresh[GATEWAY], now, 0, packet, size), 0);
    ck_assert(tn_control_all_acknowledged(fresh[GATEWAY]));
    /* It arrives before the other end is attached, which is the same as a loss. */
    size = tn_link_send(fresh[GATEWAY], now, 1, packet, 1200);
    ck_assert_uint_gt(size, 0);
    ck_assert_int_eq(tn_link_receive(fresh[CLIENT], now, 1, packet, size), 0);
    tn_link_attach(fresh[CLIENT], sessions[CLIENT], now);
    ck_assert_int_eq(tn_link_receive(fresh[CLIENT], now, 1, packet, size), 0);
    expect_event(CLIENT, TN_EVENT_OPENED, 0);
    for (int side = 0; side < 2; side++)
        tn_link_free(fresh[side]);
}
END_TEST

START_TEST(control_limits)
{
    static char text[TN_CONTROL_SEND_MAX + 1];

    ck_assert(!tn_control_write(links[CLIENT], text, sizeof text));
    ck_assert(tn_control_write(links[CLIENT], text, TN_CONTROL_SEND_MAX));
    ck_assert(!tn_control_write(links[CLIENT], text, 1));
    settle();
    ck_assert(tn_control_write(links[CLIENT], text, TN_CONTROL_SEND_MAX));
    settle();
    /* The other end has read nothing and holds as much as it may. */
    ck_assert(tn_control_write(links[CLIENT], text, 1));
    ck_assert_int_eq(give(GATEWAY, take(CLIENT)), TN_CONTROL_BUFFER_EXCEEDED);
}
END_TEST

/* ---- Repetition of thin traffic ---- */

#define RTT         (50 * TN_MILLISECOND)
#define REPETITION  TN_MILLISECOND /* after the first copy: more than a 64th of RTT */
#define LOSS_MEMORY 1000           /* packets */

/* Lets time pass at both ends. */
static void wait_for(tn_time time)
{
    now += time;
    for (int side = 0; side < 2; side++)
        ck_assert_int_eq(tn_link_timeout(links[side], now), 0);
}

static uint64_t bytes_repeated(void)
{
    struct tn_session_stats stats;

    tn_session_stats(sessions[GATEWAY], &stats);
    return stats.bytes_repeated;
}

/* The gateway sends 400 bytes on a stream, in four packets of which the first is lost, and repeats them. Both copies
 * are acknowledged after `rtt` each. */
static struct tn_stream *lose_one(tn_time rtt)
{
    struct tn_stream *stream = tn_stream_open(sessions[GATEWAY]);
    struct tn_link_stats stats;

    for (size_t i = 0; i < 4; i++) {
        size_t size;

        write_bytes(stream, 100 * i, 100);
        size = take(GATEWAY);
        ck_assert_uint_gt(size, 0);
        if (i > 0)
            ck_assert_int_eq(give(CLIENT, size), 0);
    }
    for (int i = 0; i < 2; i++) {
        wait_for(rtt);
        tn_link_batch_end(links[CLIENT], now);
        carry(CLIENT);
        carry(GATEWAY);
    }
    tn_link_stats(links[GATEWAY], &stats);
    ck_assert_uint_eq(stats.packets_lost, 1);
    ck_assert_uint_eq(stats.bytes_in_flight, 0);
    expect_event(CLIENT, TN_EVENT_OPENED, 0);
    ck_assert_uint_eq(read_bytes(expect_event(CLIENT, TN_EVENT_READABLE, 0), 0), 400);
    expect_no_event(CLIENT);
    return stream;
}

/* Lost data arrives a millisecond later instead of a round trip, and is sent twice, but not more often. */
START_TEST(thin_data_is_repeated)
{
    struct tn_stream *stream = lose_one(RTT);

    write_bytes(stream, 400, 100);
    tn_stream_finish(stream);
    ck_assert_uint_gt(take(GATEWAY), 0);
    ck_assert(!tn_link_wants_send(links[GATEWAY], now));
    ck_assert_uint_eq(tn_link_deadline(links[GATEWAY]), now + REPETITION);
    wait_for(REPETITION);
    ck_assert(tn_link_wants_send(links[GATEWAY], now));
    ck_assert_uint_eq(carry(GATEWAY), 1);
    ck_assert_uint_eq(bytes_repeated(), 100);
    stream = expect_event(CLIENT, TN_EVENT_READABLE, 0);
    ck_assert_uint_eq(read_bytes(stream, 400), 100);
    ck_assert(tn_stream_fin_read(stream));
    ck_assert_uint_gt(tn_link_deadline(links[GATEWAY]), now + RTT);
    wait_for(2 * REPETITION);
    ck_assert_uint_eq(carry(GATEWAY), 0);
}
END_TEST

/* FIN without data is treated like data. */
START_TEST(fin_without_data_is_repeated)
{
    struct tn_stream *stream = lose_one(RTT);

    tn_stream_finish(stream);
    ck_assert_uint_gt(take(GATEWAY), 0);
    wait_for(REPETITION);
    ck_assert_uint_eq(carry(GATEWAY), 1);
    ck_assert(tn_stream_fin_read(expect_event(CLIENT, TN_EVENT_READABLE, 0)));
    wait_for(RTT);
    carry(CLIENT);
    ck_assert(tn_stream_all_acknowledged(stream));
    ck_assert_uint_eq(carry(GATEWAY), 0);
}
END_TEST

/* Both copies are lost: then it is an ordinary loss. */
START_TEST(a_lost_repetition_is_retransmitted)
{
    struct tn_stream *stream = lose_one(RTT);
    struct tn_session_stats stats;

    write_bytes(stream, 400, 100);
    ck_assert_uint_gt(take(GATEWAY), 0);
    wait_for(REPETITION);
    ck_assert_uint_gt(take(GATEWAY), 0);
    wait_for(4 * RTT); /* the probe timeout */
    settle();
    ck_assert_uint_eq(read_bytes(expect_event(CLIENT, TN_EVENT_READABLE, 0), 400), 100);
    tn_session_stats(sessions[GATEWAY], &stats);
    ck_assert_uint_eq(stats.bytes_unacked, 0);
}
END_TEST

/* New data goes first, and repetitions go along with it. */
START_TEST(repetitions_travel_with_new_data)
{
    struct tn_stream *stream = lose_one(RTT), *other = tn_stream_open(sessions[GATEWAY]);

    write_bytes(stream, 400, 100);
    ck_assert_uint_gt(take(GATEWAY), 0);
    wait_for(REPETITION);
    write_bytes(other, 0, 50);
    ck_assert_uint_eq(carry(GATEWAY), 1);
    expect_event(CLIENT, TN_EVENT_OPENED, 0);
    ck_assert_uint_eq(read_bytes(expect_event(CLIENT, TN_EVENT_READABLE, 0), 0), 50);
    ck_assert_uint_eq(read_bytes(expect_event(CLIENT, TN_EVENT_READABLE, 0), 400), 100);
    /* Only the new data has yet to be repeated. */
    wait_for(REPETITION);
    ck_assert_uint_eq(carry(GATEWAY), 1);
    ck_assert_uint_eq(bytes_repeated(), 150);
}
END_TEST

/* Many small responses at once fill a packet, and are still thin traffic. */
START_TEST(full_packets_of_thin_data_are_repeated)
{
    lose_one(RTT);
    for (int i = 0; i < 40; i++)
        write_bytes(tn_stream_open(sessions[GATEWAY]), 0, 64);
    while (take(GATEWAY) > 0)
        ;
    wait_for(4 * REPETITION);
    ck_assert_uint_ge(carry(GATEWAY), 3);
    ck_assert_uint_eq(bytes_repeated(), 40 * 64);
    for (int i = 0; i < 40; i++) {
        expect_event(CLIENT, TN_EVENT_OPENED, 0);
        ck_assert_uint_eq(read_bytes(expect_event(CLIENT, TN_EVENT_READABLE, 0), 0), 64);
    }
}
END_TEST

/* After a reset, a stream has nothing to repeat. */
START_TEST(a_reset_ends_repetition)
{
    struct tn_stream *stream = lose_one(RTT);

    write_bytes(stream, 400, 100);
    carry(GATEWAY);
    tn_stream_reset(stream, 7);
    carry(GATEWAY);
    wait_for(2 * REPETITION);
    ck_assert_uint_eq(carry(GATEWAY), 0);
    ck_assert_uint_eq(bytes_repeated(), 0);
}
END_TEST

/* Where it would cost more than it gains: no recent losses, a short path, bulk data, or a window that is half full. */
START_TEST(repetition_only_where_it_helps)
{
    struct tn_stream *stream;
    size_t size = 100;

    switch (_i) {
    case 0:
        stream = tn_stream_open(sessions[GATEWAY]);
        write_bytes(stream, 0, 100);
        carry(GATEWAY);
        wait_for(RTT);
        carry(CLIENT);
        break;
    case 1:
        stream = lose_one(RTT / 10);
        break;
    case 2:
        stream = lose_one(RTT);
        size = 3000;
        break;
    default:
        stream = lose_one(RTT);
        write_bytes(stream, 400, 7000);
        carry(GATEWAY);
        wait_for(2 * REPETITION);
        ck_assert_uint_eq(carry(GATEWAY), 0);
        break;
    }
    write_bytes(stream, 7400, size);
    ck_assert_uint_gt(carry(GATEWAY), 0);
    wait_for(2 * REPETITION);
    ck_assert(!tn_link_wants_send(links[GATEWAY], now));
    ck_assert_uint_eq(carry(GATEWAY), 0);
    ck_assert_uint_eq(bytes_repeated(), 0);
}
END_TEST

/* A path without losses for a thousand packets counts as good again. */
START_TEST(losses_are_forgotten)
{
    struct tn_stream *stream = lose_one(RTT);
    uint64_t before;

    for (size_t i = 0; i < LOSS_MEMORY; i++) {
        write_bytes(stream, 400 + 10 * i, 10);
        carry(GATEWAY);
        wait_for(REPETITION);
        carry(GATEWAY);
        wait_for(RTT);
        carry(CLIENT);
    }
    before = bytes_repeated();
    ck_assert_uint_gt(before, 0);
    write_bytes(stream, 20000, 10);
    carry(GATEWAY);
    wait_for(2 * REPETITION);
    ck_assert_uint_eq(carry(GATEWAY), 0);
    ck_assert_uint_eq(bytes_repeated(), before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("link");
    TCase *ends = tcase_create("ends");

    tcase_add_checked_fixture(ends, setup, teardown);
    tcase_add_test(ends, persistent_congestion);
    tcase_add_test(ends, duplicates_are_dropped);
    tcase_add_test(ends, loss_by_packet_number);
    tcase_add_test(ends, probe_carries_data);
    tcase_add_test(ends, acks_are_delayed);
    tcase_add_test(ends, window_and_pacing);
    tcase_add_test(ends, keep_alive_and_timeout);
    tcase_add_test(ends, closing);
    tcase_add_test(ends, accept_comes_first);
    tcase_add_test(ends, control_limits);
    tcase_add_test(ends, thin_data_is_repeated);
    tcase_add_test(ends, fin_without_data_is_repeated);
    tcase_add_test(ends, a_lost_repetition_is_retransmitted);
    tcase_add_test(ends, repetitions_travel_with_new_data);
    tcase_add_test(ends, full_packets_of_thin_data_are_repeated);
    tcase_add_test(ends, a_reset_ends_repetition);
    tcase_add_loop_test(ends, repetition_only_where_it_helps, 0, 4);
    tcase_add_test(ends, losses_are_forgotten);
    tcase_set_timeout(ends, 60);
    suite_add_tcase(suite, ends);
    return run_suite(suite);
}
