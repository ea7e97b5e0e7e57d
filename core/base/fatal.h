/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Which plugin is being called, so that the last log line of a crashing process can name it.
 */
#ifndef CORE_BASE_FATAL_H
#define CORE_BASE_FATAL_H

#include "core/base/cold.h"

/* What a thread is doing: a plugin's callback, with both texts living as long as the program; plugin NULL: running the
 * core itself; callback NULL as well: a thread that a plugin has started. */
struct calling {
    const char *plugin;
    const char *callback;
};

/* Always linked into the program, never into a library that is loaded later, so access needs no function call. */
extern __attribute__((tls_model("initial-exec"))) _Thread_local struct calling calling_now;

/* Runs a statement that calls a plugin. Afterwards the previous value is restored, as the call may be nested. Costs two
 * stores before and two after. */
#define CALL_PLUGIN(name, what, statement)                                                                             \
    do {                                                                                                               \
        const struct calling calling_before = calling_now;                                                             \
                                                                                                                       \
        calling_now = (struct calling){(name), (what)};                                                                \
        statement;                                                                                                     \
        calling_now = calling_before;                                                                                  \
    } while (0)

/* Marks the calling thread as one of the core's. */
static inline void fatal_mark_thread(void)
{
    calling_now = (struct calling){.callback = "none"};
}

/* From now on, a fatal signal writes a line to standard error and then ends the process as it would have anyway: with a
 * core dump or a sanitizer's report. The calling thread is marked as the core's. */
COLD void fatal_watch(void);

#endif
