/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/task/task.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

/* How often the worker checks whether a computation is done. */
#define LOOK_PAUSE (20 * HG_MILLISECOND)

struct task {
    struct hg_worker *worker;
    void (*run)(struct task *task, void *arg);
    hg_callback ended;
    void *arg;
    pthread_t thread;

    atomic_bool computing; /* task_compute(): the task runs although it is the worker's turn */
    pthread_mutex_t mutex; /* protects its_turn */
    pthread_cond_t changed;
    bool its_turn; /* the task's; false: the worker's */

    /* Used by the thread whose turn it is. */
    bool over; /* run() has returned */
    bool cancelled;
    hg_callback call;         /* for the worker to call before it passes the turn back, or … */
    bool (*begin)(void *arg); /* … to call before it continues with the loop */
    void *call_arg;
    bool begun; /* begin() has returned true */
    struct hg_timer *timer;
    hg_time pause;
};

static void pass_turn(struct task *task, bool to_task)
{
    pthread_mutex_lock(&task->mutex);
    task->its_turn = to_task;
    pthread_cond_broadcast(&task->changed);
    pthread_mutex_unlock(&task->mutex);
}

static void await_turn(struct task *task, bool of_task)
{
    pthread_mutex_lock(&task->mutex);
    while (task->its_turn != of_task)
        pthread_cond_wait(&task->changed, &task->mutex);
    pthread_mutex_unlock(&task->mutex);
}

/* ---- The worker's side ---- */

static void task_free(struct task *task)
{
    hg_timer_free(task->worker->host, task->timer);
    pthread_cond_destroy(&task->changed);
    pthread_mutex_destroy(&task->mutex);
    free(task);
}

static bool begin_call(struct task *task)
{
    bool (*const begin)(void *arg) = task->begin;

    task->begin = NULL;
    task->begun = begin(task->call_arg);
    return task->begun;
}

/* Lets the task run until it waits for something or has ended. */
static void proceed(struct task *task)
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

void task_resume(struct task *task)
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
    struct task *task = arg;

    if (atomic_load(&task->computing))
        hg_timer_set(task->worker->host, task->timer, LOOK_PAUSE);
    else
        task_resume(task);
}

void task_cancel(struct task *task)
{
    hg_timer_stop(task->worker->host, task->timer);
    task->cancelled = true;
    proceed(task);
    task_free(task);
}

/* ---- The task's side ---- */

static void *run_task(void *arg)
{
    struct task *task = arg;

    await_turn(task, true);
    task->run(task, task->arg);
    task->over = true;
    pass_turn(task, false);
    return NULL;
}

struct hg_worker *task_worker(const struct task *task)
{
    return task->worker;
}

bool task_is_cancelled(const struct task *task)
{
    return task->cancelled;
}

void task_do(struct task *task, hg_callback call, void *arg)
{
    task->call = call;
    task->call_arg = arg;
    pass_turn(task, false);
    await_turn(task, true);
}

bool task_wait(struct task *task, bool (*begin)(void *arg), hg_callback stop, void *arg)
{
    if (task->cancelled)
        return false;
    task->begin = begin;
    task->call_arg = arg;
    pass_turn(task, false);
    await_turn(task, true);
    if (task->begun && task->cancelled)
        task_do(task, stop, arg);
    return task->begun && !task->cancelled;
}

static bool set_timer(void *arg)
{
    struct task *task = arg;

    hg_timer_set(task->worker->host, task->timer, task->pause);
    return true;
}

static void stop_timer(void *arg)
{
    struct task *task = arg;

    hg_timer_stop(task->worker->host, task->timer);
}

bool task_sleep(struct task *task, hg_time pause)
{
    task->pause = pause;
    return task_wait(task, set_timer, stop_timer, task);
}

void task_compute(struct task *task, hg_callback work, void *arg)
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

/* Signals are handled by the main thread. */
static bool start_thread(struct task *task)
{
    sigset_t all, before;
    bool started;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    started = !pthread_create(&task->thread, NULL, run_task, task);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

struct task *task_begin(struct hg_worker *worker, void (*run)(struct task *task, void *arg), hg_callback ended,
                        void *arg)
{
    struct task *task = calloc(1, sizeof *task);

    if (!task)
        return NULL;
    *task = (struct task){.worker = worker, .run = run, .ended = ended, .arg = arg};
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
