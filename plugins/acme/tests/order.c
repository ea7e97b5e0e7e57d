/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Orders, and how the authority may respond (RFC 8555 section 7.4).
 */
#include "plugins/acme/store.h"
#include "plugins/acme/tests/cases.h"
#include "plugins/acme/tests/lab.h"

#include <hopgate/certificates.h>

static void set_status(json_t *document, const char *status)
{
    json_object_set_new(document, "status", json_string(status));
}

static void pending(struct fake_ca *ca, json_t *document)
{
    (void)ca;
    set_status(document, "pending");
}

static void processing(struct fake_ca *ca, json_t *document)
{
    (void)ca;
    set_status(document, "processing");
    json_object_del(document, "certificate");
}

static void ready(struct fake_ca *ca, json_t *document)
{
    (void)ca;
    set_status(document, "ready");
}

static void invalid_by_names(struct fake_ca *ca, json_t *document)
{
    (void)ca;
    set_status(document, "invalid");
    json_object_set_new(document, "error",
                        json_pack("{s:s, s:s, s:[{s:s, s:s, s:{s:s, s:s}}]}", "type",
                                  "urn:ietf:params:acme:error:compound", "detail", "some names failed", "subproblems",
                                  "type", "urn:ietf:params:acme:error:caa", "detail", "CAA forbids it", "identifier",
                                  "type", "dns", "value", "a.test"));
}

/* One request of each kind is enough. */
START_TEST(test_minimal)
{
    static const char *const kinds[] = {"directory", "new-nonce", "new-account", "new-order",
                                        "challenge", "finalize",  "certificate"};

    lab_start();
    lab_run_until_issued(1, LAB_MINUTE);
    lab_check_one();
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        ck_assert_msg(fake_ca_seen(lab->ca, kinds[i]) == 1, "%s: %u", kinds[i], fake_ca_seen(lab->ca, kinds[i]));
    ck_assert_str_eq(lab->ca->orders[0].authorizations[0].tried, "tls-alpn-01");
    ck_assert_ptr_null(fake_store_first(&lab->store, "acme/orders"));
    ck_assert_ptr_null(fake_store_first(&lab->store, "acme/challenges"));
    ck_assert_uint_eq(lab->presented_count, 0);
}
END_TEST

/* ---- Timeout: pauses grow up to a limit, and the order is continued later (behaviour 3) ---- */

static const struct {
    const char *name, *kind[2];
    bool lazy; /* does not validate challenges */
    void (*edit)(struct fake_ca *ca, json_t *document);
    const char *polled; /* the kind of request that is repeated */
} delays[] = {
    {"the authorization is pending", {NULL}, true, NULL, "authorization"},
    {"the order is pending", {"order", NULL}, false, pending, "order"},
    {"the order is processing", {"order", "finalize"}, false, processing, "order"},
};

START_TEST(test_timeout)
{
    const unsigned attempt = 10 * 60;
    unsigned polls;

    for (size_t i = 0; i < 2 && delays[_i].kind[i]; i++)
        fake_ca_rule(lab->ca, (struct fake_rule){.kind = delays[_i].kind[i], .edit = delays[_i].edit});
    lab->ca->lazy = delays[_i].lazy;
    lab_start();
    lab_run(attempt * HG_SECOND - LAB_MINUTE);
    polls = fake_ca_seen(lab->ca, delays[_i].polled);
    /* Pauses from a quarter of a second to five seconds: about 120 polls in nine minutes. */
    ck_assert_msg(polls > 90 && polls < 150, "%s: %u polls", delays[_i].name, polls);
    ck_assert_uint_eq(lab_logged("no certificate"), 0);
    lab_run(LAB_MINUTE + 10 * HG_SECOND);
    ck_assert_msg(lab_logged("no certificate") == 1, "%s: %s", delays[_i].name, lab->host.log);
    ck_assert_uint_eq(lab->ca->order_count, 1);
    ck_assert_uint_eq(lab->presented_count, 0);
    fake_ca_forget_rules(lab->ca);
    lab->ca->lazy = false;
    lab_run(5 * LAB_MINUTE);
    lab_check_one();
    ck_assert_msg(lab->ca->order_count == 1, "%s: %u orders", delays[_i].name, lab->ca->order_count);
}
END_TEST

START_TEST(test_poll_retry_after)
{
    fake_ca_rule(lab->ca, (struct fake_rule){.kind = "finalize", .times = 1, .edit = processing, .retry_after = 120});
    fake_ca_rule(lab->ca,
                 (struct fake_rule){.kind = "order", .skip = 2, .times = 1, .edit = processing, .retry_after = 60});
    lab_start();
    lab_run(115 * HG_SECOND);
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "order"), 2);
    lab_run(30 * HG_SECOND);
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "order"), 3);
    lab_run(LAB_MINUTE);
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "order"), 4);
    lab_check_one();
}
END_TEST

/* ---- Already done (behaviour 4) ---- */

START_TEST(test_already_valid)
{
    lab->ca->already_valid = true;
    lab_start();
    lab_run_until_issued(1, LAB_MINUTE);
    lab_check_one();
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "challenge"), 0);
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "authorization"), 0);
}
END_TEST

/* The order is still "ready" although it was finalized, and the response was lost. */
START_TEST(test_already_finalized)
{
    fake_ca_rule(lab->ca, (struct fake_rule){
                              .kind = "finalize", .times = 1, .error = "Connection reset by peer", .too_late = true});
    fake_ca_rule(lab->ca, (struct fake_rule){.kind = "order", .skip = 2, .times = 1, .edit = ready});
    lab_start();
    lab_run(5 * LAB_MINUTE);
    lab_check_one();
    ck_assert_uint_eq(lab->ca->order_count, 1);
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "finalize"), 2);
}
END_TEST

/* ---- Any node may be queried (behaviour 20) ---- */

static void add_second_name(void);

/* The challenges are responded to when all nodes have had time to read the store. There is one wait for all names. */
START_TEST(test_waits_for_other_nodes)
{
    hg_time began;

    add_second_name();
    lab->store.delay = 7 * HG_SECOND;
    lab_start();
    while (lab->presented_count < 2)
        lab_run(HG_SECOND / 100);
    began = lab->host.now;
    while (!fake_ca_seen(lab->ca, "challenge"))
        lab_run(HG_SECOND / 100);
    ck_assert_uint_ge(lab->host.now - began, 7 * HG_SECOND);
    lab_run(5 * HG_SECOND);
    lab_check_one();
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "challenge"), 2);
}
END_TEST

/* Even if they were stored before this node started, or the store has missed notifications. */
START_TEST(test_presents_pending)
{
    const char *format = "{\"type\": \"tls-alpn-01\", \"identifier\": \"%s\", \"key_authorization\": \"%s.key\"}";
    char value[256];

    snprintf(value, sizeof value, format, "a.test", "early");
    fake_store_set(&lab->store, "acme/challenges/early", value);
    fake_store_steal(&lab->store, LAB_LEASE, LAB_HOUR);
    lab_start();
    lab_run(HG_SECOND);
    ck_assert_uint_eq(lab->presented_count, 1);
    snprintf(value, sizeof value, format, "b.test", "missed");
    fake_store_slip(&lab->store, "acme/challenges/missed", value);
    lab_run(HG_SECOND);
    ck_assert_uint_eq(lab->presented_count, 1);
    fake_store_overflow(&lab->store);
    lab_run(HG_SECOND);
    ck_assert_uint_ge(lab->presented_count, 2);
    ck_assert_str_eq(lab->presented[lab->presented_count - 1][1], "b.test");
}
END_TEST

/* ---- Handshakes at the start ---- */

static unsigned placeholders, certificates;

static void on_shown(void *arg, struct hg_certificate *certificate)
{
    (void)arg;
    if (lab_logged("using a self-signed one"))
        placeholders++;
    else
        certificates++;
    hg_certificate_unref(certificate);
}

/* Handshakes wait until the store has been read, even if `wait` is 0. */
START_TEST(test_waits_for_the_store)
{
    const struct hg_certificates_ops *ops = hopgate_plugin()->offers[0].ops;
    const struct hg_certificate_query query = {.server_name = HG_TEXT("a.test")};
    struct hg_certificate_lookup *later;

    placeholders = certificates = 0;
    lab->config.wait = 0;
    lab_begin();
    lab_restart();
    ck_assert_ptr_null(ops->find(&lab->host.worker, &query, on_shown, NULL, &later));
    ck_assert_ptr_nonnull(later);
    lab_run(HG_SECOND / 10);
    ck_assert_uint_eq(certificates, 1);
    lab_stop();
    fake_store_free(&lab->store); /* now it is empty */
    fake_store_init(&lab->store, &lab->host);
    lab_start();
    ck_assert_ptr_null(ops->find(&lab->host.worker, &query, on_shown, NULL, &later));
    ck_assert_ptr_nonnull(later);
    lab_run(HG_SECOND / 10);
    ck_assert_uint_eq(placeholders, 1);
}
END_TEST

/* ---- Invalid (behaviour 2) ---- */

static void add_second_name(void)
{
    static const char *names[] = {"a.test", "b.test"};

    lab->groups[0].names = (struct hg_list){.items = names, .count = 2};
}

START_TEST(test_other_challenge)
{
    add_second_name();
    lab->ca->unreachable = "tls-alpn-01";
    lab_start();
    lab_run(5 * LAB_MINUTE);
    lab_check_one();
    ck_assert_uint_eq(lab->ca->order_count, 2);
    ck_assert_uint_eq(lab_logged("a.test: tls-alpn-01: connection: no answer from a.test"), 1);
    ck_assert_uint_eq(
        lab->ca->deactivations + (unsigned)!strcmp(lab->ca->orders[0].authorizations[1].status, "invalid"), 1);
    ck_assert_str_eq(lab->ca->orders[1].authorizations[0].tried, "http-01");
}
END_TEST

/* The order's error for each name is logged. */
START_TEST(test_invalid)
{
    fake_ca_rule(lab->ca, (struct fake_rule){.kind = "order", .skip = 1, .times = 1, .edit = invalid_by_names});
    lab_start();
    lab_run(5 * LAB_MINUTE);
    ck_assert_msg(lab_logged("compound: some names failed; a.test: caa: CAA forbids it") == 1, "%s", lab->host.log);
    lab_check_one();
    ck_assert_uint_eq(lab->ca->order_count, 2);
}
END_TEST

/* ---- Invalid responses (behaviour 7) ---- */

static const char *const invalid_kinds[] = {"directory", "new-nonce", "new-account", "new-order",  "authorization",
                                            "challenge", "order",     "finalize",    "certificate"};

/* Each kind of response is invalid once, in each of these ways, before or after the authority has processed the
 * request.
 */
START_TEST(test_invalid_responses)
{
    static const struct fake_rule ways[] = {
        {.body = ""},
        {.body = "null"},
        {.body = "[]"},
        {.body = "{}"},
        {.body = "{\"status\": \"pend"},
        {.body = "{\"status\": 7, \"status\": \"valid\"}"},
        {.body = "<html><h1>Bad Gateway</h1></html>"},
        {.status = 301},
        {.status = 404},
        {.status = 502, .body = "<html><h1>Bad Gateway</h1></html>"},
        {.status = 400, .type = "malformed"},
        {.status = 500, .type = "serverInternal"},
        {.error = "SSL certificate problem"},
        {.error = "Operation timed out", .too_late = true},
        {.error = "the answer is too large", .too_late = true},
    };

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct fake_rule rule = ways[i];
        const struct fake_rule *made;

        rule.kind = invalid_kinds[_i];
        rule.times = 1;
        made = fake_ca_rule(lab->ca, rule);
        lab_start();
        lab_run(10 * LAB_MINUTE);
        ck_assert_msg(lab->ca->issued == 1 && lab->ca->account_count == 1,
                      "%s, way %zu: %u certificates, %u accounts: %s", rule.kind, i, lab->ca->issued,
                      lab->ca->account_count, lab->host.log);
        ck_assert_msg(lab_served_by(lab->ca, "a.test") == (int)lab->ca->order_count - 1, "%s, way %zu: %s", rule.kind,
                      i, lab->host.log);
        ck_assert_msg(made->hits == 1, "%s was not asked for", rule.kind);
        ck_assert_msg(lab_logged("no certificate:") <= 2, "%s, way %zu: %s", rule.kind, i, lab->host.log);
        lab_tear_down();
        lab_set_up();
    }
}
END_TEST

/* ---- Nonces (behaviour 1) ---- */

START_TEST(test_bad_nonces)
{
    struct fake_rule *rule;

    rule = fake_ca_rule(lab->ca, (struct fake_rule){.kind = "new-order", .status = 400, .type = "badNonce"});
    lab_start();
    lab_run(30 * HG_SECOND);
    ck_assert_uint_eq(rule->hits, 24);
    ck_assert_uint_eq(lab_logged("no certificate"), 1);
    rule->times = rule->hits + 10;
    lab_run(5 * LAB_MINUTE);
    lab_check_one();
    ck_assert_uint_eq(rule->hits, 34);
}
END_TEST

/* ---- Refused members of the order (behaviours 15, 23) ---- */

static json_t *with_profile(const char *name)
{
    return json_pack("{s:{s:s}}", "profiles", name, "six days");
}

START_TEST(test_profile)
{
    static const struct {
        const char *offered;
        bool refused;
        const char *used, *logged;
    } cases[] = {
        {"shortlived", false, "shortlived", NULL},
        {"classic", false, "", "no profile \"shortlived\""},
        {"shortlived", true, "", "without profile, which was refused"},
    };

    lab->ca->meta = with_profile(cases[_i].offered);
    lab->config.profile = "shortlived";
    if (cases[_i].refused)
        fake_ca_rule(lab->ca,
                     (struct fake_rule){.kind = "new-order", .times = 1, .status = 400, .type = "invalidProfile"});
    lab_start();
    lab_run_until_issued(1, LAB_MINUTE);
    lab_check_one();
    ck_assert_str_eq(lab->ca->orders[0].profile, cases[_i].used);
    ck_assert_msg(!cases[_i].logged || lab_logged(cases[_i].logged) == 1, "%s", lab->host.log);
}
END_TEST

static void renew(void)
{
    lab_renew("a.test");
}

/* RFC 9773 section 5. */
START_TEST(test_replaces)
{
    static const struct {
        int status;
        const char *type;
    } refusals[] = {{0, NULL}, {409, "alreadyReplaced"}, {409, "malformed"}, {400, "malformed"}, {403, "unauthorized"}};
    const bool refused = refusals[_i].status;

    lab_start();
    lab_run_until_issued(1, LAB_MINUTE);
    if (refused)
        fake_ca_rule(lab->ca, (struct fake_rule){.kind = "new-order",
                                                 .times = 1,
                                                 .status = refusals[_i].status,
                                                 .type = refusals[_i].type,
                                                 .detail = "of another one"});
    renew();
    lab_run_until_issued(2, LAB_MINUTE);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), 1);
    ck_assert_str_eq(lab->ca->orders[1].replaces, refused ? "" : "AQIDBAUGBwg.EAAAAQ");
    ck_assert_uint_eq(lab_logged("without replaces, which was refused"), refused);
}
END_TEST

/* Renewal works with an authority that cannot handle it. */
START_TEST(test_replaces_unsupported)
{
    static const int statuses[] = {500, 404, 422};

    lab_begin();
    lab->ca->replaces_status = statuses[_i];
    renew();
    lab_run_until_issued(2, LAB_MINUTE);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), 1);
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "new-order"), 3);
}
END_TEST

/* The challenge that worked last is tried first, even after a restart and other failures. */
START_TEST(test_prefers_what_worked)
{
    lab->ca->unreachable = "tls-alpn-01";
    lab_start();
    lab_run_until_issued(1, 5 * LAB_MINUTE);
    ck_assert_str_eq(lab->ca->orders[0].authorizations[0].tried, "tls-alpn-01");
    ck_assert_str_eq(lab->ca->orders[1].authorizations[0].tried, "http-01");
    if (_i)
        lab_restart();
    if (_i)
        fake_ca_rule(lab->ca, (struct fake_rule){.kind = "directory", .times = 1, .error = "Connection refused"});
    if (_i)
        fake_ca_rule(lab->ca, (struct fake_rule){.kind = "order", .times = 1, .status = 500});
    lab_run(HG_SECOND);
    renew();
    lab_run_until_issued(2, 10 * LAB_MINUTE);
    ck_assert_uint_eq(lab->ca->order_count, 3);
    ck_assert_str_eq(lab->ca->orders[2].authorizations[0].tried, "http-01");
    /* If it no longer works, the other one is tried. */
    lab->ca->unreachable = "http-01";
    renew();
    lab_run_until_issued(3, 10 * LAB_MINUTE);
    ck_assert_uint_eq(lab->ca->order_count, 5);
    ck_assert_str_eq(lab->ca->orders[4].authorizations[0].tried, "tls-alpn-01");
}
END_TEST

/* A new certificate is ordered, once, the reason is logged, and the old one is served until then. */
START_TEST(test_options_changed)
{
    static const char *const options[] = {"directory", "key_type", "profile", "preferred_chain",
                                          "its names in domains"};
    static const char *both[] = {"a.test", "b.test"};
    struct fake_ca *ca = &lab->world.cas[_i == 0];
    char why[128];

    lab->ca->meta = with_profile("shortlived");
    lab_begin();
    lab_stop();
    if (_i == 0)
        lab->directories[0] = "https://ca2.test/directory";
    else if (_i == 1)
        lab->config.key_type = X509_P384;
    else if (_i == 2)
        lab->config.profile = "shortlived";
    else if (_i == 3)
        lab->config.preferred_chain = "Root A";
    else
        lab->groups[0].names = (struct hg_list){.items = both, .count = 2};
    ca->lazy = true;
    lab_start();
    lab_run(10 * HG_SECOND);
    snprintf(why, sizeof why, "a.test: ordering a new certificate because %s w", options[_i]);
    ck_assert_msg(lab_logged(why) == 1, "%s", lab->host.log);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), 0);
    ca->lazy = false;
    lab_run(LAB_HOUR);
    ck_assert_int_eq(lab_served_by(ca, "a.test"), (int)ca->order_count - 1);
    ck_assert_uint_eq(lab->world.cas[0].issued + lab->world.cas[1].issued, 2);
    ck_assert_uint_eq(lab_logged("without replaces"), 0);
    lab_restart();
    lab_run(LAB_HOUR);
    ck_assert_uint_eq(lab->world.cas[0].issued + lab->world.cas[1].issued, 2);
}
END_TEST

/* "orderNotReady" although the order is "ready": polls with pauses, until the deadline. */
START_TEST(test_never_ready)
{
    fake_ca_rule(lab->ca,
                 (struct fake_rule){.kind = "finalize", .status = 403, .type = "orderNotReady", .detail = "not yet"});
    lab_start();
    lab_run(9 * LAB_MINUTE);
    ck_assert_uint_gt(fake_ca_seen(lab->ca, "finalize"), 50);
    ck_assert_uint_lt(fake_ca_seen(lab->ca, "finalize"), 150);
    lab_run(2 * LAB_MINUTE);
    ck_assert_uint_eq(lab_logged("no certificate"), 1);
    fake_ca_forget_rules(lab->ca);
    lab_run(5 * LAB_MINUTE);
    lab_check_one();
    ck_assert_uint_eq(lab->ca->order_count, 1);
}
END_TEST

/* A refused CSR would be refused again, so the order is dropped with its key. */
START_TEST(test_refused_csr)
{
    fake_ca_rule(lab->ca, (struct fake_rule){
                              .kind = "finalize", .times = 1, .status = 400, .type = "badCSR", .detail = "weak key"});
    lab_start();
    lab_run(5 * LAB_MINUTE);
    lab_check_one();
    ck_assert_uint_eq(lab_logged("badCSR: weak key"), 1);
    ck_assert_uint_eq(lab->ca->order_count, 2);
}
END_TEST

/* A page quoted in a challenge's error says nothing about the account. */
START_TEST(test_quoted_page)
{
    lab->ca->quoted = "Invalid response from http://a.test/: \"This account was deactivated\"";
    lab_start();
    lab_run(30 * HG_SECOND);
    ck_assert_msg(lab_logged("This account was deactivated") == 1, "%s", lab->host.log);
    lab->ca->quoted = NULL;
    lab_run(5 * LAB_MINUTE);
    lab_check_one();
    ck_assert_uint_eq(lab->ca->account_count, 1);
    ck_assert_uint_eq(lab_logged("account can no longer be used"), 0);
}
END_TEST

/* The second one never works. */
START_TEST(test_other_challenge_two_authorities)
{
    lab->config.directory.count = 2;
    lab->ca->unreachable = "tls-alpn-01";
    fake_ca_rule(&lab->world.cas[1], (struct fake_rule){.kind = "*", .error = "Connection refused"});
    lab_start();
    lab_run(LAB_HOUR);
    lab_check_one();
    ck_assert_uint_eq(lab->ca->order_count, 2);
}
END_TEST

/* One after the other. */
START_TEST(test_both_members_refused)
{
    lab->ca->meta = with_profile("shortlived");
    lab->config.profile = "shortlived";
    lab_start();
    lab_run_until_issued(1, LAB_MINUTE);
    fake_ca_rule(lab->ca, (struct fake_rule){.kind = "new-order", .times = 1, .status = 400, .type = "invalidProfile"});
    fake_ca_rule(lab->ca,
                 (struct fake_rule){.kind = "new-order", .times = 1, .status = 409, .type = "alreadyReplaced"});
    renew();
    lab_run_until_issued(2, LAB_MINUTE);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), 1);
    ck_assert_str_eq(lab->ca->orders[1].replaces, "");
    ck_assert_str_eq(lab->ca->orders[1].profile, "");
    ck_assert_uint_eq(lab_logged("without replaces, which was refused"), 1);
    ck_assert_uint_eq(lab_logged("without profile, which was refused"), 1);
}
END_TEST

TCase *cases_order(void)
{
    TCase *tests = tcase_create("order");

    tcase_add_checked_fixture(tests, lab_set_up, lab_tear_down);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, test_minimal);
    tcase_add_loop_test(tests, test_timeout, 0, sizeof delays / sizeof *delays);
    tcase_add_test(tests, test_poll_retry_after);
    tcase_add_test(tests, test_already_valid);
    tcase_add_test(tests, test_already_finalized);
    tcase_add_test(tests, test_waits_for_other_nodes);
    tcase_add_test(tests, test_presents_pending);
    tcase_add_test(tests, test_waits_for_the_store);
    tcase_add_test(tests, test_other_challenge);
    tcase_add_test(tests, test_invalid);
    tcase_add_loop_test(tests, test_invalid_responses, 0, sizeof invalid_kinds / sizeof *invalid_kinds);
    tcase_add_test(tests, test_bad_nonces);
    tcase_add_loop_test(tests, test_profile, 0, 3);
    tcase_add_loop_test(tests, test_replaces, 0, 5);
    tcase_add_loop_test(tests, test_replaces_unsupported, 0, 3);
    tcase_add_loop_test(tests, test_prefers_what_worked, 0, 2);
    tcase_add_loop_test(tests, test_options_changed, 0, 5);
    tcase_add_test(tests, test_never_ready);
    tcase_add_test(tests, test_refused_csr);
    tcase_add_test(tests, test_quoted_page);
    tcase_add_test(tests, test_other_challenge_two_authorities);
    tcase_add_test(tests, test_both_members_refused);
    return tests;
}
