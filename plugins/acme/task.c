/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/task.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

/* How often the worker looks whether a computation beside it is over. */
#define LOOK_PAUSE (20 * HG_MILLISECOND)

struct acme_task {
    struct hg_worker *worker;
    void (*run)(struct acme_task *task, void *arg);
    hg_callback ended;
    void *arg;
    pthread_t thread;

    atomic_bool computing; /* the task goes on while it is the worker's turn */
    pthread_mutex_t mutex; /* of the next one */
    pthread_cond_t changed;
    bool its_turn; /* the task's, else the worker's */

    /* Whoever has the turn may use the rest. */
    bool over; /* run() has returned */
    bool cancelled;
    hg_callback call;         /* the worker is to call this and give the turn back, … */
    bool (*begin)(void *arg); /* … or this, and to wait */
    void *call_arg;
    bool begun; /* it was, and is not done yet */
    struct hg_timer *timer;
    hg_time pause;
};

static void pass_turn(struct acme_task *task, bool to_task)
{
    pthread_mutex_lock(&task->mutex);
    task->its_turn = to_task;
    pthread_cond_broadcast(&task->changed);
    pthread_mutex_unlock(&task->mutex);
}

static void await_turn(struct acme_task *task, bool of_task)
{
    pthread_mutex_lock(&task->mutex);
    while (task->its_turn != of_task)
        pthread_cond_wait(&task->changed, &task->mutex);
    pthread_mutex_unlock(&task->mutex);
}

/* ---- The worker's side ---- */

static void task_free(struct acme_task *task)
{
    hg_timer_free(task->worker->host, task->timer);
    pthread_cond_destroy(&task->changed);
    pthread_mutex_destroy(&task->mutex);
    free(task);
}

static bool begin_call(struct acme_task *task)
{
    bool (*const begin)(void *arg) = task->begin;

    task->begin = NULL;
    task->begun = begin(task->call_arg);
    return task->begun;
}

/* Lets the task run until it waits for something or is over. */
static void proceed(struct acme_task *task)
{
    for (;;) {
        pass_turn(task, true);
        await_turn(task, false);
        if (task->over)
            break;
        if (task->call)
            task->call(task->call_arg);
        else if (begin_call(task))
            return;
        task->call = NULL;
    }
    pthread_join(task->thread, NULL);
}

void acme_task_resume(struct acme_task *task)
{
    const hg_callback ended = task->ended;
    void *arg = task->arg;

    proceed(task);
    if (!task->over)
        return;
    task_free(task);
    ended(arg);
}

static void on_timer(void *arg)
{
    struct acme_task *task = arg;

    if (atomic_load(&task->computing))
        hg_timer_set(task->worker->host, task->timer, LOOK_PAUSE);
    else
        acme_task_resume(task);
}

void acme_task_cancel(struct acme_task *task)
{
    hg_timer_stop(task->worker->host, task->timer);
    task->cancelled = true;
    proceed(task);
    task_free(task);
}

/* ---- The task's side ---- */

static void *run_task(void *arg)
{
    struct acme_task *task = arg;

    await_turn(task, true);
    task->run(task, task->arg);
    task->over = true;
    pass_turn(task, false);
    return NULL;
}

struct hg_worker *acme_task_worker(const struct acme_task *task)
{
    return task->worker;
}

bool acme_task_is_cancelled(const struct acme_task *task)
{
    return task->cancelled;
}

void acme_task_do(struct acme_task *task, hg_callback call, void *arg)
{
    task->call = call;
    task->call_arg = arg;
    pass_turn(task, false);
    await_turn(task, true);
}

bool acme_task_wait(struct acme_task *task, bool (*begin)(void *arg), hg_callback stop, void *arg)
{
    if (task->cancelled)
        return false;
    task->begin = begin;
    task->call_arg = arg;
    pass_turn(task, false);
    await_turn(task, true);
    if (task->begun && task->cancelled)
        acme_task_do(task, stop, arg);
    return task->begun && !task->cancelled;
}

static bool set_timer(void *arg)
{
    struct acme_task *task = arg;

    hg_timer_set(task->worker->host, task->timer, task->pause);
    return true;
}

static void stop_timer(void *arg)
{
    struct acme_task *task = arg;

    hg_timer_stop(task->worker->host, task->timer);
}

bool acme_task_sleep(struct acme_task *task, hg_time pause)
{
    task->pause = pause;
    return acme_task_wait(task, set_timer, stop_timer, task);
}

void acme_task_compute(struct acme_task *task, hg_callback work, void *arg)
{
    if (task->cancelled)
        return;
    task->begin = set_timer;
    task->call_arg = task;
    task->pause = LOOK_PAUSE;
    atomic_store(&task->computing, true);
    pass_turn(task, false);
    work(arg);
    atomic_store(&task->computing, false);
    await_turn(task, true);
}

/* ---- Life ---- */

/* Signals are the process's, not this thread's. */
static bool start_thread(struct acme_task *task)
{
    sigset_t all, before;
    bool started;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    started = !pthread_create(&task->thread, NULL, run_task, task);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

struct acme_task *acme_task_begin(struct hg_worker *worker, void (*run)(struct acme_task *task, void *arg),
                                  hg_callback ended, void *arg)
{
    struct acme_task *task = calloc(1, sizeof *task);

    if (!task)
        return NULL;
    *task = (struct acme_task){.worker = worker, .run = run, .ended = ended, .arg = arg};
    pthread_mutex_init(&task->mutex, NULL);
    pthread_cond_init(&task->changed, NULL);
    task->timer = hg_timer_new(worker, on_timer, task);
    if (!task->timer || !start_thread(task)) {
        task_free(task);
        return NULL;
    }
    hg_timer_set(worker->host, task->timer, 0);
    return task;
}
