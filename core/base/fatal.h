/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Which plugin is being called, so that the last line of a process that a fatal signal ends says where it was.
 */
#ifndef CORE_BASE_FATAL_H
#define CORE_BASE_FATAL_H

/* What a thread is doing: a plugin's callback, both texts living as long as the program; NULL: the core's own work. */
struct calling {
    const char *plugin;
    const char *callback;
};

/* It is always in a program, never in a library that is loaded later: no access needs a call. */
extern __attribute__((tls_model("initial-exec"))) _Thread_local struct calling calling_now;

/* Runs a statement that calls a plugin. What was being called before, which may have asked the core for this, is then
 * being called again. Two stores before and two after. */
#define CALL_PLUGIN(name, what, statement)                                                                             \
    do {                                                                                                               \
        const struct calling calling_before = calling_now;                                                             \
                                                                                                                       \
        calling_now = (struct calling){(name), (what)};                                                                \
        statement;                                                                                                     \
        calling_now = calling_before;                                                                                  \
    } while (0)

/* From now on a fatal signal writes a line to standard error before it ends the process as it would have: with a core
 * dump, or the report of a sanitizer. */
void fatal_watch(void);

#endif
