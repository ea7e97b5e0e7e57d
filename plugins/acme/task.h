/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Sequential code beside the worker's loop: a thread that takes turns with the worker. Only one of them runs at a time:
 * the worker stands still while a task computes, and a task stands still until what it waits for is there. So a task
 * may look at whatever the worker looks at, without a lock. What has to happen in the worker's thread (the host's
 * timers, the store, programs, HTTP) is handed to it by acme_task_do() and acme_task_wait().
 */
#ifndef ACME_TASK_H
#define ACME_TASK_H

#include <hopgate/host.h>

struct acme_task;

/* Begins a task: run() is called in its thread, not within this call; when it has returned, ended() is called in the
 * worker's thread, and the task is gone. NULL: out of memory, or there is no thread for it. */
struct acme_task *acme_task_begin(struct hg_worker *worker, void (*run)(struct acme_task *task, void *arg),
                                  hg_callback ended, void *arg);
/* Makes everything that the task waits for fail, lets run() return and frees the task. ended() is not called. Not from
 * within the task. */
void acme_task_cancel(struct acme_task *task);

/* ---- In a task ---- */

struct hg_worker *acme_task_worker(const struct acme_task *task);
/* Nothing is waited for any more. */
bool acme_task_is_cancelled(const struct acme_task *task);

/* Calls call(arg) in the worker's thread and returns. */
void acme_task_do(struct acme_task *task, hg_callback call, void *arg);
/* Calls begin(arg) in the worker's thread; it begins something that calls acme_task_resume() when it is done, later, or
 * returns false. True: it was done. False: it could not begin, or the task was cancelled: then stop(arg) was called if
 * it had begun. */
bool acme_task_wait(struct acme_task *task, bool (*begin)(void *arg), hg_callback stop, void *arg);
/* In the worker's thread: what the task waits for is done. */
void acme_task_resume(struct acme_task *task);

/* False: the task was cancelled. */
bool acme_task_sleep(struct acme_task *task, hg_time pause);

/* Calls work(arg), which may take long and touches nothing else, while the worker goes on. */
void acme_task_compute(struct acme_task *task, hg_callback work, void *arg);

#endif
