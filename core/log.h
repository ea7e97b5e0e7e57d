/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The log: readable lines on a terminal, one JSON object a line elsewhere.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <hopgate/host.h>

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

#endif
