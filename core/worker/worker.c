/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A turn of the loop: the callbacks of descriptors, timers and posts run, and mostly queue events. Before the loop
 * waits again, the exchanges run and the sessions send what has accumulated. So the output of one turn is sent in as
 * few packets and system calls as possible.
 */
#include "core/worker/worker.h"

#include "core/base/fatal.h"
#include "core/base/log.h"
#include "core/base/user_errors.h"
#include "core/loop/resolve.h"
#include "core/session/session_table.h"

#include <stdlib.h>

/* ---- Metrics, reports ---- */

void *worker_metric(struct hg_worker *instance, const struct hg_metric *metric, const struct hg_label *labels)
{
    return metrics_get(&worker_of(instance)->metrics, instance->instance, metric, labels);
}

void worker_metrics_read(struct hg_worker *instance, hg_series_visitor visit, void *arg)
{
    metrics_read(&worker_of(instance)->metrics, visit, arg);
}

void worker_report(struct worker *worker)
{
    exchange_report_stages(&worker->exchanges);
    metrics_report(&worker->metrics);
    if (worker->sessions)
        sessions_report(worker->sessions);
    exchange_report(&worker->exchanges);
}

/* ---- The loop ---- */

struct hg_worker *worker_instance_of(struct hg_worker *instance, const struct hg_instance *wanted)
{
    return &worker_of(instance)->instances[((const struct instance *)wanted)->index];
}

struct hg_worker *worker_sibling(const struct hg_worker *instance)
{
    struct worker *worker = worker_of(instance), *sibling = worker->sibling;

    return instance == &worker->core ? &sibling->core : &sibling->instances[instance - worker->instances];
}

static void on_turn_end(struct loop *loop)
{
    struct worker *worker = (struct worker *)loop;

    exchange_run_ready(&worker->exchanges);
    loop_run_deferred(loop);
    exchange_run_ready(&worker->exchanges);
    if (worker->sessions)
        sessions_flush(worker->sessions);
    if (worker->draining && !worker->exchanges.open_count && (!worker->sessions || sessions_idle(worker->sessions)))
        loop_break(loop);
}

static void on_stop_timeout(void *arg)
{
    struct worker *worker = arg;

    log_line(HG_LOG_WARNING, "core", "stopping; unfinished exchanges reset: %zu", worker->exchanges.open_count);
    exchange_reset_all(&worker->exchanges, &user_errors[USER_ERROR_STOPPING]);
    if (worker->sessions)
        sessions_flush(worker->sessions);
    loop_break(&worker->loop);
}

/* ---- Life ---- */

static void instance_init(struct worker *worker, struct hg_worker *in_worker, struct instance *instance)
{
    in_worker->host = &worker_host;
    in_worker->instance = &instance->public;
    in_worker->cfg = instance->public.cfg;
    in_worker->core = worker;
}

/* Lays out the path of exchanges: a top for each edge, then the stages, then the one that answers. */
static void lay_path(struct worker *worker)
{
    const struct pipeline *pipeline = worker->pipeline;
    bool gateway = pipeline->shape == PIPELINE_GATEWAY;
    struct exchange_table *table = &worker->exchanges;

    for (size_t i = 0; i < pipeline->path_count; i++) {
        struct instance *instance = pipeline->path[i];
        bool edge = instance->plugin->descriptor.role == HG_ROLE_EDGE;
        struct stage *stage = edge ? &table->tops[instance->index] : &table->stages[table->stage_count++];

        stage->ops = &instance->plugin->stage;
        stage->worker = &worker->instances[instance->index];
        stage->plugin = instance->public.name;
        stage->only = instance->only;
        table->gathers |= stage->ops->flush != NULL;
    }
    if (gateway)
        table->stages[table->stage_count++] = (struct stage){.ops = &gateway_stage_ops, .worker = &worker->core};
    else
        table->tops[pipeline->count] = (struct stage){.ops = &client_stage_ops, .worker = &worker->core};
}

struct worker *worker_new(struct pipeline *pipeline)
{
    struct worker *worker = calloc(1, sizeof *worker);

    if (!worker)
        return NULL;
    worker->pipeline = pipeline;
    metrics_init(&worker->metrics);
    worker->sibling = worker;
    worker->instances = calloc(pipeline->count, sizeof *worker->instances);
    if (loop_init(&worker->loop, on_turn_end) || !worker->instances ||
        exchange_table_init(&worker->exchanges, pipeline->count + 1, pipeline->path_count + 1,
                            pipeline->settings.exchange_buffer) ||
        !(worker->stop_timer = loop_timer_new(&worker->loop, NULL, on_stop_timeout, worker))) {
        worker_free(worker);
        return NULL;
    }
    worker->core_instance.public.host = &worker_host;
    worker->core_instance.public.name = "session";
    worker->core_instance.pipeline = pipeline;
    instance_init(worker, &worker->core, &worker->core_instance);
    for (size_t i = 0; i < pipeline->count; i++)
        instance_init(worker, &worker->instances[i], pipeline->instances[i]);
    lay_path(worker);
    return worker;
}

/* Whether an instance is started. For a command, only those that its plugin requires are. */
static bool takes_part(const struct worker *worker, const struct instance *instance)
{
    const struct hg_need *need;

    if (!worker->alone)
        return true;
    for (need = worker->alone->plugin->descriptor.needs; need->name; need++)
        if (!need->optional && pipeline_provider(worker->pipeline, need->name, need->version, NULL) == instance)
            return true;
    return false;
}

int worker_start_instances(struct worker *worker)
{
    const struct pipeline *pipeline = worker->pipeline;

    while (worker->started < pipeline->count) {
        const struct instance *instance = pipeline->start_order[worker->started++];
        int (*start)(struct hg_worker *) = instance->plugin->descriptor.worker_start;
        int result = 0;

        if (start && takes_part(worker, instance))
            CALL_PLUGIN(instance->public.name, "worker_start", result = start(&worker->instances[instance->index]));
        if (result) { /* the plugin should have said why */
            log_line(HG_LOG_ERROR, "core", "%s could not be started", instance->public.name);
            return -1;
        }
    }
    return 0;
}

int worker_start_sessions(struct worker *worker)
{
    worker->sessions = sessions_start(&worker->core, worker->pipeline, &worker->exchanges,
                                      &worker->exchanges.tops[worker->pipeline->count]);
    return worker->sessions ? 0 : -1;
}

int worker_start(struct worker *worker)
{
    return worker_start_instances(worker) ? -1 : worker_start_sessions(worker);
}

void worker_run(struct worker *worker)
{
    loop_run(&worker->loop);
}

void worker_finish(struct hg_worker *instance, int exit_code)
{
    struct worker *worker = worker_of(instance);

    worker->finished = true;
    worker->exit_code = exit_code;
    loop_break(&worker->loop);
}

void worker_drain(struct worker *worker)
{
    const struct pipeline *pipeline = worker->pipeline;

    if (worker->draining) {
        loop_timer_set(worker->stop_timer, 0);
        return;
    }
    worker->draining = true;
    for (size_t i = 0; i < pipeline->count; i++)
        if (pipeline->instances[i]->plugin->descriptor.worker_drain)
            CALL_PLUGIN(pipeline->instances[i]->public.name, "worker_drain",
                        pipeline->instances[i]->plugin->descriptor.worker_drain(&worker->instances[i]));
    if (worker->sessions)
        sessions_drain(worker->sessions);
    loop_timer_set(worker->stop_timer, pipeline->settings.stop_timeout);
}

static void log_reread(void *arg, enum hg_level level, const char *text)
{
    const struct instance *instance = arg;

    log_line(level, instance->public.name, "%s", text);
}

void worker_reread(struct worker *worker)
{
    const struct pipeline *pipeline = worker->pipeline;

    for (size_t i = 0; i < pipeline->count; i++)
        options_reread(pipeline->instances[i]->memory, log_reread, pipeline->instances[i]);
    for (size_t i = 0; i < pipeline->count; i++)
        if (pipeline->instances[i]->plugin->descriptor.worker_reread)
            CALL_PLUGIN(pipeline->instances[i]->public.name, "worker_reread",
                        pipeline->instances[i]->plugin->descriptor.worker_reread(&worker->instances[i]));
}

static void stop_instances(struct worker *worker)
{
    while (worker->started > 0) {
        const struct instance *instance = worker->pipeline->start_order[--worker->started];

        if (instance->plugin->descriptor.worker_stop && takes_part(worker, instance))
            CALL_PLUGIN(instance->public.name, "worker_stop",
                        instance->plugin->descriptor.worker_stop(&worker->instances[instance->index]));
    }
}

void worker_free(struct worker *worker)
{
    if (!worker)
        return;
    if (worker->stop_timer) {
        exchange_reset_all(&worker->exchanges, &user_errors[USER_ERROR_STOPPED]);
        if (worker->sessions)
            sessions_stop(worker->sessions);
        worker->sessions = NULL;
        stop_instances(worker);
        resolver_stop(&worker->loop);
        loop_timer_free(worker->stop_timer);
    }
    loop_end(&worker->loop);
    log_counted(true);
    metrics_free(&worker->metrics);
    exchange_table_free(&worker->exchanges);
    free(worker->instances);
    free(worker);
}
