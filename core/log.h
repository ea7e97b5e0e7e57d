/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The log: readable lines on a terminal, one JSON object a line elsewhere. It goes to standard error.
 *
 * A line is at most 4096 bytes long (PIPE_BUF, so that lines of several processes never mix) and holds valid UTF-8
 * without control characters, whatever bytes it was given. When nobody reads the other end, lines are dropped and
 * counted instead of holding the program; the count is told when there is room again.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <hopgate/host.h>
#include <stdio.h>

enum log_format {
    LOG_AUTO, /* text on a terminal, JSON elsewhere */
    LOG_TEXT,
    LOG_JSON,
};

/* Before the first line; the default is LOG_AUTO and HG_LOG_INFO. */
void log_configure(enum log_format format, enum hg_level level);
bool log_enabled(enum hg_level level);

/* One line under the name of a part ("http", "session"). A line is written by one system call. */
__attribute__((format(printf, 3, 4))) void log_line(enum hg_level level, const char *part, const char *format, ...);
__attribute__((format(printf, 3, 0))) void log_vline(enum hg_level level, const char *part, const char *format,
                                                     va_list arguments);

/* A stream each line of which becomes a line of the log: a warning if it says "warning: ", else an error. For faults of
 * config files, which are told to a stream. `part` is a literal. NULL when memory is out. */
FILE *log_stream(const char *part);

#endif
