/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Unit tests of running programs: on a real loop, with shell scripts written by the tests.
 */
#include "plugins/lib/hook/hook.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/worker_fixture.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct hg_plugin user_plugin = {.abi = HG_ABI, .role = HG_ROLE_PROVIDER, .name = "user"};

static struct fixture *fixture;
static struct hg_host host;      /* the worker's, except for the log */
static struct instance instance; /* complete, as the host also uses its private members */
static struct hg_worker worker;
static char log_text[65536], folder[] = "/tmp/hopgate-hook-XXXXXX", path[64], note[64];
static bool is_over;
static char error_text[8192]; /* "-" if there was none */

/* ---- The host ---- */

__attribute__((format(printf, 3, 0))) static void keep_log(const struct hg_instance *from, enum hg_level level,
                                                           const char *format, va_list arguments)
{
    size_t size = strlen(log_text);

    (void)from;
    (void)level;
    size += (size_t)vsnprintf(log_text + size, sizeof log_text - size, format, arguments);
    ck_assert_uint_lt(size + 2, sizeof log_text);
    strcat(log_text, "\n");
}

static void set_up(void)
{
    const struct fixture_part part = {&user_plugin, NULL};

    fixture = fixture_new(PIPELINE_GATEWAY, &part, 1);
    fixture_start(fixture);
    host = worker_host;
    host.log = keep_log;
    worker = *fixture_worker(fixture, 0);
    instance = *(const struct instance *)worker.instance;
    worker.host = instance.public.host = &host;
    worker.instance = &instance.public;
    fixture->pipeline->settings.log_level = HG_LOG_INFO;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/program", folder);
    snprintf(note, sizeof note, "%s/note", folder);
}

static void tear_down(void)
{
    unlink(path);
    unlink(note);
    rmdir(folder);
    fixture_free(fixture);
}

/* ---- Programs ---- */

static void write_program(const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void on_done(void *arg, const char *error)
{
    ck_assert_str_eq(arg, "arg");
    ck_assert(!is_over);
    is_over = true;
    snprintf(error_text, sizeof error_text, "%s", error ? error : "-");
}

static bool over(void *arg)
{
    (void)arg;
    return is_over;
}

static struct hook *start(const char *const *arguments, const char *const *variables, hg_time timeout)
{
    const struct hook_call call = {path, arguments, variables, timeout, NULL};
    struct hook *hook;

    is_over = false;
    hook = hook_run(&worker, &call, on_done, (void *)(uintptr_t) "arg");
    ck_assert_ptr_nonnull(hook);
    ck_assert(!is_over); /* never from within */
    return hook;
}

static const char *run(const char *text)
{
    static const char *const none[] = {NULL};

    write_program(text);
    start(none, NULL, 60 * HG_SECOND);
    ck_assert(fixture_run(fixture, over, NULL, 60000));
    return error_text;
}

static size_t descriptors(void)
{
    size_t count = 0;
    DIR *names = opendir("/proc/self/fd");

    while (readdir(names))
        count++;
    closedir(names);
    return count;
}

/* Waits until the program has written a process id to its file. */
static pid_t noted_pid(void)
{
    int pid = 0;

    for (int i = 0; i < 6000 && pid <= 0; i++) {
        FILE *file = fopen(note, "r");

        fixture_run(fixture, over, NULL, 5);
        if (file && fscanf(file, "%d\n", &pid) != 1)
            pid = 0;
        if (file)
            fclose(file);
    }
    ck_assert_int_gt(pid, 0);
    return (pid_t)pid;
}

/* It is dead, but may still be a zombie: its parent was killed, too, so init has to reap it. */
static bool is_dead(pid_t pid)
{
    char name[64], state = 'Z';
    FILE *file;

    snprintf(name, sizeof name, "/proc/%d/stat", (int)pid);
    file = fopen(name, "r");
    if (file && fscanf(file, "%*d %*s %c", &state) != 1)
        state = 'Z';
    if (file)
        fclose(file);
    return state == 'Z' || state == 'X';
}

/* ---- Tests ---- */

START_TEST(arguments_and_variables_reach_the_program)
{
    static const char *const arguments[] = {"present", "a b", "$HOME;`id`", "", NULL};
    static const char *const variables[] = {"HOPGATE_NAMES=a.test b.test", "PATHOLOGIC=1", "REPLACED=new", NULL};

    setenv("REPLACED", "old", 1);
    setenv("KEPT", "kept", 1);
    write_program("#!/bin/sh\nprintf '%s|' \"$@\"; echo\necho \"$HOPGATE_NAMES/$REPLACED/$KEPT/${PATH:+path}\" >&2\n"
                  "cat\n");
    start(arguments, variables, 60 * HG_SECOND);
    ck_assert(fixture_run(fixture, over, NULL, 60000));
    ck_assert_str_eq(error_text, "-");
    ck_assert_ptr_nonnull(strstr(log_text, "program: present|a b|$HOME;`id`||\n"));
    ck_assert_ptr_nonnull(strstr(log_text, "program: a.test b.test/new/kept/path\n"));
}
END_TEST

START_TEST(failures_are_reported_with_the_last_line)
{
    ck_assert_ptr_nonnull(strstr(run("#!/bin/sh\necho first\necho the zone is locked >&2\nexit 3\n"),
                                 "program exited with status 3: the zone is locked"));
    ck_assert_ptr_nonnull(strstr(run("#!/bin/sh\nexit 1\n"), "program exited with status 1"));
    ck_assert_ptr_nonnull(strstr(run("#!/bin/sh\nkill -9 $$\n"), "program was killed by signal 9 (Killed)"));
    ck_assert_ptr_nonnull(strstr(run("#!/bin/sh\nprintf 'no end\\033[2J'; exit 1\n"), "status 1: no end?[2J"));
    ck_assert_str_eq(run("#!/bin/sh\nexit 0\n"), "-");
}
END_TEST

START_TEST(a_program_that_cannot_be_run_is_reported)
{
    static const char *const none[] = {NULL};

    ck_assert_ptr_nonnull(strstr(run("#!/nowhere/interpreter\n"), "cannot run "));
    ck_assert_int_eq(chmod(path, 0600), 0);
    start(none, NULL, HG_SECOND);
    ck_assert(fixture_run(fixture, over, NULL, 60000));
    ck_assert_ptr_nonnull(strstr(error_text, "program: Permission denied"));
    unlink(path);
    start(none, NULL, HG_SECOND);
    ck_assert(fixture_run(fixture, over, NULL, 60000));
    ck_assert_ptr_nonnull(strstr(error_text, "program: No such file or directory"));
    hook_cancel(start(none, NULL, HG_SECOND)); /* before the call reports it */
    fixture_run(fixture, over, NULL, 50);
    ck_assert(!is_over);
}
END_TEST

START_TEST(a_program_that_hangs_is_killed_with_its_children)
{
    static const char *const none[] = {NULL};
    pid_t grandchild;

    write_program("#!/bin/sh\ntrap '' TERM INT HUP\nsleep 1000 &\necho $! > \"$NOTE\"\necho waiting\nwait\n");
    setenv("NOTE", note, 1);
    start(none, NULL, 2 * HG_SECOND);
    grandchild = noted_pid();
    ck_assert(!is_dead(grandchild));
    ck_assert(fixture_run(fixture, over, NULL, 60000));
    ck_assert_ptr_nonnull(strstr(error_text, "program was killed after 2 s: waiting"));
    for (int i = 0; i < 6000 && !is_dead(grandchild); i++)
        fixture_run(fixture, over, NULL, 5), usleep(1000);
    ck_assert(is_dead(grandchild));
}
END_TEST

/* A program that leaves a child behind, which keeps the output open, has still ended. */
START_TEST(a_child_in_the_background_is_not_waited_for)
{
    setenv("NOTE", note, 1);
    ck_assert_str_eq(run("#!/bin/sh\nsleep 1000 &\necho $! > \"$NOTE\"\nexit 0\n"), "-");
    ck_assert_int_eq(kill(noted_pid(), SIGKILL), 0);
}
END_TEST

START_TEST(a_flood_of_output_is_bounded)
{
    unsigned lines = 0;

    ck_assert_ptr_nonnull(
        strstr(run("#!/bin/sh\nhead -c 3000000 /dev/zero | tr '\\0' x\necho\nyes many | head -n 200000\n"
                   "echo the last; exit 9\n"),
               "status 9: the last"));
    for (const char *at = log_text; (at = strchr(at, '\n')); at++)
        lines++;
    ck_assert_uint_eq(lines, 101);
    ck_assert_ptr_nonnull(strstr(log_text, "further output is discarded"));
    ck_assert_uint_lt(strlen(log_text), 20000);
}
END_TEST

START_TEST(a_cancelled_program_is_killed_and_silent)
{
    static const char *const none[] = {NULL};
    struct hook *hook;
    pid_t child;

    write_program("#!/bin/sh\necho $$ > \"$NOTE\"\nsleep 1000\n");
    setenv("NOTE", note, 1);
    hook = start(none, NULL, 60 * HG_SECOND);
    child = noted_pid();
    hook_cancel(hook);
    ck_assert(kill(child, 0) == -1 && errno == ESRCH);
    ck_assert(!is_over);
}
END_TEST

/* It inherits nothing but its output from this process: no descriptors, no ignored signals, and no process is left
 * behind. */
START_TEST(a_program_starts_clean)
{
    char expected[64];
    FILE *shell = popen("echo program: $(ls /proc/self/fd | wc -l)", "r"); /* what the test itself passes on */
    size_t before;

    ck_assert_ptr_nonnull(fgets(expected, sizeof expected, shell));
    pclose(shell);
    signal(SIGPIPE, SIG_IGN);
    ck_assert_str_eq(run("#!/bin/sh\necho $(ls /proc/self/fd | wc -l)\ngrep SigIgn /proc/self/status\n"), "-");
    ck_assert_msg(strstr(log_text, expected) != NULL, "no %s in %s", expected, log_text);
    /* Only signals below 29: the C library uses 32 and 33 itself. */
    ck_assert_msg(strstr(log_text, "0000000\n") != NULL, "%s", log_text);
    before = descriptors();
    for (int i = 0; i < 50; i++)
        run("#!/bin/sh\nexit 0\n");
    ck_assert_uint_eq(descriptors(), before);
    ck_assert(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}
END_TEST

static bool is_logged(void *arg)
{
    return strstr(log_text, arg);
}

/* Nobody waits for these. */
START_TEST(a_list_is_cancelled_and_failures_are_logged)
{
    struct hook *list = NULL;
    const struct hook_call calls[] = {
        {path, (const char *[]){"fail", "now", NULL}, NULL, 100 * HG_SECOND, &list},
        {path, (const char *[]){"sleep", NULL}, NULL, 100 * HG_SECOND, &list},
        {path, (const char *[]){"sleep", NULL}, NULL, 100 * HG_SECOND, &list},
    };
    char expected[256];

    write_program("#!/bin/sh\n[ $1 = fail ] && exit 3\nexec sleep 100\n");
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        ck_assert_ptr_nonnull(hook_run(&worker, &calls[i], NULL, NULL));
    snprintf(expected, sizeof expected, "%s fail now: %s exited with status 3\n", path, path);
    ck_assert(fixture_run(fixture, is_logged, expected, 60000));
    hook_cancel_all(&list);
    ck_assert_ptr_null(list);
    ck_assert_str_eq(log_text, expected);
    ck_assert(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hook");
    TCase *tests = tcase_create("hook");

    tcase_add_test(tests, arguments_and_variables_reach_the_program);
    tcase_add_test(tests, failures_are_reported_with_the_last_line);
    tcase_add_test(tests, a_program_that_cannot_be_run_is_reported);
    tcase_add_test(tests, a_program_that_hangs_is_killed_with_its_children);
    tcase_add_test(tests, a_child_in_the_background_is_not_waited_for);
    tcase_add_test(tests, a_flood_of_output_is_bounded);
    tcase_add_test(tests, a_cancelled_program_is_killed_and_silent);
    tcase_add_test(tests, a_program_starts_clean);
    tcase_add_test(tests, a_list_is_cancelled_and_failures_are_logged);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 120);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
