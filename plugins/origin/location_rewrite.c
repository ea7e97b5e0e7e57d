/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Replaces the service's own address in responses with the public one, and the public one in requests with the
 * service's.
 */
#include "plugins/lib/url/url_rewrite.h"
#include "plugins/origin/origin.h"

/* A service may refer to itself by its URL, by the Host it was sent, and by that Host with the port it listens on,
 * which some append to any Host. It sees only http; https and the public Host together are already the public
 * address. */
static void name_service(const struct rule *rule, const struct hg_head *request, struct url_map *map)
{
    const struct url *url = &rule->pool->url;
    struct hg_text host = rule_host(rule, request);
    struct url_place with_port = url_place_of(HG_TEXT(""), host);

    with_port.port = url->port;
    map->places[0] = url_place_of(HG_TEXT(""), url->authority);
    map->places[1] = url_place_of(rule->host_policy == HOST_PUBLIC ? HG_TEXT("http") : HG_TEXT(""), host);
    map->places[2] = with_port;
    map->place_count = url->port == 80 ? 2 : 3;
}

int location_map_response(const struct rule *rule, const struct hg_self *self, struct hg_head *response)
{
    const struct hg_head *request = self->exchange->request;
    struct url_map map;

    if (rule->keep_urls || !url_map_concerns(response) || !request->scheme.size || !request->authority.size)
        return 0;
    map =
        (struct url_map){.from_path = rule->pool->url.base, .scheme = request->scheme, .authority = request->authority};
    name_service(rule, request, &map);
    return url_map_response(self->host, response, &map);
}

int location_map_request(const struct rule *rule, const struct hg_self *self, struct hg_head *request)
{
    struct url_map map;

    if (rule->keep_urls || !url_map_concerns(request) || !request->scheme.size || !request->authority.size)
        return 0;
    map = (struct url_map){.places = {url_place_of(request->scheme, request->authority)},
                           .place_count = 1,
                           .scheme = HG_TEXT("http"),
                           .authority = rule_host(rule, request),
                           .path = rule->pool->url.base};
    /* A service that sees the public Host compares with that, and learns about https from X-Forwarded-Proto, if at
     * all. */
    if (rule->host_policy != HOST_PUBLIC && url_map_sender(self->host, request, &map))
        return -1;
    return url_map_targets(self->host, request, &map);
}
