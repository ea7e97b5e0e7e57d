/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The transport over real sockets on loopback. sendmmsg() is replaced, so that the kernel can be made to refuse.
 */
#include "plugins/dtls/test_pair.h"

#include <check.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- The kernel, made to refuse ---- */

static struct {
    int error;        /* what sendmmsg() fails with */
    unsigned times;   /* how often */
    bool only_pieces; /* only messages that the kernel is to cut */
    unsigned calls, messages, pieces;
    uint8_t captured[2048]; /* the newest datagram that begins with `capture` */
    size_t captured_size;
    uint8_t capture;
    size_t largest;
} kernel;

int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    bool pieces = false;

    for (unsigned i = 0; i < count; i++) {
        const struct iovec *vector = messages[i].msg_hdr.msg_iov;
        bool piece = false;

        for (struct cmsghdr *item = CMSG_FIRSTHDR(&messages[i].msg_hdr); item;
             item = CMSG_NXTHDR(&messages[i].msg_hdr, item))
            piece = piece || item->cmsg_level == IPPROTO_UDP;
        pieces = pieces || piece;
        kernel.pieces += piece;
        if (!piece && vector->iov_len > kernel.largest)
            kernel.largest = vector->iov_len;
        if (kernel.capture && *(uint8_t *)vector->iov_base == kernel.capture &&
            vector->iov_len <= sizeof kernel.captured) {
            memcpy(kernel.captured, vector->iov_base, vector->iov_len);
            kernel.captured_size = vector->iov_len;
        }
    }
    kernel.calls++;
    if (kernel.times > 0 && (!kernel.only_pieces || pieces)) {
        kernel.times--;
        errno = kernel.error;
        return -1;
    }
    kernel.messages += count;
    return (int)syscall(SYS_sendmmsg, fd, messages, count, flags);
}

/* ---- What all tests start with ---- */

static struct test_certificate ca, leaf;
static struct test_pair pair;

static void set_up(void)
{
    memset(&kernel, 0, sizeof kernel);
    ca = test_certificate_new("test authority", NULL, -3600, 3600);
    leaf = test_certificate_new("gate.test", &ca, -3600, 3600);
    test_pair_init(&pair, &ca, &leaf);
}

static void tear_down(void)
{
    test_pair_free(&pair);
    test_certificate_free(&leaf);
    test_certificate_free(&ca);
}

static uint64_t counter(struct hg_worker *worker, uint64_t *(*which)(const struct dtls_counters *))
{
    return *which(&((struct dtls_worker *)worker->state)->counters);
}

static uint64_t *resumed(const struct dtls_counters *counters)
{
    return counters->resumed;
}

static uint64_t *handshakes(const struct dtls_counters *counters)
{
    return counters->handshakes;
}

static uint64_t *cookies(const struct dtls_counters *counters)
{
    return counters->cookies;
}

static void expect_refusal(const char *text)
{
    struct hg_link *link = test_connect(&pair);

    test_wait(&pair, link->down || link->up, 5000);
    ck_assert(link->down && !link->up);
    ck_assert_msg(strstr(link->reason, text), "\"%s\" is not in \"%s\"", text, link->reason);
}

/* ---- Handshakes ---- */

START_TEST(both_ends_open_a_link)
{
    struct hg_link *client, *gateway;
    uint64_t number;

    test_pair_start(&pair, true, true, 0);
    client = test_connect_up(&pair);
    gateway = pair.accepted;
    ck_assert_str_eq(client->security, "DTLS1.2 ECDHE-X25519 AES-128-GCM");
    ck_assert_str_eq(gateway->security, client->security);
    ck_assert_str_eq(pair.provider.server_name, "gate.test");
    ck_assert_uint_eq(client->max_packet, 16347);
    ck_assert_uint_eq(gateway->max_packet, 16347);
    for (int i = 0; i < 100; i++) {
        number = test_send(client, "down", 4);
        test_wait(&pair, gateway->packets == (unsigned)i + 1, 1000);
        ck_assert_uint_eq(gateway->last_number, number);
        ck_assert_mem_eq(gateway->last, "down", 4);
        number = test_send(gateway, "answer", 6);
        test_wait(&pair, client->packets == (unsigned)i + 1, 1000);
        ck_assert_uint_eq(client->last_number, number);
        ck_assert_mem_eq(client->last, "answer", 6);
    }
    test_close(client, true);
    test_wait(&pair, gateway->down, 1000);
    ck_assert_str_eq(gateway->reason, "closed by the peer");
}
END_TEST

START_TEST(the_gateway_closes)
{
    struct hg_link *client;

    test_pair_start(&pair, true, true, 0);
    client = test_connect_up(&pair);
    test_close(pair.accepted, true);
    test_wait(&pair, client->down, 1000);
    ck_assert_str_eq(client->reason, "closed by the peer");
}
END_TEST

START_TEST(the_core_closes_at_batch_end)
{
    struct hg_link *client, *gateway;

    test_pair_start(&pair, true, true, 0);
    client = test_connect_up(&pair);
    gateway = pair.accepted;
    client->close_at_batch_end = true;
    test_send(gateway, "x", 1);
    test_wait(&pair, gateway->down, 1000);
    ck_assert(client->down && gateway->down);
    client = test_connect_up(&pair);
    pair.accepted->close_at_batch_end = true;
    test_send(client, "x", 1);
    test_wait(&pair, client->down, 1000);
    ck_assert(client->down);
}
END_TEST

START_TEST(a_wrong_name_is_refused)
{
    pair.client_config.server_name = "other.test";
    test_pair_start(&pair, true, true, 0);
    expect_refusal("is for gate.test, not for \"other.test\" (option server_name)");
    test_run(&pair, 50);
    ck_assert_ptr_null(pair.accepted);
}
END_TEST

START_TEST(a_wrong_authority_is_refused)
{
    struct test_certificate other = test_certificate_new("another authority", NULL, -3600, 3600);
    struct test_certificate signed_by_it = test_certificate_new("gate.test", &other, -3600, 3600);

    hg_certificate_unref(pair.provider.certificate);
    pair.provider.certificate = test_certificate_offer(&signed_by_it);
    test_pair_start(&pair, true, true, 0);
    expect_refusal("is signed by \"CN=another authority\", which /tmp/");
    test_certificate_free(&signed_by_it);
    test_certificate_free(&other);
}
END_TEST

START_TEST(a_certificate_out_of_its_time_is_refused)
{
    struct test_certificate old = test_certificate_new("gate.test", &ca, -7200, -3600);
    struct test_certificate young = test_certificate_new("gate.test", &ca, 3000, 3600);

    hg_certificate_unref(pair.provider.certificate);
    pair.provider.certificate = test_certificate_offer(&old);
    test_pair_start(&pair, true, true, 0);
    expect_refusal("has expired (20");
    hg_certificate_unref(pair.provider.certificate);
    pair.provider.certificate = test_certificate_offer(&young);
    expect_refusal("is this machine's clock right?");
    test_certificate_free(&old);
    test_certificate_free(&young);
}
END_TEST

START_TEST(no_certificate_is_told)
{
    hg_certificate_unref(pair.provider.certificate);
    pair.provider.certificate = NULL;
    test_pair_start(&pair, true, true, 0);
    expect_refusal("it has no certificate for that name");
}
END_TEST

START_TEST(a_handshake_is_parked_for_its_certificate)
{
    struct hg_link *link;

    pair.provider.later = true;
    test_pair_start(&pair, true, true, 0);
    link = test_connect(&pair);
    test_wait(&pair, pair.provider.done, 1000);
    test_run(&pair, 1000); /* the client sends its hello again meanwhile */
    ck_assert_uint_eq(pair.provider.asked, 1);
    test_pair_answer(&pair, hg_certificate_ref(pair.provider.certificate));
    test_wait(&pair, link->up && pair.accepted && pair.accepted->up, 2000);
    ck_assert(link->up && pair.accepted->up);

    link = test_connect(&pair);
    test_ops()->cancel(pair.client, link);
    link->down = true;
}
END_TEST

START_TEST(a_parked_handshake_is_refused_or_given_up)
{
    struct hg_link *link;

    pair.provider.later = true;
    pair.gateway_config.handshake_timeout = 300 * HG_MILLISECOND;
    test_pair_start(&pair, true, true, 0);
    link = test_connect(&pair);
    test_wait(&pair, pair.provider.done, 1000);
    test_pair_answer(&pair, NULL);
    test_wait(&pair, link->down, 1000);
    ck_assert_ptr_nonnull(strstr(link->reason, "it has no certificate for that name"));
    link = test_connect(&pair);
    test_wait(&pair, pair.provider.done, 1000);
    ck_assert(pair.provider.done != NULL);
    test_wait(&pair, pair.provider.cancelled == 1, 1000);
    ck_assert_uint_eq(pair.provider.cancelled, 1);
}
END_TEST

START_TEST(a_ticket_resumes)
{
    struct hg_link *link;
    uint16_t port;

    test_pair_start(&pair, true, true, 0);
    port = pair.port;
    test_connect_up(&pair);
    link = test_connect_up(&pair);
    ck_assert_str_eq(link->security, "DTLS1.2 ECDHE-X25519 AES-128-GCM, resumed");
    ck_assert_uint_eq(counter(pair.gateway, resumed), 1);
    ck_assert_uint_eq(counter(pair.client, resumed), 1);
    ck_assert_uint_eq(counter(pair.client, handshakes), 2);
    (void)port;
}
END_TEST

static TCase *handshake_tests(void)
{
    TCase *tests = tcase_create("handshakes");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, both_ends_open_a_link);
    tcase_add_test(tests, the_gateway_closes);
    tcase_add_test(tests, the_core_closes_at_batch_end);
    tcase_add_test(tests, a_wrong_name_is_refused);
    tcase_add_test(tests, a_wrong_authority_is_refused);
    tcase_add_test(tests, a_certificate_out_of_its_time_is_refused);
    tcase_add_test(tests, no_certificate_is_told);
    tcase_add_test(tests, a_handshake_is_parked_for_its_certificate);
    tcase_add_test(tests, a_parked_handshake_is_refused_or_given_up);
    tcase_add_test(tests, a_ticket_resumes);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("dtls");
    SRunner *runner = srunner_create(suite);
    int failed;

    (void)cookies;
    suite_add_tcase(suite, handshake_tests());
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
