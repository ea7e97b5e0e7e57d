/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The stage that decides who answers: on a gateway, which service of which client; on a client, which URL.
 */
#include "plugins/route/route.h"
#include "plugins/lib/url/url.h"
#include "plugins/lib/url/url_rewrite.h"

#include "config.h"

#include <hopgate/identity.h>
#include <hopgate/match.h>
#include <hopgate/routes.h>
#include <stdio.h>
#include <stdlib.h>

/* Removes `prefix` bytes from the start. What is left of "/a" and "/a?x" gets a slash again. */
static int strip_prefix(const struct hg_host *host, struct hg_head *head, size_t prefix)
{
    struct hg_text rest = {head->path.data + prefix, head->path.size - prefix};
    char *text;
    int result;

    if (rest.size && rest.data[0] == '/') {
        head->path = rest;
        return 0;
    }
    if (!rest.size) {
        head->path = HG_TEXT("/");
        return 0;
    }
    text = malloc(rest.size + 1); /* only "?query": rare enough for an allocation */
    if (!text)
        return -1;
    text[0] = '/';
    memcpy(text + 1, rest.data, rest.size);
    result = hg_head_set(host, head, &head->path, (struct hg_text){text, rest.size + 1});
    free(text);
    return result;
}

/* Whether something is prepended to the path (see url.h); rules on a gateway have no URL. */
static bool has_base(const struct rule *rule)
{
    struct url url;

    return rule->target.url.size && !url_parse(rule->target.url, &url) && url.base.size;
}

static enum hg_verdict refuse_path(struct hg_self *self)
{
    hg_reset(self, &(struct hg_reason){400, "http_request_error", "the path has a segment \"..\"", 0});
    return HG_ERROR;
}

static enum hg_verdict refuse(struct hg_self *self, bool by_service, struct hg_text service)
{
    char detail[HG_IDENTITY_MAX + 64];

    snprintf(detail, sizeof detail, "no route for the service \"%.*s\"", HG_PRINT(service));
    hg_reset(self, &(struct hg_reason){.status = 404,
                                       .error = "destination_not_found",
                                       .detail = by_service ? detail : "no route for this host and path"});
    return HG_ERROR;
}

/* ---- The prefix in fields ---- */

static struct url_map public_urls(const struct hg_self *self)
{
    const struct hg_head *request = self->exchange->request;

    return (struct url_map){.places = {url_place_of(request->scheme, request->authority)}, .place_count = 1};
}

/* Removes the rule's prefix from the path, and from other targets of the request. */
static int take_off(struct hg_self *self, const struct rule *rule, struct hg_head *head)
{
    struct url_map map = public_urls(self);

    if (strip_prefix(self->host, head, rule->path.size))
        return -1;
    if (!rule->rewrite_location)
        return 0;
    *(const struct rule **)self->state = rule;
    map.from_path = rule->path;
    return url_map_targets(self->host, head, &map);
}

/* Prepends it again to paths from the service, which does not know about it. */
static int put_back(struct hg_self *self, struct hg_head *head)
{
    const struct rule *rule = *(const struct rule **)self->state;
    struct url_map map;

    if (!rule)
        return 0;
    map = public_urls(self);
    map.path = rule->path;
    map.keeps_known = true;
    return url_map_response(self->host, head, &map);
}

static enum hg_verdict route_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head)
{
    const struct route *route = self->worker->instance->state;
    const struct rule *rule;
    bool by_path;

    if (direction == HG_UP)
        return put_back(self, head) ? HG_ERROR : HG_NEXT;
    rule = route->by_service ? table_find_service(route->table, head->service, head->path, &by_path)
                             : table_find_host(route->table, head->authority, head->path, &by_path);
    /* A service that resolves ".." would answer for a path other than the one that was routed: above the rule's path,
     * or above the base of a client's URL. Without either, the path is up to the service. */
    if (hg_path_climbs(head->path) && (by_path || (rule && has_base(rule))))
        return refuse_path(self);
    if (!rule)
        return refuse(self, route->by_service, self->exchange->request->service);
    if (rule->strip_prefix && rule->path.size && take_off(self, rule, head))
        return HG_ERROR;
    hg_set_target(self, &rule->target);
    if (route->by_service)
        hg_set_service(self, &rule->service);
    return HG_NEXT;
}

/* ---- Who serves a host ---- */

/* A search through the rules of a host: whether there are any, and in which worker to ask. */
struct look {
    struct hg_worker *worker;
    bool named;
};

static bool rule_is_served(void *arg, const struct rule *rule)
{
    struct look *look = arg;

    look->named = true;
    return hg_target_served(look->worker, &rule->target);
}

static enum hg_served route_served(struct hg_worker *provider, struct hg_text host)
{
    const struct route *route = provider->instance->state;
    struct look look = {.worker = provider};

    if (!route->by_service && table_any_of_host(route->table, host, rule_is_served, &look))
        return table_names_host(route->table, host) ? HG_SERVED_LIVE : HG_SERVED_WILDCARD;
    return look.named ? HG_SERVED_ABSENT : HG_SERVED_UNKNOWN;
}

static bool route_names_hosts(struct hg_worker *provider)
{
    const struct route *route = provider->instance->state;

    return !route->by_service && table_names_any_host(route->table);
}

/* The rules are sorted by service. */
static bool route_services(struct hg_worker *provider, void (*report)(void *arg, struct hg_text service), void *arg)
{
    const struct route *route = provider->instance->state;

    for (size_t i = 0; i < route->count; i++)
        if (!route->by_service || !route->rules[i].key.size)
            return false;
    for (size_t i = 0; i < route->count; i++)
        if (!i || !hg_text_equal(route->rules[i].key, route->rules[i - 1].key))
            report(arg, route->rules[i].key);
    return true;
}

HG_EXPORT const struct hg_plugin *hopgate_plugin(void)
{
    static const struct hg_stage_ops ops = {
        .events = HG_EVENTS_MESSAGES | HG_EVENTS_UPGRADED,
        .self_size = sizeof(const struct rule *), /* one whose prefix was removed */
        .head = route_head,
    };
    static const struct hg_routes_ops routes = {
        .served = route_served, .names_hosts = route_names_hosts, .services = route_services};
    static const struct hg_offer offers[] = {
        {.name = HG_ROUTES, .version = HG_ROUTES_VERSION, .ops = &routes},
        {0},
    };
    static const struct hg_plugin plugin = {
        .abi = HG_ABI,
        .role = HG_ROLE_STAGE,
        .name = "route",
        .version = PACKAGE_VERSION,
        .summary = "chooses the client and service, or the URL, for each request",
        .options = route_options,
        .cfg_size = sizeof(struct route_config),
        .ops = &ops,
        .offers = offers,
        .configure = route_configure,
        .unconfigure = route_unconfigure,
        .examine = route_examine,
    };
    return &plugin;
}
