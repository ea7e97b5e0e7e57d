/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The part of `hopgate check` that looks beyond the config, for example whether its hosts have addresses.
 */
#include "core/base/fatal.h"
#include "core/cli/run.h"
#include "core/loop/resolve.h"
#include "core/pipeline/listen.h"
#include "core/pipeline/pipeline.h"
#include "core/worker/worker.h"

#include <arpa/inet.h>
#include <stdlib.h>

/* For all hosts together. */
#define TIME_LIMIT (4 * HG_SECOND)

/* All lookups of an examination. */
struct examination {
    struct worker *worker;
    struct lookup *lookups;
};

/* The host of an address in the file. */
struct lookup {
    struct lookup *next;
    struct examination *examination;
    struct instance *instance;
    struct hg_resolution *resolution; /* NULL: done */
    const char *host;
    char option[80];
};

static void warn(const struct lookup *lookup, const char *error)
{
    hg_config_warning(&lookup->instance->public, lookup->option, "cannot resolve \"%s\": %s", lookup->host, error);
}

static bool is_done(const struct lookup *lookup)
{
    while (lookup && !lookup->resolution)
        lookup = lookup->next;
    return !lookup;
}

static void on_resolved(void *arg, const struct hg_sockaddr *addresses, size_t count, const char *error)
{
    struct lookup *lookup = arg;

    (void)addresses;
    (void)count;
    lookup->resolution = NULL;
    if (error)
        warn(lookup, error);
    if (is_done(lookup->examination->lookups))
        worker_finish(&lookup->examination->worker->core, EXIT_SUCCESS);
}

static void on_limit(void *arg)
{
    struct examination *examination = arg;

    for (struct lookup *lookup = examination->lookups; lookup; lookup = lookup->next) {
        if (!lookup->resolution)
            continue;
        resolve_cancel(lookup->resolution);
        warn(lookup, "no name server answered in time");
    }
    worker_finish(&examination->worker->core, EXIT_SUCCESS);
}

/* Checks whether a gateway could listen on an address. Names are looked up instead. */
static void check_listening(struct instance *instance, const struct hg_address *address, const char *option,
                            size_t index)
{
    char place[80];

    snprintf(place, sizeof place, "%s[%zu]", option, index);
    if (instance->pipeline->shape == PIPELINE_GATEWAY)
        listen_check(&instance->public, place, address);
}

/* Literals and "*" need no lookup. */
static bool is_name(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];

    return host && strcmp(host, "*") && inet_pton(AF_INET, host, address) != 1 &&
           inet_pton(AF_INET6, host, address) != 1;
}

static void look_up(struct examination *examination, struct instance *instance, const struct hg_address *address,
                    const char *option, size_t index)
{
    struct lookup *lookup = is_name(address->host) ? calloc(1, sizeof *lookup) : NULL;

    if (!lookup)
        return;
    *lookup = (struct lookup){
        .next = examination->lookups, .examination = examination, .instance = instance, .host = address->host};
    snprintf(lookup->option, sizeof lookup->option, "%s[%zu]", option, index);
    examination->lookups = lookup;
    lookup->resolution =
        resolve_start(&examination->worker->loop, NULL, address->host, address->port, on_resolved, lookup);
}

static void look_up_all(struct examination *examination, struct instance *instance)
{
    const struct hg_option *option = instance->plugin->descriptor.options;

    for (; option && option->name; option++) {
        const struct hg_list *list = (const void *)((const char *)instance->public.cfg + option->offset);

        if (option->type != HG_OPTION_LIST || option->item != HG_OPTION_ADDRESS)
            continue;
        for (size_t i = 0; i < list->count; i++) {
            const struct hg_address *address = (const struct hg_address *)list->items + i;

            check_listening(instance, address, option->name, i);
            look_up(examination, instance, address, option->name, i);
        }
    }
}

static void examine_hosts(struct worker *worker)
{
    struct examination examination = {.worker = worker};
    struct hg_timer *limit = loop_timer_new(&worker->loop, NULL, on_limit, &examination);

    for (size_t i = 0; i < worker->pipeline->count; i++)
        look_up_all(&examination, worker->pipeline->instances[i]);
    if (limit && !is_done(examination.lookups)) {
        loop_timer_set(limit, TIME_LIMIT);
        worker_run(worker);
    }
    if (limit)
        loop_timer_free(limit);
    while (examination.lookups) {
        struct lookup *lookup = examination.lookups;

        examination.lookups = lookup->next;
        free(lookup);
    }
}

void run_examinations(struct pipeline *pipeline)
{
    struct worker *worker = worker_new(pipeline);

    if (!worker)
        return;
    examine_hosts(worker);
    for (size_t i = 0; i < pipeline->count; i++) {
        const struct instance *instance = pipeline->instances[i];

        if (!instance->plugin->descriptor.examine)
            continue;
        worker->finished = false;
        CALL_PLUGIN(instance->public.name, "examine",
                    instance->plugin->descriptor.examine(&worker->instances[instance->index]));
        if (!worker->finished)
            worker_run(worker);
    }
    worker_free(worker);
}
