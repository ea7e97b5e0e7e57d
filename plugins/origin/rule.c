/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/origin/origin.h"

#include <stdlib.h>

/* Fills the rule with the route's settings and, if not set there, the options of this plugin. */
static void fill(struct rule *rule, const struct origin_config *config, const struct hg_service *said)
{
    const struct hg_service service = said ? *said : (struct hg_service){0};
    const char *host = service.host ? service.host : config->host;

    rule->host_policy = strcmp(host, "public") == 0   ? HOST_PUBLIC
                        : strcmp(host, "origin") == 0 ? HOST_ORIGIN
                                                      : HOST_NAMED;
    rule->host = rule->host_policy == HOST_NAMED ? hg_text(host) : rule->pool->url.authority;
    rule->connect_timeout = service.connect_timeout ? service.connect_timeout : config->connect_timeout;
    rule->response_timeout = service.response_timeout ? service.response_timeout : config->response_timeout;
    rule->idle_timeout = service.idle_timeout ? service.idle_timeout : config->idle_timeout;
    rule->limits = (struct http1_limits)HTTP1_RESPONSE_LIMITS;
    if (service.max_head)
        rule->limits.head = service.max_head;
    if (service.max_fields)
        rule->limits.fields = service.max_fields;
    rule->limits.strict = service.strict;
    rule->limits.lenient = service.lenient;
    rule->keep_urls = service.keep_urls;
}

static struct rule *rule_new(struct origin *origin, const struct hg_service *said, struct hg_text url)
{
    struct rule *rule = calloc(1, sizeof *rule);

    if (!rule)
        return NULL;
    rule->service = said;
    rule->pool = pool_of(origin, url);
    if (!rule->pool) {
        free(rule);
        return NULL;
    }
    fill(rule, origin->config, said);
    rule->next = origin->rules;
    origin->rules = rule;
    return rule;
}

struct rule *rule_of(struct origin *origin, const struct hg_self *self)
{
    const struct hg_service *said = self->exchange->service;
    struct hg_text url = self->exchange->target.url;

    for (struct rule *rule = origin->rules; rule; rule = rule->next)
        if (rule->service == said && hg_text_equal(rule->pool->text, url))
            return rule;
    return rule_new(origin, said, url);
}

struct hg_text rule_host(const struct rule *rule, const struct hg_head *request)
{
    /* An HTTP/1.0 request may have none. */
    return rule->host_policy == HOST_PUBLIC && request->authority.size ? request->authority : rule->host;
}

/* 421 means exactly this (RFC 9110 section 15.5.20); 400 and 403 have many causes, so they count only if no other
 * response was seen. */
void rule_saw_status(struct rule *rule, const struct hg_head *request, int status)
{
    if (rule->is_explained || (status != 421 && rule->has_passed))
        return;
    if (status != 421 && status != 400 && status != 403) {
        rule->has_passed = status < 500;
        return;
    }
    rule->is_explained = true;
    hg_log(rule->pool->origin->worker->instance, HG_LOG_WARNING,
           "%.*s answered %d to a request with Host: %.*s. If the Host is the reason, add `%s` to its rule; see "
           "\"Services that check Host\" in hopgate-route(5)",
           HG_PRINT(rule->pool->text), status, HG_PRINT(rule_host(rule, request)),
           rule->host_policy == HOST_ORIGIN ? "host: public" : "host: origin");
}

void rules_free(struct origin *origin)
{
    while (origin->rules) {
        struct rule *rule = origin->rules;

        origin->rules = rule->next;
        free(rule);
    }
}
