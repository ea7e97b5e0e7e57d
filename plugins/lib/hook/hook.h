/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Running a program on a worker's loop: without a shell, with a time limit, its output in the log.
 */
#ifndef PLUGINS_LIB_HOOK_HOOK_H
#define PLUGINS_LIB_HOOK_HOOK_H

#include <hopgate/host.h>

/* A program that runs. */
struct hook;

struct hook_call {
    const char *program;          /* a path */
    const char *const *arguments; /* what follows the program's name, ended by NULL */
    const char *const *variables; /* "NAME=value", ended by NULL, over those of this process; NULL: none */
    hg_time timeout;
};

/* Called once, in the same worker. `error` is NULL when the program has ended with status 0; else it says what went
 * wrong, with the last line that it has written. */
typedef void (*hook_done)(void *arg, const char *error);

/* Starts it, in a process group of its own; texts are copied. `done` is never called within. NULL: out of memory. */
struct hook *hook_run(struct hg_worker *worker, const struct hook_call *call, hook_done done, void *arg);

/* Kills the program and its children. `done` will not be called. */
void hook_cancel(struct hook *hook);

#endif
