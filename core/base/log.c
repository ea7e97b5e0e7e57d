/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/base/log.h"

#include "core/base/log_private.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

enum {
    PATIENCE = 250, /* milliseconds to wait for a reader that has kept up so far */
};

/* The log belongs to the process, as standard error does, so this is static. */
static struct {
    atomic_int format; /* enum log_format; LOG_AUTO until the first line, which checks where the output goes */
    atomic_int level;
    pthread_mutex_t writing; /* guards the members below, and the time between poll() and write() */
    bool stuck;              /* there was no room for the last line */
    bool broken;             /* only part of it was written: its newline is missing */
    int error;               /* the reason, an errno; 0: the other end is not being read */
    uint64_t dropped;        /* lines dropped since there was last room */
} state = {.level = HG_LOG_INFO, .writing = PTHREAD_MUTEX_INITIALIZER};

void log_configure(enum log_format format, enum hg_level level)
{
    atomic_store(&state.format, format);
    atomic_store(&state.level, level);
}

bool log_enabled(enum hg_level level)
{
    return (int)level <= atomic_load_explicit(&state.level, memory_order_relaxed);
}

static enum log_format format_now(void)
{
    int format = atomic_load_explicit(&state.format, memory_order_relaxed);

    if (format == LOG_AUTO) {
        format = isatty(STDERR_FILENO) ? LOG_TEXT : LOG_JSON;
        atomic_store(&state.format, format);
    }
    return (enum log_format)format;
}

bool log_is_json(void)
{
    return format_now() == LOG_JSON;
}

/* Waits until a write would not block, at most for PATIENCE. */
static bool has_room(void)
{
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    int ready;

    do
        ready = poll(&room, 1, state.stuck ? 0 : PATIENCE);
    while (ready < 0 && errno == EINTR);
    return ready > 0;
}

/* Writes bytes and returns how many were written. If fewer than `size`, state.error has the reason. */
static size_t write_bytes(const char *bytes, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t written = write(STDERR_FILENO, bytes + done, size - done);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            state.error = written < 0 && errno != EAGAIN ? errno : 0;
            break;
        }
        done += (size_t)written;
    }
    return done;
}

/* Each line is one write, except after a full disk cut the previous line short: that line is ended first, so that it
 * does not spoil this one. */
static bool write_line(const struct log_text *line)
{
    size_t written;

    state.error = 0;
    if (!has_room())
        return false;
    if (state.broken && write_bytes("\n", 1) == 0)
        return false;
    state.broken = false;
    written = write_bytes(line->bytes, line->size);
    state.broken = written > 0 && written < line->size;
    return written == line->size;
}

/* Logs how many lines are missing, once there is room again. */
static void write_dropped(struct log_text *line, enum log_format shape)
{
    const struct log_event event = {.level = HG_LOG_WARNING, .part = "log"};
    int error = state.error;
    char text[160];

    if (!state.dropped)
        return;
    snprintf(text, sizeof text, "%llu log lines dropped: %s", (unsigned long long)state.dropped,
             error ? strerror(error) : "the reader was too slow");
    log_make_line(line, shape, &event, hg_text(text), false);
    state.stuck = !write_line(line);
    state.dropped = state.stuck ? state.dropped : 0;
    state.error = state.stuck && !state.error ? error : state.error;
}

static void write_event(const struct log_event *event, const char *format, va_list arguments)
{
    char message[LOG_LINE_SIZE];
    struct log_text line;
    int size, saved = errno;
    enum log_format shape = format_now();
    bool cut;

    size = vsnprintf(message, sizeof message, format, arguments);
    if (size < 0)
        size = snprintf(message, sizeof message, "(unprintable message)");
    cut = (size_t)size >= sizeof message;
    pthread_mutex_lock(&state.writing);
    write_dropped(&line, shape);
    log_make_line(&line, shape, event, (struct hg_text){message, cut ? sizeof message - 1 : (size_t)size}, cut);
    if (!state.stuck)
        state.stuck = !write_line(&line);
    state.dropped += state.stuck;
    /* Nothing is missing, so the next line may wait for the reader again. */
    state.stuck = state.dropped > 0;
    pthread_mutex_unlock(&state.writing);
    errno = saved;
}

void log_event(const struct log_event *event, const char *format, ...)
{
    va_list arguments;

    if (!log_enabled(event->level))
        return;
    va_start(arguments, format);
    write_event(event, format, arguments);
    va_end(arguments);
}

void log_figures(const char *part, const struct log_member *members, size_t count)
{
    const struct log_event event = {
        .level = HG_LOG_INFO, .part = part, .members = members, .count = count, .says_all = true};
    char text[1024];
    size_t size = 0;

    for (size_t i = 0; i < count && size < sizeof text; i++) {
        const char *space = i ? " " : "";

        size += (size_t)(members[i].is_number ? snprintf(text + size, sizeof text - size, "%s%s=%llu", space,
                                                         members[i].name, (unsigned long long)members[i].number)
                                              : snprintf(text + size, sizeof text - size, "%s%s=%.*s", space,
                                                         members[i].name, HG_PRINT(members[i].text)));
    }
    log_event(&event, "%s", text);
}

void log_vline(enum hg_level level, const char *part, const char *format, va_list arguments)
{
    const struct log_event event = {.level = level, .part = part};

    if (log_enabled(level))
        write_event(&event, format, arguments);
}

void log_line(enum hg_level level, const char *part, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_vline(level, part, format, arguments);
    va_end(arguments);
}

/* A line without a level, meant for people: "FILE:1:2: warning: ...". */
static void log_report_line(const char *part, const char *line, size_t size)
{
    static const char word[] = "warning: ";
    const char *found = memmem(line, size, word, sizeof word - 1);
    const char *rest = found ? found + sizeof word - 1 : line + size;

    log_line(found ? HG_LOG_WARNING : HG_LOG_ERROR, part, "%.*s%.*s", found ? (int)(found - line) : (int)size, line,
             (int)(line + size - rest), rest);
}

static ssize_t stream_write(void *part, const char *bytes, size_t size)
{
    for (size_t start = 0, i = 0; i <= size; i++) {
        if (i < size && bytes[i] != '\n')
            continue;
        if (i > start)
            log_report_line(part, bytes + start, i - start);
        start = i + 1;
    }
    return (ssize_t)size;
}

FILE *log_stream(const char *part)
{
    FILE *file = fopencookie((void *)(uintptr_t)part, "w", (cookie_io_functions_t){.write = stream_write});

    if (file)
        setvbuf(file, NULL, _IOLBF, LOG_LINE_SIZE);
    return file;
}
