/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * How it works: each kind of event has a bucket for all sources together, and one for each source that was logged. A
 * bucket lives for a minute from its first event. Events beyond its limit are counted, and when the minute is over one
 * line gives the count. The number of buckets is fixed; a source that gets none shares that of its kind, and a kind
 * that gets none shares the last one.
 */
#include "core/base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum {
    BUCKETS = 256,
    SPAN = 60, /* seconds */
    TEXT_SIZE = 320,
};

struct bucket {
    time_t ends;
    unsigned written, counted;
    enum hg_level level;
    char part[32];
    char text[TEXT_SIZE]; /* the message of the first event counted */
};

/* The log belongs to the process, so this is static. */
static struct {
    pthread_mutex_t lock;
    uint64_t keys[BUCKETS]; /* 0: free */
    struct bucket buckets[BUCKETS];
    time_t sweep_at;     /* when the first bucket may expire; 0: no buckets */
    atomic_uint counted; /* events not yet reported */
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

static time_t seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* FNV-1a over both, without the source's port, as the same source comes back from another one. */
static uint64_t key_of(const void *site, const char *source)
{
    const char *colon = source ? strrchr(source, ':') : NULL;
    bool is_port = colon && !colon[1 + strspn(colon + 1, "0123456789")] &&
                   (strchr(source, ':') == colon || (colon > source && colon[-1] == ']'));
    const char *end = is_port ? colon : NULL;
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ (uintptr_t)site;

    hash *= UINT64_C(0x100000001b3);
    for (; source && source != end && *source; source++)
        hash = (hash ^ (unsigned char)*source) * UINT64_C(0x100000001b3);
    return hash ? hash : 1;
}

static struct bucket *find(uint64_t key)
{
    for (size_t i = 0; i < BUCKETS; i++)
        if (state.keys[i] == key)
            return &state.buckets[i];
    return NULL;
}

static struct bucket *find_or_add(uint64_t key, time_t now)
{
    struct bucket *bucket = find(key);

    if (bucket)
        return bucket;
    bucket = find(0);
    if (!bucket)
        return NULL;
    state.keys[bucket - state.buckets] = key;
    *bucket = (struct bucket){.ends = now + SPAN};
    if (!state.sweep_at || bucket->ends < state.sweep_at)
        state.sweep_at = bucket->ends;
    return bucket;
}

/* Ends buckets whose minute is over. */
static void sweep(time_t now, bool all)
{
    state.sweep_at = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        struct bucket *bucket = &state.buckets[i];

        if (!state.keys[i])
            continue;
        if (all || bucket->ends <= now) {
            state.keys[i] = 0;
            atomic_fetch_sub(&state.counted, bucket->counted);
            if (bucket->counted)
                log_line(bucket->level, bucket->part, "%s (repeated %u times in the last minute)", bucket->text,
                         bucket->counted);
        } else if (!state.sweep_at || bucket->ends < state.sweep_at) {
            state.sweep_at = bucket->ends;
        }
    }
}

static void count(struct bucket *bucket, const struct log_event *event, const char *format, va_list arguments)
{
    if (!bucket->counted) {
        bucket->level = event->level;
        snprintf(bucket->part, sizeof bucket->part, "%s", event->part);
        vsnprintf(bucket->text, sizeof bucket->text, format, arguments);
    }
    bucket->counted++;
    atomic_fetch_add(&state.counted, 1);
}

__attribute__((cold, format(printf, 5, 0))) static bool admits(struct log_limit limit, const void *site,
                                                               const char *source, const struct log_event *event,
                                                               const char *format, va_list arguments)
{
    time_t now = seconds();
    struct bucket *all, *each;
    bool admitted;

    source = source && *source ? source : NULL;
    pthread_mutex_lock(&state.lock);
    if (state.sweep_at && now >= state.sweep_at)
        sweep(now, false);
    all = find_or_add(key_of(site, NULL), now);
    if (!all)
        all = &state.buckets[BUCKETS - 1];
    each = source && all->written < limit.all ? find_or_add(key_of(site, source), now) : NULL;
    admitted =
        all->written < limit.all && (!each || each->written < limit.each) && (source || all->written < limit.each);
    if (admitted) {
        all->written++;
        if (each)
            each->written++;
    } else {
        count(each ? each : all, event, format, arguments);
    }
    pthread_mutex_unlock(&state.lock);
    return admitted;
}

bool log_admits(struct log_limit limit, const void *site, const char *source, const struct log_event *event,
                const char *format, ...)
{
    va_list arguments;
    bool admitted;

    va_start(arguments, format);
    admitted = admits(limit, site, source, event, format, arguments);
    va_end(arguments);
    return admitted;
}

void log_vlimited(enum hg_level level, const char *part, const char *source, const char *format, va_list arguments)
{
    const struct log_event event = {.level = level, .part = part};
    va_list copy;
    bool admitted;

    if (!log_enabled(level))
        return;
    va_copy(copy, arguments);
    admitted = admits(LOG_FEW, format, source, &event, format, copy);
    va_end(copy);
    if (admitted)
        log_vline(level, part, format, arguments);
}

void log_limited(enum hg_level level, const char *part, const char *source, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_vlimited(level, part, source, format, arguments);
    va_end(arguments);
}

bool log_has_counted(void)
{
    return atomic_load_explicit(&state.counted, memory_order_relaxed) > 0;
}

void log_counted(bool all)
{
    pthread_mutex_lock(&state.lock);
    sweep(seconds(), all);
    pthread_mutex_unlock(&state.lock);
}
