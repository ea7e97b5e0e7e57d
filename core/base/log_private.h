/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * How a line of the log is made: for log.c, which writes it.
 */
#ifndef CORE_BASE_LOG_PRIVATE_H
#define CORE_BASE_LOG_PRIVATE_H

#include "core/base/log.h"

enum {
    LOG_LINE_SIZE = 4096, /* PIPE_BUF of Linux: after POLLOUT, a write of that many bytes does not block on a pipe */
};

struct log_text {
    char bytes[LOG_LINE_SIZE];
    size_t size;
    bool cut; /* something did not fit */
};

/* Makes the line of an event, with the newline at its end. `cut`: the message is only the beginning of one. */
void log_make_line(struct log_text *line, enum log_format format, const struct log_event *event, struct hg_text message,
                   bool cut);

#endif
