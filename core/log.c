/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/log.h"

#include "core/utf8.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

enum {
    LINE_SIZE = 4096, /* PIPE_BUF of Linux: after POLLOUT, a write of that many bytes does not block on a pipe */
    TAIL_SIZE = 16,   /* kept free for the mark of a cut message and the end of the line */
    PART_SIZE = 64,   /* of the name of a part at most */
    PATIENCE = 250,   /* milliseconds to wait for a reader that was quick enough so far */
};

/* A line in the making. */
struct line {
    char bytes[LINE_SIZE];
    size_t size;
    bool cut; /* the message did not fit */
};

/* The log belongs to the process as standard error does, so this is static. */
static struct {
    atomic_int format; /* enum log_format; LOG_AUTO until the first line, which looks where it goes */
    atomic_int level;
    pthread_mutex_t writing; /* guards what follows, and the time between poll() and write() */
    bool stuck;              /* the last line found no room */
    uint64_t dropped;        /* lines since there was room */
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

static bool as_json(void)
{
    int format = atomic_load_explicit(&state.format, memory_order_relaxed);

    if (format == LOG_AUTO) {
        format = isatty(STDERR_FILENO) ? LOG_TEXT : LOG_JSON;
        atomic_store(&state.format, format);
    }
    return format == LOG_JSON;
}

static const char *level_name(enum hg_level level)
{
    switch (level) {
    case HG_LOG_ERROR:
        return "error";
    case HG_LOG_WARNING:
        return "warning";
    case HG_LOG_INFO:
        return "info";
    case HG_LOG_DEBUG:
        break;
    }
    return "debug";
}

/* Appends bytes as they are, if they fit before `limit`. */
static bool put(struct line *line, const char *bytes, size_t size, size_t limit)
{
    if (line->size + size > limit)
        return false;
    memcpy(line->bytes + line->size, bytes, size);
    line->size += size;
    return true;
}

/* One character that cannot stand for itself: not UTF-8 (length 0), a control character, or special in JSON. */
static int escape(char *out, size_t size, bool json, char byte, size_t length, uint32_t code_point)
{
    if (!json)
        return length > 1 ? snprintf(out, size, "\\u%04x", (unsigned)code_point)
                          : snprintf(out, size, "\\x%02x", (unsigned char)byte);
    if (length == 0)
        return snprintf(out, size, "\\ufffd");
    if (byte == '"' || byte == '\\')
        return snprintf(out, size, "\\%c", byte);
    return snprintf(out, size, "\\u%04x", (unsigned)code_point);
}

/* Appends text from anywhere: valid UTF-8 without control characters, so that neither a JSON parser nor a terminal
 * (ECMA-48 control sequences, C1 ones too) is led astray. */
static void put_text(struct line *line, bool json, const char *text, size_t size)
{
    while (size > 0 && !line->cut) {
        uint32_t code_point = 0;
        size_t length = utf8_character(text, size, &code_point);
        bool special = length == 0 || code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0) ||
                       (json && (code_point == '"' || code_point == '\\'));
        char escaped[16];

        if (special)
            line->cut = !put(line, escaped, (size_t)escape(escaped, sizeof escaped, json, *text, length, code_point),
                             LINE_SIZE - TAIL_SIZE);
        else
            line->cut = !put(line, text, length, LINE_SIZE - TAIL_SIZE);
        text += length ? length : 1;
        size -= length ? length : 1;
    }
}

/* The time for a person, in the machine's zone; or for a machine, RFC 3339 in UTC. */
static void put_time(struct line *line, bool json)
{
    struct timespec now;
    struct tm parts;
    char text[64], fraction[16];
    size_t size;

    clock_gettime(CLOCK_REALTIME, &now);
    if (json)
        gmtime_r(&now.tv_sec, &parts);
    else
        localtime_r(&now.tv_sec, &parts);
    size = strftime(text, sizeof text, json ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &parts);
    put(line, text, size, LINE_SIZE);
    size = (size_t)snprintf(fraction, sizeof fraction, json ? ".%06ldZ" : ".%03ld",
                            json ? now.tv_nsec / 1000 : now.tv_nsec / 1000000);
    put(line, fraction, size, LINE_SIZE);
}

static void make_line(struct line *line, enum hg_level level, const char *part, const char *message, size_t size,
                      bool cut)
{
    bool json = as_json();
    char head[64];
    int head_size;

    line->size = 0;
    line->cut = false;
    if (json)
        put(line, "{\"time\":\"", 9, LINE_SIZE);
    put_time(line, json);
    head_size = snprintf(head, sizeof head, json ? "\",\"level\":\"%s\",\"part\":\"" : " %-7s ", level_name(level));
    put(line, head, (size_t)head_size, LINE_SIZE);
    put_text(line, json, part, strnlen(part, PART_SIZE));
    put(line, json ? "\",\"message\":\"" : ": ", json ? 13 : 2, LINE_SIZE - TAIL_SIZE);
    put_text(line, json, message, size);
    if (line->cut || cut)
        put(line, "\xe2\x80\xa6", 3, LINE_SIZE);
    put(line, json ? "\"}\n" : "\n", json ? 3 : 1, LINE_SIZE);
}

static bool write_line(const struct line *line)
{
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    ssize_t written;
    int ready;

    do
        ready = poll(&room, 1, state.stuck ? 0 : PATIENCE);
    while (ready < 0 && errno == EINTR);
    if (ready <= 0)
        return false;
    do
        written = write(STDERR_FILENO, line->bytes, line->size);
    while (written < 0 && errno == EINTR);
    return written >= 0;
}

void log_vline(enum hg_level level, const char *part, const char *format, va_list arguments)
{
    char message[LINE_SIZE];
    struct line line;
    int size, saved = errno;

    if (!log_enabled(level))
        return;
    size = vsnprintf(message, sizeof message, format, arguments);
    if (size < 0)
        size = snprintf(message, sizeof message, "(a message that cannot be printed)");
    pthread_mutex_lock(&state.writing);
    if (state.dropped > 0) {
        char told[80];
        int told_size = snprintf(told, sizeof told, "%llu lines were dropped here: nobody read them in time",
                                 (unsigned long long)state.dropped);

        make_line(&line, HG_LOG_WARNING, "log", told, (size_t)told_size, false);
        state.stuck = !write_line(&line);
        state.dropped = state.stuck ? state.dropped : 0;
    }
    make_line(&line, level, part, message, (size_t)size < sizeof message ? (size_t)size : sizeof message - 1,
              (size_t)size >= sizeof message);
    if (!state.stuck)
        state.stuck = !write_line(&line);
    state.dropped += state.stuck;
    /* With nothing dropped there is nothing to retry: the next line may be patient again. */
    state.stuck = state.dropped > 0;
    pthread_mutex_unlock(&state.writing);
    errno = saved;
}

void log_line(enum hg_level level, const char *part, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_vline(level, part, format, arguments);
    va_end(arguments);
}

static ssize_t stream_write(void *part, const char *bytes, size_t size)
{
    for (size_t start = 0, i = 0; i <= size; i++) {
        if (i < size && bytes[i] != '\n')
            continue;
        if (i > start)
            log_line(memmem(bytes + start, i - start, "warning: ", 9) ? HG_LOG_WARNING : HG_LOG_ERROR, part, "%.*s",
                     (int)(i - start), bytes + start);
        start = i + 1;
    }
    return (ssize_t)size;
}

FILE *log_stream(const char *part)
{
    FILE *file = fopencookie((void *)(uintptr_t)part, "w", (cookie_io_functions_t){.write = stream_write});

    if (file)
        setvbuf(file, NULL, _IOLBF, LINE_SIZE);
    return file;
}
