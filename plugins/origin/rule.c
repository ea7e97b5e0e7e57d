/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/origin/origin.h"

#include <stdlib.h>

/* What the route has said, and where it says nothing, the options of this plugin. */
static void fill(struct rule *rule, const struct origin_config *config, const struct hg_service *said)
{
    const struct hg_service service = hg_service_copy(said);
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
    rule->strict = service.strict;
    rule->lenient = service.lenient;
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
    const struct hg_service *said = hg_service_of(self);
    struct hg_text url = self->exchange->target.url;

    for (struct rule *rule = origin->rules; rule; rule = rule->next)
        if (rule->service == said && hg_text_equal(rule->pool->text, url))
            return rule;
    return rule_new(origin, said, url);
}

void rules_free(struct origin *origin)
{
    while (origin->rules) {
        struct rule *rule = origin->rules;

        origin->rules = rule->next;
        free(rule);
    }
}
