/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * When and where attempts are repeated: with Retry-After (behaviour 5), without it (6), and when clocks jump (13).
 */
#include "plugins/acme/tests/cases.h"
#include "plugins/acme/tests/lab.h"

#include <hopgate/host.h>

#define HOUR 3600
#define DAY  86400
#define YEAR (365 * DAY)

static unsigned requests(void)
{
    unsigned count = 0;

    for (size_t i = 0; i < sizeof lab->ca->seen / sizeof *lab->ca->seen; i++)
        count += lab->ca->seen[i].count;
    return count;
}

static void refuse_all(struct fake_ca *ca)
{
    fake_ca_rule(ca, (struct fake_rule){.kind = "*", .error = "Connection refused"});
}

/* ---- Retry-After ---- */

static const struct {
    struct fake_rule rule;
    int64_t least, most; /* seconds */
    bool one_name;       /* other names are not affected */
} pauses[] = {
    {{.kind = "directory", .status = 503, .retry_after = 600}, 600, 660, false},
    {{.kind = "new-nonce", .status = 503, .retry_after = 600}, 600, 660, false},
    {{.kind = "new-account", .status = 429, .type = "rateLimited", .retry_after = 600}, 600, 660, false},
    {{.kind = "new-order",
      .status = 429,
      .type = "rateLimited",
      .detail = "too many new orders (300) from this account in the last 3h0m0s",
      .retry_after = 3 * HOUR},
     3 * HOUR,
     3 * HOUR + 60,
     false},
    {{.kind = "new-order",
      .status = 429,
      .type = "rateLimited",
      .detail = "too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s",
      .retry_after = 3 * HOUR},
     3 * HOUR,
     3 * HOUR + 60,
     true},
    {{.kind = "new-order", .status = 429, .retry_after = 600}, 600, 660, true},
    {{.kind = "new-order", .status = 503, .retry_after = 600}, 600, 660, false},
    {{.kind = "authorization", .status = 503, .retry_after = 600}, 600, 660, false},
    {{.kind = "challenge", .status = 429, .type = "rateLimited", .retry_after = 600}, 600, 660, true},
    {{.kind = "finalize", .status = 429, .type = "rateLimited", .retry_after = 600}, 600, 660, true},
    {{.kind = "order", .status = 503, .retry_after = 600}, 600, 660, false},
    {{.kind = "certificate", .status = 503, .retry_after = 600}, 600, 660, false},
    /* Missing or absurd: the usual pause, or a day. */
    {{.kind = "new-order", .status = 429, .type = "rateLimited"}, 40, 80, true},
    {{.kind = "new-order", .status = 429, .type = "rateLimited", .retry_after = 40 * YEAR}, DAY, DAY + 60, true},
    {{.kind = "new-order", .status = 503, .retry_after = INT64_MAX}, DAY, DAY + 60, false},
};

/* There are no requests during the pause, even after a restart, and for another certificate only if the pause does not
 * affect it. Afterwards, both are obtained. */
START_TEST(test_retry_after)
{
    unsigned before;

    lab_add("b.test");
    fake_ca_rule(lab->ca, pauses[_i].rule)->times = 1;
    lab->config.domains.count = 1; /* b.test follows when the pause has begun */
    lab_start();
    lab_run(20 * HG_SECOND);
    ck_assert_msg(lab_logged("no certificate:") == 1, "%s: %s", pauses[_i].rule.kind, lab->host.log);
    before = requests();
    lab_stop();
    lab->config.domains.count = 2;
    lab_start();
    if (!pauses[_i].rule.retry_after) {
        lab_run_until_issued(2, LAB_HOUR);
    } else {
        lab_run((hg_time)(pauses[_i].least - 30) * HG_SECOND);
        ck_assert_msg(pauses[_i].one_name || requests() == before, "%s: %u requests", pauses[_i].rule.kind,
                      requests() - before);
        ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), -1);
        ck_assert_msg((lab_served_by(lab->ca, "b.test") != -1) == pauses[_i].one_name, "%s", pauses[_i].rule.kind);
        lab_run((hg_time)(pauses[_i].most - pauses[_i].least + 60) * HG_SECOND);
    }
    ck_assert_int_ne(lab_served_by(lab->ca, "a.test"), -1);
    ck_assert_int_ne(lab_served_by(lab->ca, "b.test"), -1);
    ck_assert_uint_eq(lab->ca->issued, 2);
}
END_TEST

static unsigned seen(const char *kind)
{
    return fake_ca_seen(lab->ca, kind);
}

/* A Retry-After for one of several concurrent orders also affects the others, which continue afterwards. */
START_TEST(test_pause_affects_others)
{
    const int64_t pause = _i ? 30 : HOUR;

    lab_add("b.test");
    lab_add("c.test");
    lab_start();
    fake_ca_rule(lab->ca, (struct fake_rule){.kind = "challenge",
                                             .skip = 2,
                                             .times = 1,
                                             .status = 429,
                                             .type = "rateLimited",
                                             .retry_after = pause,
                                             .detail = "too many requests from this account"});
    lab_run((hg_time)(pause - 5) * HG_SECOND);
    ck_assert_uint_eq(seen("new-order"), 3);
    ck_assert_msg(!seen("finalize") && !lab->ca->issued, "%u finalized: %s", seen("finalize"), lab->host.log);
    lab_run(3 * LAB_MINUTE);
    ck_assert_msg(lab->ca->issued == 3, "%u certificates: %s", lab->ca->issued, lab->host.log);
    ck_assert_uint_eq(seen("new-order"), 3);
    if (_i)
        ck_assert_uint_eq(lab_logged("no certificate: "), 1); /* a short pause does not make the others fail */
}
END_TEST

/* Issued certificates are downloaded even during a pause. */
START_TEST(test_pause_allows_download)
{
    lab_add("b.test");
    lab_start();
    fake_ca_rule(
        lab->ca,
        (struct fake_rule){
            .kind = "finalize", .skip = 1, .times = 1, .status = 429, .type = "rateLimited", .retry_after = HOUR});
    lab_run(LAB_MINUTE);
    ck_assert_msg(lab->ca->issued == 1 && seen("certificate") == 1, "%s", lab->host.log);
    lab_run(LAB_HOUR);
    ck_assert_uint_eq(lab->ca->issued, 2);
    ck_assert_uint_eq(seen("new-order"), 2);
}
END_TEST

/* The pause is not shorter if it begins late in a second of the wall clock. */
START_TEST(test_short_retry_after)
{
    hg_time began;
    unsigned before;

    lab->config.retry = HG_SECOND;
    fake_ca_rule(lab->ca, (struct fake_rule){
                              .kind = "new-order", .times = 1, .status = 429, .type = "rateLimited", .retry_after = 4});
    lab->host.now += (hg_time)_i * HG_SECOND / 10;
    lab_start();
    while (!lab_logged("no certificate:"))
        lab_run(HG_SECOND / 100);
    began = lab->host.now;
    before = requests();
    lab_run(HG_SECOND - began % HG_SECOND); /* the next process then acts at full seconds */
    lab_restart();
    while (requests() == before)
        lab_run(HG_SECOND / 100);
    ck_assert_uint_ge(lab->host.now - began, 4 * HG_SECOND);
    ck_assert_uint_le(lab->host.now - began, 6 * HG_SECOND);
}
END_TEST

/* The next authority is tried at once. */
START_TEST(test_one_authority_pauses)
{
    struct fake_ca *second = &lab->world.cas[1];

    lab->config.directory.count = 2;
    lab_add("b.test");
    fake_ca_rule(
        lab->ca,
        (struct fake_rule){.kind = "new-order", .times = 2, .status = 429, .type = "rateLimited", .retry_after = HOUR});
    lab_start();
    lab_run(20 * HG_SECOND);
    ck_assert_int_eq(lab_served_by(second, "a.test") + lab_served_by(second, "b.test"), 1);
    ck_assert_uint_eq(lab->ca->order_count, 0);
}
END_TEST

START_TEST(test_all_authorities_pause)
{
    struct fake_ca *second = &lab->world.cas[1];

    lab->config.directory.count = 2;
    fake_ca_rule(
        lab->ca,
        (struct fake_rule){.kind = "new-order", .times = 1, .status = 429, .type = "rateLimited", .retry_after = HOUR});
    fake_ca_rule(
        second,
        (struct fake_rule){.kind = "new-order", .times = 1, .status = 429, .type = "rateLimited", .retry_after = 600});
    lab_start();
    lab_run(595 * HG_SECOND);
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "new-order"), 1);
    ck_assert_uint_eq(fake_ca_seen(second, "new-order"), 1);
    lab_run(30 * HG_SECOND);
    ck_assert_int_eq(lab_served_by(second, "a.test"), 0);
}
END_TEST

/* ---- Down ---- */

/* Several certificates are not all ordered at once. */
START_TEST(test_spread)
{
    int64_t first = INT64_MAX, last = 0;

    for (size_t i = 0; i < 7; i++) {
        static const char *const names[] = {"b.test", "c.test", "d.test", "e.test", "f.test", "g.test", "h.test"};

        lab_add(names[i]);
    }
    refuse_all(lab->ca);
    lab_start();
    lab_run(2 * LAB_DAY);
    for (char name[] = "a.test"; *name <= 'h'; ++*name) {
        const int64_t due = lab_state(name, "due");

        ck_assert_int_gt(due, 0);
        first = due < first ? due : first;
        last = due > last ? due : last;
    }
    ck_assert_msg(last - first > HOUR / 10, "all within %lld s", (long long)(last - first));
}
END_TEST

/* The old certificate is served even after its expiry, also at once after a restart, and finally renewed. */
START_TEST(test_down)
{
    lab->ca->lifetime = 8LL * DAY; /* renewed after four */
    lab_start();
    lab_run_until_issued(1, LAB_MINUTE);
    lab_run(3 * LAB_DAY);
    ck_assert_uint_eq(lab->ca->order_count, 1);
    refuse_all(lab->ca);
    lab_run(6 * LAB_DAY);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), 0);
    lab_restart();
    lab_run(HG_SECOND);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), 0);
    fake_ca_forget_rules(lab->ca);
    lab_run(7 * LAB_HOUR);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), 1);
    ck_assert_uint_eq(lab->ca->issued, 2);
}
END_TEST

/* The second authority is tried at once, whether the first one is down or rejects the names. */
START_TEST(test_fall_back)
{
    struct fake_ca *second = &lab->world.cas[1];

    lab->config.directory.count = 2;
    if (_i)
        lab->ca->forbidden = "a.test";
    else
        refuse_all(lab->ca);
    lab_start();
    lab_run(20 * HG_SECOND);
    ck_assert_int_eq(lab_served_by(second, "a.test"), 0);
    ck_assert_uint_eq(lab_logged("trying the next authority"), 1);
}
END_TEST

/* The second authority issues, and gets the queries about its certificate. The next one is issued by the first. */
START_TEST(test_back_to_first)
{
    struct fake_ca *second = &lab->world.cas[1];
    const bool revoke = _i & 1;

    lab->config.directory.count = 2;
    fake_ca_rule(lab->ca, (struct fake_rule){.kind = "*", .error = "Connection refused"});
    lab_start();
    lab_run(20 * HG_SECOND);
    ck_assert_int_eq(lab_served_by(second, "a.test"), 0);
    ck_assert_uint_eq(fake_ca_seen(second, "renewal-info"), 1);
    fake_ca_forget_rules(lab->ca);
    if (_i & 2)
        lab_restart();
    lab_run(HG_SECOND);
    if (revoke)
        ck_assert_int_eq(lab_command("revoke", "a.test", NULL), 0);
    else
        lab_renew("a.test");
    lab_run(20 * HG_SECOND);
    ck_assert_msg(lab_served_by(lab->ca, "a.test") == 0, "%s", lab->host.log);
    ck_assert_uint_eq(second->order_count, 1);
    ck_assert_uint_eq(fake_ca_seen(second, "revoke"), revoke);
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "revoke"), 0);
    ck_assert_str_eq(lab->ca->orders[0].replaces, ""); /* the other CA's certificate is unknown to it */
    lab_renew("a.test");
    lab_run(20 * HG_SECOND);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), 1);
    ck_assert_str_ne(lab->ca->orders[1].replaces, "");
}
END_TEST

static void processing(struct fake_ca *ca, json_t *document)
{
    (void)ca;
    json_object_set_new(document, "status", json_string("processing"));
    json_object_del(document, "certificate");
}

/* A finalized order is not given up for the next authority, as its certificate would be wasted. */
static const struct fake_rule interruptions[] = {
    {.kind = "finalize", .times = 1, .error = "Connection reset by peer", .too_late = true},
    {.kind = "finalize", .times = 1, .status = 500},
    {.kind = "order", .skip = 2, .times = 1, .status = 429, .type = "rateLimited", .retry_after = 600},
    {.kind = "order", .skip = 2, .times = 1, .error = "Operation timed out"},
    {.kind = "order", .skip = 2, .times = 160, .edit = processing},
    {.kind = "certificate", .times = 2, .status = 500},
    {.kind = "certificate", .times = 1, .status = 503, .retry_after = 600},
};

START_TEST(test_keeps_finalized_order)
{
    const struct fake_rule *rule = &interruptions[_i / 2];
    const struct fake_ca *second = &lab->world.cas[1];

    lab->config.directory.count = 2;
    if (!strcmp(rule->kind, "order"))
        fake_ca_rule(lab->ca, (struct fake_rule){.kind = "finalize", .times = 1, .edit = processing});
    fake_ca_rule(lab->ca, *rule);
    lab_start();
    while (!lab_logged("no certificate:") && lab->host.now < LAB_HOUR)
        lab_run(HG_SECOND);
    if (_i & 1)
        lab_restart();
    lab_run(20 * LAB_MINUTE);
    ck_assert_msg(lab_served_by(lab->ca, "a.test") == 0, "%s", lab->host.log);
    ck_assert_uint_eq(lab->ca->order_count, 1);
    ck_assert_uint_eq(second->order_count, 0);
}
END_TEST

/* But not forever, nor if the authority asks for a pause of hours. */
static const struct {
    struct fake_rule rule;
    unsigned least, most; /* minutes */
} give_ups[] = {
    {{.kind = "order", .skip = 2, .edit = processing}, 50, 80},
    {{.kind = "order", .skip = 2, .status = 503, .retry_after = 2 * HOUR}, 0, 2},
    {{.kind = "order", .skip = 2, .status = 404}, 0, 5},
    {{.kind = "certificate", .status = 500}, 10, 25},
};

START_TEST(test_gives_up_finalized_order)
{
    struct fake_ca *second = &lab->world.cas[1];

    lab->config.directory.count = 2;
    fake_ca_rule(lab->ca, (struct fake_rule){.kind = "finalize", .times = 1, .edit = processing});
    fake_ca_rule(lab->ca, give_ups[_i].rule);
    fake_ca_rule(lab->ca, (struct fake_rule){.kind = "new-order", .skip = 1, .status = 500});
    lab_start();
    lab_run(give_ups[_i].least * LAB_MINUTE);
    ck_assert_uint_eq(second->order_count, 0);
    lab_run((give_ups[_i].most - give_ups[_i].least) * LAB_MINUTE);
    ck_assert_msg(lab_served_by(second, "a.test") == 0, "%s", lab->host.log);
}
END_TEST

/* The pause comes after both have failed; then both are tried again. */
START_TEST(test_all_authorities_fail)
{
    struct fake_ca *second = &lab->world.cas[1];

    lab->config.directory.count = 2;
    refuse_all(lab->ca);
    refuse_all(second);
    lab_start();
    lab_run(80 * HG_SECOND);
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "directory"), 1);
    ck_assert_uint_eq(fake_ca_seen(second, "directory"), 1);
    lab_run(80 * HG_SECOND);
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "directory"), 2);
    ck_assert_uint_eq(fake_ca_seen(second, "directory"), 2);
}
END_TEST

/* Tried again daily; other names are not affected. */
START_TEST(test_rejected)
{
    lab_add("b.test");
    lab->ca->forbidden = "a.test";
    lab_start();
    lab_run(10 * LAB_DAY);
    ck_assert_int_ge(lab_served_by(lab->ca, "b.test"), 0);
    ck_assert_uint_ge(fake_ca_seen(lab->ca, "new-order"), 9);
    ck_assert_uint_le(fake_ca_seen(lab->ca, "new-order"), 13);
}
END_TEST

/* ---- Clocks ---- */

/* Only our clock is wrong. */
static void set_clock(int64_t error)
{
    lab->clock_error = error;
    for (size_t i = 0; i < FAKE_CAS_MAX; i++)
        lab->world.cas[i].skew = -error;
}

/* Certificates that seem to be from the future are served, and not renewed. */
START_TEST(test_clock_behind)
{
    lab->ca->lifetime = 8LL * DAY; /* renewed after four */
    lab_start();
    lab_run_until_issued(1, LAB_MINUTE);
    set_clock(-2LL * YEAR);
    lab_run(LAB_DAY / 2);
    lab_restart();
    lab_run(2 * LAB_DAY);
    lab_check_one();
    ck_assert_uint_eq(lab->ca->order_count, 1);
    set_clock(0);
    lab_run(2 * LAB_DAY);
    ck_assert_uint_eq(lab->ca->order_count, 2);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), 1);
}
END_TEST

/* A clock that is years ahead for a day: certificates stay in use, and there are no more orders than with an authority
 * that fails. */
START_TEST(test_clock_ahead)
{
    unsigned orders;

    lab_add("b.test");
    lab_add("c.test");
    lab_start();
    lab_run_until_issued(3, LAB_MINUTE);
    set_clock(20LL * YEAR);
    lab_run(LAB_DAY);
    orders = lab->ca->order_count;
    ck_assert_msg(orders <= 3 + 3 * 16, "%u orders", orders);
    set_clock(0);
    lab_run(5 * LAB_DAY);
    ck_assert_msg(lab->ca->order_count <= orders + 3, "%u orders", lab->ca->order_count);
    for (char name[] = "a.test"; *name <= 'c'; ++*name)
        ck_assert_msg(lab_served_by(lab->ca, name) >= 0, "%s", name);
    orders = lab->ca->order_count;
    lab_run(5 * LAB_DAY);
    ck_assert_uint_eq(lab->ca->order_count, orders);
}
END_TEST

static unsigned add_names(void)
{
    lab_add("b.test");
    lab_add("c.test");
    lab_add("d.test");
    lab_add("e.test");
    lab_start();
    lab_run_until_issued(5, LAB_MINUTE);
    return lab->ca->order_count;
}

/* If a clock is set ahead so that all certificates are due, each is renewed once, although the new ones seem to be due
 * as well. */
START_TEST(test_clock_set_ahead)
{
    const unsigned orders = add_names();

    set_clock(65LL * DAY);
    lab_run(3 * LAB_DAY);
    ck_assert_uint_eq(lab->ca->order_count, 2 * orders);
    ck_assert(lab_logged("is the clock correct?"));
    lab_restart();
    lab_run(LAB_DAY);
    ck_assert_uint_eq(lab->ca->order_count, 2 * orders);
    set_clock(0);
    lab_run(40 * LAB_DAY);
    ck_assert_uint_eq(lab->ca->order_count, 2 * orders);
}
END_TEST

/* Back and forth by hours and minutes: this has no effect. */
START_TEST(test_clock_set_by_hours)
{
    const unsigned orders = add_names();

    for (int i = 1; i < 50; i++) {
        set_clock((i % 2 ? 1800LL : -1800LL) * i);
        lab_run((hg_time)i * 20 * HG_SECOND);
    }
    set_clock(0);
    lab_run(50 * LAB_DAY);
    ck_assert_uint_eq(lab->ca->order_count, orders);
    lab_run(10 * LAB_DAY);
    ck_assert_uint_eq(lab->ca->order_count, 2 * orders);
}
END_TEST

/* Pauses between attempts: doubled each time, up to 360 times `retry`, and randomized. */
START_TEST(test_backoff_over_weeks)
{
    double least = 1e9, most = 0, nominal = 60; /* seconds */
    hg_time last = 0;
    unsigned attempts = 0, seen = 0;

    refuse_all(lab->ca);
    lab_start();
    while (lab->host.now < 1000 * HG_SECOND + 14 * LAB_DAY) {
        const double step = nominal < 2 * HOUR ? nominal / 60 : 120;
        double pause;

        lab_run((hg_time)(step * HG_SECOND));
        if (fake_ca_seen(lab->ca, "directory") == seen)
            continue;
        seen = fake_ca_seen(lab->ca, "directory");
        pause = (double)(lab->host.now - last) / (double)HG_SECOND;
        last = lab->host.now;
        if (++attempts == 1)
            continue;
        ck_assert_msg(pause <= 6 * HOUR + step + 2, "a pause of %g s", pause);
        if (nominal < 4 * HOUR)
            ck_assert_msg(pause >= 0.75 * nominal - step - 2 && pause <= 1.25 * nominal + step + 2,
                          "%g s instead of %g", pause, nominal);
        else if (attempts > 12) {
            least = pause < least ? pause : least;
            most = pause > most ? pause : most;
        }
        nominal *= 2;
    }
    ck_assert_msg(attempts > 14 * 4 && attempts < 14 * 7 + 12, "%u attempts in two weeks", attempts);
    ck_assert_msg(most - least > HOUR, "pauses from %g to %g s", least, most);
}
END_TEST

/* An attempt has failed, or the authority has asked for a pause, while the clock was years ahead. */
START_TEST(test_due_in_years)
{
    set_clock(5LL * YEAR);
    if (_i)
        fake_ca_rule(lab->ca, (struct fake_rule){.kind = "*", .times = 1, .status = 503, .retry_after = HOUR});
    else
        fake_ca_rule(lab->ca, (struct fake_rule){.kind = "*", .times = 1, .error = "Connection refused"});
    lab_start();
    lab_run(10 * HG_SECOND);
    set_clock(0);
    if (_i & 1)
        lab_restart();
    lab_run(2 * LAB_HOUR);
    lab_check_one();
}
END_TEST

/* The renewal was planned with such a clock, after the expiry. */
START_TEST(test_renewal_in_years)
{
    json_t *state;
    char *text;

    lab->ca->lifetime = 8LL * DAY;
    lab_start();
    lab_run_until_issued(1, LAB_MINUTE);
    lab_stop();
    state = json_loads(fake_store_text(&lab->store, "acme/states/a.test"), 0, NULL);
    json_object_set_new(state, "renew_at", json_integer(acme_clock() + 5LL * YEAR));
    text = json_dumps(state, 0);
    fake_store_set(&lab->store, "acme/states/a.test", text);
    json_decref(state);
    free(text);
    lab_start();
    lab_run(5 * LAB_DAY);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), 1);
}
END_TEST

TCase *cases_pauses(void)
{
    TCase *tests = tcase_create("pauses");

    tcase_add_checked_fixture(tests, lab_set_up, lab_tear_down);
    tcase_set_timeout(tests, 300);
    tcase_set_tags(tests, "long");
    tcase_add_loop_test(tests, test_short_retry_after, 0, 10);
    tcase_add_loop_test(tests, test_pause_affects_others, 0, 2);
    tcase_add_test(tests, test_pause_allows_download);
    tcase_add_loop_test(tests, test_retry_after, 0, sizeof pauses / sizeof *pauses);
    tcase_add_test(tests, test_one_authority_pauses);
    tcase_add_test(tests, test_all_authorities_pause);
    tcase_add_test(tests, test_spread);
    tcase_add_test(tests, test_down);
    tcase_add_loop_test(tests, test_fall_back, 0, 2);
    tcase_add_loop_test(tests, test_back_to_first, 0, 4);
    tcase_add_test(tests, test_all_authorities_fail);
    tcase_add_loop_test(tests, test_keeps_finalized_order, 0, 2 * (int)(sizeof interruptions / sizeof *interruptions));
    tcase_add_loop_test(tests, test_gives_up_finalized_order, 0, (int)(sizeof give_ups / sizeof *give_ups));
    tcase_add_test(tests, test_rejected);
    tcase_add_test(tests, test_clock_behind);
    tcase_add_test(tests, test_clock_ahead);
    tcase_add_test(tests, test_clock_set_ahead);
    tcase_add_test(tests, test_clock_set_by_hours);
    tcase_add_test(tests, test_backoff_over_weeks);
    tcase_add_test(tests, test_renewal_in_years);
    tcase_add_loop_test(tests, test_due_in_years, 0, 2);
    return tests;
}
