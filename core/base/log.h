/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The log: readable lines on a terminal, one JSON object a line elsewhere. It goes to standard error.
 *
 * A line is at most 4096 bytes long (PIPE_BUF, so that lines of several processes never mix) and holds valid UTF-8
 * without control characters, whatever bytes it was given. When nobody reads the other end or the disk is full, lines
 * are dropped and counted instead of holding the program; the count is logged when there is room again.
 */
#ifndef CORE_BASE_LOG_H
#define CORE_BASE_LOG_H

#include <hopgate/host.h>
#include <stdio.h>

enum log_format {
    LOG_AUTO, /* text on a terminal, JSON elsewhere */
    LOG_TEXT,
    LOG_JSON,
    LOG_REPORT, /* as text without the time: lines between others that a command prints */
};

/* Before the first line; the default is LOG_AUTO and HG_LOG_INFO. */
void log_configure(enum log_format format, enum hg_level level);
bool log_enabled(enum hg_level level);
/* Whether lines are JSON. May be asked in the handler of a signal. */
bool log_is_json(void);

/* One line under the name of a part ("http", "session"). A line is written by one system call. */
__attribute__((format(printf, 3, 4))) void log_line(enum hg_level level, const char *part, const char *format, ...);
__attribute__((format(printf, 3, 0))) void log_vline(enum hg_level level, const char *part, const char *format,
                                                     va_list arguments);

/* What a line says for a program: a member of its JSON object, name=value in text. */
struct log_member {
    const char *name;
    struct hg_text text; /* cut after 512 bytes; if it is empty, the member is left out */
    uint64_t number;
    bool is_number;
};

#define LOG_STRING(key, value) ((struct log_member){.name = (key), .text = (value)})
#define LOG_NUMBER(key, value) ((struct log_member){.name = (key), .number = (value), .is_number = true})

/* What a line is about, beside its message. */
struct log_event {
    enum hg_level level;
    const char *part;
    const struct log_member *members;
    size_t count;  /* of members */
    bool says_all; /* the message does: as text, the members are left out */
};

__attribute__((format(printf, 2, 3))) void log_event(const struct log_event *event, const char *format, ...);

/* Members that are all there is to say, at info: the message is "name=value name=value". */
void log_figures(const char *part, const struct log_member *members, size_t count);

/* How many lines a minute, of those that whoever is outside can cause without bound. */
struct log_limit {
    unsigned each; /* from one source */
    unsigned all;
};

/* A few lines a minute: what a peer does wrong. */
#define LOG_FEW ((struct log_limit){3, 20})

/* Whether an event may be logged now. If not, it is counted, and within a minute a line says how many there were,
 * "… (repeated 17 times in the last minute)", with this message of the first one. `site`, which is compared by its
 * address, is the kind of event; `source` is who causes it, an address whose port does not count or a name; NULL:
 * nobody in particular. */
__attribute__((format(printf, 5, 6))) bool log_admits(struct log_limit limit, const void *site, const char *source,
                                                      const struct log_event *event, const char *format, ...);

/* As log_line(), by LOG_FEW. The format's address is the site. */
__attribute__((format(printf, 4, 5))) void log_limited(enum hg_level level, const char *part, const char *source,
                                                       const char *format, ...);
__attribute__((format(printf, 4, 0))) void log_vlimited(enum hg_level level, const char *part, const char *source,
                                                        const char *format, va_list arguments);

/* Whether events were counted that no line speaks of yet; cheap. */
bool log_has_counted(void);
/* Logs what was counted in minutes that are over, or all of it. */
void log_counted(bool all);

/* A stream each line of which becomes a line of the log: a warning if it says "warning: ", else an error. For faults of
 * config files, which are told to a stream. `part` is a literal. NULL when out of memory. */
FILE *log_stream(const char *part);

/* Copies `text` as printable ASCII with a NUL, cut to `capacity`: what a peer says goes into logs. */
void log_printable(char *copy, size_t capacity, const char *text);

#endif
