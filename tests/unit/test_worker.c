/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A worker's timers and descriptors: which come first when both are due in a turn of the loop.
 */
#include "tests/unit/run_suite.h"
#include "tests/unit/stages.h"

#include <check.h>
#include <string.h>
#include <unistd.h>

/* More than what makes a deadline late. */
#define SLOW_TURN 15000 /* microseconds */

struct scene {
    struct watch watch;
    struct script script;
    struct rig *rig;
    struct hg_worker *worker;
    struct hg_timer *timer;
    struct hg_io *io;
    int pipe[2];
    unsigned fired, read;
    bool sets_timer; /* the descriptor's callback does, to: */
    hg_time set_anew;
    bool slow;
};

static void on_timer(void *arg)
{
    struct scene *scene = arg;

    scene->fired++;
}

/* Leaves the byte where it is, so the descriptor is ready in each turn. */
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
    scene->rig = start(&scene->script, 1);
    scene->worker = rig_worker(scene->rig, 0);
    ck_assert_int_eq(pipe(scene->pipe), 0);
    scene->timer = hg_timer_new(scene->worker, on_timer, scene);
    scene->io = hg_io_new(scene->worker, scene->pipe[0], on_io, scene);
    ck_assert(scene->timer && scene->io);
    hg_io_set(scene->worker->host, scene->io, HG_READ);
}

static void turn(struct scene *scene, unsigned times)
{
    while (times--)
        rig_run(scene->rig, NULL, NULL, 0);
}

static void end(struct scene *scene)
{
    hg_timer_free(scene->worker->host, scene->timer);
    hg_io_free(scene->worker->host, scene->io);
    close(scene->pipe[0]);
    close(scene->pipe[1]);
    rig_free(scene->rig);
}

/* It is there in the late turn; or that turn does not see it, as when a signal interrupts its wait. */
START_TEST(what_came_in_time_is_served_before_a_late_deadline)
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

/* Without a descriptor that is ready, and with one that always is. */
START_TEST(a_late_deadline_is_put_off_once)
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

/* dtls, http and others let something be done at the next turn, each time that a datagram or a request comes. */
START_TEST(what_is_for_the_next_turn_is_not_put_off_by_setting_it_again)
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

int main(void)
{
    Suite *suite = suite_create("worker");
    TCase *timers = tcase_create("timers");

    tcase_add_loop_test(timers, what_came_in_time_is_served_before_a_late_deadline, 0, 2);
    tcase_add_loop_test(timers, a_late_deadline_is_put_off_once, 0, 2);
    tcase_add_loop_test(timers, what_is_for_the_next_turn_is_not_put_off_by_setting_it_again, 0, 2);
    suite_add_tcase(suite, timers);
    return run_suite(suite);
}
