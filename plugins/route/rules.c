/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/http1/http1.h"
#include "plugins/lib/url/url.h"
#include "plugins/route/route.h"

#include <hopgate/identity.h>
#include <hopgate/match.h>
#include <stdio.h>
#include <stdlib.h>

#define ENTRY(member) offsetof(struct route_entry, member)
/* The most unknown clients that `check` warns about. */
#define MOST_UNKNOWN 20
#define MINUTE       (60 * (int64_t)HG_SECOND)

static const struct hg_option entry_options[] = {
    {.name = "host",
     .type = HG_OPTION_STRING,
     .offset = ENTRY(host),
     .doc = "On a gateway: the host that the public user asked for, without a port; *.example.com matches every name "
            "below example.com; default: any host. On a client: the Host that the service sees: \"public\", the one "
            "that the public user asked for; \"origin\", that of the URL; or any other host; default: the `host` of "
            "origin."},
    {.name = "path",
     .type = HG_OPTION_STRING,
     .offset = ENTRY(path),
     .doc = "The path and everything below it: /a matches /a and /a/b, but not /ab. Default: any path."},
    {.name = "service",
     .type = HG_OPTION_STRING,
     .offset = ENTRY(service),
     .doc = "On a client: the service that the gateway's rule names. Default: any service."},
    {.name = "to",
     .type = HG_OPTION_STRING,
     .offset = ENTRY(to),
     .flags = HG_OPTION_REQUIRED,
     .doc = "On a gateway: CLIENT/SERVICE. On a client: the URL of the service, http://host[:port][/base]."},
    {.name = "strip_prefix",
     .type = HG_OPTION_BOOL,
     .offset = ENTRY(strip_prefix),
     .value = "no",
     .doc = "Remove the path of this rule from the path of the request."},
    {.name = "rewrite_location",
     .type = HG_OPTION_BOOL,
     .offset = ENTRY(rewrite_location),
     .value = "yes",
     .doc = "On a client: replace the service's own address in responses by the public one. With strip_prefix, at "
            "either end: put the prefix back. See \"Addresses in heads\"."},
    {.name = "connect_timeout",
     .type = HG_OPTION_DURATION,
     .offset = ENTRY(connect_timeout),
     .min = HG_MILLISECOND,
     .max = 10 * MINUTE,
     .doc = "On a client: overrides this option of origin for the service."},
    {.name = "response_timeout",
     .type = HG_OPTION_DURATION,
     .offset = ENTRY(response_timeout),
     .min = HG_MILLISECOND,
     .max = 1440 * MINUTE,
     .doc = "On a client: overrides this option of origin for the service; raise it for long polls."},
    {.name = "idle_timeout",
     .type = HG_OPTION_DURATION,
     .offset = ENTRY(idle_timeout),
     .min = HG_MILLISECOND,
     .max = 1440 * MINUTE,
     .doc = "On a client: overrides this option of origin for the service."},
    {.name = "max_head",
     .type = HG_OPTION_SIZE,
     .offset = ENTRY(max_head),
     .min = 256,
     .max = HTTP1_HEAD_MAX,
     .doc = "On a client: the maximum size of a response head; larger ones are answered with 502. Default: 64k."},
    {.name = "max_fields",
     .type = HG_OPTION_INTEGER,
     .offset = ENTRY(max_fields),
     .min = 1,
     .max = HTTP1_FIELDS_MAX,
     .doc = "On a client: the maximum number of field lines in a response head; more are answered with 502. Default: "
            "1000."},
    {.name = "strict",
     .type = HG_OPTION_BOOL,
     .offset = ENTRY(strict),
     .value = "no",
     .doc = "On a client: answer with 502 if a response violates RFC 9112 in a way that is tolerated otherwise."},
    {.name = "lenient",
     .type = HG_OPTION_BOOL,
     .offset = ENTRY(lenient),
     .value = "no",
     .doc = "On a client: accept some responses that violate RFC 9112 so severely that they are answered with 502 "
            "otherwise."},
    {0},
};

const struct hg_option route_options[] = {
    {.name = "routes",
     .type = HG_OPTION_LIST,
     .item = HG_OPTION_MAP,
     .flags = HG_OPTION_REQUIRED | HG_OPTION_BODY,
     .offset = offsetof(struct route_config, routes),
     .min = 1,
     .max = 100000,
     .fields = entry_options,
     .item_size = sizeof(struct route_entry),
     .doc = "The rules. The most specific host wins (an exact one, then the longest wildcard, then any), then the "
            "longest path; the order of the rules does not matter."},
    {0},
};

/* The entry being checked, and the number of errors. */
struct check {
    const struct hg_instance *instance;
    const struct route_entry *entry;
    size_t number;
    size_t faults;
};

__attribute__((format(printf, 3, 4))) static void fault(struct check *check, const char *member, const char *format,
                                                        ...)
{
    char option[64], text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    snprintf(option, sizeof option, "routes[%zu]%s%s", check->number, member ? "." : "", member ? member : "");
    hg_config_error(check->instance, option, "%s", text);
    check->faults++;
}

/* ---- The parts of one rule ---- */

/* Also accepts one without its scheme, as neither ids nor services contain a colon. */
static bool is_url(const char *to)
{
    return strchr(to, ':') != NULL;
}

static bool is_id(struct hg_text text)
{
    if (!text.size || text.size > HG_IDENTITY_MAX)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
              c == '_'))
            return false;
    }
    return true;
}

static void check_url(struct check *check, struct rule *rule)
{
    const char *to = check->entry->to;
    const char *wrong;
    struct url url;

    wrong = url_parse(hg_text(to), &url);
    if (wrong)
        fault(check, "to", "\"%s\": %s", to, wrong);
    rule->target.url = hg_text(to);
}

static void check_client_and_service(struct check *check, struct rule *rule)
{
    const char *to = check->entry->to;
    const char *slash = strchr(to, '/');

    if (!slash) {
        fault(check, "to", "\"%s\" is neither CLIENT/SERVICE nor a URL http://host:port", to);
        return;
    }
    rule->target.client = (struct hg_text){to, (size_t)(slash - to)};
    rule->target.service = hg_text(slash + 1);
    if (!is_id(rule->target.client) || !is_id(rule->target.service))
        fault(check, "to",
              "\"%s\": expected CLIENT/SERVICE, each with 1 to %d letters, digits, '-', '.' and '_', or a URL "
              "http://host:port",
              to, HG_IDENTITY_MAX);
}

static void check_host(struct check *check, struct rule *rule, char *buffer)
{
    const char *wrong = hg_host_pattern(check->entry->host, buffer, &rule->key);

    if (wrong)
        fault(check, "host", "\"%s\": %s", check->entry->host, wrong);
}

static void check_path(struct check *check, struct rule *rule)
{
    const char *wrong = hg_path_pattern(check->entry->path, &rule->path);

    if (wrong)
        fault(check, "path", "\"%s\": %s", check->entry->path, wrong);
}

/* A client's settings for its service. */
static void check_service(struct check *check, struct rule *rule)
{
    const struct route_entry *entry = check->entry;
    const char *wrong = entry->host ? url_check_host_option(entry->host) : NULL;

    if (wrong)
        fault(check, "host", "\"%s\" is not \"public\", \"origin\", or a host with an optional port: %s", entry->host,
              wrong);
    if (entry->strict && entry->lenient)
        fault(check, "lenient", "a service is either strict or lenient, not both");
    rule->service = (struct hg_service){
        .host = entry->host,
        .connect_timeout = entry->connect_timeout,
        .response_timeout = entry->response_timeout,
        .idle_timeout = entry->idle_timeout,
        .max_head = (size_t)entry->max_head,
        .max_fields = (size_t)entry->max_fields,
        .strict = entry->strict,
        .lenient = entry->lenient,
        .keep_urls = !entry->rewrite_location,
    };
}

/* On a gateway, they would be ignored. */
static void check_no_service(struct check *check)
{
    const struct route_entry *entry = check->entry;
    const struct {
        const char *name;
        bool is_there;
    } options[] = {
        {"connect_timeout", entry->connect_timeout},
        {"response_timeout", entry->response_timeout},
        {"idle_timeout", entry->idle_timeout},
        {"max_head", entry->max_head},
        {"max_fields", entry->max_fields},
        {"strict", entry->strict},
        {"lenient", entry->lenient},
    };

    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (options[i].is_there)
            fault(check, options[i].name,
                  "this is for services and belongs in the client's rule, which routes to a URL");
}

static void check_entry(struct check *check, struct rule *rule, bool by_service, char *buffer)
{
    const struct route_entry *entry = check->entry;

    if (is_url(entry->to) && !by_service)
        fault(check, "to", "\"%s\": a gateway's rules route to CLIENT/SERVICE; the URL belongs in the client's rule",
              entry->to);
    else if (by_service)
        check_url(check, rule);
    else
        check_client_and_service(check, rule);
    if (by_service)
        check_service(check, rule);
    else
        check_no_service(check);
    if (entry->host && !by_service)
        check_host(check, rule, buffer);
    if (entry->service && !by_service)
        fault(check, "service", "`service` is for clients; rules to CLIENT/SERVICE are chosen by `host` and `path`");
    else if (entry->service && !is_id(hg_text(entry->service)))
        fault(check, "service", "\"%s\": 1 to %d letters, digits, '-', '.' and '_'", entry->service, HG_IDENTITY_MAX);
    else if (entry->service)
        rule->key = hg_text(entry->service);
    if (entry->path)
        check_path(check, rule);
    rule->strip_prefix = entry->strip_prefix;
    rule->rewrite_location = entry->rewrite_location;
    if (!by_service && !entry->rewrite_location && !entry->strip_prefix)
        fault(check, "rewrite_location",
              "a gateway's rule rewrites nothing without `strip_prefix`; this belongs in the client's rule");
    if (entry->strip_prefix && !entry->path)
        fault(check, "strip_prefix", "this rule has no `path` to remove");
}

/* ---- All rules ---- */

static void report_doubled(struct check *check, const struct rule *first, const struct rule *twin)
{
    check->number = twin->number;
    fault(check, NULL, "same host or service and path as routes[%zu]; this rule would never be chosen", first->number);
}

/* Whether these are a client's rules. If the core does not say, the first rule decides. */
static bool leads_to_urls(const struct hg_instance *instance, const struct route_entry *first)
{
    if (hg_end(instance) != HG_END_UNKNOWN)
        return hg_end(instance) == HG_END_CLIENT;
    return is_url(first->to) || (first->service && !strchr(first->to, '/'));
}

static int configure_rules(struct route *route, struct hg_instance *instance, const struct hg_list *list)
{
    const struct route_entry *entries = list->items;
    const struct rule *first, *twin;
    struct check check = {.instance = instance};

    route->by_service = leads_to_urls(instance, &entries[0]);
    for (size_t i = 0; i < list->count; i++) {
        check.entry = &entries[i];
        check.number = route->rules[i].number = i;
        check_entry(&check, &route->rules[i], route->by_service, route->hosts + i * (HG_HOST_MAX + 1));
    }
    if (check.faults)
        return -1;
    route->table = table_new(route->rules, list->count, &first, &twin);
    if (twin)
        report_doubled(&check, first, twin);
    else if (!route->table)
        hg_config_error(instance, NULL, "out of memory");
    return route->table ? 0 : -1;
}

int route_configure(struct hg_instance *instance)
{
    const struct hg_list *list = &((const struct route_config *)instance->cfg)->routes;
    struct route *route = calloc(1, sizeof *route);

    instance->state = route;
    if (route) {
        route->count = list->count;
        route->rules = calloc(list->count, sizeof *route->rules);
        route->hosts = calloc(list->count, HG_HOST_MAX + 1);
    }
    if (!route || !route->rules || !route->hosts)
        return hg_config_error(instance, NULL, "out of memory");
    return configure_rules(route, instance, list);
}

static bool is_among(struct hg_text client, const struct hg_text *clients, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (hg_text_equal(clients[i], client))
            return true;
    return false;
}

static struct hg_text client_of(const struct route_entry *entry)
{
    return (struct hg_text){entry->to, strcspn(entry->to, "/")};
}

void route_examine(struct hg_worker *worker)
{
    const struct hg_list *list = &((const struct route_config *)worker->cfg)->routes;
    const struct route_entry *entries = list->items;
    const struct route *route = worker->instance->state;
    const struct hg_identity_ops *identity = NULL;
    struct hg_text reported[MOST_UNKNOWN];
    struct hg_capability found;
    size_t count = 0;

    if (!route->by_service && hg_capability(worker->instance, HG_IDENTITY, HG_IDENTITY_VERSION, &found))
        identity = found.ops;
    for (size_t i = 0; identity && identity->knows && count < MOST_UNKNOWN && i < list->count; i++) {
        const struct hg_text client = client_of(&entries[i]);
        char option[64];

        if (is_among(client, reported, count) || identity->knows(found.provider, client))
            continue;
        snprintf(option, sizeof option, "routes[%zu].to", i);
        hg_config_warning(worker->instance, option, "%s has no client \"%.*s\"; requests for it are answered with 503",
                          found.provider->name, HG_PRINT(client));
        reported[count++] = client;
    }
    hg_finish(worker, EXIT_SUCCESS);
}

void route_unconfigure(struct hg_instance *instance)
{
    struct route *route = instance->state;

    if (!route)
        return;
    table_free(route->table);
    free(route->hosts);
    free(route->rules);
    free(route);
    instance->state = NULL;
}
