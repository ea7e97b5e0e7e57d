/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "tests/unit/worker_fixture.h"

#include "core/base/log.h"
#include "core/pipeline/listen.h"
#include "core/pipeline/start_order.h"
#include "tests/unit/slowness.h"

#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>

/* What core/plugin/plugin.c does with a loaded descriptor. */
static void complete(struct plugin *plugin, const struct hg_plugin *descriptor)
{
    static const struct hg_offer no_offers[] = {{0}};
    static const struct hg_need no_needs[] = {{0}};

    plugin->descriptor = *descriptor;
    if (!descriptor->offers)
        plugin->descriptor.offers = no_offers;
    if (!descriptor->needs)
        plugin->descriptor.needs = no_needs;
    switch (descriptor->role) {
    case HG_ROLE_EDGE:
        plugin->stage = *((const struct hg_edge_ops *)descriptor->ops)->exchange;
        break;
    case HG_ROLE_STAGE:
    case HG_ROLE_ORIGIN:
        plugin->stage = *(const struct hg_stage_ops *)descriptor->ops;
        break;
    case HG_ROLE_CODEC:
        plugin->codec = *(const struct hg_codec_ops *)descriptor->ops;
        break;
    case HG_ROLE_TRANSPORT:
        plugin->transport = *(const struct hg_transport_ops *)descriptor->ops;
        break;
    default:
        break;
    }
}

static void sort_into(struct pipeline *pipeline, struct instance *instance)
{
    pipeline->instances[pipeline->count++] = instance;
    switch (instance->plugin->descriptor.role) {
    case HG_ROLE_EDGE:
    case HG_ROLE_STAGE:
    case HG_ROLE_ORIGIN:
        pipeline->path[pipeline->path_count++] = instance;
        break;
    case HG_ROLE_CODEC:
        pipeline->codecs[pipeline->codec_count++] = instance;
        break;
    case HG_ROLE_TRANSPORT:
        pipeline->transports[pipeline->transport_count++] = instance;
        break;
    default:
        break;
    }
}

static struct pipeline *empty_pipeline(enum pipeline_shape shape, size_t count)
{
    struct pipeline *pipeline = calloc(1, sizeof *pipeline);

    pipeline->shape = shape;
    pipeline->instances = calloc(count, sizeof *pipeline->instances);
    pipeline->path = calloc(count, sizeof *pipeline->path);
    pipeline->codecs = calloc(count, sizeof *pipeline->codecs);
    pipeline->transports = calloc(count, sizeof *pipeline->transports);
    pipeline->settings = (struct settings){.log = LOG_TEXT,
                                           .log_level = HG_LOG_WARNING,
                                           .stop_timeout = 5 * HG_SECOND,
                                           .exchange_buffer = 65536,
                                           .keep_alive = 15 * HG_SECOND,
                                           .dead_after = 10 * HG_SECOND,
                                           .resume_timeout = 60 * HG_SECOND,
                                           .links = 1,
                                           .sessions_per_client = 64,
                                           .sessions_per_process = 16,
                                           .head_start = 300 * HG_MILLISECOND,
                                           .probe_interval = 45 * HG_SECOND,
                                           .session_window = 16 << 20};
    return pipeline;
}

struct fixture *fixture_new(enum pipeline_shape shape, const struct fixture_part *parts, size_t count)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    fixture->count = count;
    fixture->instances = calloc(count, sizeof *fixture->instances);
    fixture->plugins = calloc(count, sizeof *fixture->plugins);
    fixture->pipeline = empty_pipeline(shape, count);
    for (size_t i = 0; i < count; i++) {
        struct instance *instance = &fixture->instances[i];

        complete(&fixture->plugins[i], parts[i].plugin);
        instance->public.host = &worker_host;
        instance->public.cfg = parts[i].cfg;
        instance->public.name = parts[i].plugin->name;
        instance->plugin = &fixture->plugins[i];
        instance->pipeline = fixture->pipeline;
        instance->index = i;
        sort_into(fixture->pipeline, instance);
    }
    ck_assert_int_eq(pipeline_find_start_order(fixture->pipeline), 0);
    for (size_t i = 0; i < count; i++)
        if (parts[i].plugin->configure)
            ck_assert_int_eq(parts[i].plugin->configure(&fixture->instances[i].public), 0);
    for (size_t i = 0; i < count; i++)
        if (parts[i].plugin->prepare)
            ck_assert_int_eq(parts[i].plugin->prepare(&fixture->instances[i].public), 0);
    return fixture;
}

static unsigned ports;

unsigned fixture_port_count(void)
{
    return ports;
}

uint16_t fixture_free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    ports++;
    return ntohs(address.sin_port);
}

void fixture_start(struct fixture *fixture)
{
    fixture->worker = worker_new(fixture->pipeline);
    ck_assert_ptr_nonnull(fixture->worker);
    ck_assert_int_eq(worker_start_instances(fixture->worker), 0);
}

struct hg_worker *fixture_worker(struct fixture *fixture, size_t part)
{
    return &fixture->worker->instances[part];
}

static void on_deadline(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)events;
    *(bool *)watcher->data = true;
    ev_break(loop, EVBREAK_ONE);
}

static bool run_until(struct fixture *fixture, bool (*done)(void *arg), void *arg, double seconds)
{
    bool late = false;
    ev_timer timer;

    ev_timer_init(&timer, on_deadline, seconds, 0.);
    timer.data = &late;
    ev_timer_start(fixture->worker->loop.ev, &timer);
    /* Exchanges queued in a turn would only run at the start of the next one, which might then wait in vain. */
    while (!late && (exchange_run_ready(&fixture->worker->exchanges), !done(arg)))
        ev_run(fixture->worker->loop.ev, EVRUN_ONCE);
    ev_timer_stop(fixture->worker->loop.ev, &timer);
    return done(arg);
}

bool fixture_run(struct fixture *fixture, bool (*done)(void *arg), void *arg, unsigned milliseconds)
{
    if (done)
        return run_until(fixture, done, arg, slowness() * milliseconds / 1000.);
    ev_run(fixture->worker->loop.ev, EVRUN_NOWAIT);
    return true;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

void fixture_wait(struct fixture *fixture, unsigned milliseconds)
{
    run_until(fixture, never, NULL, milliseconds / 1000.);
}

static uint32_t breaches_of(const struct stage *stage)
{
    uint32_t seen = 0;

    for (size_t i = 0; i < sizeof stage->breaches / sizeof *stage->breaches; i++)
        seen |= stage->breaches[i];
    return seen;
}

static uint32_t breaches(const struct fixture *fixture)
{
    const struct exchange_table *table = &fixture->worker->exchanges;
    uint32_t seen = 0;

    for (size_t i = 0; i < table->top_count; i++)
        seen |= breaches_of(&table->tops[i]);
    for (size_t i = 1; i < table->stage_count; i++)
        seen |= breaches_of(&table->stages[i]);
    return seen;
}

void fixture_free(struct fixture *fixture)
{
    uint32_t seen = fixture->worker ? breaches(fixture) : 0, expected = fixture->breaches;

    worker_free(fixture->worker);
    for (size_t i = fixture->count; i-- > 0;) {
        if (fixture->plugins[i].descriptor.unconfigure)
            fixture->plugins[i].descriptor.unconfigure(&fixture->instances[i].public);
        listen_close(&fixture->instances[i]);
    }
    free(fixture->pipeline->instances);
    free(fixture->pipeline->start_order);
    free(fixture->pipeline->path);
    free(fixture->pipeline->codecs);
    free(fixture->pipeline->transports);
    free(fixture->pipeline);
    free(fixture->instances);
    free(fixture->plugins);
    free(fixture);
    ck_assert_uint_eq(seen, expected);
}
