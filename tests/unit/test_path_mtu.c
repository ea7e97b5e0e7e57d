/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Path MTU probing: the search alone, and on simulated paths.
 */
#include "core/tunnel/path_mtu.h"
#include "tests/sim/bottleneck.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdlib.h>

/* That of DTLS over IPv4. */
#define OVERHEAD  65
#define BASE      (1200 - 37)
#define PACKET(n) ((size_t)(n)-OVERHEAD) /* from the size of an IP packet */

static struct path_mtu mtu;
static tn_time now;

static void start(size_t max)
{
    struct tn_params params = {.packet_size = BASE, .packet_size_max = max, .packet_overhead = OVERHEAD};

    now = TN_SECOND;
    path_mtu_start(&mtu, &params);
}

/* Sends probes as long as there are any to send, over a path that carries IP packets of `limit` bytes. Returns how many
 * were lost. */
static unsigned search(size_t limit, bool busy)
{
    unsigned lost = 0, count = 0;
    size_t size;

    while ((size = path_mtu_wants(&mtu, now, busy)) > 0) {
        ck_assert_uint_lt(count++, 100);
        ck_assert_uint_gt(size, mtu.size);
        ck_assert_uint_le(size, mtu.max);
        path_mtu_sent(&mtu, size);
        ck_assert_uint_eq(path_mtu_wants(&mtu, now, busy), 0); /* only one at a time */
        now += 50 * TN_MILLISECOND;
        if (size <= PACKET(limit)) {
            path_mtu_acknowledged(&mtu, now);
            ck_assert_uint_eq(mtu.size, size);
        } else {
            path_mtu_lost(&mtu, true, now);
            lost++;
        }
    }
    return lost;
}

static const struct {
    size_t interface, path, found; /* IP packets */
    unsigned lost;                 /* at most */
} searches[] = {
    {1500, 1500, 1500, 0},
    {9000, 9000, 9000, 0},
    {16412, 16412, 16412, 0}, /* 16 KiB records, within one machine */
    {1280, 1280, 1280, 0},
    {9000, 1500, 1500, 3},
    {1500, 1492, 1492, 3},
    {1500, 1420, 1420, 9},
    {1500, 1400, 1400, 9},
    {1500, 1280, 1280, 15},
    {1500, BASE + OVERHEAD, BASE + OVERHEAD, 15},
    {9000, 1400, 1400, 15},
};

START_TEST(finds_what_passes)
{
    start(PACKET(searches[_i].interface));
    ck_assert_uint_le(search(searches[_i].path, false), searches[_i].lost);
    ck_assert_uint_eq(mtu.size, PACKET(searches[_i].found));
    ck_assert(mtu.complete);
}
END_TEST

/* For any limit, at most a 32nd of it stays unused, except between the sizes of Ethernet and jumbo frames. */
START_TEST(comes_close_to_any_limit)
{
    for (size_t limit = BASE + OVERHEAD; limit <= 1500; limit++) {
        start(PACKET(1500));
        ck_assert_uint_le(search(limit, false), 18);
        ck_assert_uint_le(mtu.size, PACKET(limit));
        ck_assert_uint_ge(mtu.size + mtu.size / 32 + 1, PACKET(limit));
    }
    start(PACKET(9000));
    search(4000, false);
    ck_assert_uint_eq(mtu.size, PACKET(1500));
}
END_TEST

START_TEST(a_probe_lost_by_chance_is_repeated)
{
    start(PACKET(1500));
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(path_mtu_wants(&mtu, now, false), PACKET(1500));
        path_mtu_sent(&mtu, PACKET(1500));
        path_mtu_lost(&mtu, true, now);
    }
    ck_assert_uint_eq(search(1500, false), 0);
    ck_assert_uint_eq(mtu.size, PACKET(1500));
    ck_assert_uint_eq(mtu.probes_lost, 2);
}
END_TEST

/* An overflowing queue says little about sizes. */
START_TEST(a_probe_lost_among_others_counts_less)
{
    start(PACKET(1500));
    for (int i = 0; i < 8; i++) {
        ck_assert_uint_eq(path_mtu_wants(&mtu, now, false), PACKET(1500));
        path_mtu_sent(&mtu, PACKET(1500));
        path_mtu_lost(&mtu, false, now);
    }
    ck_assert_uint_eq(path_mtu_wants(&mtu, now, false), PACKET(1500));
    path_mtu_sent(&mtu, PACKET(1500));
    path_mtu_lost(&mtu, false, now);
    ck_assert_uint_lt(path_mtu_wants(&mtu, now, false), PACKET(1500));
}
END_TEST

/* RFC 8899 section 5.2: every 600 s, and only while data flows. */
START_TEST(searches_again_when_the_path_may_have_grown)
{
    tn_time complete;

    start(PACKET(9000));
    search(1500, false);
    complete = now;
    now = complete + 599 * TN_SECOND;
    ck_assert_uint_eq(path_mtu_wants(&mtu, now, true), 0);
    now = complete + 601 * TN_SECOND;
    ck_assert_uint_eq(path_mtu_wants(&mtu, now, false), 0);
    ck_assert_uint_eq(search(9000, true), 0);
    ck_assert_uint_eq(mtu.size, PACKET(9000));
    /* This is all that the interface allows: there is nothing more to find. */
    now += 7200 * TN_SECOND;
    ck_assert_uint_eq(path_mtu_wants(&mtu, now, true), 0);
}
END_TEST

START_TEST(a_black_hole_leads_back_to_the_base)
{
    start(PACKET(9000));
    search(9000, false);
    path_mtu_black_hole(&mtu, path_mtu_smaller(&mtu, false), now);
    ck_assert_uint_eq(mtu.size, BASE);
    ck_assert_uint_eq(path_mtu_wants(&mtu, now, true), 0);
    now += TN_SECOND;
    ck_assert_uint_eq(path_mtu_wants(&mtu, now, false), 0);
    ck_assert_uint_eq(search(1500, true), 3);
    ck_assert_uint_eq(mtu.size, PACKET(1500));
    /* The pause becomes longer each time, up to the interval of the raise timer. */
    for (tn_time rest = 2; rest < 4000; rest *= 2) {
        path_mtu_black_hole(&mtu, path_mtu_smaller(&mtu, false), now);
        now += (rest < 600 ? rest : 600) * TN_SECOND - 1;
        ck_assert_uint_eq(path_mtu_wants(&mtu, now, true), 0);
        now++;
        ck_assert_uint_gt(path_mtu_wants(&mtu, now, true), 0);
        search(1500, true);
    }
    /* A regular search after the interval resets it. */
    now += 600 * TN_SECOND;
    search(1500, true);
    path_mtu_black_hole(&mtu, path_mtu_smaller(&mtu, false), now);
    ck_assert_uint_gt(path_mtu_wants(&mtu, now + TN_SECOND, true), 0);
}
END_TEST

START_TEST(a_failing_base_leads_to_the_floor_and_back)
{
    start(PACKET(1500));
    ck_assert_uint_eq(path_mtu_smaller(&mtu, false), PACKET(576));
    path_mtu_black_hole(&mtu, PACKET(576), now);
    ck_assert_uint_eq(mtu.size, PACKET(576));
    now += TN_SECOND;
    search(1100, true);
    ck_assert_uint_ge(mtu.size, PACKET(1100) - BASE / 32);
    ck_assert_uint_le(mtu.size, PACKET(1100));
    ck_assert_uint_eq(path_mtu_smaller(&mtu, false), PACKET(576));
    /* The path has improved: the base is the usual one again. */
    now += 601 * TN_SECOND;
    search(1500, true);
    ck_assert_uint_eq(mtu.size, PACKET(1500));
    ck_assert_uint_eq(path_mtu_smaller(&mtu, false), BASE);
    ck_assert_uint_eq(path_mtu_smaller(&mtu, true), PACKET(576));
    /* Without a search it could never be raised again. */
    start(0);
    ck_assert_uint_eq(path_mtu_smaller(&mtu, true), BASE);
}
END_TEST

START_TEST(a_hint_is_followed_and_verified)
{
    start(PACKET(9000));
    search(9000, false);
    path_mtu_reported(&mtu, PACKET(9100), now);
    ck_assert_uint_eq(mtu.size, PACKET(9000));
    path_mtu_reported(&mtu, PACKET(1400), now);
    ck_assert_uint_eq(mtu.size, PACKET(1400));
    now += TN_SECOND;
    search(1500, true);
    ck_assert_uint_eq(mtu.size, PACKET(1500));
    /* Without probing the hint cannot be verified, so it is followed in both directions. */
    start(0);
    path_mtu_reported(&mtu, 1000, now);
    ck_assert_uint_eq(mtu.size, 1000);
    path_mtu_reported(&mtu, 2000, now);
    ck_assert_uint_eq(mtu.size, 2000);
    ck_assert_uint_eq(path_mtu_wants(&mtu, now + 7200 * TN_SECOND, true), 0);
}
END_TEST

START_TEST(a_size_that_cannot_be_sent_is_given_up_at_once)
{
    start(PACKET(9000));
    path_mtu_sent(&mtu, path_mtu_wants(&mtu, now, false));
    ck_assert(path_mtu_set_max(&mtu, PACKET(1492))); /* the real limit is known */
    path_mtu_lost(&mtu, true, now);                  /* refers to a probe that is no longer in flight */
    ck_assert_uint_eq(search(1492, false), 0);
    ck_assert_uint_eq(mtu.size, PACKET(1492));

    start(PACKET(9000));
    path_mtu_sent(&mtu, path_mtu_wants(&mtu, now, false));
    ck_assert(path_mtu_set_max(&mtu, PACKET(9000) - 1)); /* only shows that this was too large */
    ck_assert_uint_eq(search(1500, false), 0);
    ck_assert_uint_eq(mtu.size, PACKET(1500));

    /* The limit of the interface drops, and rises again. */
    ck_assert(!path_mtu_set_max(&mtu, PACKET(1300)));
    ck_assert_uint_eq(mtu.size, PACKET(1300));
    ck_assert_uint_eq(path_mtu_wants(&mtu, now, true), 0);
    ck_assert(!path_mtu_set_max(&mtu, PACKET(1500)));
    now += 601 * TN_SECOND;
    search(1500, true);
    ck_assert_uint_eq(mtu.size, PACKET(1500));
    ck_assert(!path_mtu_set_max(&mtu, PACKET(600)));
    path_mtu_black_hole(&mtu, path_mtu_smaller(&mtu, false), now);
    ck_assert_uint_eq(mtu.size, PACKET(600));
}
END_TEST

/* ---- On a link ---- */

static struct tn_link *links[2];
static uint64_t numbers[2];
static uint8_t packet[TN_PACKET_MAX];

/* Builds a packet; 0: none. */
static size_t build(int from)
{
    size_t size = tn_link_send(links[from], now, numbers[from] + 1, packet, sizeof packet);

    numbers[from] += size > 0;
    return size;
}

/* Lets both ends exchange packets, with a delay of 1 ms one way, until the first one sends a probe, and returns its
 * size. */
static size_t until_probe(void)
{
    for (int i = 0; i < 100; i++) {
        size_t size;

        now += TN_MILLISECOND;
        for (int from = 0; from < 2; from++) {
            ck_assert_int_eq(tn_link_timeout(links[from], now), 0);
            while ((size = build(from)) > 0) {
                if (from == 0 && size > tn_link_packet_size(links[0]))
                    return size;
                ck_assert_int_eq(tn_link_receive(links[!from], now, numbers[from], packet, size), 0);
            }
            tn_link_batch_end(links[!from], now);
        }
    }
    ck_abort_msg("no probe was sent");
}

/* Nothing else is in flight, and the peer is held up for a hundred round trips: that is not a loss. */
START_TEST(a_peer_held_up_rules_out_no_size)
{
    struct tn_link_stats stats;
    size_t size;

    now = TN_SECOND;
    for (int side = 0; side < 2; side++) {
        struct tn_params params;

        tn_params_default(&params);
        params.is_client = side == 0;
        params.packet_size = BASE;
        params.packet_size_max = side == 0 ? PACKET(1500) : 0;
        numbers[side] = 0;
        links[side] = tn_link_new(NULL, &params, now);
    }
    ck_assert(tn_control_write(links[0], "hello", 5));
    size = until_probe();
    ck_assert_uint_eq(size, PACKET(1500));
    ck_assert_uint_ge(tn_link_deadline(links[0]), now + TN_SECOND);
    for (int i = 0; i < 300; i++) {
        now += TN_MILLISECOND;
        ck_assert_int_eq(tn_link_timeout(links[0], now), 0);
        ck_assert(!tn_link_wants_send(links[0], now));
    }
    ck_assert_int_eq(tn_link_receive(links[1], now, numbers[0], packet, size), 0);
    now += 10 * TN_MILLISECOND;
    ck_assert_int_eq(tn_link_timeout(links[1], now), 0);
    size = build(1);
    ck_assert_int_eq(tn_link_receive(links[0], now, numbers[1], packet, size), 0);
    ck_assert_uint_eq(tn_link_packet_size(links[0]), PACKET(1500));
    tn_link_stats(links[0], &stats);
    ck_assert_uint_eq(stats.mtu_probes_sent, 1);
    ck_assert_uint_eq(stats.probes_sent, 0);
    ck_assert_uint_eq(stats.unanswered_since, TN_TIME_NEVER); /* and the link is not in doubt either */
    for (int side = 0; side < 2; side++)
        tn_link_free(links[side]);
}
END_TEST

/* ---- On a path ---- */

/* A round-trip time of 50 ms and a queue of one BDP; packet sizes are those of IP packets: of the interface, and of the
 * path at first and after 10 of 20 s. */
static const struct {
    double rate, loss;
    enum tn_congestion congestion;
    size_t interface, path, later, found;
    double gap;     /* longest time in ms in which nothing arrives */
    double goodput; /* Mbit/s, at least */
    uint64_t black_holes;
} transfers[] = {
    {100, 0, TN_CONGESTION_BBR, 1500, 1500, 0, 1500, 150, 88, 0},
    {100, 0, TN_CONGESTION_CUBIC, 1500, 1500, 0, 1500, 150, 88, 0},
    {100, 0, TN_CONGESTION_BBR, 9000, 1400, 0, 1400, 150, 88, 0},
    {100, 0.01, TN_CONGESTION_BBR, 9000, 1500, 0, 1500, 200, 85, 0},
    {100, 0.03, TN_CONGESTION_BBR, 16412, 16412, 0, 16412, 400, 60, 0},
    {100, 0, TN_CONGESTION_BBR, 1500, 1500, 1280, 1280, 700, 80, 1},
    {100, 0, TN_CONGESTION_CUBIC, 1500, 1500, 1280, 1280, 700, 80, 1},
    {100, 0.01, TN_CONGESTION_BBR, 1500, 1500, 1400, 1400, 1000, 78, 1},
    {100, 0, TN_CONGESTION_BBR, 9000, 9000, 1500, 1500, 700, 80, 1},
    {1, 0, TN_CONGESTION_BBR, 1500, 1500, 1400, 1400, 2000, 0.7, 1},
    /* Less than RFC 9000 requires of a path: from the start, and later on. */
    {100, 0, TN_CONGESTION_BBR, 1500, 1060, 0, 1056, 700, 80, 1},
    {100, 0, TN_CONGESTION_BBR, 1500, 800, 0, 800, 700, 75, 1},
    {10, 0, TN_CONGESTION_BBR, 9000, 576, 0, 576, 700, 7, 1},
    {100, 0, TN_CONGESTION_BBR, 1500, 1500, 1060, 1056, 2500, 60, 1},
    {100, 0, TN_CONGESTION_BBR, 9000, 1500, 9000, 1500, 150, 88, 0}, /* larger: found by the raise timer, after 600 s */
};

START_TEST(transfer_finds_what_passes)
{
    struct bottleneck bottleneck = {.rate = transfers[_i].rate,
                                    .delay = 50,
                                    .queue = transfers[_i].rate < 10 ? 5 : 1,
                                    .loss = transfers[_i].loss,
                                    .seconds = 20,
                                    .probe_max = PACKET(transfers[_i].interface),
                                    .mtu = PACKET(transfers[_i].path),
                                    .mtu_later = transfers[_i].later ? PACKET(transfers[_i].later) : 0,
                                    .mtu_change = transfers[_i].later ? 10 : 0,
                                    .seed = (uint64_t)_i + 1,
                                    .flow_count = 1,
                                    .flows = {transfers[_i].congestion}};
    struct bottleneck_result result;

    bottleneck_run(&bottleneck, &result);
    ck_assert_uint_eq(result.packet_size, PACKET(transfers[_i].found));
    ck_assert_double_le(result.longest_gap, transfers[_i].gap);
    ck_assert_double_ge(result.goodput[0], transfers[_i].goodput);
    ck_assert_uint_eq(result.black_holes, transfers[_i].black_holes);
}
END_TEST

/* A search whose probes are all lost costs nothing but these: no window shrinks, nothing is delayed. */
START_TEST(lost_probes_are_not_congestion)
{
    struct bottleneck bottleneck = {.rate = 10,
                                    .delay = 50,
                                    .queue = 100, /* never full */
                                    .seconds = 5,
                                    .probe_max = PACKET(1500),
                                    .mtu = BASE,
                                    .seed = 1,
                                    .flow_count = 1,
                                    .flows = {_i ? TN_CONGESTION_CUBIC : TN_CONGESTION_BBR}};
    struct bottleneck_result with, without;

    bottleneck_run(&bottleneck, &with);
    ck_assert_uint_ge(with.mtu_probes_lost, 9);
    ck_assert_uint_eq(with.mtu_probes_lost, with.mtu_probes_sent);
    ck_assert_uint_eq(with.declared_lost, 0);
    ck_assert_uint_eq(with.black_holes, 0);
    bottleneck.probe_max = BASE;
    bottleneck_run(&bottleneck, &without);
    ck_assert_uint_eq(without.mtu_probes_sent, 0);
    ck_assert_uint_eq(with.congestion_events[0], without.congestion_events[0]);
    ck_assert_double_ge(with.goodput[0], 0.98 * without.goodput[0]);
}
END_TEST

/* Losses in a black hole are not due to congestion. */
START_TEST(black_holes_are_not_congestion)
{
    struct bottleneck bottleneck = {.rate = 10,
                                    .delay = 50,
                                    .queue = 1000,
                                    .seconds = 6,
                                    .probe_max = PACKET(1500),
                                    .mtu = PACKET(1500),
                                    .mtu_later = PACKET(1300),
                                    .mtu_change = 1,
                                    .seed = 1,
                                    .flow_count = 1,
                                    .flows = {TN_CONGESTION_CUBIC}};
    struct bottleneck_result result;

    bottleneck_run(&bottleneck, &result);
    ck_assert_uint_eq(result.black_holes, 1);
    ck_assert_uint_gt(result.declared_lost, 10);
    ck_assert_uint_eq(result.congestion_events[0], 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("path_mtu");
    TCase *machine = tcase_create("search"), *path = tcase_create("path");
    TCase *long_path = tcase_create("long path");

    tcase_add_loop_test(machine, finds_what_passes, 0, sizeof searches / sizeof *searches);
    tcase_add_test(machine, comes_close_to_any_limit);
    tcase_add_test(machine, a_probe_lost_by_chance_is_repeated);
    tcase_add_test(machine, a_probe_lost_among_others_counts_less);
    tcase_add_test(machine, searches_again_when_the_path_may_have_grown);
    tcase_add_test(machine, a_black_hole_leads_back_to_the_base);
    tcase_add_test(machine, a_failing_base_leads_to_the_floor_and_back);
    tcase_add_test(machine, a_hint_is_followed_and_verified);
    tcase_add_test(machine, a_size_that_cannot_be_sent_is_given_up_at_once);
    tcase_add_test(machine, a_peer_held_up_rules_out_no_size);
    suite_add_tcase(suite, machine);
    tcase_add_loop_test(path, lost_probes_are_not_congestion, 0, 2);
    tcase_add_test(path, black_holes_are_not_congestion);
    tcase_set_timeout(path, 120);
    suite_add_tcase(suite, path);
    tcase_add_loop_test(long_path, transfer_finds_what_passes, 0, sizeof transfers / sizeof *transfers);
    tcase_set_timeout(long_path, 120);
    tcase_set_tags(long_path, "long"); /* see tests/valgrind.sh */
    suite_add_tcase(suite, long_path);
    return run_suite(suite);
}
