/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Running a program from a worker's loop: without a shell, with a time limit, and with its output in the log.
 */
#ifndef PLUGINS_LIB_HOOK_HOOK_H
#define PLUGINS_LIB_HOOK_HOOK_H

#include <hopgate/host.h>

/* A running program. */
struct hook;

struct hook_call {
    const char *program;          /* a path */
    const char *const *arguments; /* its arguments, terminated by NULL */
    const char *const *variables; /* "NAME=value", terminated by NULL, overriding those of this process; NULL: none */
    hg_time timeout;
    struct hook **list; /* of running programs, for hook_cancel_all(); this one is in it until its end. NULL: none */
};

/* Called once, in the same worker. `error` is NULL if the program exited with status 0; otherwise it says what went
 * wrong, including the last line of output. */
typedef void (*hook_done)(void *arg, const char *error);

/* Starts it in its own process group; texts are copied. `done` is never called from within; without one, an error is
 * logged. NULL: out of memory. */
struct hook *hook_run(struct hg_worker *worker, const struct hook_call *call, hook_done done, void *arg);

/* Kills the program and its children. `done` will not be called. */
void hook_cancel(struct hook *hook);
void hook_cancel_all(struct hook **list);

#endif
