/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "tests/unit/fake_host.h"

#include "core/buffer.h"
#include "core/message.h"

#include <stdio.h>

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

static bool fake_log_enabled(const struct hg_instance *instance, enum hg_level level)
{
    (void)instance;
    (void)level;
    return true;
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

static uint64_t *fake_counter(struct hg_worker *worker, const char *name, const char *doc)
{
    (void)name;
    (void)doc;
    return &((struct fake_host *)worker->instance)->counter;
}

static const struct hg_host fake_table = {
    .size = sizeof fake_table,
    .abi = HG_ABI,
    .log = fake_log,
    .log_enabled = fake_log_enabled,
    .config_error = fake_config_error,
    .buffer_new = buffer_new,
    .head_new = message_head_new,
    .head_free = message_head_free,
    .fields_new = message_fields_new,
    .fields_free = message_fields_free,
    .text_set = message_text_set,
    .field_add = message_field_add,
    .field_remove = message_field_remove,
    .now = fake_now,
    .counter = fake_counter,
};

void fake_host_init(struct fake_host *fake, const struct hg_plugin *plugin, void *cfg)
{
    memset(fake, 0, sizeof *fake);
    fake->now = 1000 * HG_SECOND;
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
