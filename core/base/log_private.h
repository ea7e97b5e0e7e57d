/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Formats the lines that log.c writes.
 */
#ifndef CORE_BASE_LOG_PRIVATE_H
#define CORE_BASE_LOG_PRIVATE_H

#include "core/base/log.h"

enum {
    LOG_LINE_SIZE = 4096, /* PIPE_BUF of Linux: after POLLOUT, a write of this size to a pipe does not block */
};

struct log_text {
    char bytes[LOG_LINE_SIZE];
    size_t size;
    bool cut; /* something did not fit */
};

/* Formats the line of an event, with a newline at the end. `cut`: `message` is truncated. */
COLD void log_make_line(struct log_text *line, enum log_format format, const struct log_event *event,
                        struct hg_text message, bool cut);

#endif
