/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * TLS.
 */
#include "plugins/http/tests/cases.h"

#include <string.h>

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

    user_open_tls(&user, bench->tls_port, TLS13, NULL, 0);
    upload_and_back(&user, false);
    upload_and_back(&user, true);
    user_close(&user);
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

TCase *tls_tests(void)
{
    TCase *tests = new_case("tls", 60);

    tcase_add_test(tests, test_tls);
    tcase_add_test(tests, test_tls_parked);
    tcase_add_loop_test(tests, test_tls_no_certificate, 0, 2);
    tcase_add_test(tests, test_tls_user_gone);
    tcase_add_test(tests, test_tls_upload);
    tcase_add_test(tests, test_tls_truncated);
    return tests;
}
