/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Unit tests of tasks, on a real loop.
 */
#include "plugins/lib/task/task.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/worker_fixture.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static const struct hg_plugin user_plugin = {.abi = HG_ABI, .role = HG_ROLE_PROVIDER, .name = "user"};

static struct fixture *fixture;
static struct hg_worker *worker;
static pthread_t loop_thread;
static struct task *task;
static bool is_over;

/* ---- An operation that a task waits for ---- */

static struct {
    bool refuses;
    struct hg_timer *timer; /* NULL: it is not running */
    unsigned done, stopped;
} operation;

static void on_operation_done(void *arg)
{
    hg_timer_free(worker->host, operation.timer);
    operation.timer = NULL;
    operation.done++;
    task_resume(arg);
}

static bool begin_operation(void *arg)
{
    ck_assert(pthread_equal(pthread_self(), loop_thread));
    if (operation.refuses)
        return false;
    operation.timer = hg_timer_new(worker, on_operation_done, arg);
    hg_timer_set(worker->host, operation.timer, 10 * HG_MILLISECOND);
    return true;
}

static void stop_operation(void *arg)
{
    (void)arg;
    ck_assert(pthread_equal(pthread_self(), loop_thread));
    hg_timer_free(worker->host, operation.timer);
    operation.timer = NULL;
    operation.stopped++;
}

/* ---- Running one ---- */

static void set_up(void)
{
    const struct fixture_part part = {&user_plugin, NULL};

    fixture = fixture_new(PIPELINE_GATEWAY, &part, 1);
    fixture_start(fixture);
    worker = fixture_worker(fixture, 0);
    loop_thread = pthread_self();
    is_over = false;
    memset(&operation, 0, sizeof operation);
}

static void tear_down(void)
{
    fixture_free(fixture);
}

static void on_end(void *arg)
{
    (void)arg;
    ck_assert(pthread_equal(pthread_self(), loop_thread));
    is_over = true;
}

static bool has_ended(void *arg)
{
    (void)arg;
    return is_over;
}

static void begin(void (*run)(struct task *task, void *arg), void *arg)
{
    task = task_begin(worker, run, on_end, arg);
    ck_assert_ptr_nonnull(task);
}

static void run_to_end(void (*run)(struct task *task, void *arg), void *arg)
{
    begin(run, arg);
    ck_assert(fixture_run(fixture, has_ended, NULL, 5000));
}

/* ---- Tests ---- */

static void note_thread(void *arg)
{
    *(pthread_t *)arg = pthread_self();
}

static void call_worker(struct task *self, void *arg)
{
    pthread_t *threads = arg;

    ck_assert_ptr_eq(task_worker(self), worker);
    threads[0] = pthread_self();
    task_do(self, note_thread, &threads[1]);
}

START_TEST(task_do_calls_in_the_thread_of_the_worker)
{
    pthread_t threads[2];

    run_to_end(call_worker, threads);
    ck_assert(!pthread_equal(threads[0], loop_thread));
    ck_assert(pthread_equal(threads[1], loop_thread));
}
END_TEST

static void wait_twice(struct task *self, void *arg)
{
    unsigned *good = arg;

    *good += task_wait(self, begin_operation, stop_operation, self);
    *good += task_wait(self, begin_operation, stop_operation, self);
}

START_TEST(task_wait_returns_when_the_operation_is_done)
{
    unsigned good = 0;

    run_to_end(wait_twice, &good);
    ck_assert_uint_eq(good, 2);
    ck_assert_uint_eq(operation.done, 2);
    ck_assert_uint_eq(operation.stopped, 0);
}
END_TEST

START_TEST(task_wait_fails_if_the_operation_cannot_begin)
{
    unsigned good = 0;

    operation.refuses = true;
    run_to_end(wait_twice, &good);
    ck_assert_uint_eq(good, 0);
    ck_assert_uint_eq(operation.done + operation.stopped, 0);
}
END_TEST

static bool is_running(void *arg)
{
    (void)arg;
    return operation.timer;
}

START_TEST(cancelling_stops_the_operation_and_returns_when_run_has)
{
    unsigned good = 0;

    begin(wait_twice, &good);
    ck_assert(fixture_run(fixture, is_running, NULL, 5000));
    task_cancel(task);
    ck_assert_uint_eq(good, 0);
    ck_assert_uint_eq(operation.stopped, 1); /* the second one does not begin */
    fixture_wait(fixture, 30);
    ck_assert(!is_over);
    ck_assert_uint_eq(operation.done, 0);
}
END_TEST

static void note_run(struct task *self, void *arg)
{
    *(bool *)arg = task_is_cancelled(self);
}

START_TEST(a_task_that_is_cancelled_at_once_runs_cancelled)
{
    bool was_cancelled = false;

    begin(note_run, &was_cancelled);
    task_cancel(task);
    ck_assert(was_cancelled);
}
END_TEST

static void sleep_once(struct task *self, void *arg)
{
    *(bool *)arg = task_sleep(self, 50 * HG_MILLISECOND);
}

START_TEST(task_sleep_lasts_as_long_as_requested)
{
    const hg_time start = hg_now(worker);
    bool slept = false;

    run_to_end(sleep_once, &slept);
    ck_assert(slept);
    ck_assert_uint_ge(hg_now(worker) - start, 50 * HG_MILLISECOND);
}
END_TEST

START_TEST(task_sleep_ends_when_cancelled)
{
    bool slept = true;

    begin(sleep_once, &slept);
    fixture_wait(fixture, 10);
    task_cancel(task);
    ck_assert(!slept);
}
END_TEST

static atomic_bool may_finish, computing;

static void compute(void *arg)
{
    (void)arg;
    ck_assert(!pthread_equal(pthread_self(), loop_thread));
    atomic_store(&computing, true);
    while (!atomic_load(&may_finish))
        usleep(1000);
}

static void run_computation(struct task *self, void *arg)
{
    (void)arg;
    task_compute(self, compute, NULL);
}

static bool is_computing(void *arg)
{
    (void)arg;
    return atomic_load(&computing);
}

START_TEST(the_worker_continues_during_a_computation)
{
    atomic_store(&may_finish, false);
    atomic_store(&computing, false);
    begin(run_computation, NULL);
    ck_assert(fixture_run(fixture, is_computing, NULL, 5000));
    fixture_wait(fixture, 50); /* would not return if the loop were blocked */
    ck_assert(!is_over);
    atomic_store(&may_finish, true);
    ck_assert(fixture_run(fixture, has_ended, NULL, 5000));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("task");
    TCase *tests = tcase_create("task");

    tcase_add_test(tests, task_do_calls_in_the_thread_of_the_worker);
    tcase_add_test(tests, task_wait_returns_when_the_operation_is_done);
    tcase_add_test(tests, task_wait_fails_if_the_operation_cannot_begin);
    tcase_add_test(tests, cancelling_stops_the_operation_and_returns_when_run_has);
    tcase_add_test(tests, a_task_that_is_cancelled_at_once_runs_cancelled);
    tcase_add_test(tests, task_sleep_lasts_as_long_as_requested);
    tcase_add_test(tests, task_sleep_ends_when_cancelled);
    tcase_add_test(tests, the_worker_continues_during_a_computation);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
