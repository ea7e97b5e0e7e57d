/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Sequential code alongside the worker's loop: a thread that takes turns with the worker. Only one of the two runs at a
 * time. The worker waits while a task computes, and a task waits while the worker does, so a task may read and write
 * whatever belongs to the worker, without locks. What must happen in the worker's thread (timers, calls of other
 * plugins) is handed to it by task_do() and task_wait().
 */
#ifndef PLUGINS_LIB_TASK_TASK_H
#define PLUGINS_LIB_TASK_TASK_H

#include <hopgate/host.h>

struct task;

/* Begins a task. run() is called in the task's thread, not before this function has returned. After it has returned,
 * the task is freed and ended() is called in the worker's thread. NULL: out of memory, or no thread can be created. */
struct task *task_begin(struct hg_worker *worker, void (*run)(struct task *task, void *arg), hg_callback ended,
                        void *arg);
/* Cancels what the task waits for, waits until run() has returned and frees the task. ended() is not called. Not to be
 * called from within the task. */
void task_cancel(struct task *task);

/* ---- In a task ---- */

struct hg_worker *task_worker(const struct task *task);
bool task_is_cancelled(const struct task *task);

/* Calls call(arg) in the worker's thread and returns. */
void task_do(struct task *task, hg_callback call, void *arg);
/* Calls begin(arg) in the worker's thread. It starts an operation that calls task_resume() later, when it is done, and
 * returns true; or it returns false. Returns true once the operation is done; false if it could not be started, or if
 * the task was cancelled: then stop(arg) has cancelled the operation. */
bool task_wait(struct task *task, bool (*begin)(void *arg), hg_callback stop, void *arg);
/* In the worker's thread: the operation that the task waits for is done. */
void task_resume(struct task *task);

/* Returns false if the task was cancelled. */
bool task_sleep(struct task *task, hg_time pause);

/* Calls work(arg) in the task's thread while the worker continues: for long computations. work() may use nothing that
 * belongs to the worker. */
void task_compute(struct task *task, hg_callback work, void *arg);

#endif
