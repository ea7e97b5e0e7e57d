/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The promises of <hopgate/stage.h>: first one by one, then with many random pipelines.
 */
#include "core/base/socket_address.h"
#include "core/exchange/exchange_private.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/scripted_stages.h"
#include "tests/unit/slowness.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

START_TEST(a_plain_exchange_goes_down_and_up)
{
    struct watch watch = {.seed = 1};
    struct script scripts[] = {{.manner = MANNER_PASS, .watch = &watch},
                               {.manner = MANNER_ANSWER, .answer_size = 300000, .interims = 2, .watch = &watch}};
    struct caller caller = {.watch = &watch, .request_size = 200000};
    struct fixture *fixture = start(scripts, 2);

    call(fixture, &caller);
    ck_assert_uint_eq(watch.attached, 0); /* nothing is called while emitting */
    run_to_end(fixture, &watch, &caller);
    check_complete(&caller, 300000);
    ck_assert_uint_eq(caller.interims, 2);
    ck_assert_int_eq(caller.status, 200);
    fixture_free(fixture);
}
END_TEST

START_TEST(a_bypassing_stage_sees_nothing_more)
{
    struct watch watch = {.seed = 1};
    struct script scripts[] = {{.manner = MANNER_BYPASS, .watch = &watch},
                               {.manner = MANNER_ANSWER, .answer_size = 10, .watch = &watch}};
    struct caller caller = {.watch = &watch, .request_size = 10};
    struct fixture *fixture = start(scripts, 2);

    call(fixture, &caller);
    run_to_end(fixture, &watch, &caller);
    check_complete(&caller, 10);
    ck_assert_uint_eq(watch.attached, 1);
    fixture_free(fixture);
}
END_TEST

START_TEST(an_exchange_that_nobody_answers_fails)
{
    struct watch watch = {.seed = 1};
    struct script scripts[] = {{.manner = MANNER_BYPASS, .watch = &watch}};
    struct caller caller = {.watch = &watch};
    struct fixture *fixture = start(scripts, 1);

    call(fixture, &caller);
    run_to_end(fixture, &watch, &caller);
    ck_assert_uint_eq(caller.resets, 1);
    ck_assert_int_eq(caller.reason.status, 500);
    fixture_free(fixture);
}
END_TEST

START_TEST(a_failing_stage_is_named)
{
    struct watch watch = {.seed = 1};
    struct script scripts[] = {{.manner = MANNER_FILTER, .fail_heads = true, .watch = &watch},
                               {.manner = MANNER_ANSWER, .answer_size = 10, .watch = &watch}};
    struct caller caller = {.watch = &watch, .request_size = 10};
    struct fixture *fixture = start(scripts, 2);

    call(fixture, &caller);
    run_to_end(fixture, &watch, &caller);
    ck_assert_uint_eq(caller.resets, 1);
    ck_assert_int_eq(caller.reason.status, 500);
    ck_assert_str_eq(caller.detail, "probe failed");
    fixture_free(fixture);
}
END_TEST

START_TEST(credit_limits_what_waits_for_a_stalled_reader)
{
    struct watch watch = {.seed = 1};
    struct script scripts[] = {{.manner = MANNER_PASS, .watch = &watch},
                               {.manner = MANNER_ANSWER, .answer_size = 10000000, .watch = &watch}};
    struct caller caller = {.watch = &watch, .stalled = true};
    struct fixture *fixture = start(scripts, 2);
    struct exchange *exchange;

    call(fixture, &caller);
    for (int i = 0; i < 100; i++)
        fixture_run(fixture, NULL, NULL, 0);
    exchange = fixture->worker->exchanges.open;
    ck_assert_uint_le(exchange->slots[0].inboxes[HG_UP].bytes, 65536);
    ck_assert_uint_gt(exchange->slots[0].inboxes[HG_UP].bytes, 65536 - 4096); /* less credit counts as none */
    ck_assert_uint_eq(exchange->slots[1].inboxes[HG_UP].bytes, 0);
    caller.stalled = false;
    hg_resume(caller.self, HG_UP);
    run_to_end(fixture, &watch, &caller);
    check_complete(&caller, 10000000);
    fixture_free(fixture);
}
END_TEST

START_TEST(asking_for_credit_twice_does_not_lose_writable)
{
    struct watch watch = {.seed = 1};
    size_t budget = 0;
    struct script scripts[] = {{.manner = MANNER_ANSWER, .answer_size = 10, .budget = &budget, .watch = &watch}};
    struct caller caller = {.watch = &watch, .request_size = 200000};
    struct fixture *fixture = start(scripts, 1);

    call(fixture, &caller);
    fixture_run(fixture, NULL, NULL, 0);
    ck_assert_uint_eq(hg_credit(caller.self, HG_DOWN), 0);
    budget = 65536 - 7000; /* some credit again, but not enough for writable() */
    hg_resume(watch.bottom, HG_DOWN);
    fixture_run(fixture, NULL, NULL, 0);
    ck_assert_uint_gt(hg_credit(caller.self, HG_DOWN), 0);
    ck_assert_uint_eq(caller.writables, 0);
    budget = SIZE_MAX;
    hg_resume(watch.bottom, HG_DOWN);
    run_to_end(fixture, &watch, &caller);
    ck_assert_uint_gt(caller.writables, 0);
    check_complete(&caller, 10);
    fixture_free(fixture);
}
END_TEST

START_TEST(emitting_beyond_credit_resets)
{
    struct watch watch = {.seed = 1};
    struct script scripts[] = {{.manner = MANNER_ANSWER, .overrun = true, .watch = &watch}};
    struct caller caller = {.watch = &watch};
    struct fixture *fixture = start(scripts, 1);

    call(fixture, &caller);
    run_to_end(fixture, &watch, &caller);
    ck_assert_uint_eq(caller.resets, 1);
    ck_assert_int_eq(caller.reason.status, 500);
    ck_assert_ptr_nonnull(strstr(caller.detail, "probe has a bug: in end(), it emits 65537 bytes"));
    fixture->breaches = 1 << BREACH_CREDIT;
    fixture_free(fixture);
}
END_TEST

/* A second head or end is detected outside the stage's callbacks. That must leave calling_now unchanged, and not
 * restore its value from before the last callback. */
START_TEST(a_second_head_or_end_does_not_change_calling_now)
{
    struct watch watch = {.seed = 1};
    struct script scripts[] = {
        {.manner = MANNER_FILTER, .doubles_head = _i == 0, .doubles_end = _i == 1, .watch = &watch},
        {.manner = MANNER_ANSWER, .answer_size = 10, .watch = &watch}};
    struct caller caller = {.watch = &watch, .stalled = true};
    struct fixture *fixture = start(scripts, 2);

    calling_now = (struct calling){"then", "then"};
    call(fixture, &caller);
    fixture_run(fixture, NULL, NULL, 0);
    ck_assert_uint_eq(watch.paused_count, 1);
    calling_now = (struct calling){"now", "now"};
    hg_resume(watch.paused[0], HG_UP);
    fixture_run(fixture, NULL, NULL, 0);
    if (caller.self) { /* lets the exchange end */
        caller.stalled = false;
        hg_resume(caller.self, HG_UP);
    }
    run_to_end(fixture, &watch, &caller);
    ck_assert_uint_eq(caller.resets, _i == 0);
    ck_assert_str_eq(calling_now.plugin, "now");
    fixture->breaches = 1 << (_i == 0 ? BREACH_SECOND_ANSWER : BREACH_SECOND_END);
    fixture_free(fixture);
}
END_TEST

START_TEST(a_stage_answers_in_place_of_those_below)
{
    struct watch watch = {.seed = 1};
    struct script scripts[] = {
        {.manner = MANNER_FILTER, .take_responses = true, .answer_size = 70000, .watch = &watch},
        {.manner = MANNER_FILTER, .watch = &watch},
        {.manner = MANNER_ANSWER, .answer_size = 500000, .answers_early = true, .watch = &watch}};
    struct caller caller = {.watch = &watch, .request_size = 100000};
    struct fixture *fixture = start(scripts, 3);

    call(fixture, &caller);
    run_to_end(fixture, &watch, &caller);
    ck_assert_uint_eq(caller.heads, 1);
    ck_assert_uint_eq(caller.got, 70000);
    ck_assert_uint_eq(caller.ends, 1);
    ck_assert_uint_eq(watch.resets, 2); /* both stages below, once each */
    fixture_free(fixture);
}
END_TEST

/* Events queued below are dropped, and so is the stage that held them back. */
START_TEST(an_upload_continues_when_a_stage_above_answers)
{
    struct watch watch = {.seed = 1};
    size_t budget = 0;
    struct script scripts[] = {{.manner = MANNER_PASS, .take_responses = true, .answer_size = 100, .watch = &watch},
                               {.manner = MANNER_ANSWER, .budget = &budget, .answer_size = 100, .watch = &watch}};
    struct caller caller = {.watch = &watch, .request_size = 200000};
    struct fixture *fixture = start(scripts, 2);

    call(fixture, &caller);
    fixture_run(fixture, NULL, NULL, 0);
    ck_assert_uint_eq(hg_credit(caller.self, HG_DOWN), 0);
    answer(watch.bottom);
    run_to_end(fixture, &watch, &caller);
    check_complete(&caller, 100);
    fixture_free(fixture);
}
END_TEST

START_TEST(a_reset_reaches_all_but_its_originator)
{
    struct watch watch = {.seed = 1};
    struct script scripts[] = {{.manner = MANNER_FILTER, .watch = &watch},
                               {.manner = MANNER_ANSWER, .answer_size = 1000000, .watch = &watch}};
    struct caller caller = {.watch = &watch, .request_size = 1000000, .stalled = true};
    struct fixture *fixture = start(scripts, 2);
    static const struct hg_reason gone = {499, NULL, "the public user is gone", 0};

    call(fixture, &caller);
    fixture_run(fixture, NULL, NULL, 0);
    hg_reset(caller.self, &gone);
    hg_reset(caller.self, &gone); /* a second reset changes nothing */
    run_to_end(fixture, &watch, &caller);
    ck_assert_uint_eq(caller.resets, 0);
    ck_assert_uint_eq(watch.resets, 2);
    ck_assert_str_eq(watch.detail, "the public user is gone");
    fixture_free(fixture);
}
END_TEST

/* Emitted data is delivered, however late; the stage that breaks off the response is detached at once. */
START_TEST(a_response_broken_off_loses_nothing)
{
    struct watch watch = {.seed = 1};
    struct script scripts[] = {
        {.manner = MANNER_FILTER, .watch = &watch},
        {.manner = MANNER_ANSWER, .answer_size = 1000000, .answers_early = true, .watch = &watch}};
    struct caller caller = {.watch = &watch, .request_size = 1000000, .stalled = true};
    struct fixture *fixture = start(scripts, 2);
    static const struct hg_reason broken = {502, NULL, "the service is gone", 0};

    call(fixture, &caller);
    fixture_run(fixture, NULL, NULL, 0);
    hg_break_off(watch.bottom, &broken);
    hg_break_off(watch.bottom, &broken); /* a second call changes nothing */
    fixture_run(fixture, NULL, NULL, 0);
    ck_assert_uint_eq(watch.detached, 1);
    ck_assert_uint_eq(caller.resets, 0);
    caller.stalled = false;
    hg_resume(caller.self, HG_UP);
    run_to_end(fixture, &watch, &caller);
    ck_assert_uint_eq(caller.resets, 1);
    ck_assert_uint_eq(caller.ends, 0);
    ck_assert_uint_gt(caller.got, 65536); /* more than one inbox holds */
    ck_assert_str_eq(caller.detail, "the service is gone");
    ck_assert_uint_eq(watch.resets, 1);
    fixture_free(fixture);
}
END_TEST

START_TEST(the_outcome_of_a_reset_names_the_stage_and_counts_bytes)
{
    static const struct hg_reason gone = {502, "connection_terminated", "the service is gone", 0};
    struct watch watch = {.seed = 1};
    struct script scripts[] = {{.manner = MANNER_FILTER, .watch = &watch},
                               {.manner = MANNER_ANSWER, .answers_early = true, .answer_size = 30000, .watch = &watch}};
    struct caller caller = {.watch = &watch, .request_size = 5};
    struct fixture *fixture = start(scripts, 2);

    call(fixture, &caller);
    hg_reset(caller.self, &(struct hg_reason){499, NULL, "gone", 0});
    run_to_end(fixture, &watch, &caller);
    ck_assert(!caller.outcome.complete && !caller.outcome.first_byte && !caller.outcome.error);
    ck_assert_int_eq(caller.outcome.status, 499);
    ck_assert_uint_eq(caller.outcome.bytes[HG_DOWN], 5);
    ck_assert_str_eq(caller.outcome.ended_by, "caller");
    caller = (struct caller){.watch = &watch, .request_size = 200000, .stalled = true};
    call(fixture, &caller);
    fixture_run(fixture, NULL, NULL, 0);
    hg_reset(watch.bottom, &gone);
    run_to_end(fixture, &watch, &caller);
    ck_assert_int_eq(caller.outcome.status, 200);
    ck_assert_uint_eq(caller.outcome.bytes[HG_UP], 0);
    ck_assert_str_eq(caller.outcome.ended_by, "probe");
    ck_assert_str_eq(caller.outcome.error, "connection_terminated");
    caller = (struct caller){.watch = &watch, .request_size = 200000};
    call(fixture, &caller);
    exchange_reset_all(&fixture->worker->exchanges, &gone);
    ck_assert_str_eq(caller.outcome.ended_by, "core");
    fixture_free(fixture);
}
END_TEST

START_TEST(a_users_address_is_parsed)
{
    static const struct {
        const char *text;
        int family, port;
    } cases[] = {
        {"192.0.2.1:80", AF_INET, 80},
        {"[2001:db8::1]:65535", AF_INET6, 65535},
        {"192.0.2.1", 0, 0},
        {"192.0.2.1:65536", 0, 0},
        {"192.0.2.1:", 0, 0},
        {"[192.0.2.1]:80", 0, 0},
        {"2001:db8::1:80", 0, 0},
        {"", 0, 0},
        {":", 0, 0},
        {"app.test:80", 0, 0},
        {"1.2.3:80", 0, 0},
        {"1.2.3.4.:80", 0, 0},
        {"1.2.3.256:80", 0, 0},
        {"1.2.3.04:80", 0, 0},
        {"255.0.10.1:1", AF_INET, 1},
        {"1..3.4:80", 0, 0},
        {"192.0.2.1:8a", 0, 0},
        {"[]:80", 0, 0},
        {"[fe80::1%eth0]:80", AF_INET6, 80},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hg_sockaddr address = {0};
        const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)&address.address;

        socket_address_parse(&address, hg_text(cases[i].text));
        ck_assert_msg(cases[i].family ? address.size > 0 : address.size == 0, "%s", cases[i].text);
        ck_assert_int_eq(address.address.ss_family, cases[i].family);
        if (cases[i].family == AF_INET) {
            char host[INET_ADDRSTRLEN];

            inet_ntop(AF_INET, &ipv4->sin_addr, host, sizeof host);
            ck_assert_msg(!strncmp(cases[i].text, host, strlen(host)), "%s became %s", cases[i].text, host);
        }
        ck_assert_int_eq(ntohs(ipv4->sin_port), cases[i].port); /* at the same offset for IPv6 */
    }
}
END_TEST

START_TEST(stopping_resets_all_exchanges)
{
    struct watch watch = {.seed = 1};
    struct script scripts[] = {{.manner = MANNER_ANSWER, .answer_size = 1000000, .watch = &watch}};
    struct caller callers[3] = {{.watch = &watch, .stalled = true, .request_size = 1},
                                {.watch = &watch, .stalled = true, .request_size = 1},
                                {.watch = &watch, .stalled = true, .request_size = 1}};
    struct fixture *fixture = start(scripts, 1);

    for (int i = 0; i < 3; i++)
        call(fixture, &callers[i]);
    fixture_run(fixture, NULL, NULL, 0);
    ck_assert_uint_eq(fixture->worker->exchanges.open_count, 3);
    fixture_free(fixture);
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(callers[i].resets, 1);
        ck_assert_uint_eq(callers[i].detaches, 1);
    }
    ck_assert_uint_eq(watch.attached, watch.detached);
}
END_TEST

/* A random pipeline with a random exchange, which is sometimes reset before it is complete. */
static void run_random(unsigned seed)
{
    struct watch watch = {.first_seed = seed, .seed = seed};
    struct script scripts[MOST_PARTS - 1];
    size_t count = 1 + draw(&watch, MOST_PARTS - 2), answer_size = draw(&watch, 3) ? draw(&watch, 200000) : 0;
    struct caller caller = {.watch = &watch, .request_size = draw(&watch, 3) ? draw(&watch, 200000) : 0};
    unsigned reset_at = draw(&watch, 4) ? 0 : 1 + draw(&watch, 20);
    struct fixture *fixture;

    for (size_t i = 0; i < count; i++)
        scripts[i] =
            (struct script){.manner = (enum manner)draw(&watch, 3), .pauses = draw(&watch, 2), .watch = &watch};
    scripts[count - 1].manner = MANNER_ANSWER;
    scripts[count - 1].answer_size = answer_size;
    scripts[count - 1].answers_early = draw(&watch, 2);
    scripts[count - 1].interims = draw(&watch, 3);
    if (count > 1 && !draw(&watch, 3)) {
        struct script *taker = &scripts[draw(&watch, (unsigned)count - 1)];

        taker->manner = MANNER_FILTER;
        taker->take_responses = true;
        taker->answer_size = answer_size;
    }
    fixture = start(scripts, count);
    call(fixture, &caller);
    for (unsigned i = 0; i < reset_at && !caller.detaches; i++)
        fixture_run(fixture, NULL, NULL, 0);
    if (reset_at && draw(&watch, 2) && watch.bottom && !caller.detaches) {
        hg_break_off(watch.bottom, &(struct hg_reason){502, NULL, "random", 0});
        for (unsigned i = draw(&watch, 3); i && !caller.detaches; i--)
            fixture_run(fixture, NULL, NULL, 0);
    }
    if (reset_at && caller.self && !caller.detaches && draw(&watch, 2))
        hg_reset(caller.self, &(struct hg_reason){499, NULL, "random", 0});
    run_to_end(fixture, &watch, &caller);
    if (!reset_at)
        check_complete(&caller, answer_size);
    fixture_free(fixture);
}

START_TEST(random_pipelines_keep_the_contract)
{
    const char *seed = getenv("HG_SEED");

    if (seed) {
        run_random((unsigned)strtoul(seed, NULL, 10));
        return;
    }
    for (unsigned i = 1; i <= repetitions(3000); i++)
        run_random(i);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exchange");
    TCase *named = tcase_create("single"), *random_case = tcase_create("random");

    tcase_add_test(named, a_plain_exchange_goes_down_and_up);
    tcase_add_test(named, a_bypassing_stage_sees_nothing_more);
    tcase_add_test(named, an_exchange_that_nobody_answers_fails);
    tcase_add_test(named, a_failing_stage_is_named);
    tcase_add_test(named, credit_limits_what_waits_for_a_stalled_reader);
    tcase_add_test(named, asking_for_credit_twice_does_not_lose_writable);
    tcase_add_test(named, emitting_beyond_credit_resets);
    tcase_add_loop_test(named, a_second_head_or_end_does_not_change_calling_now, 0, 2);
    tcase_add_test(named, a_stage_answers_in_place_of_those_below);
    tcase_add_test(named, an_upload_continues_when_a_stage_above_answers);
    tcase_add_test(named, a_reset_reaches_all_but_its_originator);
    tcase_add_test(named, a_response_broken_off_loses_nothing);
    tcase_add_test(named, the_outcome_of_a_reset_names_the_stage_and_counts_bytes);
    tcase_add_test(named, a_users_address_is_parsed);
    tcase_add_test(named, stopping_resets_all_exchanges);
    tcase_add_test(random_case, random_pipelines_keep_the_contract);
    tcase_set_timeout(random_case, 300);
    suite_add_tcase(suite, named);
    suite_add_tcase(suite, random_case);
    return run_suite(suite);
}
