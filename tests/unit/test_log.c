/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/base/log.h"
#include "tests/unit/clock.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/slowness.h"

#include <check.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Redirects standard error to a pipe; returns its reading end. */
static int capture(int *saved)
{
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    *saved = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    return ends[0];
}

static void release(int saved)
{
    dup2(saved, STDERR_FILENO);
    close(saved);
}

START_TEST(test_log_json)
{
    char line[8192], bytes[256];
    int saved, reader = capture(&saved);
    ssize_t size;
    json_t *object;
    json_error_t error;

    for (size_t i = 0; i < 255; i++)
        bytes[i] = (char)(i + 1);
    bytes[255] = '\0';
    log_configure(LOG_AUTO, HG_LOG_INFO);
    ck_assert(!log_enabled(HG_LOG_DEBUG));
    log_line(HG_LOG_DEBUG, "core", "not written");
    log_line(HG_LOG_WARNING, "co\"re\xff", "%s", bytes);
    release(saved);
    size = read(reader, line, sizeof line - 1);
    ck_assert_int_gt(size, 0);
    line[size] = '\0';
    ck_assert_ptr_eq(strchr(line, '\n'), line + size - 1);
    object = json_loads(line, 0, &error);
    ck_assert_msg(object, "%s: %s", error.text, line);
    ck_assert_uint_eq(json_object_size(object), 4);
    ck_assert_str_eq(json_string_value(json_object_get(object, "level")), "warning");
    ck_assert_str_eq(json_string_value(json_object_get(object, "part")), "co\"re\xef\xbf\xbd");
    ck_assert_uint_eq(strlen(json_string_value(json_object_get(object, "time"))), 27);
    ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(object, "message")), "!\"#$%&'()"));
    json_decref(object);
    close(reader);
}
END_TEST

START_TEST(test_log_long)
{
    char line[8192], message[20000];
    json_error_t error;

    for (int kind = 0; kind < 3; kind++) {
        int saved, reader = capture(&saved);
        ssize_t size;
        json_t *object;

        memset(message, kind == 0 ? 'x' : kind == 1 ? '\x01' : '"', sizeof message - 1);
        message[sizeof message - 1] = '\0';
        log_configure(LOG_JSON, HG_LOG_INFO);
        log_line(HG_LOG_ERROR, message, "%s", message);
        release(saved);
        size = read(reader, line, sizeof line - 1);
        ck_assert_int_gt(size, 3900);
        ck_assert_int_le(size, 4096);
        line[size] = '\0';
        object = json_loads(line, 0, &error);
        ck_assert_msg(object, "%s: %s", error.text, line);
        ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(object, "message")), "\xe2\x80\xa6"));
        json_decref(object);
        close(reader);
    }
}
END_TEST

START_TEST(test_log_text)
{
    char line[8192];
    int saved, reader = capture(&saved);
    ssize_t size;

    log_configure(LOG_TEXT, HG_LOG_DEBUG);
    log_line(HG_LOG_DEBUG, "http", "\x1b[31mred\nline \xc3\xa4 \xc2\x9b \xff \"quoted\\");
    release(saved);
    size = read(reader, line, sizeof line - 1);
    line[size > 0 ? size : 0] = '\0';
    ck_assert_ptr_nonnull(strstr(line, " debug   http: \\x1b[31mred\\x0aline \xc3\xa4 \\u009b \\xff \"quoted\\\n"));
    close(reader);
}
END_TEST

/* Nobody is reading: the program continues, and the number of missing lines is reported later. */
START_TEST(test_log_stuck)
{
    char bytes[70000];
    int saved, reader = capture(&saved);
    size_t total = 0;
    struct timespec start, end;

    log_configure(LOG_JSON, HG_LOG_INFO);
    clock_gettime(CLOCK_MONOTONIC_RAW, &start);
    for (int i = 0; i < 5000; i++)
        log_line(HG_LOG_INFO, "core", "line %d %0100d", i, i);
    clock_gettime(CLOCK_MONOTONIC_RAW, &end);
    ck_assert_int_lt(end.tv_sec - start.tv_sec, 3 * (int)slowness());
    fcntl(reader, F_SETFL, O_NONBLOCK);
    for (ssize_t size = 1; size > 0; total += (size_t)(size > 0 ? size : 0))
        size = read(reader, bytes, sizeof bytes);
    ck_assert_uint_gt(total, 4096);
    log_line(HG_LOG_INFO, "core", "again");
    release(saved);
    fcntl(reader, F_SETFL, 0);
    total = (size_t)read(reader, bytes, sizeof bytes - 1);
    while (total < sizeof bytes - 1) {
        ssize_t size = read(reader, bytes + total, sizeof bytes - 1 - total);

        if (size <= 0)
            break;
        total += (size_t)size;
    }
    bytes[total] = '\0';
    ck_assert_ptr_nonnull(strstr(bytes, "log lines dropped"));
    ck_assert_ptr_nonnull(strstr(bytes, "\"message\":\"again\""));
    close(reader);
}
END_TEST

START_TEST(test_log_stream)
{
    char line[8192];
    int saved, reader = capture(&saved);
    FILE *stream = log_stream("config");
    ssize_t size;

    log_configure(LOG_TEXT, HG_LOG_INFO);
    fprintf(stream, "f:1:2: %s", "first ");
    fputs("fault\nf:2:3: warning: second\n", stream);
    fclose(stream);
    release(saved);
    size = read(reader, line, sizeof line - 1);
    line[size > 0 ? size : 0] = '\0';
    ck_assert_ptr_nonnull(strstr(line, " error   config: f:1:2: first fault\n"));
    ck_assert_ptr_nonnull(strstr(line, " warning config: f:2:3: second\n"));
    close(reader);
}
END_TEST

/* What has been written to standard error, as text. Everything that these tests write fits into the pipe. */
static const char *captured(int saved, int reader)
{
    static char text[65536];
    size_t size = 0;
    ssize_t got;

    release(saved);
    while (size < sizeof text - 1 && (got = read(reader, text + size, sizeof text - 1 - size)) > 0)
        size += (size_t)got;
    text[size] = '\0';
    close(reader);
    return text;
}

static unsigned occurrences(const char *text, const char *word)
{
    unsigned count = 0;

    for (; (text = strstr(text, word)); text += strlen(word))
        count++;
    return count;
}

START_TEST(test_log_members)
{
    char long_text[2000];
    const struct log_member members[] = {
        LOG_STRING("path", HG_TEXT("/a b\"\\\x1b\xff")),
        LOG_STRING("empty", HG_TEXT("")),
        LOG_NUMBER("status", 502),
        LOG_STRING("long", ((struct hg_text){long_text, sizeof long_text})),
        LOG_STRING("plain", HG_TEXT("x")),
    };
    struct log_event event = {.level = HG_LOG_INFO, .part = "core", .members = members, .count = 5};
    int saved, reader = capture(&saved);
    const char *text;
    json_t *object;

    memset(long_text, 'y', sizeof long_text);
    log_configure(LOG_JSON, HG_LOG_INFO);
    log_event(&event, "failed");
    log_configure(LOG_TEXT, HG_LOG_INFO);
    log_event(&event, "failed");
    event.says_all = true;
    log_event(&event, "failed");
    text = captured(saved, reader);
    object = json_loads(text, JSON_DISABLE_EOF_CHECK, NULL);
    ck_assert_ptr_nonnull(object);
    ck_assert_str_eq(json_string_value(json_object_get(object, "path")), "/a b\"\\\x1b\xef\xbf\xbd");
    ck_assert_int_eq(json_integer_value(json_object_get(object, "status")), 502);
    ck_assert_uint_eq(json_string_length(json_object_get(object, "long")), 515);
    ck_assert_str_eq(json_string_value(json_object_get(object, "plain")), "x");
    ck_assert_ptr_null(json_object_get(object, "empty"));
    json_decref(object);
    ck_assert_ptr_nonnull(strstr(text, " info    core: failed path=\"/a b\\\"\\\\\\x1b\\xff\" status=502 long=yyy"));
    ck_assert_ptr_nonnull(strstr(text, "y\xe2\x80\xa6 plain=x\n"));
    ck_assert_ptr_nonnull(strstr(text, " info    core: failed\n"));
}
END_TEST

/* More than fits into a line: it is still valid JSON. */
START_TEST(test_log_many_members)
{
    char bytes[512];
    struct log_member members[20];
    const struct log_event event = {.level = HG_LOG_INFO, .part = "core", .members = members, .count = 20};
    const char *text;
    json_t *object;

    memset(bytes, '\x02', sizeof bytes);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        members[i] = LOG_STRING("member", ((struct hg_text){bytes, sizeof bytes - 100 + 5 * i}));
    log_configure(LOG_JSON, HG_LOG_INFO);
    for (int size = 0; size < 3000; size += 7) {
        int saved, reader = capture(&saved);

        log_event(&event, "%0*d", size, 0);
        text = captured(saved, reader);
        ck_assert_uint_le(strlen(text), 4096);
        object = json_loads(text, 0, NULL);
        ck_assert_msg(object, "%s", text);
        json_decref(object);
    }
}
END_TEST

/* RLIMIT_FSIZE acts like a full disk: one write is cut short, the next one fails. */
START_TEST(test_log_full_disk)
{
    char name[] = "/tmp/hopgate-log-XXXXXX", text[16384];
    int file = mkstemp(name), saved = dup(STDERR_FILENO);
    struct rlimit before, full = {.rlim_cur = 5000};
    ssize_t size;
    char *line;
    unsigned whole = 0;

    ck_assert_int_ge(file, 0);
    unlink(name);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    full.rlim_max = before.rlim_max;
    dup2(file, STDERR_FILENO);
    setrlimit(RLIMIT_FSIZE, &full);
    log_configure(LOG_JSON, HG_LOG_INFO);
    for (int i = 0; i < 10; i++)
        log_line(HG_LOG_INFO, "core", "line %d %01000d", i, i);
    setrlimit(RLIMIT_FSIZE, &before);
    log_line(HG_LOG_INFO, "core", "again");
    release(saved);
    size = pread(file, text, sizeof text - 1, 0);
    text[size > 0 ? size : 0] = '\0';
    close(file);
    for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        json_t *object = json_loads(line, 0, NULL);
        const char *message = json_string_value(json_object_get(object, "message"));

        whole += object != NULL;
        if (whole == 5)
            ck_assert_str_eq(message, "6 log lines dropped: File too large");
        if (whole == 6)
            ck_assert_str_eq(message, "again");
        json_decref(object);
    }
    ck_assert_uint_eq(whole, 6); /* four, the partial one, and two more */
}
END_TEST

START_TEST(test_log_limited)
{
    int saved, reader = capture(&saved);
    const char *text;

    log_configure(LOG_TEXT, HG_LOG_INFO);
    for (int i = 0; i < 100; i++) {
        char peer[32];

        snprintf(peer, sizeof peer, "10.0.0.1:%d", i);
        log_limited(HG_LOG_WARNING, "core", peer, "bad peer %s", peer);
        log_limited(HG_LOG_WARNING, "core", "10.0.0.2:1", "bad peer %s", "10.0.0.2");
        log_limited(HG_LOG_WARNING, "core", i % 2 ? "2001:db8::1" : "2001:db8::2", "v6 peer %d", i % 2);
        log_limited(HG_LOG_WARNING, "core", i % 2 ? "[2001:db8::1]:80" : "[2001:db8::1]:81", "v6 port");
        log_limited(HG_LOG_DEBUG, "core", NULL, "not to be seen");
        log_limited(HG_LOG_WARNING, "core", NULL, "nobody in particular");
        log_limited(HG_LOG_WARNING, "core", i % 2 ? "10.0.0.3:1: refused" : "10.0.0.3:1: late", "text %d", i % 2);
    }
    ck_assert(log_has_counted());
    log_counted(false);
    ck_assert(log_has_counted());
    clock_pass(61 * HG_SECOND);
    log_counted(false);
    ck_assert(!log_has_counted());
    log_limited(HG_LOG_WARNING, "core", "10.0.0.2:1", "bad peer %s", "after a minute");
    text = captured(saved, reader);
    ck_assert_uint_eq(occurrences(text, "bad peer 10.0.0.1"), 3 + 1);
    ck_assert_uint_eq(occurrences(text, "bad peer 10.0.0.2"), 3 + 1);
    ck_assert_uint_eq(occurrences(text, "nobody in particular"), 3 + 1);
    ck_assert_uint_eq(occurrences(text, "(repeated 97 times in the last minute)\n"), 4);
    ck_assert_uint_eq(occurrences(text, "text 0"), 3 + 1); /* a text is not an address with a port */
    ck_assert_uint_eq(occurrences(text, "text 1"), 3 + 1);
    ck_assert_uint_eq(occurrences(text, "v6 peer 1"), 3 + 1);
    ck_assert_uint_eq(occurrences(text, "v6 peer 0"), 3 + 1);
    ck_assert_uint_eq(occurrences(text, "v6 port"), 3 + 1);
    ck_assert_uint_eq(occurrences(text, "after a minute\n"), 1);
}
END_TEST

/* With any number of sources, the lines per minute are limited, and every event is counted. */
START_TEST(test_log_limited_crowd)
{
    unsigned lines = 0, sum = 0;
    int saved, reader = capture(&saved);
    const char *text;

    log_configure(LOG_TEXT, HG_LOG_INFO);
    for (int i = 0; i < 5000; i++) {
        char peer[32];

        snprintf(peer, sizeof peer, "10.0.%d.%d:1", i >> 8, i & 255);
        log_limited(HG_LOG_WARNING, "core", peer, "bad peer");
    }
    log_counted(true);
    ck_assert(!log_has_counted());
    text = captured(saved, reader);
    for (; (text = strstr(text, "bad peer")); text += 8) {
        unsigned repeated;

        lines++;
        sum += sscanf(text, "bad peer (repeated %u times", &repeated) == 1 ? repeated : 1;
    }
    ck_assert_uint_eq(sum, 5000);
    ck_assert_uint_eq(lines, 21);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *lines = tcase_create("lines"), *limits = tcase_create("limits");

    tcase_add_test(lines, test_log_json);
    tcase_add_test(lines, test_log_long);
    tcase_add_test(lines, test_log_text);
    tcase_add_test(lines, test_log_stuck);
    tcase_add_test(lines, test_log_stream);
    tcase_add_test(lines, test_log_members);
    tcase_add_test(lines, test_log_many_members);
    tcase_add_test(lines, test_log_full_disk);
    tcase_add_test(limits, test_log_limited);
    tcase_add_test(limits, test_log_limited_crowd);
    suite_add_tcase(suite, lines);
    suite_add_tcase(suite, limits);
    return run_suite(suite);
}
