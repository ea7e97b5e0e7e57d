/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The stage that makes requests against local services: HTTP/1.1 (RFC 9112) over TCP.
 */
#include "plugins/origin/origin.h"

#include "config.h"

#include <stdlib.h>

#define OPTION(member) .name = #member, .offset = offsetof(struct origin_config, member)
#define MINUTE         (60 * (int64_t)HG_SECOND)

/* Longer than the 40 ms for which Nagle's algorithm holds back what a service writes after its response. */
#define TRIAL (100 * HG_MILLISECOND)

static const struct hg_option options[] = {
    {OPTION(connect_timeout), .type = HG_OPTION_DURATION, .value = "5s", .min = HG_MILLISECOND, .max = 10 * MINUTE,
     .doc = "How long opening a connection may take, including the name lookup."},
    {OPTION(response_timeout), .type = HG_OPTION_DURATION, .value = "60s", .min = HG_MILLISECOND, .max = 1440 * MINUTE,
     .doc = "How long the service may take from the end of the request, or from its last interim response, to the "
            "head of its response."},
    {OPTION(idle_timeout), .type = HG_OPTION_DURATION, .value = "300s", .min = HG_MILLISECOND, .max = 1440 * MINUTE,
     .doc = "How long a request or a response body may make no progress. Time in which the public user does not read "
            "is not counted."},
    {OPTION(keep_alive), .type = HG_OPTION_DURATION, .value = "60s", .max = 1440 * MINUTE,
     .doc = "How long an idle connection is kept open; 0: connections are not reused."},
    {OPTION(max_idle), .type = HG_OPTION_INTEGER, .value = "64", .max = 100000,
     .doc = "The maximum number of idle connections kept for each URL and worker."},
    {OPTION(max_connections), .type = HG_OPTION_INTEGER, .value = "4096", .min = 1, .max = 100000,
     .doc = "The maximum number of connections for each URL and worker; further requests wait."},
    {OPTION(max_queue), .type = HG_OPTION_INTEGER, .value = "4096", .max = 1000000,
     .doc = "The maximum number of requests waiting for a connection, for each URL and worker; others are answered "
            "with 503."},
    {OPTION(queue_timeout), .type = HG_OPTION_DURATION, .value = "10s", .min = HG_MILLISECOND, .max = 60 * MINUTE,
     .doc = "How long a request waits for a connection before it is answered with 503."},
    {OPTION(host), .type = HG_OPTION_STRING, .value = "public",
     .doc = "The Host that the service sees: \"public\", the one that the public user asked for; \"origin\", that of "
            "the URL; or any other host."},
    {0},
};

static int origin_configure(struct hg_instance *instance)
{
    const struct origin_config *config = instance->cfg;
    const char *wrong = url_check_host_option(config->host);

    if (!wrong)
        return 0;
    return hg_config_error(instance, "host",
                           "\"%s\" is not \"public\", \"origin\", or a host with an optional port: %s", config->host,
                           wrong);
}

static int origin_start(struct hg_worker *worker)
{
    struct origin *origin = calloc(1, sizeof *origin);

    if (!origin) {
        hg_log(worker->instance, HG_LOG_ERROR, "out of memory");
        return -1;
    }
    origin->worker = worker;
    origin->host = worker->host;
    origin->config = worker->cfg;
    origin->trial_time = TRIAL;
    origin->connections_opened = hg_counter(worker, "connections_opened", "Connections opened to services.");
    origin->connections_reused = hg_counter(worker, "connections_reused", "Requests sent over a reused connection.");
    origin->requests_retried =
        hg_counter(worker, "requests_retried", "Requests sent again after a reused connection failed.");
    origin->requests_failed = hg_counter(worker, "requests_failed", "Requests that a service did not answer properly.");
    origin->responses_tolerated =
        hg_counter(worker, "responses_tolerated", "Responses passed on although they violate HTTP.");
    worker->state = origin;
    return 0;
}

static void origin_drain(struct hg_worker *worker)
{
    struct origin *origin = worker->state;

    origin->draining = true;
    for (struct pool *pool = origin->pools; pool; pool = pool->next)
        pool_close_idle(pool);
}

static void origin_stop(struct hg_worker *worker)
{
    struct origin *origin = worker->state;

    if (!origin)
        return;
    rules_free(origin);
    while (origin->pools) {
        struct pool *pool = origin->pools;

        origin->pools = pool->next;
        pool_free(pool);
    }
    free(origin);
    worker->state = NULL;
}

HG_EXPORT const struct hg_plugin *hopgate_plugin(void)
{
    static const struct hg_stage_ops ops = {
        .events = HG_EVENTS_MESSAGES,
        .self_size = sizeof(struct request),
        .head = request_head,
        .data = request_data,
        .end = request_end,
        .reset = request_reset,
        .writable = request_writable,
        .detach = request_detach,
    };
    static const struct hg_plugin plugin = {
        .abi = HG_ABI,
        .role = HG_ROLE_ORIGIN,
        .name = "origin",
        .version = PACKAGE_VERSION,
        .summary = "sends requests to local services by HTTP/1.1",
        .options = options,
        .cfg_size = sizeof(struct origin_config),
        .ops = &ops,
        .configure = origin_configure,
        .worker_start = origin_start,
        .worker_drain = origin_drain,
        .worker_stop = origin_stop,
    };
    return &plugin;
}
