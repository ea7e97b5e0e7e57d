/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Everything that can happen to the links of a session, all at once and derived from a seed: the whole core at both
 * ends, over two transports in memory, with a simulated clock. Links die in every way and at every moment, addresses
 * change, transports are blocked and work again, packets with `open` are duplicated, strangers use the session's name,
 * processes stall, clocks jump. Every body is compared, memory stays within its limits, and every exchange is answered.
 *
 * STORM_RUNS and STORM_SEED in the environment: how many runs, and the first seed; STORM_VERBOSE: print what happens.
 */
#include "core/base/log.h"
#include "core/session/link.h"
#include "core/session/session_table.h"
#include "tests/sim/random.h"
#include "tests/unit/clock.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/testbed.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define RUNS_DEFAULT 2500

#define USERS_MAX 10
/* How long everything may take after the last event: many times the longest time for which links wait for each
 * other. */
#define END_TIME (300 * HG_SECOND)

/* ---- A run ---- */

enum { CLIENT, GATEWAY };

struct reader {
    struct user user;
    size_t size;
    char path[32];
    bool is_late;   /* requested during the storm: it may fail to find the client */
    bool is_broken; /* the origin breaks off */
    bool leaves, left;
};

static struct storm {
    uint64_t seed;
    struct random random;
    struct testbed testbed;
    struct reader readers[USERS_MAX];
    unsigned reader_count, asked;
    unsigned events;
    uint64_t opened;       /* sessions so far, when the one to survive was opened; 0: not yet */
    unsigned next_packets; /* the next event happens after so many packets … */
    hg_time next_time;     /* … or at this time */
    hg_time till[2];       /* an end is stalled until then */
    hg_time dark_till;     /* of the first transport */
    hg_time unreachable_till;
    hg_time mute_till;
    hg_time lost_till; /* of both transports */
    hg_time idle_step;
    bool verbose;
} storm;

#define check(condition, ...)                                                                                          \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            char what[600];                                                                                            \
            snprintf(what, sizeof what, __VA_ARGS__);                                                                  \
            ck_abort_msg("%s (%s). Again: STORM_SEED=%" PRIu64 " STORM_RUNS=1 STORM_VERBOSE=1 tests/unit/test_storm",  \
                         what, #condition, storm.seed);                                                                \
        }                                                                                                              \
    } while (0)

static void report(const char *event)
{
    if (storm.verbose)
        printf("%.6f after %u packets: %s\n", (double)clock_now() / 1e9,
               storm.testbed.wire.packets + storm.testbed.bytes.packets, event);
}

static uint64_t between(uint64_t low, uint64_t high)
{
    return random_between(&storm.random, low, high);
}

static bool chance(double probability)
{
    return random_chance(&storm.random, probability);
}

static struct sessions *at(int side)
{
    return (side == CLIENT ? storm.testbed.client : storm.testbed.gateway)->worker->sessions;
}

/* ---- Invariants ---- */

/* The limits set for the tunnel: see core/session/session_parameters.c and tn_params_default(). */
static void check_bounds(void)
{
    for (int side = 0; side < 2; side++) {
        const struct sessions *sessions = at(side);
        struct tn_session_stats stats;
        struct tn_params params;

        tn_params_default(&params);
        for (const struct session *session = sessions->sessions; session; session = session->next) {
            uint64_t window = sessions->pipeline->settings.session_window;
            uint64_t unsent;

            tn_session_stats(session->tn, &stats);
            unsent = stats.streams * params.send_buffer;
            check(stats.bytes_held <= window + stats.streams * params.stream_window,
                  "end %d holds %" PRIu64 " bytes for readers", side, stats.bytes_held);
            check(stats.bytes_unacked < window + TN_PACKET_MAX, "end %d keeps %" PRIu64 " bytes unacknowledged", side,
                  stats.bytes_unacked);
            check(stats.bytes_unsent <= unsent, "end %d holds %" PRIu64 " bytes unsent", side, stats.bytes_unsent);
        }
        for (const struct session *session = sessions->sessions; session && side == GATEWAY; session = session->next)
            check(!strcmp(session->identity.id, "client-1"), "%s has the session", session->identity.id);
        check(sessions->link_count <= 12, "end %d has %zu links", side, sessions->link_count);
    }
    check(!storm.opened || testbed_session_count(&storm.testbed) == 1, "%zu sessions",
          testbed_session_count(&storm.testbed));
}

/* ---- Turns ---- */

static unsigned packets(void)
{
    return storm.testbed.wire.packets + storm.testbed.bytes.packets;
}

/* The less happens, the longer the clock's steps. */
static void turn(void)
{
    unsigned before = packets();

    if (clock_now() >= storm.till[CLIENT])
        fixture_run(storm.testbed.client, NULL, NULL, 0);
    if (clock_now() >= storm.till[GATEWAY])
        fixture_run(storm.testbed.gateway, NULL, NULL, 0);
    if (packets() != before)
        storm.idle_step = 20 * HG_MICROSECOND;
    else if (storm.idle_step < 10 * HG_MILLISECOND)
        storm.idle_step += storm.idle_step / 2;
    clock_pass(storm.idle_step);
    check_bounds();
}

/* ---- Events for links ---- */

/* The client's end of the newest link over one of the transports, or of one that is not up yet. */
static struct wire_end *some_link(void)
{
    struct wire *wire = chance(0.6) ? &storm.testbed.wire : &storm.testbed.bytes;
    struct wire_end *end = wire->ends;

    if (chance(0.7))
        end = wire_newest(wire, false);
    while (end && (end->is_gateway || !end->peer))
        end = end->next;
    return end;
}

static void break_link(struct wire_end *end)
{
    report("a link breaks");
    wire_break(end);
}

static void darken_link(struct wire_end *end)
{
    report("a link goes dark, as when the address changes");
    end->is_dark = true;
}

/* One direction only; not on a byte link. */
static void mute_link(struct wire_end *end)
{
    report("a link goes dark in one direction");
    if (end->wire == &storm.testbed.wire && chance(0.5))
        end->peer->is_mute = true;
    else if (end->wire == &storm.testbed.wire)
        end->is_mute = true;
    else
        end->is_dark = true;
}

static void close_link(struct wire_end *end)
{
    report("an end closes a link");
    if (chance(0.5) && end->link && end->is_up)
        link_close(end->link, TN_NO_ERROR, "the storm wants it");
    else if (end->peer->link)
        link_close(end->peer->link, TN_INTERNAL_ERROR, "the storm wants it");
}

/* ---- Events for the network ---- */

static void darken_all(struct wire *wire)
{
    for (struct wire_end *end = wire->ends; end; end = end->next)
        end->is_dark = true;
}

static void block_first(void)
{
    report("the first transport is blocked");
    darken_all(&storm.testbed.wire);
    storm.unreachable_till = clock_now() + between(0, 4 * HG_SECOND);
}

static void darken_first(void)
{
    report("the first transport is dark for a while");
    storm.dark_till = clock_now() + between(0, 4 * HG_SECOND);
}

static void mute_gateway(void)
{
    report("nothing of the gateway's arrives over the first transport");
    storm.mute_till = clock_now() + between(0, 3 * HG_SECOND);
}

static void lose_network(void)
{
    report("there is no network");
    darken_all(&storm.testbed.wire);
    darken_all(&storm.testbed.bytes);
    storm.lost_till = clock_now() + between(0, 6 * HG_SECOND);
}

static void apply_network(void)
{
    bool lost = clock_now() < storm.lost_till;

    storm.testbed.wire.dark = lost || clock_now() < storm.dark_till;
    storm.testbed.bytes.dark = lost;
    storm.testbed.wire.unreachable = clock_now() < storm.unreachable_till;
    storm.testbed.wire.mute_gateway = clock_now() < storm.mute_till;
}

/* ---- Events for the ends ---- */

static void stand_still(void)
{
    hg_time time = random_scaled(&storm.random, HG_MILLISECOND, 14 * HG_SECOND);

    report("an end stands still");
    storm.till[between(CLIENT, GATEWAY)] = clock_now() + time;
}

static void jump(void)
{
    report("the clock jumps");
    clock_pass(random_scaled(&storm.random, HG_MILLISECOND, 40 * HG_SECOND));
}

/* Sends the same `open` again, on a link of its own; or sends one as a stranger who knows the session's name. */
static void name_session(void)
{
    const struct session *session = at(GATEWAY)->sessions;
    bool thief = chance(0.3);
    struct wire_end *end;

    if (!session)
        return;
    report(thief ? "a thief names the session" : "an `open` comes twice");
    apply_network();
    end = wire_unknown_peer(&storm.testbed.wire);
    testbed_inject_open(end, thief ? "client-2" : "client-1", session->name);
    if (chance(0.3))
        testbed_inject_open(end, thief ? "client-2" : "client-1", session->name);
}

static void ask(struct reader *reader)
{
    report(reader->path);
    storm.asked++;
    user_ask(&reader->user, &storm.testbed, "client-1", "web", reader->path, reader->path[1] == 'e' ? reader->size : 0);
}

static void go_on_reading(struct reader *reader)
{
    user_read_on(&reader->user);
}

static void disturb_user(void)
{
    struct reader *reader = &storm.readers[between(0, storm.reader_count - 1)];

    if (reader->is_late && !reader->user.self && !reader->user.detached) {
        ask(reader);
    } else if (reader->leaves && reader->user.self) {
        static const struct hg_reason gone = {499, "connection_terminated", "the user has left", 0};

        report("a user leaves");
        reader->left = true;
        hg_reset(reader->user.self, &gone);
    } else if (reader->user.stalls) {
        go_on_reading(reader);
    }
}

static void befall_link(void)
{
    static void (*const endpoints[])(struct wire_end *) = {break_link, darken_link, mute_link, close_link};
    struct wire_end *end = some_link();

    if (end)
        endpoints[between(0, 3)](end);
}

static void next_event(void)
{
    static void (*const events[])(void) = {befall_link,  befall_link,  befall_link,  befall_link, block_first,
                                           darken_first, mute_gateway, lose_network, stand_still, jump,
                                           name_session, name_session, disturb_user, disturb_user};

    if (packets() < storm.next_packets && clock_now() < storm.next_time)
        return;
    events[between(0, sizeof events / sizeof events[0] - 1)]();
    storm.events--;
    storm.next_packets = packets() + (unsigned)random_scaled(&storm.random, 1, 1200);
    storm.next_time = clock_now() + random_scaled(&storm.random, HG_MILLISECOND, 8 * HG_SECOND);
}

/* ---- A run ---- */

static void choose_reader(struct reader *reader)
{
    static const char *const kinds[] = {"/down/%zu", "/down/%zu", "/echo", "/echo", "/half/%zu"};
    size_t kind = between(0, 4);

    reader->size = random_scaled(&storm.random, 1, 400000);
    snprintf(reader->path, sizeof reader->path, kinds[kind], reader->size); /* NOLINT: one of the five above */
    reader->is_broken = kind == 4;
    reader->is_late = chance(0.3);
    reader->leaves = chance(0.2);
    reader->user.stalls = chance(0.2);
}

static void choose_network(void)
{
    struct wire *wire = &storm.testbed.wire;

    wire->seed = (unsigned)between(0, UINT32_MAX);
    storm.testbed.bytes.seed = wire->seed + 1;
    wire->loss = chance(0.5) ? (unsigned)between(0, 8) : 0;
    wire->repeats = chance(0.5) ? (unsigned)between(0, 20) : 0;
    wire->overtakes = chance(0.5) ? (unsigned)between(0, 20) : 0;
    wire->room = chance(0.3) ? (unsigned)between(3, 20) : 0;
    storm.testbed.bytes.room = chance(0.3) ? (unsigned)between(3, 20) : 0;
}

static void choose_settings(struct settings *settings)
{
    settings->session_window = random_scaled(&storm.random, 256 << 10, 16 << 20);
    settings->dead_after = random_scaled(&storm.random, HG_SECOND, 10 * HG_SECOND);
    settings->keep_alive = random_scaled(&storm.random, HG_SECOND, 15 * HG_SECOND);
    settings->head_start = chance(0.5) ? 0 : between(0, HG_SECOND);
    settings->probe_interval = random_scaled(&storm.random, 200 * HG_MILLISECOND, 45 * HG_SECOND);
    settings->resume_timeout = 3600 * HG_SECOND; /* no session may be given up here */
}

static void set_up_run(uint64_t seed)
{
    memset(&storm, 0, sizeof storm);
    storm.seed = storm.random.state = seed;
    storm.verbose = getenv("STORM_VERBOSE") != NULL;
    log_configure(LOG_TEXT, storm.verbose ? HG_LOG_INFO : HG_LOG_ERROR);
    storm.idle_step = HG_MILLISECOND;
    choose_network();
    storm.testbed.has_bytes = true;
    testbed_new(&storm.testbed);
    choose_settings(&storm.testbed.client->pipeline->settings);
    choose_settings(&storm.testbed.gateway->pipeline->settings);
    storm.events = (unsigned)random_scaled(&storm.random, 1, 25);
    storm.reader_count = (unsigned)between(1, USERS_MAX);
    for (unsigned i = 0; i < storm.reader_count; i++)
        choose_reader(&storm.readers[i]);
}

static bool all_over(void)
{
    for (unsigned i = 0; i < storm.reader_count; i++)
        if (!storm.readers[i].user.detached)
            return false;
    return storm.testbed.attached == storm.testbed.detached;
}

static void check_reader(const struct reader *reader)
{
    const struct user *user = &reader->user;

    check(!user->is_wrong, "%s: a wrong byte", reader->path);
    if (reader->left)
        return;
    if (user->was_reset && reader->is_late && user->reason.status == 503) {
        check(!user->status, "%s: refused after its head had come", reader->path);
        return;
    }
    if (reader->is_broken) {
        check(user->was_reset && user->reason.status == 502, "%s: not broken off", reader->path);
        check(user->got <= reader->size, "%s: %" PRIu64 " bytes", reader->path, user->got);
        return;
    }
    check(!user->was_reset, "%s was reset: %d %s %s", reader->path, user->reason.status, user->reason.error,
          user->detail);
    check(user->status == 200 && user->ended && user->got == reader->size, "%s: status %d, %" PRIu64 " bytes of %zu",
          reader->path, user->status, user->got, reader->size);
}

static bool is_connected(void)
{
    const struct session *session = at(CLIENT)->sessions, *other = at(GATEWAY)->sessions;

    return session && session->open && other && other->confirmed && testbed_session_count(&storm.testbed) == 1;
}

static void weather_it(void)
{
    while (storm.events > 0) {
        next_event();
        apply_network();
        turn();
    }
    for (unsigned i = 0; i < storm.reader_count; i++) {
        struct reader *reader = &storm.readers[i];

        if (!reader->user.self && !reader->user.detached)
            ask(reader);
        go_on_reading(reader);
    }
    for (hg_time end = clock_now() + END_TIME; !all_over() && clock_now() < end;) {
        apply_network();
        turn();
    }
}

START_TEST(a_session_survives_the_storm)
{
    set_up_run((uint64_t)_i);
    testbed_start(&storm.testbed);
    for (hg_time end = clock_now() + 60 * HG_SECOND; !is_connected() && clock_now() < end;)
        turn();
    check(is_connected(), "no session");
    storm.opened = *at(GATEWAY)->opened;
    for (unsigned i = 0; i < storm.reader_count; i++)
        if (!storm.readers[i].is_late)
            ask(&storm.readers[i]);
    storm.next_packets = packets() + (unsigned)random_scaled(&storm.random, 1, 1200);
    storm.next_time = clock_now() + HG_SECOND;
    weather_it();
    for (unsigned i = 0; i < storm.reader_count; i++) {
        check(storm.readers[i].user.detached, "%s: no end in sight", storm.readers[i].path);
        check_reader(&storm.readers[i]);
    }
    check(storm.testbed.attached == storm.testbed.detached, "an exchange is left at the origin");
    check(*at(GATEWAY)->opened == storm.opened, "sessions were opened");
    testbed_free(&storm.testbed);
}
END_TEST

static int environment(const char *name, int otherwise)
{
    const char *value = getenv(name);

    return value ? atoi(value) : otherwise;
}

int main(void)
{
    int first = environment("STORM_SEED", 1), runs = environment("STORM_RUNS", RUNS_DEFAULT);
    Suite *suite = suite_create("storm");
    TCase *tests = tcase_create("storm");

    printf("storm: %d runs from seed %d\n", runs, first);
    tcase_set_tags(tests, "long");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, a_session_survives_the_storm, first, first + runs);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
