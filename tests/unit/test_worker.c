/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A worker's timers, descriptors and calls: their order in a turn of the loop, and which are not called at all.
 */
#include "tests/unit/run_suite.h"
#include "tests/unit/scripted_stages.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* Longer than it takes to make a deadline late. */
#define SLOW_TURN 15000 /* microseconds */

struct scene {
    struct watch watch;
    struct script script;
    struct fixture *fixture;
    struct hg_worker *worker;
    struct hg_timer *timer;
    struct hg_io *io;
    int pipe[2];
    unsigned fired, read;
    bool sets_timer; /* the descriptor's callback sets the timer to: */
    hg_time set_anew;
    bool slow;
};

static void on_timer(void *arg)
{
    struct scene *scene = arg;

    scene->fired++;
}

/* Leaves the byte unread, so the descriptor is ready in every turn. */
static void on_io(void *arg, int events)
{
    struct scene *scene = arg;

    ck_assert_int_eq(events, HG_READ);
    scene->read++;
    if (scene->sets_timer)
        hg_timer_set(scene->worker->host, scene->timer, scene->set_anew);
    if (scene->slow)
        usleep(SLOW_TURN);
}

static void begin(struct scene *scene)
{
    memset(scene, 0, sizeof *scene);
    scene->watch.seed = 1;
    scene->script = (struct script){.manner = MANNER_ANSWER, .watch = &scene->watch};
    scene->fixture = start(&scene->script, 1);
    scene->worker = fixture_worker(scene->fixture, 0);
    ck_assert_int_eq(pipe(scene->pipe), 0);
    scene->timer = hg_timer_new(scene->worker, on_timer, scene);
    scene->io = hg_io_new(scene->worker, scene->pipe[0], on_io, scene);
    ck_assert(scene->timer && scene->io);
    hg_io_set(scene->worker->host, scene->io, HG_READ);
}

static void turn(struct scene *scene, unsigned times)
{
    while (times--)
        fixture_run(scene->fixture, NULL, NULL, 0);
}

static void end(struct scene *scene)
{
    hg_timer_free(scene->worker->host, scene->timer);
    hg_io_free(scene->worker->host, scene->io);
    close(scene->pipe[0]);
    close(scene->pipe[1]);
    fixture_free(scene->fixture);
}

/* It is reported in the late turn; or that turn does not see it, as when a signal interrupts its wait. */
START_TEST(timely_input_is_served_before_a_late_deadline)
{
    struct scene scene;

    begin(&scene);
    scene.sets_timer = true;
    scene.set_anew = 3600 * HG_SECOND;
    turn(&scene, 1);
    hg_timer_set(scene.worker->host, scene.timer, HG_MILLISECOND);
    ck_assert(_i || write(scene.pipe[1], "x", 1) == 1);
    usleep(SLOW_TURN);
    turn(&scene, 1);
    ck_assert(!_i || write(scene.pipe[1], "x", 1) == 1);
    turn(&scene, 2);
    ck_assert_uint_eq(scene.read, _i ? 2 : 3);
    ck_assert_uint_eq(scene.fired, 0);
    end(&scene);
}
END_TEST

/* With no descriptor ready, and with one that always is. */
START_TEST(a_late_deadline_is_postponed_once)
{
    struct scene scene;

    begin(&scene);
    turn(&scene, 1);
    hg_timer_set(scene.worker->host, scene.timer, HG_MILLISECOND);
    scene.slow = _i;
    ck_assert(!_i || write(scene.pipe[1], "x", 1) == 1);
    usleep(SLOW_TURN);
    turn(&scene, 1);
    ck_assert_uint_eq(scene.fired, 0);
    turn(&scene, 1);
    ck_assert_uint_eq(scene.fired, 1);
    turn(&scene, 3);
    ck_assert_uint_eq(scene.fired, 1);
    end(&scene);
}
END_TEST

/* dtls and others schedule work for the next turn whenever a datagram or a request arrives. */
START_TEST(a_timer_for_the_next_turn_is_not_postponed_by_setting_it_again)
{
    struct scene scene;

    begin(&scene);
    turn(&scene, 1);
    scene.sets_timer = true;
    scene.slow = _i;
    ck_assert_int_eq(write(scene.pipe[1], "x", 1), 1);
    turn(&scene, 10);
    ck_assert_uint_eq(scene.read, 10);
    ck_assert_uint_ge(scene.fired, 9);
    end(&scene);
}
END_TEST

/* ---- Deferred and posted calls ---- */

struct called {
    struct scene scene;
    struct hg_call first, second, third;
    char order[32]; /* "i": the descriptor, "t": the timer, digits: the calls */
};

static void note(struct called *called, char what)
{
    size_t size = strlen(called->order);

    ck_assert_uint_lt(size, sizeof called->order - 1);
    called->order[size] = what;
}

static void on_first(void *arg)
{
    note(arg, '1');
}

static void on_second(void *arg)
{
    note(arg, '2');
}

static void on_third(void *arg)
{
    note(arg, '3');
}

static void begin_calls(struct called *called)
{
    memset(called, 0, sizeof *called);
    begin(&called->scene);
    called->first = (struct hg_call){.callback = on_first, .arg = called};
    called->second = (struct hg_call){.callback = on_second, .arg = called};
    called->third = (struct hg_call){.callback = on_third, .arg = called};
}

static void defer_in_io(void *arg, int events)
{
    struct called *called = arg;
    struct hg_worker *worker = called->scene.worker;
    char byte;

    ck_assert_int_eq(events, HG_READ);
    ck_assert_int_eq(read(called->scene.pipe[0], &byte, 1), 1);
    hg_defer(worker, &called->second);
    hg_defer(worker, &called->first);
    hg_defer(worker, &called->third);
    hg_defer(worker, &called->second); /* already pending */
    hg_defer_cancel(&called->third);
    ck_assert(hg_is_deferred(&called->first) && !hg_is_deferred(&called->third));
    note(called, 'i');
}

START_TEST(deferred_calls_are_made_at_the_end_of_the_turn)
{
    struct called called;
    struct hg_io *io;

    begin_calls(&called);
    io = hg_io_new(called.scene.worker, called.scene.pipe[0], defer_in_io, &called);
    hg_io_set(called.scene.worker->host, called.scene.io, 0);
    hg_io_set(called.scene.worker->host, io, HG_READ);
    turn(&called.scene, 1);
    ck_assert_int_eq(write(called.scene.pipe[1], "xx", 2), 2);
    turn(&called.scene, 3);
    ck_assert_str_eq(called.order, "i21i21");
    ck_assert(!hg_is_deferred(&called.first) && !hg_is_deferred(&called.second));
    hg_defer_cancel(&called.first); /* does nothing */
    hg_io_free(called.scene.worker->host, io);
    end(&called.scene);
}
END_TEST

static void defer_myself(void *arg)
{
    struct called *called = arg;

    note(called, '1');
    hg_defer(called->scene.worker, &called->first);
    hg_defer_cancel(&called->second); /* due in this turn, not made yet */
}

/* It is made once per turn, and the loop does not wait in between. */
START_TEST(a_call_that_defers_itself_does_not_block_the_loop)
{
    struct called called;

    begin_calls(&called);
    called.first.callback = defer_myself;
    hg_defer(called.scene.worker, &called.first);
    hg_defer(called.scene.worker, &called.second);
    alarm(10); /* if the loop waits, nothing else would end it */
    for (unsigned i = 0; i < 5; i++)
        ev_run(called.scene.fixture->worker->loop.ev, EVRUN_ONCE);
    alarm(0);
    ck_assert_str_eq(called.order, "11111");
    hg_defer_cancel(&called.first);
    end(&called.scene);
}
END_TEST

static void *post_from_thread(void *arg)
{
    struct called *called = arg;

    hg_post(called->scene.worker, &called->first);
    hg_post(called->scene.worker, &called->second);
    hg_post(called->scene.worker, &called->third);
    hg_post(called->scene.worker, &called->first); /* already pending */
    return NULL;
}

static void cancel_second(void *arg)
{
    struct called *called = arg;

    note(called, '1');
    hg_post_cancel(called->scene.worker, &called->second);
}

START_TEST(posted_calls_are_made_once_unless_cancelled)
{
    struct called called;
    pthread_t thread;

    begin_calls(&called);
    called.first.callback = cancel_second;
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_create(&thread, NULL, post_from_thread, &called), 0);
        pthread_join(thread, NULL);
        turn(&called.scene, 1);
    }
    ck_assert_str_eq(called.order, "1313");
    post_from_thread(&called);
    hg_post_cancel(called.scene.worker, &called.first);
    hg_post_cancel(called.scene.worker, &called.third);
    turn(&called.scene, 1);
    ck_assert_str_eq(called.order, "13132");
    end(&called.scene);
}
END_TEST

struct postman {
    struct called called;
    unsigned came;
    atomic_bool stopped;
};

static void *post_often(void *arg)
{
    struct postman *postman = arg;

    while (!postman->stopped)
        hg_post(postman->called.scene.worker, &postman->called.first);
    return NULL;
}

static void on_often(void *arg)
{
    ((struct postman *)arg)->came++;
}

/* A pending call is not modified, neither while it waits nor when it is made: ThreadSanitizer would notice, too. */
START_TEST(posting_a_pending_call_again_does_not_change_it)
{
    struct postman postman = {.came = 0};
    struct called *called = &postman.called;
    pthread_t threads[2];

    begin_calls(called);
    called->first = (struct hg_call){.callback = on_often, .arg = &postman};
    hg_post(fixture_worker(called->scene.fixture, 1), &called->first);
    hg_post(called->scene.worker, &called->first);
    ck_assert_str_eq(called->first.plugin, "probe");
    for (unsigned i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, post_often, &postman), 0);
    while (postman.came < 100)
        turn(&called->scene, 1);
    postman.stopped = true;
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    hg_post_cancel(called->scene.worker, &called->first);
    end(&called->scene);
}
END_TEST

/* ---- Siblings ---- */

static void *run_worker(void *arg)
{
    worker_run(arg);
    return NULL;
}

static void drain_other(void *arg)
{
    worker_drain(arg);
}

struct visit {
    struct hg_call call;
    struct hg_worker *home, *at;
    pthread_t thread;
    unsigned stops;
};

/* Goes from worker to worker, using only the worker's state. */
static void on_visit(void *arg)
{
    struct visit *visit = arg;

    ck_assert_ptr_eq(visit->at->instance, visit->home->instance);
    visit->stops++;
    if (visit->at != visit->home)
        visit->thread = pthread_self();
    visit->at = hg_sibling(visit->at);
    if (visit->stops < 3)
        hg_post(visit->at, &visit->call);
    else
        worker_drain((struct worker *)visit->home->core);
}

START_TEST(siblings_are_a_ring_of_workers)
{
    struct scene scene;
    struct visit visit = {.call = {.callback = on_visit, .arg = &visit}};
    struct worker *other;
    pthread_t thread;

    begin(&scene);
    ck_assert_ptr_eq(hg_sibling(scene.worker), scene.worker);
    other = worker_new(scene.fixture->pipeline);
    ck_assert_int_eq(worker_start_instances(other), 0);
    other->sibling = scene.fixture->worker;
    scene.fixture->worker->sibling = other;
    visit.home = visit.at = scene.worker;
    ck_assert_int_eq(pthread_create(&thread, NULL, run_worker, other), 0);
    hg_post(scene.worker, &visit.call);
    worker_run(scene.fixture->worker);
    ck_assert_uint_eq(visit.stops, 3);
    ck_assert(pthread_equal(visit.thread, thread));
    ck_assert_ptr_eq(visit.at, &other->instances[scene.worker - scene.fixture->worker->instances]);
    visit = (struct visit){.call = {.callback = drain_other, .arg = other}};
    hg_post(&other->instances[0], &visit.call);
    pthread_join(thread, NULL);
    scene.fixture->worker->sibling = scene.fixture->worker;
    worker_free(other);
    end(&scene);
}
END_TEST

/* ---- Start and stop ---- */

struct life {
    char *log;
    char name;
};

static void log_life(struct hg_worker *worker, char what)
{
    const struct life *life = worker->cfg;
    size_t size = strlen(life->log);

    life->log[size] = what;
    life->log[size + 1] = life->name;
}

static int start_life(struct hg_worker *worker)
{
    log_life(worker, '+');
    return 0;
}

static void stop_life(struct hg_worker *worker)
{
    log_life(worker, '-');
}

static const struct hg_offer bread[] = {{"bread", 1, "bread"}, {0}};
static const struct hg_need needs_bread[] = {{"bread", 1, false}, {0}};
static const struct hg_plugin baker = {
    .role = HG_ROLE_PROVIDER, .name = "baker", .offers = bread, .worker_start = start_life, .worker_stop = stop_life};
static const struct hg_plugin eater = {.role = HG_ROLE_PROVIDER,
                                       .name = "eater",
                                       .needs = needs_bread,
                                       .worker_start = start_life,
                                       .worker_stop = stop_life};
static const struct hg_plugin sleeper = {
    .role = HG_ROLE_PROVIDER, .name = "sleeper", .worker_start = start_life, .worker_stop = stop_life};

START_TEST(instances_start_after_those_they_need)
{
    char log[32] = "";
    struct life baking = {log, 'b'}, eating = {log, 'e'}, sleeping = {log, 's'};
    const struct fixture_part parts[] = {{&baker, &baking}, {&sleeper, &sleeping}, {&eater, &eating}};
    struct fixture *fixture = fixture_new(PIPELINE_CLIENT, parts, 3);

    fixture_start(fixture);
    ck_assert_str_eq(log, "+b+e+s");
    fixture_free(fixture);
    ck_assert_str_eq(log, "+b+e+s-s-e-b");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("worker");
    TCase *timers = tcase_create("timers"), *calls = tcase_create("calls"), *life = tcase_create("life");

    tcase_add_loop_test(timers, timely_input_is_served_before_a_late_deadline, 0, 2);
    tcase_add_loop_test(timers, a_late_deadline_is_postponed_once, 0, 2);
    tcase_add_loop_test(timers, a_timer_for_the_next_turn_is_not_postponed_by_setting_it_again, 0, 2);
    tcase_add_test(calls, deferred_calls_are_made_at_the_end_of_the_turn);
    tcase_add_test(calls, a_call_that_defers_itself_does_not_block_the_loop);
    tcase_add_test(calls, posted_calls_are_made_once_unless_cancelled);
    tcase_add_test(calls, posting_a_pending_call_again_does_not_change_it);
    tcase_add_test(calls, siblings_are_a_ring_of_workers);
    suite_add_tcase(suite, timers);
    tcase_add_test(life, instances_start_after_those_they_need);
    suite_add_tcase(suite, calls);
    suite_add_tcase(suite, life);
    return run_suite(suite);
}
