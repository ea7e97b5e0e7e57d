/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * TLS.
 */
#include "plugins/http/tests/cases.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TLS13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"
#define TLS12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"

static void ask_by_tls(struct bench *bench)
{
    static const char *const priorities[] = {TLS13, TLS12};

    for (int i = 0; i < 2; i++) {
        struct user user;
        gnutls_datum_t protocol, session;

        user_open_tls(&user, bench->tls_port, priorities[i], NULL, 0);
        ck_assert_int_eq(gnutls_alpn_get_selected_protocol(user.tls, &protocol), 0);
        ck_assert(protocol.size == 8 && !memcmp(protocol.data, "http/1.1", 8));
        user_say(&user, "GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        user_receive_all(&user);
        ck_assert_ptr_nonnull(strstr(user.got, "\r\n\r\nok"));
        ck_assert(!user.broken);
        ck_assert_int_eq(gnutls_session_get_data2(user.tls, &session), 0);
        user_close(&user);
        user_open_tls(&user, bench->tls_port, priorities[i], &session, 0);
        ck_assert(gnutls_session_is_resumed(user.tls));
        download(&user);
        gnutls_free(session.data);
        user_close(&user);
    }
}

START_TEST(test_tls)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, ask_by_tls);
    ck_assert_str_eq(bench.certificate.name, "localhost");
    ck_assert_str_eq(bench.certificate.alpn, "foo/9");
    ck_assert_ptr_nonnull(strstr(bench.seen.head, "scheme: https\n"));
    bench_free(&bench);
}
END_TEST

START_TEST(test_tls_parked)
{
    struct bench bench;

    bench_init(&bench);
    bench.certificate.later = true;
    bench_run(&bench, ask_by_tls);
    bench_free(&bench);
}
END_TEST

static void find_no_certificate(struct bench *bench)
{
    struct user user;

    user_open_tls(&user, bench->tls_port, TLS13, NULL, GNUTLS_E_FATAL_ALERT_RECEIVED);
    ck_assert_int_eq(gnutls_alert_get(user.tls), GNUTLS_A_UNRECOGNIZED_NAME);
    user_close(&user);
    user_open(&user, bench->tls_port);
    user_say(&user, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    user_receive_all(&user);
    user_close(&user);
}

START_TEST(test_tls_no_certificate)
{
    struct bench bench;

    bench_init(&bench);
    hg_certificate_unref(bench.certificate.certificate);
    bench.certificate.certificate = NULL;
    bench.certificate.later = _i;
    bench_run(&bench, find_no_certificate);
    bench_settle(&bench);
    ck_assert_uint_eq(*edge_of(&bench)->failed_handshakes, 2);
    bench_free(&bench);
}
END_TEST

static void leave_during_handshake(struct bench *bench)
{
    struct user user;

    user_open(&user, bench->tls_port);
    user_close(&user);
}

START_TEST(test_tls_user_gone)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, leave_during_handshake);
    bench_settle(&bench);
    bench_free(&bench);
}
END_TEST

static void upload_by_tls(struct bench *bench)
{
    struct user user;

    for (int chunked = 0; chunked < 2; chunked++) {
        user_open_tls(&user, bench->tls_port, TLS13, NULL, 0);
        upload_and_back(&user, chunked);
        user_close(&user);
    }
}

START_TEST(test_tls_upload)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, upload_by_tls);
    bench_free(&bench);
}
END_TEST

static void be_truncated_by_tls(struct bench *bench)
{
    struct user user;

    user_open_tls(&user, bench->tls_port, TLS13, NULL, 0);
    user_say(&user, "GET /truncate-chunks/1000000 HTTP/1.0\r\nHost: a\r\n\r\n");
    user_receive_all(&user);
    ck_assert(user.broken);
    user_close(&user);
}

START_TEST(test_tls_truncated)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, be_truncated_by_tls);
    bench_free(&bench);
}
END_TEST

/* ---- Protocols ---- */

static const char *const only_http[] = {"http/1.1", NULL}, *const only_own[] = {"acme-tls/1", NULL},
                         *const own_and_http[] = {"http/1.1", "acme-tls/1", NULL}, *const foreign[] = {"h2", NULL},
                         *const none[] = {NULL};

static void shake_hands(struct bench *bench, const char *const *offered, const char *priority)
{
    gnutls_datum_t protocol;
    struct user user;
    ssize_t got;
    char byte;

    user_open_alpn(&user, bench->tls_port, offered, priority, NULL, 0);
    ck_assert_int_eq(gnutls_alpn_get_selected_protocol(user.tls, &protocol), 0);
    ck_assert(protocol.size == 10 && !memcmp(protocol.data, "acme-tls/1", 10));
    /* A further request is not answered: the gateway has sent close_notify. */
    user_say(&user, "GET /ok HTTP/1.1\r\nHost: a\r\n\r\n");
    do
        got = gnutls_record_recv(user.tls, &byte, 1);
    while (got == GNUTLS_E_AGAIN); /* a session ticket */
    ck_assert_int_eq(got, 0);
    user_close(&user);
}

static void validate(struct bench *bench)
{
    shake_hands(bench, only_own, TLS13);
    shake_hands(bench, only_own, TLS12);
    shake_hands(bench, own_and_http, TLS13);
    shake_hands(bench, own_and_http, TLS12);
    ask_by_tls(bench); /* all others are served as usual */
}

/* RFC 8737: a protocol that ends with the handshake. */
START_TEST(test_tls_handshake_alone)
{
    struct bench bench;

    bench_init(&bench);
    bench.certificate.validates = true;
    bench.certificate.later = _i;
    bench_run(&bench, validate);
    bench_settle(&bench);
    ck_assert_uint_eq(*edge_of(&bench)->failed_handshakes, 0);
    bench_free(&bench);
}
END_TEST

static void refuse(struct bench *bench, const char *const *offered)
{
    static const char *const priorities[] = {TLS13, TLS12};

    for (int i = 0; i < 2; i++) {
        struct user user;

        user_open_alpn(&user, bench->tls_port, offered, priorities[i], NULL, GNUTLS_E_FATAL_ALERT_RECEIVED);
        ck_assert_int_eq(gnutls_alert_get(user.tls), GNUTLS_A_NO_APPLICATION_PROTOCOL);
        user_close(&user);
    }
}

static void validate_in_vain(struct bench *bench)
{
    refuse(bench, only_own);
}

START_TEST(test_tls_no_handshake_alone)
{
    struct bench bench;

    bench_init(&bench);
    bench.certificate.validates = true;
    bench.certificate.later = _i;
    hg_certificate_unref(bench.certificate.certificate);
    bench.certificate.certificate = NULL;
    bench_run(&bench, validate_in_vain);
    bench_free(&bench);
}
END_TEST

static void speak_otherwise(struct bench *bench)
{
    struct user user;

    refuse(bench, only_own);
    refuse(bench, foreign);
    user_open_alpn(&user, bench->tls_port, none, TLS13, NULL, 0);
    download(&user);
    user_close(&user);
}

/* RFC 7301 section 3.2: a client that offers only unknown protocols is refused; one that offers none is served. */
START_TEST(test_tls_foreign_protocols)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, speak_otherwise);
    bench_free(&bench);
}
END_TEST

static const char *default_priority(void)
{
    const struct hg_option *option = http_plugin()->options;

    while (strcmp(option->name, "tls_priority") != 0)
        option++;
    return option->value;
}

static void choose_suites(struct bench *bench)
{
    static const char *const old[] = {TLS12 ":-CIPHER-ALL:+AES-128-CBC:+AES-256-CBC", TLS12 ":-KX-ALL:+RSA",
                                      TLS12 ":-KX-ALL:+DHE-RSA"};
    static const char *const backward[] = {TLS12 ":-CIPHER-ALL:+CHACHA20-POLY1305:+AES-256-GCM:+AES-128-GCM",
                                           TLS13 ":-CIPHER-ALL:+CHACHA20-POLY1305:+AES-256-GCM:+AES-128-GCM"};
    static const char *const old_http[] = {"http/1.0", NULL}, *const both[] = {"http/1.0", "http/1.1", NULL};
    gnutls_datum_t protocol;
    struct user user;

    for (int i = 0; i < 3; i++) {
        user_open_alpn(&user, bench->tls_port, only_http, old[i], NULL, GNUTLS_E_FATAL_ALERT_RECEIVED);
        ck_assert_int_eq(gnutls_alert_get(user.tls), GNUTLS_A_HANDSHAKE_FAILURE);
        user_close(&user);
    }
    for (int i = 0; i < 2; i++) {
        user_open_alpn(&user, bench->tls_port, i ? both : old_http, backward[i], NULL, 0);
        ck_assert_int_eq(gnutls_cipher_get(user.tls), GNUTLS_CIPHER_AES_128_GCM);
        ck_assert_int_eq(gnutls_alpn_get_selected_protocol(user.tls, &protocol), 0);
        ck_assert_mem_eq(protocol.data, i ? "http/1.1" : "http/1.0", 8);
        user_close(&user);
    }
}

/* By default: only forward secrecy and AEAD, in our order, and HTTP/1.0 under its own name. */
START_TEST(test_tls_suites)
{
    struct bench bench;

    bench_init(&bench);
    bench.config.tls_priority = default_priority();
    bench_run(&bench, choose_suites);
    bench_free(&bench);
}
END_TEST

static int compare_times(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;

    return (difference > 0) - (difference < 0);
}

#define TIMES 9

/* The time in ms from the end of a handshake to the answer to the first request: the median of a few. */
static double first_answer(struct bench *bench, const char *priority, bool resumes, bool gathers)
{
    gnutls_datum_t session = {0};
    double times[TIMES];

    atomic_store(&users_gather, gathers);
    for (int i = 0; i < TIMES; i++) {
        struct timespec begin, end;
        struct user user;

        user_open_tls(&user, bench->tls_port, priority, session.size ? &session : NULL, 0);
        clock_gettime(CLOCK_MONOTONIC, &begin);
        user_say(&user, "GET /ok HTTP/1.1\r\nHost: a\r\n\r\n");
        user_expect(&user, "\r\n\r\nok");
        clock_gettime(CLOCK_MONOTONIC, &end);
        if (resumes && !session.size)
            gnutls_session_get_data2(user.tls, &session);
        times[i] = (double)(end.tv_sec - begin.tv_sec) * 1e3 + (double)(end.tv_nsec - begin.tv_nsec) / 1e6;
        user_close(&user);
    }
    atomic_store(&users_gather, false);
    gnutls_free(session.data);
    qsort(times, TIMES, sizeof *times, compare_times);
    return times[TIMES / 2];
}

static void gather(struct bench *bench)
{
    for (int i = 0; i < 4; i++) {
        const char *priority = i % 2 ? TLS12 : TLS13;
        double at_once = first_answer(bench, priority, i / 2, false),
               later = first_answer(bench, priority, i / 2, true);

        ck_assert_msg(later < at_once + 30, "%s, %s: %.1f ms, at once %.1f ms", priority, i / 2 ? "resumed" : "new",
                      later, at_once);
    }
}

/* A user whose kernel collects small packets (Nagle) does not have to wait 40 ms for a delayed acknowledgement. */
START_TEST(test_tls_gathering)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, gather);
    bench_free(&bench);
}
END_TEST

TCase *tls_tests(void)
{
    TCase *tests = new_case("tls", 60);

    tcase_add_test(tests, test_tls);
    tcase_add_test(tests, test_tls_parked);
    tcase_add_loop_test(tests, test_tls_no_certificate, 0, 2);
    tcase_add_loop_test(tests, test_tls_handshake_alone, 0, 2);
    tcase_add_loop_test(tests, test_tls_no_handshake_alone, 0, 2);
    tcase_add_test(tests, test_tls_foreign_protocols);
    tcase_add_test(tests, test_tls_suites);
    tcase_add_test(tests, test_tls_gathering);
    tcase_add_test(tests, test_tls_user_gone);
    tcase_add_test(tests, test_tls_upload);
    tcase_add_test(tests, test_tls_truncated);
    return tests;
}
