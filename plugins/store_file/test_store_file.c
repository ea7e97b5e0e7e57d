/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Unit tests of the store_file plugin: values, leases, watches and the folder.
 */
#include "plugins/store_file/two_stores.h"
#include "tests/unit/core_host.h"
#include "tests/unit/run_suite.h"

#include <dirent.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Names ---- */

START_TEST(keys_are_paths_that_lead_nowhere_else)
{
    static const struct {
        const char *key, *path; /* NULL: not a key */
    } cases[] = {
        {"acme/certificates/app.example.com", "acme/certificates/app.example.com"},
        {"a/*.example.com", "a/%2A.example.com"},
        {"../../etc/passwd", "%2E./%2E./etc/passwd"},
        {".", "%2E"},
        {".lock", "%2Elock"},
        {"a/.tmp/x", "a/%2Etmp/x"},
        {"A_b-c.d", "A_b-c.d"},
        {"100%", "100%25"},
        {"\xc3\xa4 :~\n", "%C3%A4%20%3A%7E%0A"},
        {"", NULL},
        {"/a", NULL},
        {"a/", NULL},
        {"a//b", NULL},
    };
    char path[KEY_PATH_SIZE], key[HG_STORE_KEY_MAX + 1];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_msg(key_path(hg_text(cases[i].key), path) == (cases[i].path != NULL), "\"%s\"", cases[i].key);
        if (!cases[i].path)
            continue;
        ck_assert_str_eq(path, cases[i].path);
        ck_assert(key_of_path(path, key));
        ck_assert_str_eq(key, cases[i].key);
    }
    ck_assert(!key_path(HG_TEXT("a\0b"), path));
    ck_assert(!key_of_path("a%41", key)); /* would be a second file for the key aA */
    ck_assert(!key_of_path("a%2fb", key) && !key_of_path("a%2Fb", key) && !key_of_path("a%", key) &&
              !key_of_path("a%00", key));
}
END_TEST

START_TEST(the_longest_keys)
{
    char key[HG_STORE_KEY_MAX + 2], path[KEY_PATH_SIZE];

    memset(key, 'a', sizeof key);
    ck_assert(key_path((struct hg_text){key, HG_STORE_SEGMENT_MAX}, path));
    ck_assert(!key_path((struct hg_text){key, HG_STORE_SEGMENT_MAX + 1}, path));
    key[0] = '*'; /* a wildcard of maximum length */
    ck_assert(key_path((struct hg_text){key, HG_STORE_SEGMENT_MAX}, path));
    key[1] = '*';
    ck_assert(!key_path((struct hg_text){key, HG_STORE_SEGMENT_MAX}, path));
    memset(key, 'a', sizeof key);
    key[200] = key[400] = '/';
    ck_assert(key_path((struct hg_text){key, HG_STORE_KEY_MAX}, path));
    ck_assert(!key_path((struct hg_text){key, HG_STORE_KEY_MAX + 1}, path));
}
END_TEST

START_TEST(below_means_whole_segments)
{
    ck_assert(key_is_below(HG_TEXT("a/b"), HG_TEXT("")));
    ck_assert(key_is_below(HG_TEXT("a/b"), HG_TEXT("a")));
    ck_assert(key_is_below(HG_TEXT("a/b"), HG_TEXT("a/b")));
    ck_assert(!key_is_below(HG_TEXT("ab"), HG_TEXT("a")));
    ck_assert(!key_is_below(HG_TEXT("a"), HG_TEXT("a/b")));
}
END_TEST

/* ---- Values ---- */

START_TEST(a_value_is_written_once_for_each_revision)
{
    struct test_answer *answer;
    uint64_t first, second;

    answer = test_get(&one, "acme/a");
    ck_assert_int_eq(answer->status, HG_STORE_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(answer->error, "acme/a"));
    first = test_put_ok(&one, "acme/a", "first", HG_STORE_ABSENT);
    ck_assert_uint_ne(first, HG_STORE_ABSENT);
    answer = test_get(&one, "acme/a");
    ck_assert_int_eq(answer->status, HG_STORE_OK);
    ck_assert_str_eq(answer->value, "first");
    ck_assert_uint_eq(answer->revision, first);

    answer = test_put(&one, "acme/a", "second", HG_STORE_ABSENT);
    ck_assert_int_eq(answer->status, HG_STORE_CONFLICT);
    ck_assert_uint_eq(answer->revision, first);
    second = test_put_ok(&one, "acme/a", "second", first);
    ck_assert_uint_ne(second, first);
    ck_assert_int_eq(test_put(&one, "acme/a", "third", first)->status, HG_STORE_CONFLICT);
    ck_assert_str_eq(test_get(&one, "acme/a")->value, "second");
    test_put_ok(&one, "acme/a", "", HG_STORE_ANY);
    answer = test_get(&one, "acme/a");
    ck_assert_int_eq(answer->status, HG_STORE_OK);
    ck_assert_uint_eq(answer->size, 0);
}
END_TEST

START_TEST(a_removed_value_does_not_come_back_under_its_revision)
{
    uint64_t first = test_put_ok(&one, "a", "x", HG_STORE_ABSENT);
    struct test_answer *answer = test_remove(&one, "a", first + 1);

    ck_assert_int_eq(answer->status, HG_STORE_CONFLICT);
    ck_assert_uint_eq(answer->revision, first);
    ck_assert_int_eq(test_remove(&one, "a", first)->status, HG_STORE_OK);
    ck_assert_int_eq(test_get(&one, "a")->status, HG_STORE_NOT_FOUND);
    ck_assert_int_eq(test_remove(&one, "a", HG_STORE_ANY)->status, HG_STORE_NOT_FOUND);
    ck_assert_int_eq(test_remove(&one, "a", first)->status, HG_STORE_CONFLICT);
    ck_assert_uint_ne(test_put_ok(&one, "a", "x", HG_STORE_ABSENT), first);
    ck_assert_int_eq(test_put(&one, "a", "y", first)->status, HG_STORE_CONFLICT);
}
END_TEST

START_TEST(lists_are_sorted_and_whole)
{
    struct test_answer *answer = test_list(&one, "");
    uint64_t revision;

    ck_assert_int_eq(answer->status, HG_STORE_OK);
    ck_assert_str_eq(answer->value, "");
    test_put_ok(&one, "b/2", "x", HG_STORE_ABSENT);
    test_put_ok(&one, "b/10", "x", HG_STORE_ABSENT);
    revision = test_put_ok(&one, "a/*.test", "x", HG_STORE_ABSENT);
    test_put_ok(&one, "ab", "x", HG_STORE_ABSENT);
    ck_assert_int_eq(test_acquire(&one, "lease", 10000)->status, HG_STORE_OK);
    ck_assert_str_eq(test_list(&one, "")->value, "a/*.test ab b/10 b/2 ");
    ck_assert_str_eq(test_list(&one, "b")->value, "b/10 b/2 ");
    answer = test_list(&one, "a");
    ck_assert_str_eq(answer->value, "a/*.test ");
    ck_assert_uint_eq(answer->revision, revision);
    ck_assert_str_eq(test_list(&one, "ab")->value, "ab ");
    ck_assert_str_eq(test_list(&one, "c/d")->value, "");
}
END_TEST

/* What an operator finds: a PEM file that tools can read, but other users cannot. */
START_TEST(pem_stays_readable)
{
    static const char pem[] = "-----BEGIN CERTIFICATE-----\n"
                              "MIIBDjCBwaADAgECAgEBMAUGAytlcDAPMQ0wCwYDVQQDEwR0ZXN0MB4XDTI2MDEw\n"
                              "-----END CERTIFICATE-----\n";
    char path[128], text[512] = "";
    struct stat state;
    FILE *file;

    test_put_ok(&one, "acme/certificates/app.test", pem, HG_STORE_ABSENT);
    snprintf(path, sizeof path, "%s/acme/certificates/app.test", one.path);
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(text, sizeof text, file));
    ck_assert_int_eq(strncmp(text, "hopgate-store 1 revision=", 25), 0);
    ck_assert_uint_eq(fread(text, 1, sizeof text, file), strlen(pem));
    ck_assert_int_eq(memcmp(text, pem, strlen(pem)), 0);
    fclose(file);
    ck_assert_int_eq(stat(path, &state), 0);
    ck_assert_uint_eq(state.st_mode & 0777, 0600);
    *strrchr(path, '/') = '\0';
    ck_assert_int_eq(stat(path, &state), 0);
    ck_assert_uint_eq(state.st_mode & 0777, 0700);
    ck_assert_int_eq(stat(one.path, &state), 0);
    ck_assert_uint_eq(state.st_mode & 0777, 0700);
}
END_TEST

START_TEST(the_largest_value_and_one_more)
{
    struct test_answer *answer;
    char *value = malloc(HG_STORE_VALUE_MAX + 1);

    memset(value, '\n', HG_STORE_VALUE_MAX + 1);
    value[0] = '\0';
    answer = test_put_bytes(&one, "a", value, HG_STORE_VALUE_MAX);
    ck_assert_msg(answer->status == HG_STORE_OK, "%s", answer->error);
    answer = test_get(&one, "a");
    ck_assert_uint_eq(answer->size, HG_STORE_VALUE_MAX);
    ck_assert_int_eq(memcmp(answer->value, value, HG_STORE_VALUE_MAX), 0);
    ck_assert_int_eq(test_put_bytes(&one, "a", value, HG_STORE_VALUE_MAX + 1)->status, HG_STORE_INVALID);
    ck_assert_uint_eq(test_get(&one, "a")->size, HG_STORE_VALUE_MAX);
    free(value);
}
END_TEST

START_TEST(wrong_keys_are_the_callers_fault)
{
    char key[HG_STORE_KEY_MAX + 2] = "";

    memset(key, 'a', HG_STORE_KEY_MAX + 1);
    ck_assert_int_eq(test_get(&one, key)->status, HG_STORE_INVALID);
    ck_assert_int_eq(test_put(&one, "", "x", HG_STORE_ANY)->status, HG_STORE_INVALID);
    ck_assert_int_eq(test_put(&one, "a//b", "x", HG_STORE_ANY)->status, HG_STORE_INVALID);
    ck_assert_int_eq(test_acquire(&one, "a//b", 1000)->status, HG_STORE_INVALID);
    ck_assert_int_eq(test_acquire(&one, "a", 1)->status, HG_STORE_INVALID);
    test_put_ok(&one, "a/b", "x", HG_STORE_ANY);
    ck_assert_int_eq(test_put(&one, "a", "x", HG_STORE_ANY)->status, HG_STORE_INVALID);
    ck_assert_int_eq(test_put(&one, "a/b/c", "x", HG_STORE_ANY)->status, HG_STORE_INVALID);
    ck_assert_int_eq(test_get(&one, "a")->status, HG_STORE_NOT_FOUND);
    ck_assert_int_eq(test_get(&one, "a/b/c")->status, HG_STORE_NOT_FOUND);
    ck_assert_str_eq(test_list(&one, "")->value, "a/b ");
}
END_TEST

static unsigned reported;

static void count_answers(void *arg, const struct hg_store_answer *answer)
{
    (void)answer;
    reported += (unsigned)(uintptr_t)arg;
}

START_TEST(operations_keep_their_order_and_a_cancelled_one_is_silent)
{
    const struct hg_store_condition any = {.revision = HG_STORE_ANY};
    struct hg_worker *provider = fixture_worker(one.fixture, 0);
    struct hg_store_request *request;

    reported = 0;
    for (int i = 0; i < 100; i++) {
        char value[16];
        size_t size = (size_t)snprintf(value, sizeof value, "%d", i);

        ck_assert_ptr_nonnull(
            one.ops->put(provider, HG_TEXT("a"), (struct hg_text){value, size}, &any, count_answers, (void *)1));
    }
    request = one.ops->put(provider, HG_TEXT("b"), HG_TEXT("x"), &any, count_answers, (void *)1000);
    one.ops->cancel(provider, request);
    ck_assert_uint_eq(reported, 0); /* never within the call */
    ck_assert_str_eq(test_get(&one, "a")->value, "99");
    ck_assert_uint_eq(reported, 100);
    ck_assert_str_eq(test_get(&one, "b")->value, "x");
}
END_TEST

START_TEST(pending_writes_are_done_before_the_store_stops)
{
    const struct hg_store_condition any = {.revision = HG_STORE_ANY};

    reported = 0;
    for (int i = 0; i < 10; i++)
        one.ops->put(fixture_worker(one.fixture, 0), HG_TEXT("a"), HG_TEXT("last"), &any, count_answers, (void *)1);
    test_store_stop(&one);
    ck_assert_uint_eq(reported, 10);
    test_store_start(&one, one.path);
    ck_assert_str_eq(test_get(&one, "a")->value, "last");
}
END_TEST

static const struct hg_store_ops *early_ops;

static int early_start(struct hg_worker *worker)
{
    struct hg_capability found;

    ck_assert(hg_capability(worker->instance, HG_STORE, HG_STORE_VERSION, &found));
    early_ops = found.ops;
    ck_assert_ptr_nonnull(early_ops->get(hg_capability_worker(worker, &found), HG_TEXT("a"), count_answers, (void *)1));
    return 0;
}

static void late_stop(struct hg_worker *worker)
{
    struct hg_capability found;

    ck_assert(hg_capability(worker->instance, HG_STORE, HG_STORE_VERSION, &found));
    ck_assert_ptr_null(early_ops->get(hg_capability_worker(worker, &found), HG_TEXT("a"), count_answers, NULL));
    ck_assert_ptr_null(early_ops->watch(hg_capability_worker(worker, &found), HG_TEXT("a"), NULL, NULL));
    early_ops->unwatch(hg_capability_worker(worker, &found), NULL);
    reported += 10;
}

static bool was_reported(void *arg)
{
    (void)arg;
    return reported > 0;
}

/* A store above its user starts after it and stops before it. */
START_TEST(a_store_may_be_anywhere_in_the_pipeline)
{
    static const struct hg_plugin user = {
        .abi = HG_ABI, .role = HG_ROLE_PROVIDER, .name = "user", .worker_start = early_start, .worker_stop = late_stop};
    struct test_config config = {.path = one.path};
    const struct fixture_part parts[] = {{hopgate_plugin(), &config}, {&user, NULL}};
    struct fixture *fixture = fixture_new(PIPELINE_GATEWAY, parts, 2);

    reported = 0;
    fixture_start(fixture);
    ck_assert_uint_eq(reported, 0);
    ck_assert(fixture_run(fixture, was_reported, NULL, 10000));
    fixture_free(fixture);
    ck_assert_uint_eq(reported, 11);
}
END_TEST

/* ---- Leases ---- */

START_TEST(a_lease_has_one_holder)
{
    struct test_answer *answer = test_acquire(&one, "acme/lock", 3600000);
    uint64_t fence = answer->fence;

    ck_assert_int_eq(answer->status, HG_STORE_OK);
    ck_assert_uint_gt(fence, 0);
    answer = test_acquire(&two, "acme/lock", 1000);
    ck_assert_int_eq(answer->status, HG_STORE_CONFLICT);
    ck_assert_str_eq(answer->value, "host_name/1");
    ck_assert(answer->remaining > 3500 * HG_SECOND && answer->remaining <= 3600 * HG_SECOND);
    ck_assert_int_eq(test_acquire(&one, "acme/lock", 1000)->status, HG_STORE_CONFLICT);
    ck_assert_int_eq(test_acquire(&two, "acme/lock2", 1000)->status, HG_STORE_OK);
    ck_assert_int_eq(test_renew(&two, "acme/lock", fence + 1, 1000)->status, HG_STORE_CONFLICT);
    ck_assert_int_eq(test_release(&two, "acme/lock", fence + 1)->status, HG_STORE_CONFLICT);
    answer = test_renew(&one, "acme/lock", fence, 60000);
    ck_assert_int_eq(answer->status, HG_STORE_OK);
    ck_assert_uint_eq(answer->fence, fence);
    ck_assert(test_acquire(&two, "acme/lock", 1000)->remaining <= 60 * HG_SECOND);
    ck_assert_int_eq(test_release(&one, "acme/lock", fence)->status, HG_STORE_OK);
    ck_assert_int_eq(test_release(&one, "acme/lock", fence)->status, HG_STORE_CONFLICT);
    answer = test_acquire(&two, "acme/lock", 1000);
    ck_assert_int_eq(answer->status, HG_STORE_OK);
    ck_assert_uint_gt(answer->fence, fence);
}
END_TEST

static bool acquired(void *arg)
{
    return test_acquire(&two, arg, 10000)->status == HG_STORE_OK;
}

/* The holder hangs for longer than its lease, and does not know that when it continues. */
START_TEST(a_process_that_lost_its_lease_can_do_no_harm)
{
    uint64_t fence = test_acquire(&one, "lock", 300)->fence;
    struct test_answer *answer;

    ck_assert_int_eq(test_put_guarded(&one, "a", "mine", "lock", fence)->status, HG_STORE_OK);
    while (!acquired((void *)(uintptr_t) "lock"))
        usleep(10000);
    answer = test_put_guarded(&one, "a", "late", "lock", fence);
    ck_assert_int_eq(answer->status, HG_STORE_CONFLICT);
    ck_assert_ptr_nonnull(strstr(answer->error, "lease is lost"));
    ck_assert_int_eq(test_renew(&one, "lock", fence, 10000)->status, HG_STORE_CONFLICT);
    ck_assert_int_eq(test_put_guarded(&one, "a", "late", "none", fence)->status, HG_STORE_CONFLICT);
    ck_assert_str_eq(test_get(&one, "a")->value, "mine");
    ck_assert_int_eq(test_acquire(&one, "lock", 1000)->status, HG_STORE_CONFLICT);
}
END_TEST

/* Rewrites it as if by a process on another machine, with different clocks; its lock remains. */
static void move_to_other_machine(const char *lease)
{
    char path[128], line[512];
    ssize_t size;
    char *at;
    int fd;

    snprintf(path, sizeof path, "%s/.leases/%s", one.path, lease);
    fd = open(path, O_RDWR | O_CLOEXEC);
    size = pread(fd, line, sizeof line - 1, 0);
    ck_assert_int_gt(size, 0);
    line[size] = '\0';
    at = strstr(line, "boot=");
    ck_assert_ptr_nonnull(at);
    at[5] = at[5] == '0' ? '1' : '0';
    at = strstr(line, "clock=");
    ck_assert_ptr_nonnull(at);
    memset(at + 6, '0', strspn(at + 6, "0123456789"));
    ck_assert_int_eq(pwrite(fd, line, (size_t)size, 0), size);
    close(fd);
}

/* The clocks of machines differ: a lease of another machine ends when this one has not seen it renewed for a while. */
START_TEST(a_lease_of_another_machine_ends_by_this_one_s_clock)
{
    uint64_t fence = test_acquire(&one, "lock", 3600000)->fence;

    for (int i = 0; i < 5; i++) {
        move_to_other_machine("lock");
        test_acquire(&two, "lock", 600);
        ck_assert_int_eq(test_answer.status, HG_STORE_CONFLICT);
        ck_assert(test_answer.remaining && test_answer.remaining <= 600 * HG_MILLISECOND);
        usleep(100000);
        ck_assert_int_eq(test_renew(&one, "lock", fence, 3600000)->status, HG_STORE_OK);
    }
    move_to_other_machine("lock");
    ck_assert_int_eq(test_acquire(&two, "lock", 600)->status, HG_STORE_CONFLICT);
    ck_assert_int_eq(test_acquire(&two, "other", 600)->status, HG_STORE_OK);
    usleep(700000);
    ck_assert_int_eq(test_acquire(&two, "lock", 600)->status, HG_STORE_OK);
    ck_assert_int_eq(test_put_guarded(&one, "a", "late", "lock", fence)->status, HG_STORE_CONFLICT);
}
END_TEST

/* Nobody has to wait for a process that was killed. */
START_TEST(the_lease_of_a_dead_process_is_free)
{
    int pipe_fds[2];
    uint64_t fence = 0;
    pid_t child;

    test_store_stop(&one);
    test_store_stop(&two);
    ck_assert_int_eq(pipe(pipe_fds), 0);
    child = fork();
    if (child == 0) {
        test_store_start(&one, one.path);
        fence = test_acquire(&one, "lock", 3600000)->fence;
        if (write(pipe_fds[1], &fence, sizeof fence) != sizeof fence)
            abort();
        pause();
    }
    ck_assert_int_eq(read(pipe_fds[0], &fence, sizeof fence), sizeof fence);
    test_store_start(&two, two.path);
    ck_assert_int_eq(test_acquire(&two, "lock", 1000)->status, HG_STORE_CONFLICT);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    ck_assert_int_eq(test_acquire(&two, "lock", 1000)->status, HG_STORE_OK);
    ck_assert_uint_gt(test_answer.fence, fence);
    test_store_start(&one, one.path);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}
END_TEST

/* ---- Watches ---- */

static char changes[256];

static void keep_change(void *arg, struct hg_text key)
{
    (void)arg;
    snprintf(changes + strlen(changes), sizeof changes - strlen(changes), "%.*s ", HG_PRINT(key));
}

static bool has_changed(void *arg)
{
    return strstr(changes, arg) != NULL;
}

static void expect_change(const char *key)
{
    ck_assert_msg(fixture_run(one.fixture, has_changed, (void *)(uintptr_t)key, 10000), "no %s in \"%s\"", key,
                  changes);
}

START_TEST(changes_of_others_are_noticed)
{
    struct hg_worker *provider = fixture_worker(one.fixture, 0);
    struct hg_store_watch *watch = one.ops->watch(provider, HG_TEXT("acme"), keep_change, NULL);
    char from[128], to[128];

    ck_assert_ptr_nonnull(watch);
    test_list(&one, ""); /* everything from here on is noticed */
    test_put_ok(&two, "acmeish/x", "1", HG_STORE_ANY);
    test_put_ok(&two, "acme/new/folder", "1", HG_STORE_ANY);
    expect_change("acme/new/folder ");
    test_put_ok(&two, "acme/new/*", "1", HG_STORE_ANY);
    expect_change("acme/new/* ");
    test_put_ok(&one, "acme/own", "1", HG_STORE_ANY);
    expect_change("acme/own ");
    ck_assert_ptr_null(strstr(changes, "acmeish"));
    changes[0] = '\0';
    ck_assert_int_eq(test_remove(&two, "acme/own", HG_STORE_ANY)->status, HG_STORE_OK);
    expect_change("acme/own ");
    /* An operator restores a file from a backup. */
    snprintf(from, sizeof from, "%s/acme/new/folder", one.path);
    snprintf(to, sizeof to, "%s/acme/restored", one.path);
    ck_assert_int_eq(rename(from, to), 0);
    expect_change("acme/restored ");
    changes[0] = '\0';
    one.ops->unwatch(provider, watch);
    test_put_ok(&two, "acme/own", "1", HG_STORE_ANY);
    ck_assert_ptr_nonnull(one.ops->watch(provider, HG_TEXT("acme"), keep_change, NULL));
    test_put_ok(&one, "acme/last", "1", HG_STORE_ANY);
    expect_change("acme/last ");
}
END_TEST

static struct hg_store_watch *once;

static void end_in_callback(void *arg, struct hg_text key)
{
    keep_change(arg, key);
    one.ops->unwatch(fixture_worker(one.fixture, 0), once);
}

START_TEST(a_watch_may_end_in_its_own_callback)
{
    once = one.ops->watch(fixture_worker(one.fixture, 0), HG_TEXT(""), end_in_callback, NULL);
    test_put_ok(&one, "a", "1", HG_STORE_ANY);
    expect_change("a ");
    changes[0] = '\0';
    one.ops->watch(fixture_worker(one.fixture, 0), HG_TEXT("b"), keep_change, NULL);
    test_put_ok(&one, "b", "1", HG_STORE_ANY);
    expect_change("b ");
    ck_assert_str_eq(changes, "b ");
}
END_TEST

/* ---- The folder ---- */

static struct hg_host host;
static char faults[1024];

__attribute__((format(printf, 3, 0))) static void keep_fault(const struct hg_instance *instance, const char *option,
                                                             const char *format, va_list arguments)
{
    (void)instance;
    ck_assert_str_eq(option, "path");
    vsnprintf(faults, sizeof faults, format, arguments);
}

/* Runs configure() and, if that succeeds, prepare(), as `user`. Returns "" or the error. */
static const char *check(const char *path, const char *user)
{
    const struct hg_plugin *plugin = hopgate_plugin();
    struct pipeline pipeline = {.settings = {.user = user}};
    struct test_config config = {.path = path};
    struct instance instance = {.public = {.host = &host, .cfg = &config, .name = "store_file"}, .pipeline = &pipeline};
    int result;

    host = worker_host;
    host.config_error = keep_fault;
    faults[0] = '\0';
    result = plugin->configure(&instance.public);
    if (!result)
        result = plugin->prepare(&instance.public);
    ck_assert_int_eq(result, *faults ? -1 : 0);
    plugin->unconfigure(&instance.public);
    return faults;
}

START_TEST(an_unusable_path_is_reported)
{
    char path[128];

    ck_assert_str_eq(check(one.path, NULL), "");
    snprintf(path, sizeof path, "%s/new", one.path);
    ck_assert_str_eq(check(path, NULL), "");
    ck_assert_int_eq(rmdir(path), 0);
    snprintf(path, sizeof path, "%s/none/new", one.path);
    ck_assert_ptr_nonnull(strstr(check(path, NULL), "cannot be created in"));
    ck_assert_ptr_nonnull(strstr(check("/dev/null", NULL), "is not a directory"));
    ck_assert_ptr_nonnull(strstr(check("/dev/null/x", NULL), "Not a directory"));
}
END_TEST

START_TEST(the_folder_belongs_to_the_configured_user)
{
    const struct passwd *nobody = getpwnam("nobody");
    char path[128], inside[160];
    struct stat state;

    if (geteuid() != 0 || !nobody)
        return;
    snprintf(path, sizeof path, "%s/new", one.path);
    ck_assert_str_eq(check(path, "nobody"), "");
    ck_assert_int_eq(stat(path, &state), 0);
    ck_assert_uint_eq(state.st_uid, nobody->pw_uid);
    ck_assert_uint_eq(state.st_gid, nobody->pw_gid);
    ck_assert_uint_eq(state.st_mode & 0777, 0700);
    ck_assert_str_eq(check(path, "nobody"), "");
    ck_assert_int_eq(chown(path, 0, 0), 0);
    ck_assert_int_eq(chmod(path, 0755), 0);
    ck_assert_str_eq(check(path, "nobody"), "");
    ck_assert_int_eq(stat(path, &state), 0);
    ck_assert_uint_eq(state.st_uid, nobody->pw_uid);
    ck_assert_uint_eq(state.st_mode & 0777, 0700);
    /* Someone else's files in it are not taken over. */
    snprintf(inside, sizeof inside, "%s/something", path);
    ck_assert_int_eq(mkdir(inside, 0700), 0);
    ck_assert_int_eq(chown(path, 0, 0), 0);
    ck_assert_ptr_nonnull(strstr(check(path, "nobody"), "chown -R"));
    ck_assert_int_eq(rmdir(inside), 0);
    ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_file");
    TCase *pure = tcase_create("names"), *tests = tcase_create("store");

    tcase_add_test(pure, keys_are_paths_that_lead_nowhere_else);
    tcase_add_test(pure, the_longest_keys);
    tcase_add_test(pure, below_means_whole_segments);
    tcase_add_test(tests, a_value_is_written_once_for_each_revision);
    tcase_add_test(tests, a_removed_value_does_not_come_back_under_its_revision);
    tcase_add_test(tests, lists_are_sorted_and_whole);
    tcase_add_test(tests, pem_stays_readable);
    tcase_add_test(tests, the_largest_value_and_one_more);
    tcase_add_test(tests, wrong_keys_are_the_callers_fault);
    tcase_add_test(tests, operations_keep_their_order_and_a_cancelled_one_is_silent);
    tcase_add_test(tests, pending_writes_are_done_before_the_store_stops);
    tcase_add_test(tests, a_store_may_be_anywhere_in_the_pipeline);
    tcase_add_test(tests, a_lease_has_one_holder);
    tcase_add_test(tests, a_process_that_lost_its_lease_can_do_no_harm);
    tcase_add_test(tests, a_lease_of_another_machine_ends_by_this_one_s_clock);
    tcase_add_test(tests, the_lease_of_a_dead_process_is_free);
    tcase_add_test(tests, changes_of_others_are_noticed);
    tcase_add_test(tests, a_watch_may_end_in_its_own_callback);
    tcase_add_test(tests, an_unusable_path_is_reported);
    tcase_add_test(tests, the_folder_belongs_to_the_configured_user);
    tcase_add_checked_fixture(tests, test_set_up, test_tear_down);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, pure);
    suite_add_tcase(suite, tests);
    suite_add_tcase(suite, test_fault_cases());
    return run_suite(suite);
}
