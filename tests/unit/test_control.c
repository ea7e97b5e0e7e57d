/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Control messages, and how much of a peer's texts is passed on.
 */
#include "core/session/control_message.h"
#include "core/session/stream_error.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME "q83vEjRWeJCrze8SNFZ4kA"

static int decode(struct control_message *message, const char *line)
{
    const char *error;
    int result = control_decode(message, line, strlen(line), &error);

    ck_assert(!result == !error);
    return result;
}

/* Parses the output of an encoder, which must be one complete line. */
static void read_back(struct control_message *message, char *line)
{
    ck_assert_ptr_nonnull(line);
    ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
    line[strlen(line) - 1] = '\0';
    ck_assert_int_eq(decode(message, line), 0);
    free(line);
}

static const char *const two_codecs[] = {"binary/1", "json/1"};

START_TEST(open_contains_the_whole_offer)
{
    json_t *credentials = json_pack("{s:s}", "token", "secret");
    struct control_offer offer = {.codecs = two_codecs,
                                  .codec_count = 2,
                                  .session = _i ? NAME : NULL,
                                  .parameters = {{UINT64_C(1) << 61, 70000, 4096}, 7},
                                  .credentials = credentials,
                                  .process = _i ? "this-one" : NULL,
                                  .services = _i ? json_pack("[s, s]", "web", "api") : NULL};
    struct control_message message;

    read_back(&message, control_encode_open(&offer));
    ck_assert_int_eq(message.type, CONTROL_OPEN);
    ck_assert(message.speaks_version);
    ck_assert_uint_eq(message.codec_count, 2);
    ck_assert_str_eq(message.codecs[0], "binary/1");
    ck_assert_str_eq(message.codecs[1], "json/1");
    ck_assert_pstr_eq(message.session, offer.session);
    ck_assert_pstr_eq(message.process, offer.process);
    ck_assert_uint_eq(message.parameters.limits.initial_max_data, UINT64_C(1) << 61);
    ck_assert_uint_eq(message.parameters.limits.initial_max_stream_data, 70000);
    ck_assert_uint_eq(message.parameters.limits.initial_max_streams, 4096);
    ck_assert_uint_eq(message.parameters.max_ack_delay, 7);
    ck_assert(json_equal(message.credentials, credentials));
    ck_assert(_i ? json_equal(message.services, offer.services) : !message.services);
    control_message_free(&message);
    json_decref(offer.services);
    json_decref(credentials);
}
END_TEST

START_TEST(credentials_are_wiped)
{
    static const char line[] = "{\"type\":\"open\",\"versions\":[1],\"codecs\":[\"x\"],\"parameters\":{},"
                               "\"credentials\":{\"id\":\"a\",\"more\":[7,{\"token\":\"secret\"}]}}";
    struct control_message message;
    json_t *token;

    ck_assert_int_eq(decode(&message, line), 0);
    token = json_array_get(json_object_get(message.credentials, "more"), 1);
    token = json_incref(json_object_get(token, "token"));
    ck_assert_str_eq(json_string_value(token), "secret");
    control_message_free(&message);
    ck_assert_mem_eq(json_string_value(token), "\0\0\0\0\0\0", 6);
    json_decref(token);
}
END_TEST

START_TEST(accept_contains_what_was_chosen)
{
    struct control_offer offer = {
        .codecs = two_codecs, .codec_count = 1, .session = NAME, .resumed = true, .parameters = {{1, 2, 3}, 4}};
    struct control_message message;

    read_back(&message, control_encode_accept(&offer));
    ck_assert_int_eq(message.type, CONTROL_ACCEPT);
    ck_assert(message.speaks_version);
    ck_assert_str_eq(message.session, NAME);
    ck_assert(message.resumed);
    ck_assert_str_eq(message.codec, "binary/1");
    ck_assert_uint_eq(message.parameters.limits.initial_max_streams, 3);
    control_message_free(&message);
}
END_TEST

START_TEST(small_messages_round_trip)
{
    struct control_message message;

    read_back(&message, control_encode_refuse("draining", "soon \"back\"", 5));
    ck_assert_int_eq(message.type, CONTROL_REFUSE);
    ck_assert_str_eq(message.code, "draining");
    ck_assert_str_eq(message.reason, "soon \"back\"");
    ck_assert_uint_eq(message.retry_after, 5);
    control_message_free(&message);
    read_back(&message, control_encode_drain("restart", 0));
    ck_assert_int_eq(message.type, CONTROL_DRAIN);
    ck_assert_str_eq(message.reason, "restart");
    ck_assert_uint_eq(message.retry_after, 0);
    control_message_free(&message);
    read_back(&message, control_encode_ping(7));
    ck_assert_int_eq(message.type, CONTROL_PING);
    ck_assert_int_eq(message.id, 7);
    control_message_free(&message);
    read_back(&message, control_encode_pong(8));
    ck_assert_int_eq(message.type, CONTROL_PONG);
    ck_assert_int_eq(message.id, 8);
    control_message_free(&message);
}
END_TEST

START_TEST(a_line_over_the_limit_is_not_encoded)
{
    char *reason = malloc(CONTROL_LINE_MAX + 1);

    memset(reason, 'x', CONTROL_LINE_MAX);
    reason[CONTROL_LINE_MAX] = '\0';
    ck_assert_ptr_null(control_encode_drain(reason, 0));
    free(reason);
}
END_TEST

/* Harmless messages from other versions. */
static const struct {
    const char *line;
    enum control_type type;
} good[] = {
    {"{\"type\":\"later\",\"whatever\":[1,{}]}", CONTROL_UNKNOWN},
    {"{\"type\":\"\"}", CONTROL_UNKNOWN},
    {"{\"type\":\"drain\"}", CONTROL_DRAIN},
    {" {\"type\" : \"drain\", \"new\": {\"member\": null}} ", CONTROL_DRAIN},
    {"{\"type\":\"open\",\"versions\":[2,3],\"codecs\":7}", CONTROL_OPEN},
    {"{\"type\":\"open\",\"versions\":[2,1],\"codecs\":[\"x\"],\"parameters\":{\"new\":true},\"credentials\":{}}",
     CONTROL_OPEN},
    {"{\"type\":\"ping\",\"id\":0}", CONTROL_PING},
    /* Here, members of other message types are unknown ones. */
    {"{\"type\":\"notice\",\"retry_after\":-1}", CONTROL_NOTICE},
    {"{\"type\":\"drain\",\"id\":-1,\"code\":7}", CONTROL_DRAIN},
    {"{\"type\":\"ping\",\"id\":0,\"reason\":7,\"retry_after\":-1,\"session\":7}", CONTROL_PING},
};

START_TEST(unknown_types_and_members_are_ignored)
{
    struct control_message message;

    ck_assert_int_eq(decode(&message, good[_i].line), 0);
    ck_assert_int_eq(message.type, good[_i].type);
    control_message_free(&message);
}
END_TEST

START_TEST(missing_parameters_get_defaults)
{
    struct control_message message;

    ck_assert_int_eq(decode(&message, "{\"type\":\"open\",\"versions\":[1],\"codecs\":[\"x\"],\"parameters\":{},"
                                      "\"credentials\":{},\"session\":null}"),
                     0);
    ck_assert_uint_eq(message.parameters.limits.initial_max_data, 0);
    ck_assert_uint_eq(message.parameters.max_ack_delay, 5);
    ck_assert_ptr_null(message.session);
    control_message_free(&message);
}
END_TEST

#define OPEN(rest)   "{\"type\":\"open\",\"versions\":[1]," rest "}"
#define CODECS       "\"codecs\":[\"x\"],"
#define ACCEPT(rest) "{\"type\":\"accept\",\"version\":1," rest "}"

static const char *const bad[] = {
    "",
    "{",
    "[]",
    "null",
    "\"open\"",
    "{}",
    "{\"type\":7}",
    "{\"type\":\"ping\",\"id\":1} x",
    "{\"type\":\"ping\",\"id\":1,\"id\":2}",
    "{\"type\":\"ping\"}",
    "{\"type\":\"ping\",\"id\":-1}",
    "{\"type\":\"ping\",\"id\":1.5}",
    "{\"type\":\"ping\",\"id\":\"1\"}",
    "{\"type\":\"ping\",\"id\":4611686018427387904}",
    "{\"type\":\"ping\",\"id\":99999999999999999999}",
    "{\"type\":\"drain\",\"reason\":7}",
    "{\"type\":\"drain\",\"reason\":\"\xff\"}",
    "{\"type\":\"drain\",\"reason\":\"a\\u0000b\"}",
    "{\"type\":\"drain\",\"retry_after\":-1}",
    "{\"type\":\"drain\",\"retry_after\":86401}",
    "{\"type\":\"refuse\"}",
    "{\"type\":\"refuse\",\"code\":\"\"}",
    "{\"type\":\"open\"}",
    "{\"type\":\"open\",\"versions\":1}",
    "{\"type\":\"open\",\"versions\":[]}",
    "{\"type\":\"open\",\"versions\":[\"1\"]}",
    "{\"type\":\"open\",\"versions\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}",
    OPEN("\"parameters\":{},\"credentials\":{}"),
    OPEN("\"codecs\":[],\"parameters\":{},\"credentials\":{}"),
    OPEN("\"codecs\":[1],\"parameters\":{},\"credentials\":{}"),
    OPEN("\"codecs\":\"x\",\"parameters\":{},\"credentials\":{}"),
    OPEN(CODECS "\"credentials\":{}"),
    OPEN("\"codecs\":[\"\"],\"parameters\":{},\"credentials\":{}"),
    OPEN(CODECS "\"parameters\":{},\"credentials\":{},\"services\":[\"\"]"),
    OPEN(CODECS "\"parameters\":{}"),
    OPEN(CODECS "\"parameters\":[],\"credentials\":{}"),
    OPEN(CODECS "\"parameters\":{},\"credentials\":\"x\""),
    OPEN(CODECS "\"parameters\":{\"initial_max_data\":-1},\"credentials\":{}"),
    OPEN(CODECS "\"parameters\":{\"initial_max_data\":4611686018427387904},\"credentials\":{}"),
    OPEN(CODECS "\"parameters\":{\"initial_max_streams\":\"9\"},\"credentials\":{}"),
    OPEN(CODECS "\"parameters\":{\"max_ack_delay\":1001},\"credentials\":{}"),
    OPEN(CODECS "\"parameters\":{},\"credentials\":{},\"session\":7"),
    OPEN(CODECS "\"parameters\":{},\"credentials\":{},\"services\":\"web\""),
    OPEN(CODECS "\"parameters\":{},\"credentials\":{},\"services\":[\"web\",7]"),
    OPEN(CODECS "\"parameters\":{},\"credentials\":{},\"process\":7"),
    OPEN(CODECS "\"parameters\":{},\"credentials\":{},\"process\":null"),
    OPEN(CODECS "\"parameters\":{},\"credentials\":{},\"process\":\"\""),
    OPEN(CODECS "\"parameters\":{},\"credentials\":{},"
                "\"process\":\"0123456789012345678901234567890123456789012345678901234567890123x\""),
    OPEN(CODECS "\"parameters\":{},\"credentials\":{},\"session\":\"short\""),
    OPEN(CODECS "\"parameters\":{},\"credentials\":{},\"session\":\"q83vEjRWeJCrze8SNFZ4k=\""),
    "{\"type\":\"accept\",\"session\":\"" NAME "\",\"codec\":\"x\",\"parameters\":{}}",
    ACCEPT("\"codec\":\"x\",\"parameters\":{}"),
    ACCEPT("\"session\":\"" NAME "\",\"parameters\":{}"),
    ACCEPT("\"session\":\"" NAME "\",\"codec\":\"x\""),
    ACCEPT("\"session\":\"" NAME "\",\"resumed\":1,\"codec\":\"x\",\"parameters\":{}"),
    ACCEPT("\"session\":\"" NAME "x\",\"codec\":\"x\",\"parameters\":{}"),
};

START_TEST(invalid_messages_are_refused)
{
    struct control_message message;

    ck_assert_msg(decode(&message, bad[_i]) == -1, "taken: %s", bad[_i]);
    ck_assert_ptr_null(message.root);
}
END_TEST

START_TEST(every_truncated_message_is_refused)
{
    static const char line[] = OPEN(CODECS "\"parameters\":{},\"credentials\":{\"id\":\"a\"},\"session\":null");
    struct control_message message;
    const char *error;

    for (size_t size = 0; size < sizeof line - 1; size++)
        ck_assert_int_eq(control_decode(&message, line, size, &error), -1);
    ck_assert_int_eq(control_decode(&message, line, sizeof line - 1, &error), 0);
    control_message_free(&message);
}
END_TEST

START_TEST(size_and_depth_are_limited)
{
    char *line = malloc(CONTROL_LINE_MAX);
    struct control_message message;
    const char *error;

    memset(line, ' ', CONTROL_LINE_MAX);
    memcpy(line, "{\"type\":\"x\"}", 12);
    ck_assert_int_eq(control_decode(&message, line, CONTROL_LINE_MAX - 1, &error), 0);
    control_message_free(&message);
    ck_assert_int_eq(control_decode(&message, line, CONTROL_LINE_MAX, &error), -1);
    memset(line, '[', CONTROL_LINE_MAX);
    ck_assert_int_eq(control_decode(&message, line, CONTROL_LINE_MAX - 1, &error), -1);
    free(line);
}
END_TEST

/* ---- Reasons ---- */

START_TEST(every_code_maps_to_a_fitting_reason)
{
    for (uint64_t code = TN_STREAM_REFUSED; code <= TN_STREAM_LIMIT; code++) {
        struct hg_reason reason = stream_error_reason(code);

        ck_assert_int_ge(reason.status, 500);
        ck_assert_ptr_nonnull(reason.detail);
    }
    ck_assert_int_eq(stream_error_reason(TN_STREAM_TIMEOUT).status, 504);
    ck_assert_int_eq(stream_error_reason(TN_STREAM_REFUSED).status, 503);
    ck_assert_int_eq(stream_error_reason(12345).status, stream_error_reason(TN_STREAM_INTERNAL).status);
    ck_assert_uint_eq(stream_error_code(&(struct hg_reason){504, NULL, NULL, 0}), TN_STREAM_TIMEOUT);
    ck_assert_uint_eq(stream_error_code(&(struct hg_reason){502, "connection_refused", NULL, 0}),
                      TN_STREAM_UNREACHABLE);
    ck_assert_uint_eq(stream_error_code(&(struct hg_reason){502, NULL, NULL, 0}), TN_STREAM_ORIGIN);
    ck_assert_uint_eq(stream_error_code(&(struct hg_reason){413, NULL, NULL, 0}), TN_STREAM_LIMIT);
    ck_assert_uint_eq(stream_error_code(&(struct hg_reason){499, NULL, NULL, 0}), TN_STREAM_CANCELLED);
}
END_TEST

START_TEST(a_peers_reason_is_sanitized)
{
    char detail[STREAM_ERROR_DETAIL_SIZE], *long_detail = malloc(1001), error[] = "connection_refused";
    struct hg_reason reported = {200, error, "bad\r\nX-Injected: 1\x1b[2J", 3}, reason;

    reason = stream_error_from_peer(&reported, detail);
    ck_assert_int_eq(reason.status, 502);
    ck_assert_str_eq(reason.error, "connection_refused");
    ck_assert_ptr_ne(reason.error, error);
    ck_assert_str_eq(reason.detail, "bad??X-Injected: 1?[2J");
    ck_assert_uint_eq(reason.retry_after, 3);
    memset(long_detail, 'x', 1000);
    long_detail[1000] = '\0';
    reported = (struct hg_reason){503, "made_up", long_detail, 0};
    reason = stream_error_from_peer(&reported, detail);
    ck_assert_int_eq(reason.status, 503);
    ck_assert_ptr_null(reason.error);
    ck_assert_uint_eq(strlen(reason.detail), STREAM_ERROR_DETAIL_SIZE - 1);
    free(long_detail);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("control");
    TCase *messages = tcase_create("messages"), *reasons = tcase_create("reasons");

    tcase_add_loop_test(messages, open_contains_the_whole_offer, 0, 2);
    tcase_add_test(messages, credentials_are_wiped);
    tcase_add_test(messages, accept_contains_what_was_chosen);
    tcase_add_test(messages, small_messages_round_trip);
    tcase_add_test(messages, a_line_over_the_limit_is_not_encoded);
    tcase_add_loop_test(messages, unknown_types_and_members_are_ignored, 0, (int)(sizeof good / sizeof *good));
    tcase_add_test(messages, missing_parameters_get_defaults);
    tcase_add_loop_test(messages, invalid_messages_are_refused, 0, (int)(sizeof bad / sizeof *bad));
    tcase_add_test(messages, every_truncated_message_is_refused);
    tcase_add_test(messages, size_and_depth_are_limited);
    tcase_add_test(reasons, every_code_maps_to_a_fitting_reason);
    tcase_add_test(reasons, a_peers_reason_is_sanitized);
    suite_add_tcase(suite, messages);
    suite_add_tcase(suite, reasons);
    return run_suite(suite);
}
