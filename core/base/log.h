/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The log: readable lines on a terminal, one JSON object per line elsewhere. It goes to standard error.
 *
 * A line is at most 4096 bytes long (PIPE_BUF, so that lines of several processes never mix) and is valid UTF-8 without
 * control characters, for any input. If the other end is not being read or the disk is full, lines are dropped and
 * counted so that the program is not held up; the count is logged once there is room again.
 */
#ifndef CORE_BASE_LOG_H
#define CORE_BASE_LOG_H

#include "core/base/cold.h"

#include <hopgate/host.h>
#include <stdio.h>

enum log_format {
    LOG_AUTO, /* text on a terminal, otherwise JSON */
    LOG_TEXT,
    LOG_JSON,
    LOG_REPORT, /* text without the time, for lines among the other output of a command */
};

/* Call before the first line; the default is LOG_AUTO and HG_LOG_INFO. */
COLD void log_configure(enum log_format format, enum hg_level level);
bool log_enabled(enum hg_level level);
/* Whether lines are JSON. Safe in a signal handler. */
bool log_is_json(void);

/* Logs a line under the name of a part ("http", "session"). Each line is written by one system call. */
__attribute__((cold, format(printf, 3, 4))) void log_line(enum hg_level level, const char *part, const char *format,
                                                          ...);
__attribute__((cold, format(printf, 3, 0))) void log_vline(enum hg_level level, const char *part, const char *format,
                                                           va_list arguments);

/* A machine-readable part of a line: a member of its JSON object, or name=value in text. */
struct log_member {
    const char *name;
    struct hg_text text; /* cut after 512 bytes; if it is empty, the member is left out */
    uint64_t number;
    bool is_number;
};

#define LOG_STRING(key, value) ((struct log_member){.name = (key), .text = (value)})
#define LOG_NUMBER(key, value) ((struct log_member){.name = (key), .number = (value), .is_number = true})

/* What a line reports, besides its message. */
struct log_event {
    enum hg_level level;
    const char *part;
    const struct log_member *members;
    size_t count;  /* number of members */
    bool says_all; /* the message already contains the members: in text they are left out */
};

__attribute__((cold, format(printf, 2, 3))) void log_event(const struct log_event *event, const char *format, ...);

/* Logs a line at info that consists only of members: its message is "name=value name=value". */
COLD void log_figures(const char *part, const struct log_member *members, size_t count);

/* The limit on lines per minute that outsiders could otherwise cause without bound. */
struct log_limit {
    unsigned each; /* from each source */
    unsigned all;
};

/* A few lines a minute, for misbehaving peers. */
#define LOG_FEW ((struct log_limit){3, 20})

/* Whether an event may be logged now. If not, it is counted, and within a minute a line gives the count, "… (repeated
 * 17 times in the last minute)", with the message of the first one counted. `site`, compared by address, identifies the
 * kind of event. `source` is its originator, an address (whose port is ignored) or a name; NULL: none in particular. */
__attribute__((cold, format(printf, 5, 6))) bool log_admits(struct log_limit limit, const void *site,
                                                            const char *source, const struct log_event *event,
                                                            const char *format, ...);

/* Like log_line(), limited to LOG_FEW. The address of the format is the site. */
__attribute__((cold, format(printf, 4, 5))) void log_limited(enum hg_level level, const char *part, const char *source,
                                                             const char *format, ...);
__attribute__((cold, format(printf, 4, 0))) void log_vlimited(enum hg_level level, const char *part, const char *source,
                                                              const char *format, va_list arguments);

/* Whether any counted events have yet to be reported; cheap. */
bool log_has_counted(void);
/* Logs what was counted in minutes that have ended, or everything. */
COLD void log_counted(bool all);

/* Returns a stream that logs each line written to it: as a warning if it contains "warning: ", else as an error. Used
 * for errors in config files, which are reported to a stream. `part` is a literal. NULL when out of memory. */
COLD FILE *log_stream(const char *part);

/* Copies `text` as printable ASCII with a NUL, cut to `capacity`, so that a peer's text can be logged. */
COLD void log_printable(char *copy, size_t capacity, const char *text);

#endif
