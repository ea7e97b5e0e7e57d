/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "tests/unit/fake_host.h"

#include "core/base/buffer.h"
#include "core/base/message.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((format(printf, 4, 0))) static void append_line(char *to, size_t capacity, const char *prefix,
                                                              const char *format, va_list arguments)
{
    char line[1024];

    vsnprintf(line, sizeof line, format, arguments);
    snprintf(to + strlen(to), capacity - strlen(to), "%s: %s\n", prefix, line);
}

__attribute__((format(printf, 3, 0))) static void fake_log(const struct hg_instance *instance, enum hg_level level,
                                                           const char *format, va_list arguments)
{
    static const char *const names[] = {"", "error", "warning", "info", "debug"};
    struct fake_host *fake = (struct fake_host *)(uintptr_t)instance;

    append_line(fake->log, sizeof fake->log, names[level], format, arguments);
}

__attribute__((format(printf, 4, 0))) static void fake_log_limited(const struct hg_instance *instance,
                                                                   enum hg_level level, const char *source,
                                                                   const char *format, va_list arguments)
{
    (void)source;
    fake_log(instance, level, format, arguments);
}

static void fake_log_failure(struct hg_worker *worker, const struct hg_head *request, struct hg_text user,
                             const struct hg_reason *reason)
{
    struct fake_host *fake = (struct fake_host *)worker->instance;
    size_t size = strlen(fake->log);

    snprintf(fake->log + size, sizeof fake->log - size, "failure: %d %s, user %.*s, path %.*s\n", reason->status,
             reason->detail ? reason->detail : "", HG_PRINT(user), HG_PRINT(request ? request->path : user));
}

static void fake_reads_file(const struct hg_instance *instance, const char *option, const char *path, bool again)
{
    (void)instance;
    (void)option;
    (void)path;
    (void)again;
}

static enum hg_end fake_end(const struct hg_instance *instance)
{
    return ((const struct fake_host *)instance)->end;
}

static bool fake_log_enabled(const struct hg_instance *instance, enum hg_level level)
{
    (void)instance;
    (void)level;
    return true;
}

__attribute__((format(printf, 3, 0))) static void
fake_config_warning(const struct hg_instance *instance, const char *option, const char *format, va_list arguments)
{
    struct fake_host *fake = (struct fake_host *)(uintptr_t)instance;
    char prefix[128];

    snprintf(prefix, sizeof prefix, "warning: %s", option ? option : "(block)");
    append_line(fake->log, sizeof fake->log, prefix, format, arguments);
}

__attribute__((format(printf, 3, 0))) static void
fake_config_error(const struct hg_instance *instance, const char *option, const char *format, va_list arguments)
{
    struct fake_host *fake = (struct fake_host *)(uintptr_t)instance;

    append_line(fake->errors, sizeof fake->errors, option ? option : "-", format, arguments);
}

static hg_time fake_now(struct hg_worker *worker)
{
    return ((struct fake_host *)worker->instance)->now;
}

static void fake_finish(struct hg_worker *worker, int exit_code)
{
    struct fake_host *fake = (struct fake_host *)worker->instance;

    fake->finished = true;
    fake->exit_code = exit_code;
}

/* ---- Timers ---- */

struct hg_timer {
    struct fake_host *fake;
    struct hg_timer *next, **place;
    hg_callback callback;
    void *arg;
    bool set;
    hg_time when;
    uint64_t order; /* of two for the same time, the one set first fires first */
};

static struct hg_timer *fake_timer_new(struct hg_worker *worker, hg_callback callback, void *arg)
{
    struct fake_host *fake = (struct fake_host *)worker->instance;
    struct hg_timer *timer = calloc(1, sizeof *timer);

    if (!timer)
        return NULL;
    *timer =
        (struct hg_timer){.fake = fake, .next = fake->timers, .place = &fake->timers, .callback = callback, .arg = arg};
    if (timer->next)
        timer->next->place = &timer->next;
    fake->timers = timer;
    return timer;
}

static void fake_timer_set(struct hg_timer *timer, hg_time delay)
{
    timer->set = true;
    timer->when = timer->fake->now + delay;
    timer->order = ++timer->fake->timers_set;
}

static void fake_timer_stop(struct hg_timer *timer)
{
    timer->set = false;
}

static void fake_timer_free(struct hg_timer *timer)
{
    *timer->place = timer->next;
    if (timer->next)
        timer->next->place = timer->place;
    free(timer);
}

static bool is_before(const struct hg_timer *a, const struct hg_timer *b)
{
    return a->when < b->when || (a->when == b->when && a->order < b->order);
}

static struct hg_timer *first_timer(const struct fake_host *fake)
{
    struct hg_timer *first = NULL;

    for (struct hg_timer *timer = fake->timers; timer; timer = timer->next)
        if (timer->set && (!first || is_before(timer, first)))
            first = timer;
    return first;
}

/* ---- Descriptors ---- */

struct hg_io {
    struct hg_io *next;
    struct fake_host *fake;
    int fd, events;
    hg_io_callback callback;
    void *arg;
};

static struct hg_io *fake_io_new(struct hg_worker *worker, int fd, hg_io_callback callback, void *arg)
{
    struct fake_host *fake = (struct fake_host *)worker->instance;
    struct hg_io *io = calloc(1, sizeof *io);

    if (!io)
        return NULL;
    *io = (struct hg_io){.next = fake->ios, .fake = fake, .fd = fd, .callback = callback, .arg = arg};
    fake->ios = io;
    return io;
}

static void fake_io_set(struct hg_io *io, int events)
{
    io->events = events;
}

static void fake_io_free(struct hg_io *io)
{
    struct hg_io **place = &io->fake->ios;

    while (*place != io)
        place = &(*place)->next;
    *place = io->next;
    free(io);
}

/* A callback may free its own, but no other. */
static void poll_ios(struct fake_host *fake)
{
    struct hg_io *next;

    for (struct hg_io *io = fake->ios; io; io = next) {
        struct pollfd poller = {.fd = io->fd, .events = io->events & HG_READ ? POLLIN : 0};

        next = io->next;
        if (poller.events && poll(&poller, 1, 0) > 0)
            io->callback(io->arg, HG_READ);
    }
}

/* ---- Calls ---- */

static void fake_call_later(struct hg_worker *worker, struct hg_call *call)
{
    struct hg_call *ring = &((struct fake_host *)worker->instance)->calls;

    if (call->next)
        return;
    *call = (struct hg_call){.callback = call->callback, .arg = call->arg, .next = ring, .previous = ring->previous};
    ring->previous->next = call;
    ring->previous = call;
}

static void fake_post_cancel(struct hg_worker *worker, struct hg_call *call)
{
    (void)worker;
    hg_defer_cancel(call);
}

static struct hg_worker *fake_sibling(const struct hg_worker *worker)
{
    return (struct hg_worker *)(uintptr_t)worker;
}

static void make_calls(struct fake_host *fake)
{
    while (fake->calls.next != &fake->calls) {
        struct hg_call *call = fake->calls.next;

        hg_defer_cancel(call);
        call->callback(call->arg);
    }
}

void fake_host_run(struct fake_host *fake, hg_time time)
{
    const hg_time end = fake->now + time;
    struct hg_timer *timer;

    fake->stopped = false;
    poll_ios(fake);
    make_calls(fake);
    while (!fake->stopped && (timer = first_timer(fake)) && timer->when <= end) {
        fake->now = timer->when;
        timer->set = false;
        timer->callback(timer->arg);
        make_calls(fake);
    }
    if (!fake->stopped)
        fake->now = end;
}

/* ---- Capabilities ---- */

void fake_host_offer(struct fake_host *fake, const char *name, const void *ops, void *state)
{
    struct fake_capability *offer = &fake->capabilities[fake->capability_count++];

    *offer = (struct fake_capability){.name = name, .ops = ops};
    offer->instance = (struct hg_instance){.host = fake->instance.host, .name = name};
    offer->worker = (struct hg_worker){.host = fake->instance.host, .instance = &offer->instance, .state = state};
}

static bool fake_capability(struct hg_instance *instance, const char *name, uint32_t version,
                            struct hg_capability *found)
{
    struct fake_host *fake = (struct fake_host *)instance;

    (void)version;
    for (size_t i = 0; i < fake->capability_count; i++)
        if (!strcmp(fake->capabilities[i].name, name)) {
            *found = (struct hg_capability){fake->capabilities[i].ops, &fake->capabilities[i].instance};
            return true;
        }
    return false;
}

static struct hg_worker *fake_worker_of(struct hg_worker *worker, const struct hg_instance *instance)
{
    (void)worker;
    return &((struct fake_capability *)((uintptr_t)instance - offsetof(struct fake_capability, instance)))->worker;
}

/* ---- The table ---- */

static struct fake_gauge *find_gauge(struct fake_host *fake, const char *name, const char *label)
{
    for (size_t i = 0; i < fake->gauge_count; i++)
        if (!strcmp(fake->gauges[i].name, name) && !strcmp(fake->gauges[i].label, label ? label : ""))
            return &fake->gauges[i];
    return NULL;
}

static void *fake_metric(struct hg_worker *worker, const struct hg_metric *metric, const struct hg_label *labels)
{
    struct fake_host *fake = (struct fake_host *)worker->instance;
    const char *label = labels && labels->name && labels->value ? labels->value : "";
    struct fake_gauge *gauge = find_gauge(fake, metric->name, label);

    if (metric->kind == HG_METRIC_COUNTER)
        return &fake->counter;
    if (metric->kind == HG_METRIC_HISTOGRAM ||
        (!gauge && fake->gauge_count == sizeof fake->gauges / sizeof *fake->gauges))
        abort();
    if (gauge)
        return &gauge->value;
    gauge = &fake->gauges[fake->gauge_count++];
    snprintf(gauge->name, sizeof gauge->name, "%s", metric->name);
    snprintf(gauge->label, sizeof gauge->label, "%s", label);
    return &gauge->value;
}

uint64_t fake_host_gauge(struct fake_host *fake, const char *name, const char *label)
{
    const struct fake_gauge *gauge = find_gauge(fake, name, label);

    return gauge ? gauge->value : UINT64_MAX;
}

static const struct hg_host fake_table = {
    .log = fake_log,
    .log_enabled = fake_log_enabled,
    .log_limited = fake_log_limited,
    .log_failure = fake_log_failure,
    .reads_file = fake_reads_file,
    .end = fake_end,
    .finish = fake_finish,
    .config_error = fake_config_error,
    .config_warning = fake_config_warning,
    .buffer_new = buffer_new,
    .head_new = message_head_new,
    .head_free = message_head_free,
    .fields_new = message_fields_new,
    .fields_free = message_fields_free,
    .head_set = message_head_set,
    .field_add = message_field_add,
    .field_remove = message_field_remove,
    .now = fake_now,
    .timer_new = fake_timer_new,
    .timer_set = fake_timer_set,
    .timer_stop = fake_timer_stop,
    .timer_free = fake_timer_free,
    .io_new = fake_io_new,
    .io_set = fake_io_set,
    .io_free = fake_io_free,
    .defer = fake_call_later,
    .post = fake_call_later,
    .post_cancel = fake_post_cancel,
    .sibling = fake_sibling,
    .capability = fake_capability,
    .worker_of = fake_worker_of,
    .metric = fake_metric,
};

void fake_host_init(struct fake_host *fake, const struct hg_plugin *plugin, void *cfg)
{
    memset(fake, 0, sizeof *fake);
    fake->now = 1000 * HG_SECOND;
    fake->calls.next = fake->calls.previous = &fake->calls;
    fake->instance = (struct hg_instance){.host = &fake_table, .cfg = cfg, .name = plugin->name};
    fake->worker = (struct hg_worker){.host = &fake_table, .instance = &fake->instance, .cfg = cfg};
}

int fake_host_start(struct fake_host *fake, const struct hg_plugin *plugin)
{
    if (plugin->configure && plugin->configure(&fake->instance))
        return -1;
    return plugin->worker_start ? plugin->worker_start(&fake->worker) : 0;
}

void fake_host_stop(struct fake_host *fake, const struct hg_plugin *plugin)
{
    if (plugin->worker_stop && fake->worker.state)
        plugin->worker_stop(&fake->worker);
    if (plugin->unconfigure)
        plugin->unconfigure(&fake->instance);
}
