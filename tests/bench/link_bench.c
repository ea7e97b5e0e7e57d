/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * dtls_bench, tls_bench [SECONDS]: only the link of a transport, without tunnel or HTTP, with both ends in one thread
 * over loopback. Measures one direction at full speed with two packet sizes, a ping-pong, and handshakes; prints a line
 * of JSON for each. Rates are per second of processor time that both ends use together, so that they are also valid on
 * a busy machine.
 */
#include "tests/unit/run_suite.h"
#include "tests/unit/transport_pair.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint8_t packet[16384];
static double seconds = 2; /* for each line */

/* The processor time of the process, in seconds. */
static double processor(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Repeatedly sends as much as the receiver's socket can hold, and lets it arrive. */
static void bulk(int64_t mtu, size_t size, const struct test_certificate *ca, const struct test_certificate *leaf)
{
    struct test_pair pair;
    struct hg_link *link;
    hg_time begun;
    double used;

    test_pair_init(&pair, ca, leaf);
    TEST_SET_MTU(pair.client_config, mtu);
    test_pair_start(&pair, true, true, 0);
    link = test_connect_up(&pair);
    /* Loopback accepts any size that may be tried. */
    if (size > link->max_packet)
        size = link->probe_max > link->max_packet ? link->probe_max : link->max_packet;
    begun = test_clock();
    used = processor();
    while (test_clock() - begun < (hg_time)(seconds * 1e9)) {
        uint64_t before = pair.accepted->packets;
        unsigned count = 0;

        while (count < (512 << 10) / size && test_ops()->send(link->handle, packet, size) == 0)
            count++;
        test_ops()->flush(link->handle);
        test_wait(&pair, pair.accepted->packets >= before + count, 20);
    }
    used = processor() - used;
    printf("{\"bench\": \"" TEST_NAME " bulk\", \"packet\": %zu, \"gbit_per_s\": %.2f, \"ns_per_packet\": %.0f}\n",
           size, (double)pair.accepted->bytes * 8 / used / 1e9, used * 1e9 / (double)pair.accepted->packets);
    test_pair_free(&pair);
}

static void ping_pong(const struct test_certificate *ca, const struct test_certificate *leaf)
{
    struct test_pair pair;
    struct hg_link *link;
    hg_time begun;
    double used;
    uint64_t rounds = 0;

    test_pair_init(&pair, ca, leaf);
    test_pair_start(&pair, true, true, 0);
    link = test_connect_up(&pair);
    begun = test_clock();
    used = processor();
    for (; test_clock() - begun < (hg_time)(seconds * 1e9); rounds++) {
        test_send(link, packet, 64);
        test_wait(&pair, pair.accepted->packets > rounds, 1000);
        test_send(pair.accepted, packet, 64);
        test_wait(&pair, link->packets > rounds, 1000);
    }
    printf("{\"bench\": \"" TEST_NAME " ping-pong\", \"packet\": 64, \"round_trips_per_s\": %.0f}\n",
           (double)rounds / (processor() - used));
    test_pair_free(&pair);
}

static void handshakes(bool resumed, const struct test_certificate *ca, const struct test_certificate *leaf)
{
    struct test_pair pair;
    hg_time begun;
    double used;
    unsigned count = 0;

    test_pair_init(&pair, ca, leaf);
    test_pair_start(&pair, true, true, 0);
    begun = test_clock();
    used = processor();
    while (test_clock() - begun < (hg_time)(seconds * 1e9)) {
        test_close(test_connect_up(&pair), true);
        if (!resumed) { /* a gateway with a different ticket key */
            TEST_INSTANCE *instance = pair.gateway->instance->state;

            gnutls_free(instance->setup.ticket_key.data);
            gnutls_session_ticket_key_generate(&instance->setup.ticket_key);
        }
        count++;
    }
    printf("{\"bench\": \"" TEST_NAME " handshakes\", \"resumed\": %s, \"both_ends_per_s\": %.0f}\n",
           resumed ? "true" : "false", (double)count / (processor() - used));
    test_pair_free(&pair);
}

/* The fixture is for tests and makes them fail on errors, so this is one. */
START_TEST(bench)
{
    struct test_certificate ca = test_certificate_new("bench authority", NULL, -3600, 3600);
    struct test_certificate leaf = test_certificate_new("gate.test", &ca, -3600, 3600);

    memset(packet, 'x', sizeof packet);
    bulk(1500, 1400, &ca, &leaf);
    bulk(0, sizeof packet, &ca, &leaf);
    ping_pong(&ca, &leaf);
    handshakes(false, &ca, &leaf);
    handshakes(true, &ca, &leaf);
    test_certificate_free(&leaf);
    test_certificate_free(&ca);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create(TEST_NAME "_bench");
    TCase *tests = tcase_create("bench");

    if (argc > 1)
        seconds = atof(argv[1]);
    tcase_add_test(tests, bench);
    suite_add_tcase(suite, tests);
    return run_suite_as(suite, CK_NOFORK, CK_MINIMAL);
}
