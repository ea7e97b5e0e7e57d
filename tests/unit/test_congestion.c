/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Congestion control: the controllers with artificial input, and on a simulated bottleneck.
 */
#include "core/tunnel/congestion.h"
#include "core/tunnel/reordering.h"
#include "core/tunnel/spurious_loss.h"
#include "core/tunnel/varint.h"
#include "tests/sim/bottleneck.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

#define MS     TN_MILLISECOND
#define PACKET 1000

static struct congestion c;
static tn_time now;

static void start(const struct congestion_ops *ops)
{
    c = (struct congestion){.ops = ops, .packet_size = PACKET, .initial_rtt = 100 * MS};
    now = TN_SECOND;
    ops->start(&c, now);
}

static void lose(tn_time time_sent)
{
    struct congestion_loss loss = {.now = now, .time_sent = time_sent, .bytes = PACKET, .in_flight_sent = c.window};

    c.delivery.lost += PACKET;
    loss.lost_since = PACKET;
    c.ops->lost(&c, &loss);
}

/* ---- CUBIC ---- */

/* An ACK of a window sent a round trip ago. */
static void acknowledge_window(tn_time rtt, bool application_limited)
{
    struct congestion_ack ack = {.now = now, .bytes = c.window, .rtt = rtt, .smoothed_rtt = rtt};

    ack.application_limited = application_limited;
    ack.delivery.time_sent = now - rtt;
    ack.delivery.prior_delivered = c.delivery.delivered;
    c.delivery.delivered += c.window;
    c.ops->acknowledged(&c, &ack);
}

/* Acknowledges the window packet by packet in one round trip. */
static void cubic_round(tn_time rtt)
{
    uint64_t packets = c.window / PACKET, prior = c.delivery.delivered;

    for (uint64_t i = 0; i < packets; i++) {
        struct congestion_ack ack = {.bytes = PACKET, .rtt = rtt, .smoothed_rtt = rtt};

        ack.now = now + rtt * i / packets;
        ack.delivery.time_sent = ack.now - rtt;
        ack.delivery.prior_delivered = prior;
        c.delivery.delivered += PACKET;
        c.ops->acknowledged(&c, &ack);
    }
    now += rtt;
}

START_TEST(cubic_starts_slowly)
{
    start(&congestion_cubic);
    ck_assert_uint_eq(c.window, 10 * PACKET);
    now += 100 * MS;
    acknowledge_window(100 * MS, false);
    ck_assert_uint_eq(c.window, 20 * PACKET);
    ck_assert_double_eq_tol(c.pacing_rate, 2.0 * 20 * PACKET / (100.0 * MS), 1e-9);
    acknowledge_window(100 * MS, true);
    ck_assert_uint_eq(c.window, 20 * PACKET);
}
END_TEST

/* W_cubic(t) = 0.4 (t - K)^3 + W_max, K = cbrt(0.3 W_max / 0.4), in packets and seconds. */
START_TEST(cubic_follows_its_curve)
{
    double plateau = 1000, rise = cbrt(0.3 * plateau / 0.4), first;

    start(&congestion_cubic);
    while (c.window < 1000 * PACKET)
        acknowledge_window(200 * MS, false);
    c.cubic.curve.window = (double)(c.window = 1000 * PACKET);
    lose(now);
    ck_assert_uint_eq(c.window, 700 * PACKET);
    ck_assert_uint_eq(c.events, 1);
    /* Packets sent before the reduction cause neither another one nor growth. */
    lose(now);
    acknowledge_window(200 * MS, false);
    ck_assert_uint_eq(c.window, 700 * PACKET);
    ck_assert_uint_eq(c.events, 1);
    now += 201 * MS;
    first = (double)now;
    for (int i = 0; i < 70; i++) {
        double t, expected;

        cubic_round(200 * MS);
        t = ((double)now - first) / (double)TN_SECOND;
        expected = 0.4 * pow(t - rise, 3) + plateau;
        ck_assert_msg(fabs((double)c.window / PACKET - expected) < 0.02 * expected, "after %.1f s %.1f, not %.1f", t,
                      (double)c.window / PACKET, expected);
    }
    ck_assert_uint_gt(c.window, 1000 * PACKET);
}
END_TEST

/* On a short path the curve is slower than Reno, so the window is Reno's: 3 (1 - 0.7) / (1 + 0.7) packets per round. */
START_TEST(cubic_is_no_slower_than_reno)
{
    start(&congestion_cubic);
    for (int i = 0; i < 2; i++)
        acknowledge_window(MS, false);
    lose(now);
    ck_assert_uint_eq(c.window, 28 * PACKET);
    now += 2 * MS;
    for (int i = 0; i < 20; i++)
        cubic_round(MS);
    ck_assert_double_eq_tol((double)c.window / PACKET, 28 + 20 * 9.0 / 17, 1.0);
}
END_TEST

/* Time with nothing to send does not count for the curve. */
START_TEST(cubic_pauses)
{
    uint64_t before;

    start(&congestion_cubic);
    for (int i = 0; i < 4; i++)
        acknowledge_window(100 * MS, false);
    lose(now);
    now += 101 * MS;
    cubic_round(100 * MS);
    before = c.window;
    now += 60 * TN_SECOND;
    c.ops->resumed(&c, now);
    now += 100 * MS;
    cubic_round(100 * MS);
    ck_assert_uint_le(c.window, before + 10 * PACKET);
}
END_TEST

START_TEST(cubic_undoes_spurious_loss)
{
    uint64_t before;

    start(&congestion_cubic);
    for (int i = 0; i < 4; i++)
        acknowledge_window(100 * MS, false);
    before = c.window;
    lose(now);
    ck_assert_uint_lt(c.window, before);
    c.ops->spurious(&c, now);
    ck_assert_uint_eq(c.window, before);
    /* Once per episode. */
    now += 200 * MS;
    lose(now);
    c.ops->persistent(&c);
    ck_assert_uint_eq(c.window, 2 * PACKET);
    c.ops->spurious(&c, now);
    ck_assert_uint_eq(c.window, 2 * PACKET);
}
END_TEST

/* A spurious loss must not end the first slow start, just as it does not reduce the window. */
START_TEST(cubic_undo_continues_slow_start)
{
    start(&congestion_cubic);
    for (int i = 0; i < 3; i++) {
        now += 100 * MS;
        acknowledge_window(100 * MS, false);
    }
    ck_assert_uint_eq(c.window, 80 * PACKET);
    lose(now);
    c.ops->spurious(&c, now);
    for (int i = 0; i < 2; i++) {
        now += 101 * MS;
        acknowledge_window(100 * MS, false);
    }
    ck_assert_uint_eq(c.window, 320 * PACKET);
}
END_TEST

/* RFC 9438 section 4.9: afterwards the curve continues where it was, without the time in between. */
START_TEST(cubic_undo_continues_the_curve)
{
    double before, plateau, growth;

    start(&congestion_cubic);
    while (c.window < 1000 * PACKET)
        acknowledge_window(200 * MS, false);
    lose(now);
    now += 201 * MS;
    for (int i = 0; i < 8; i++)
        cubic_round(200 * MS);
    before = (double)c.window;
    cubic_round(200 * MS);
    growth = (double)c.window - before;
    plateau = c.cubic.curve.plateau;
    before = (double)c.window;
    lose(now);
    ck_assert_double_lt((double)c.window, before);
    now += 3 * TN_SECOND;
    c.ops->spurious(&c, now);
    ck_assert_double_eq((double)c.window, before);
    ck_assert_double_eq(c.cubic.curve.plateau, plateau);
    /* Packets sent before the loss cause no growth. */
    now += 1 * MS;
    cubic_round(200 * MS);
    before = (double)c.window;
    cubic_round(200 * MS);
    ck_assert_double_gt((double)c.window, before);
    ck_assert_double_le((double)c.window - before, 1.2 * growth);
}
END_TEST

/* RFC 9438 section 5.8: in congestion avoidance, too, an unused window does not grow, and its curve pauses.
 */
START_TEST(cubic_pauses_while_application_limited)
{
    uint64_t before, growth;

    start(&congestion_cubic);
    while (c.window < 1000 * PACKET)
        acknowledge_window(200 * MS, false);
    lose(now);
    now += 201 * MS;
    cubic_round(200 * MS);
    before = c.window;
    cubic_round(200 * MS);
    growth = c.window - before;
    before = c.window;
    for (int i = 0; i < 300; i++) {
        now += 200 * MS;
        acknowledge_window(200 * MS, true);
    }
    ck_assert_uint_eq(c.window, before);
    cubic_round(200 * MS);
    ck_assert_uint_gt(c.window, before);
    ck_assert_uint_le(c.window - before, 2 * growth);
}
END_TEST

/* RFC 9002 section 7.6.2, RFC 9438 section 4.8: slow start from the minimum window to the threshold of the last
 * reduction, where a new curve begins with its plateau behind it. */
START_TEST(cubic_persistent_congestion)
{
    uint64_t threshold;

    start(&congestion_cubic);
    for (int i = 0; i < 5; i++)
        acknowledge_window(100 * MS, false);
    lose(now);
    threshold = c.window;
    c.ops->persistent(&c);
    ck_assert_uint_eq(c.window, 2 * PACKET);
    /* No round trip has to pass first: everything sent before is lost, so none of it arrives. */
    for (uint64_t expected = 4; expected * PACKET < threshold; expected *= 2) {
        now += 100 * MS;
        acknowledge_window(100 * MS, false);
        ck_assert_uint_eq(c.window, expected * PACKET);
    }
    now += 100 * MS;
    acknowledge_window(100 * MS, false);
    ck_assert_uint_ge(c.window, threshold);
    now += 100 * MS;
    acknowledge_window(100 * MS, false);
    ck_assert_double_le(c.cubic.curve.plateau, (double)c.window);
    ck_assert_double_eq_tol(c.cubic.curve.rise_time, 0, 1e-9);
}
END_TEST

/* ---- HyStart++ ---- */

static struct hystart hystart;
static uint64_t delivered;

/* A round of slow start with 20 ACKs of 1,000 bytes; returns how much the window may grow. */
static uint64_t hystart_round(tn_time rtt)
{
    uint64_t growth = 0, prior = delivered;

    for (int i = 0; i < 20; i++)
        growth += hystart_acknowledged(&hystart, 1000, rtt, prior, delivered += 1000);
    return growth;
}

START_TEST(hystart_leaves_slow_start)
{
    hystart_start(&hystart);
    delivered = 0;
    for (int i = 0; i < 5; i++)
        ck_assert_uint_eq(hystart_round(100 * MS), 20000);
    /* An eighth of 100 ms is 12.5 ms: a smaller increase does not count. */
    ck_assert_uint_eq(hystart_round(112 * MS), 20000);
    ck_assert_uint_lt(hystart_round(126 * MS), 20000);
    ck_assert_int_eq(hystart.phase, HYSTART_CONSERVATIVE);
    for (int i = 0; i < 4; i++) {
        ck_assert_uint_eq(hystart_round(130 * MS), 5000);
        ck_assert_int_eq(hystart.phase, HYSTART_CONSERVATIVE);
    }
    hystart_round(130 * MS);
    ck_assert_int_eq(hystart.phase, HYSTART_DONE);
}
END_TEST

START_TEST(hystart_forgives_jitter)
{
    hystart_start(&hystart);
    delivered = 0;
    hystart_round(100 * MS);
    hystart_round(120 * MS);
    ck_assert_int_eq(hystart.phase, HYSTART_CONSERVATIVE);
    hystart_round(100 * MS);
    ck_assert_int_eq(hystart.phase, HYSTART_SLOW_START);
    ck_assert_uint_eq(hystart_round(100 * MS), 20000);
    /* Nothing below 4 ms counts. */
    hystart_start(&hystart);
    delivered = 0;
    hystart_round(MS);
    hystart_round(4 * MS);
    ck_assert_int_eq(hystart.phase, HYSTART_SLOW_START);
    hystart_round(9 * MS);
    ck_assert_int_eq(hystart.phase, HYSTART_CONSERVATIVE);
}
END_TEST

/* ---- Delivery rate ---- */

/* Ten packets sent over 10 ms and acknowledged together: the sudden ACK does not count. */
START_TEST(delivery_rate)
{
    struct delivery delivery = {0};
    struct delivery_stamp stamps[10];
    struct delivery_sample sample = {0};

    for (unsigned i = 0; i < 10; i++)
        delivery_sent(&delivery, &stamps[i], 1000 * i, 1000, (1000 + i) * MS);
    ck_assert_uint_eq(stamps[9].in_flight, 10000);
    for (unsigned i = 0; i < 10; i++)
        delivery_acknowledged(&delivery, &sample, &stamps[i], i, 1000, (1000 + i) * MS, 1050 * MS);
    delivery_finish(&delivery, &sample, 20 * MS);
    ck_assert_uint_eq(sample.delivered, 10000);
    ck_assert_uint_eq(sample.interval, 50 * MS);
    ck_assert_double_eq_tol(sample.rate, 10000 / (50.0 * MS), 1e-12);
    ck_assert(!sample.application_limited);
    /* A sample shorter than the minimum round trip is not usable. */
    sample = (struct delivery_sample){0};
    delivery_sent(&delivery, &stamps[0], 0, 1000, 1060 * MS);
    delivery_acknowledged(&delivery, &sample, &stamps[0], 10, 1000, 1060 * MS, 1070 * MS);
    delivery_finish(&delivery, &sample, 20 * MS);
    ck_assert_double_eq(sample.rate, 0);
}
END_TEST

START_TEST(delivery_limited_by_application)
{
    struct delivery delivery = {0};
    struct delivery_stamp stamps[3];
    struct delivery_sample sample = {0};

    delivery_sent(&delivery, &stamps[0], 0, 1000, 1000 * MS);
    delivery_limited(&delivery, 1000);
    delivery_sent(&delivery, &stamps[1], 1000, 1000, 1001 * MS);
    ck_assert(!stamps[0].application_limited);
    ck_assert(stamps[1].application_limited);
    delivery_acknowledged(&delivery, &sample, &stamps[0], 0, 1000, 1000 * MS, 1050 * MS);
    delivery_acknowledged(&delivery, &sample, &stamps[1], 1, 1000, 1001 * MS, 1050 * MS);
    delivery_finish(&delivery, &sample, MS);
    ck_assert(sample.application_limited);
    /* The bubble has passed. */
    delivery_sent(&delivery, &stamps[2], 0, 1000, 1051 * MS);
    ck_assert(!stamps[2].application_limited);
}
END_TEST

/* ---- Episodes of loss ---- */

static struct loss_verdict verdict;

static bool acknowledge_numbers(struct spurious_loss *episode, uint64_t low, uint64_t high)
{
    uint8_t bytes[32], *end = bytes;
    const uint8_t *in = bytes;
    struct frame frame;

    *end++ = FRAME_ACK;
    end = varint_write(end, high);
    end = varint_write(end, 0);
    end = varint_write(end, 0);
    end = varint_write(end, high - low);
    ck_assert(frame_read(&in, end, &frame));
    verdict = spurious_loss_acknowledged(episode, &frame);
    return verdict.all;
}

START_TEST(episode_is_spurious_when_all_packets_arrive)
{
    struct spurious_loss episode = {0};

    spurious_loss_add(&episode, 10, 20);
    spurious_loss_add(&episode, 12, 22);
    ck_assert(!acknowledge_numbers(&episode, 13, 30));
    ck_assert(!acknowledge_numbers(&episode, 10, 11));
    ck_assert(acknowledge_numbers(&episode, 12, 12));
    ck_assert(!acknowledge_numbers(&episode, 10, 40));
    /* Still the same episode: the verdict is final. */
    spurious_loss_add(&episode, 15, 40);
    ck_assert(!acknowledge_numbers(&episode, 15, 15));
    /* A new episode. One of its packets is really lost. */
    spurious_loss_add(&episode, 41, 50);
    spurious_loss_add(&episode, 43, 50);
    ck_assert(!acknowledge_numbers(&episode, 43, 60));
    ck_assert(verdict.any);
    ck_assert_uint_eq(verdict.largest, 43);
    ck_assert(!acknowledge_numbers(&episode, 44, 60));
    ck_assert(!verdict.any);
    spurious_loss_free(&episode);
}
END_TEST

/* If there are very many pieces, only the newest are tracked: it is known that some arrived, but not that all did. */
START_TEST(episode_in_many_pieces)
{
    struct spurious_loss episode = {0};

    ck_assert(spurious_loss_add(&episode, 0, 1000));
    for (uint64_t number = 2; number < 200; number += 2)
        ck_assert(!spurious_loss_add(&episode, number, 1000));
    ck_assert(!acknowledge_numbers(&episode, 0, 20));
    ck_assert(!verdict.any);
    ck_assert(!acknowledge_numbers(&episode, 189, 196));
    ck_assert(verdict.any);
    ck_assert_uint_eq(verdict.largest, 196);
    ck_assert(!acknowledge_numbers(&episode, 21, 1000));
    ck_assert(verdict.any);
    ck_assert(spurious_loss_add(&episode, 1001, 2000));
    ck_assert(acknowledge_numbers(&episode, 1001, 1001));
    spurious_loss_free(&episode);
}
END_TEST

/* ---- Reordering ---- */

START_TEST(reordering_adapts_and_forgets)
{
    struct reordering reordering = {0};
    const tn_time rtt = 80 * MS;

    ck_assert_uint_eq(reordering_packets(&reordering), 3);
    ck_assert_uint_eq(reordering_window(&reordering, rtt, rtt, rtt), 10 * MS);
    reordering_too_late(&reordering, 100, 150);
    ck_assert_uint_eq(reordering_packets(&reordering), UINT64_MAX);
    ck_assert_uint_eq(reordering_window(&reordering, rtt, rtt, rtt), 10 * MS);
    /* Sent before that was known: no reason to raise it further. */
    reordering_too_late(&reordering, 150, 160);
    ck_assert_uint_eq(reordering.level, 1);
    for (uint64_t i = 1; i <= 10; i++) {
        reordering_too_late(&reordering, 151 + 100 * i, 200 + 100 * i);
        ck_assert_uint_eq(reordering_window(&reordering, rtt, rtt, rtt), i < 4 ? i * 20 * MS : 80 * MS);
    }
    /* Losses without any reordering reset it; with even a little reordering they do not. */
    for (int i = 0; i < 40; i++) {
        reordering_loss(&reordering);
        if (i % 10 == 0)
            reordering_in_time(&reordering, 3);
        else
            reordering_in_time(&reordering, 2);
        ck_assert_uint_gt(reordering.level, 0);
    }
    for (int i = 0; i < 16; i++)
        reordering_loss(&reordering);
    ck_assert_uint_eq(reordering_packets(&reordering), 3);
}
END_TEST

/* ---- BBR on an ideal path of 8 Mbit/s and 100 ms: 100 packets ---- */

#define RATE (1000 / (1.0 * MS))

static uint64_t round_bytes;

/* A round trip in which the path delivers `packets` of what was sent, with samples of `rate`. */
static void bbr_round(double rate, tn_time rtt, uint64_t packets, uint64_t bytes_in_flight)
{
    uint64_t prior = c.delivery.delivered;

    for (uint64_t i = 0; i < packets; i++) {
        struct congestion_ack ack = {.bytes = PACKET, .rtt = rtt, .smoothed_rtt = rtt};

        now += rtt / packets;
        ack.now = now;
        ack.bytes_in_flight = bytes_in_flight;
        ack.delivery = (struct delivery_sample){.valid = true, .rate = rate, .in_flight = bytes_in_flight};
        ack.delivery.prior_delivered = prior;
        ack.delivery.delivered = round_bytes;
        c.delivery.delivered += PACKET;
        c.path_rtt = rtt;
        c.ops->acknowledged(&c, &ack);
    }
    round_bytes = c.delivery.delivered - prior;
}

/* Until the rate has stopped growing. */
static void bbr_fill_pipe(void)
{
    start(&congestion_bbr);
    round_bytes = 10 * PACKET;
    for (double rate = RATE / 8; rate < RATE; rate *= 2)
        bbr_round(rate, 100 * MS, 10, 100 * PACKET);
    for (int i = 0; i < 4 && c.bbr.state == BBR_STARTUP; i++)
        bbr_round(RATE, 100 * MS, 100, 200 * PACKET);
}

START_TEST(bbr_startup_and_drain)
{
    start(&congestion_bbr);
    ck_assert_int_eq(c.bbr.state, BBR_STARTUP);
    ck_assert_uint_eq(c.window, 10 * PACKET);
    bbr_round(RATE / 8, 100 * MS, 10, 20 * PACKET);
    /* The first RTT sample gives the first rate: 2.77 windows per round trip. */
    ck_assert_double_ge(c.pacing_rate, 2.77 * 10 * PACKET / (100.0 * MS));
    bbr_fill_pipe();
    ck_assert_int_eq(c.bbr.state, BBR_DRAIN);
    ck_assert_double_eq_tol(c.pacing_rate, 0.5 * 0.99 * RATE, 1e-9);
    bbr_round(RATE, 100 * MS, 10, 150 * PACKET);
    ck_assert_int_eq(c.bbr.state, BBR_DRAIN);
    /* There is no limit on the bytes in flight, so no headroom is needed below the bandwidth-delay product. */
    bbr_round(RATE, 100 * MS, 1, 99 * PACKET);
    ck_assert_int_eq(c.bbr.state, BBR_PROBE_BW_CRUISE);
    ck_assert_double_eq_tol(c.pacing_rate, 0.99 * RATE, 1e-9);
}
END_TEST

START_TEST(bbr_probes_bandwidth)
{
    unsigned rounds = 0;

    bbr_fill_pipe();
    bbr_round(RATE, 100 * MS, 1, 99 * PACKET);
    bbr_round(RATE, 100 * MS, 1, 99 * PACKET);
    ck_assert_int_eq(c.bbr.state, BBR_PROBE_BW_CRUISE);
    ck_assert_double_eq_tol(c.pacing_rate, 0.99 * RATE, 1e-9);
    ck_assert_uint_ge(c.window, 100 * PACKET);
    while (c.bbr.state == BBR_PROBE_BW_CRUISE && ++rounds < 100)
        bbr_round(RATE, 100 * MS, 100, 100 * PACKET);
    /* Between 2 and 3 seconds. */
    ck_assert_uint_ge(rounds, 19);
    ck_assert_uint_le(rounds, 31);
    ck_assert_int_eq(c.bbr.state, BBR_PROBE_BW_REFILL);
    bbr_round(RATE, 100 * MS, 100, 100 * PACKET);
    ck_assert_int_eq(c.bbr.state, BBR_PROBE_BW_UP);
    ck_assert_double_eq_tol(c.pacing_rate, 1.25 * 0.99 * RATE, 1e-9);
    /* The rate does not grow, so it goes down again. */
    for (rounds = 0; c.bbr.state == BBR_PROBE_BW_UP && rounds < 10; rounds++)
        bbr_round(RATE, 125 * MS, 100, 125 * PACKET);
    ck_assert_uint_le(rounds, 4);
    ck_assert_int_ne(c.bbr.state, BBR_PROBE_BW_UP);
}
END_TEST

/* A higher rate is adopted at once; a lower one only when two probing cycles have found none better. */
START_TEST(bbr_bandwidth_filter)
{
    unsigned cycles = 0;
    enum bbr_state before;

    bbr_fill_pipe();
    bbr_round(RATE, 100 * MS, 1, 99 * PACKET);
    bbr_round(1.5 * RATE, 100 * MS, 100, 99 * PACKET);
    ck_assert_double_eq_tol(c.bbr.max_bw, 1.5 * RATE, 1e-9);
    before = c.bbr.state;
    for (int i = 0; i < 300 && c.bbr.max_bw > 1.01 * RATE; i++) {
        bbr_round(RATE, 100 * MS, 50, 99 * PACKET);
        cycles += c.bbr.state == BBR_PROBE_BW_UP && before != BBR_PROBE_BW_UP;
        before = c.bbr.state;
    }
    ck_assert_double_eq_tol(c.bbr.max_bw, RATE, 1e-9);
    ck_assert_uint_ge(cycles, 1);
    ck_assert_uint_le(cycles, 3);
}
END_TEST

START_TEST(bbr_probes_round_trip_time)
{
    bool seen = false;

    bbr_fill_pipe();
    bbr_round(RATE, 100 * MS, 1, 99 * PACKET);
    ck_assert_uint_eq(c.bbr.min_rtt, 100 * MS);
    /* A standing queue: the 100 ms do not occur again for ten seconds. */
    for (int i = 0; i < 120 && !seen; i++) {
        bbr_round(RATE, 110 * MS, 100, 110 * PACKET);
        seen = c.bbr.state == BBR_PROBE_RTT;
    }
    ck_assert(seen);
    ck_assert_uint_eq(c.window, 50 * PACKET);
    for (int i = 0; i < 5; i++)
        bbr_round(RATE / 2, 105 * MS, 50, 50 * PACKET);
    ck_assert_int_eq(c.bbr.state, BBR_PROBE_BW_CRUISE);
    ck_assert_uint_ge(c.bbr.min_rtt, 105 * MS);
    /* Half the rate is due to the probe, and says nothing about the path. */
    ck_assert_double_eq_tol(c.bbr.max_bw, RATE, 1e-9);
}
END_TEST

static void bbr_probe_up(void)
{
    bbr_fill_pipe();
    for (int i = 0; i < 100 && c.bbr.state != BBR_PROBE_BW_UP; i++)
        bbr_round(RATE, 100 * MS, 100, 100 * PACKET);
    ck_assert_int_eq(c.bbr.state, BBR_PROBE_BW_UP);
}

static void bbr_lose(uint64_t lost, uint64_t of)
{
    struct congestion_loss loss = {.now = now, .time_sent = now - c.path_rtt, .bytes = PACKET};

    c.delivery.lost += PACKET;
    loss.in_flight_sent = of * PACKET;
    loss.lost_since = lost * PACKET;
    c.ops->lost(&c, &loss);
}

/* An overflowing queue ends the probe; the same loss without a queue, or a few packets more than a tenth, do not. */
START_TEST(bbr_loss_ends_probe)
{
    bbr_probe_up();
    bbr_lose(9, 120);
    ck_assert_int_eq(c.bbr.state, BBR_PROBE_BW_UP);
    bbr_lose(16, 120);
    ck_assert_int_eq(c.bbr.state, BBR_PROBE_BW_UP);
    bbr_lose(17, 120);
    ck_assert_int_eq(c.bbr.state, BBR_PROBE_BW_DOWN);
    ck_assert_uint_ge(c.bbr.inflight_long_term, 70 * PACKET);
    bbr_probe_up();
    bbr_round(RATE, 180 * MS, 1, 180 * PACKET);
    bbr_lose(2, 180);
    ck_assert_int_eq(c.bbr.state, BBR_PROBE_BW_UP);
    bbr_lose(4, 180);
    ck_assert_int_eq(c.bbr.state, BBR_PROBE_BW_DOWN);
    /* Enough to keep the path busy, minus headroom. */
    ck_assert_uint_le(c.bbr.inflight_long_term, 120 * PACKET);
    ck_assert_uint_ge(c.bbr.inflight_long_term, 100 * PACKET);
    /* The loss was spurious: the probe starts again. */
    c.ops->spurious(&c, now);
    ck_assert_int_eq(c.bbr.state, BBR_PROBE_BW_REFILL);
    ck_assert_uint_eq(c.bbr.inflight_long_term, UINT64_MAX);
}
END_TEST

/* Rounds until bandwidth is probed again. Reno would have grown by one packet after ten. */
static unsigned bbr_rounds_to_probe(tn_time rtt, uint64_t lost)
{
    unsigned rounds = 0;

    bbr_probe_up();
    c.packet_size = 10 * PACKET;
    bbr_round(RATE, rtt, 1, 120 * PACKET);
    bbr_lose(lost, 120);
    ck_assert_int_eq(c.bbr.state, BBR_PROBE_BW_DOWN);
    for (; c.bbr.state != BBR_PROBE_BW_REFILL && rounds < 100; rounds++)
        bbr_round(RATE, 100 * MS, 100, 99 * PACKET);
    return rounds;
}

/* After a queue has overflowed, it waits twice as long, so that a competing CUBIC flow recovers. */
START_TEST(bbr_waits_after_overflow)
{
    unsigned rounds = bbr_rounds_to_probe(100 * MS, 60);

    ck_assert_uint_ge(rounds, 8);
    ck_assert_uint_le(rounds, 12);
    rounds = bbr_rounds_to_probe(180 * MS, 10);
    ck_assert_uint_ge(rounds, 18);
    ck_assert_uint_le(rounds, 23);
}
END_TEST

/* The usual loss is compensated by sending more, so that a lossy path is full nevertheless. */
START_TEST(bbr_makes_up_for_usual_loss)
{
    double rate = 0;

    bbr_fill_pipe();
    bbr_round(RATE, 100 * MS, 1, 99 * PACKET);
    for (int i = 0; i < 200; i++) {
        c.delivery.lost += 3 * PACKET;
        bbr_round(RATE, 100 * MS, 97, 99 * PACKET);
        if (c.bbr.state == BBR_PROBE_BW_CRUISE)
            rate = c.pacing_rate;
    }
    ck_assert_double_ge(rate, 0.99 * RATE / 0.97 * 0.998);
    ck_assert_double_le(rate, 0.99 * RATE / 0.97 + 1e-9);
}
END_TEST

START_TEST(bbr_loss_in_cruise)
{
    bbr_fill_pipe();
    bbr_round(RATE, 100 * MS, 1, 99 * PACKET);
    bbr_round(RATE, 180 * MS, 10, 99 * PACKET);
    for (int i = 0; i < 2; i++) {
        bbr_lose(1, 100);
        bbr_round(RATE / 2, 180 * MS, 40, 99 * PACKET);
    }
    bbr_round(RATE / 2, 180 * MS, 1, 99 * PACKET);
    /* By no more than CUBIC would. */
    ck_assert_double_lt(c.bbr.bw, RATE);
    ck_assert_double_ge(c.bbr.bw, 0.7 * RATE - 1e-9);
    c.ops->persistent(&c);
    ck_assert_uint_eq(c.window, 4 * PACKET);
}
END_TEST

/* After a pause it continues at its rate, and an old delay needs no probe. */
START_TEST(bbr_resumes)
{
    bbr_fill_pipe();
    bbr_round(RATE, 100 * MS, 1, 99 * PACKET);
    now += 60 * TN_SECOND;
    c.ops->resumed(&c, now);
    ck_assert_double_eq_tol(c.pacing_rate, 0.99 * RATE, 1e-9);
    bbr_round(RATE, 120 * MS, 1, 10 * PACKET);
    ck_assert_int_ne(c.bbr.state, BBR_PROBE_RTT);
    ck_assert_uint_eq(c.bbr.min_rtt, 120 * MS);
}
END_TEST

/* ---- On a bottleneck ---- */

static const struct {
    double rate, delay, queue, loss;
    enum tn_congestion congestion;
    double goodput, queue_delay; /* at least; at most (ms, median) */
} paths[] = {
    {100, 50, 1, 0, TN_CONGESTION_BBR, 90, 15},    {100, 50, 1, 0.01, TN_CONGESTION_BBR, 88, 15},
    {100, 50, 1, 0.03, TN_CONGESTION_BBR, 85, 15}, {400, 100, 1, 0.001, TN_CONGESTION_BBR, 330, 30},
    {100, 50, 0.1, 0, TN_CONGESTION_BBR, 85, 15},  {1000, 1, 1, 0, TN_CONGESTION_BBR, 900, 0.5},
    {10, 20, 4, 0, TN_CONGESTION_BBR, 8.5, 6},     {100, 50, 1, 0, TN_CONGESTION_CUBIC, 90, 50},
};

static int by_size(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;

    return (difference > 0) - (difference < 0);
}

/* Seeds of the runs whose median counts. On a long and fast path, in one run out of seven BBR mistakes a standing queue
 * for the delay of the path until it next probes the round-trip time (80 runs of each of four versions: 9 to 14). */
#define MEDIAN_OF(rate) ((rate) == 400 ? 9 : 1)

START_TEST(bottleneck_alone)
{
    double delays[9];
    int runs = MEDIAN_OF((int)paths[_i].rate);

    for (int i = 0; i < runs; i++) {
        struct bottleneck bottleneck = {.rate = paths[_i].rate,
                                        .delay = paths[_i].delay,
                                        .queue = paths[_i].queue,
                                        .loss = paths[_i].loss,
                                        .seconds = paths[_i].rate > 900 ? 5 : 30,
                                        .seed = (uint64_t)i + 1,
                                        .flow_count = 1,
                                        .flows = {paths[_i].congestion}};
        struct bottleneck_result result;

        bottleneck_run(&bottleneck, &result);
        ck_assert_double_ge(result.goodput[0], paths[_i].goodput);
        delays[i] = result.queue_delay_p50;
    }
    qsort(delays, (size_t)runs, sizeof *delays, by_size);
    ck_assert_double_le(delays[runs / 2], paths[_i].queue_delay);
}
END_TEST

/* A few percent of the packets arrive late: once that is known, it does not count as loss. */
static const struct {
    double loss, late_share, late_by; /* ms */
    enum tn_congestion congestion;
    double goodput; /* at least */
    double surplus; /* packets wrongly declared lost, as a share of all, at most */
} late_paths[] = {
    {0, 0.02, 5, TN_CONGESTION_BBR, 90, 0.005},    {0, 0.02, 5, TN_CONGESTION_CUBIC, 78, 0.005},
    {0, 0.02, 20, TN_CONGESTION_BBR, 90, 0.01},    {0, 0.5, 5, TN_CONGESTION_BBR, 78, 0.01},
    {0.01, 0.02, 5, TN_CONGESTION_BBR, 87, 0.005},
};

START_TEST(bottleneck_reorders)
{
    struct bottleneck bottleneck = {.rate = 100,
                                    .delay = 50,
                                    .queue = 1,
                                    .loss = late_paths[_i].loss,
                                    .late_share = late_paths[_i].late_share,
                                    .late_by = late_paths[_i].late_by,
                                    .seconds = 30,
                                    .seed = 1,
                                    .flow_count = 1,
                                    .flows = {late_paths[_i].congestion}};
    struct bottleneck_result result;

    bottleneck_run(&bottleneck, &result);
    ck_assert_double_ge(result.goodput[0], late_paths[_i].goodput);
    ck_assert_double_le((double)result.declared_lost,
                        (double)result.packets_lost + late_paths[_i].surplus * (double)result.packets_sent);
}
END_TEST

/* Neither gets less than a quarter, regardless of which started first. */
START_TEST(bottleneck_shared)
{
    static const enum tn_congestion pairs[][2] = {{TN_CONGESTION_BBR, TN_CONGESTION_BBR},
                                                  {TN_CONGESTION_BBR, TN_CONGESTION_CUBIC},
                                                  {TN_CONGESTION_CUBIC, TN_CONGESTION_BBR},
                                                  {TN_CONGESTION_CUBIC, TN_CONGESTION_CUBIC}};
    struct bottleneck bottleneck = {.rate = 100,
                                    .delay = 50,
                                    .queue = 1,
                                    .seconds = 60,
                                    .seed = (uint64_t)_i,
                                    .flow_count = 2,
                                    .flows = {pairs[_i % 4][0], pairs[_i % 4][1]},
                                    .starts = {0, _i < 4 ? 0 : 2}};
    struct bottleneck_result result;

    bottleneck_run(&bottleneck, &result);
    ck_assert_double_ge(result.late_goodput[0], 0.25 * (result.late_goodput[0] + result.late_goodput[1]));
    ck_assert_double_ge(result.late_goodput[1], 0.25 * (result.late_goodput[0] + result.late_goodput[1]));
    ck_assert_double_ge(result.late_goodput[0] + result.late_goodput[1], 88);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("congestion control");
    TCase *parts = tcase_create("parts"), *bottleneck = tcase_create("bottleneck");

    tcase_add_test(parts, cubic_starts_slowly);
    tcase_add_test(parts, cubic_follows_its_curve);
    tcase_add_test(parts, cubic_is_no_slower_than_reno);
    tcase_add_test(parts, cubic_pauses);
    tcase_add_test(parts, cubic_undoes_spurious_loss);
    tcase_add_test(parts, cubic_undo_continues_slow_start);
    tcase_add_test(parts, cubic_undo_continues_the_curve);
    tcase_add_test(parts, cubic_pauses_while_application_limited);
    tcase_add_test(parts, cubic_persistent_congestion);
    tcase_add_test(parts, hystart_leaves_slow_start);
    tcase_add_test(parts, hystart_forgives_jitter);
    tcase_add_test(parts, delivery_rate);
    tcase_add_test(parts, delivery_limited_by_application);
    tcase_add_test(parts, episode_is_spurious_when_all_packets_arrive);
    tcase_add_test(parts, episode_in_many_pieces);
    tcase_add_test(parts, reordering_adapts_and_forgets);
    tcase_add_test(parts, bbr_startup_and_drain);
    tcase_add_test(parts, bbr_probes_bandwidth);
    tcase_add_test(parts, bbr_bandwidth_filter);
    tcase_add_test(parts, bbr_probes_round_trip_time);
    tcase_add_test(parts, bbr_loss_ends_probe);
    tcase_add_test(parts, bbr_waits_after_overflow);
    tcase_add_test(parts, bbr_makes_up_for_usual_loss);
    tcase_add_test(parts, bbr_loss_in_cruise);
    tcase_add_test(parts, bbr_resumes);
    suite_add_tcase(suite, parts);
    tcase_add_loop_test(bottleneck, bottleneck_alone, 0, sizeof paths / sizeof *paths);
    tcase_add_loop_test(bottleneck, bottleneck_reorders, 0, sizeof late_paths / sizeof *late_paths);
    tcase_add_loop_test(bottleneck, bottleneck_shared, 0, 8);
    tcase_set_timeout(bottleneck, 600); /* only for hangs: many minutes of simulated time, alongside other tests */
    tcase_set_tags(bottleneck, "long"); /* see tests/valgrind.sh */
    suite_add_tcase(suite, bottleneck);
    return run_suite(suite);
}
