/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Nothing can be relied on in the handler of a fatal signal: it calls only async-signal-safe functions
 * (signal-safety(7)), takes no locks, allocates nothing, and formats the time itself.
 */
#include "core/base/fatal.h"

#include "core/base/log.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
    STACK_SIZE = 64 << 10, /* for the handler, since the thread's own stack may have overflowed */
};

static const struct {
    int number;
    const char *name;
} signals[] = {
    {SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGILL, "SIGILL"}, {SIGFPE, "SIGFPE"}, {SIGABRT, "SIGABRT"},
};

#define SIGNALS (sizeof signals / sizeof *signals)

__attribute__((tls_model("initial-exec"))) _Thread_local struct calling calling_now;

/* The previous action for each signal: a sanitizer's handler or the default. Static, as actions belong to the
 * process. */
static struct sigaction before[SIGNALS];

/* ---- The line ---- */

struct line {
    char bytes[512];
    size_t size;
};

static void put(struct line *line, const char *text)
{
    for (; *text && line->size < sizeof line->bytes - 1; text++)
        line->bytes[line->size++] = *text;
}

static void put_number(struct line *line, long number, unsigned digits)
{
    char text[24];
    size_t at = sizeof text - 1;

    text[at] = '\0';
    for (; at > 0 && (number > 0 || digits > 0); number /= 10, digits -= digits > 0)
        text[--at] = (char)('0' + number % 10);
    put(line, text + at);
}

/* RFC 3339 in UTC, as in the JSON log; not with gmtime_r(), which may wait for a lock. The date is counted from 1 March
 * of the year 0, so that a leap day is the last day of its year. */
static void put_time(struct line *line)
{
    struct timespec now;
    long days, era, day, year, month;

    clock_gettime(CLOCK_REALTIME, &now);
    days = now.tv_sec / 86400 + 719468; /* from that day to 1970 */
    era = days / 146097;                /* of 400 years */
    day = days % 146097;
    year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * year + year / 4 - year / 100;
    month = (5 * day + 2) / 153; /* from March */
    day -= (153 * month + 2) / 5;
    put_number(line, 400 * era + year + (month >= 10), 4);
    put(line, "-");
    put_number(line, month < 10 ? month + 3 : month - 9, 2);
    put(line, "-");
    put_number(line, day + 1, 2);
    put(line, "T");
    put_number(line, now.tv_sec % 86400 / 3600, 2);
    put(line, ":");
    put_number(line, now.tv_sec % 3600 / 60, 2);
    put(line, ":");
    put_number(line, now.tv_sec % 60, 2);
    put(line, ".");
    put_number(line, now.tv_nsec / 1000, 6);
    put(line, "Z");
}

static void put_signal(struct line *line, int number, const char *name)
{
    put(line, "fatal signal ");
    put_number(line, number, 1);
    put(line, " (");
    put(line, name);
    put(line, ")");
    if (calling_now.plugin) {
        put(line, " in plugin '");
        put(line, calling_now.plugin);
        put(line, "', callback '");
        put(line, calling_now.callback);
        put(line, "'");
    } else {
        put(line, calling_now.callback ? " in the core" : " in a plugin's own thread");
    }
}

static void write_line(int number, const char *name)
{
    struct line line = {.size = 0};
    bool json = log_is_json();

    if (json) {
        put(&line, "{\"time\":\"");
        put_time(&line);
        put(&line, "\",\"level\":\"error\",\"part\":\"core\",\"message\":\"");
    } else {
        put(&line, "hopgate: ");
    }
    put_signal(&line, number, name);
    put(&line, json ? "\"}\n" : "\n");
    if (write(STDERR_FILENO, line.bytes, line.size) < 0)
        return; /* nobody left to report to */
}

/* ---- The signals ---- */

COLD static void on_fatal_signal(int number, siginfo_t *info, void *context)
{
    int saved = errno;

    (void)context;
    for (size_t i = 0; i < SIGNALS; i++) {
        if (signals[i].number != number)
            continue;
        write_line(number, signals[i].name);
        sigaction(number, &before[i], NULL);
    }
    /* A fault happens again when the instruction is repeated, now under the previous action and with all registers
     * unchanged. A signal that was sent, as by abort(), must be sent again. */
    if (info->si_code <= 0)
        raise(number);
    errno = saved;
}

/* Gives the handler a stack of its own, unless a sanitizer already has. It is never freed. */
static void make_stack(void)
{
    stack_t stack = {.ss_flags = SS_DISABLE};

    if (sigaltstack(NULL, &stack) || !(stack.ss_flags & SS_DISABLE))
        return;
    stack = (stack_t){.ss_size = STACK_SIZE};
    stack.ss_sp = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack.ss_sp != MAP_FAILED)
        sigaltstack(&stack, NULL);
}

void fatal_watch(void)
{
    struct sigaction action = {.sa_sigaction = on_fatal_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    fatal_mark_thread();
    make_stack();
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < SIGNALS; i++)
        sigaction(signals[i].number, &action, &before[i]);
}
