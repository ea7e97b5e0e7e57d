/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The service's own address in responses becomes the public one; in requests, where the service does not see the
 * public Host, the public one becomes the service's.
 */
#include "plugins/origin/origin.h"
#include "plugins/url/map.h"

/* A service is known by its URL, by the Host that it was sent, and by that with the port that it listens on, which
 * some put behind whatever name they were called by. But where the Host was the public one, this alone names no other
 * place. */
static void name_service(const struct rule *rule, const struct hg_head *request, struct url_map *map)
{
    const struct url *url = &rule->pool->url;
    struct url_place host =
        url_place_of(HG_TEXT(""), rule->host_policy == HOST_PUBLIC ? request->authority : rule->host);

    map->places[map->place_count++] = url_place_of(HG_TEXT(""), url->authority);
    if (rule->host_policy != HOST_PUBLIC)
        map->places[map->place_count++] = host;
    if (url->port != 80) {
        host.port = url->port;
        map->places[map->place_count++] = host;
    }
}

int location_map_response(const struct rule *rule, const struct hg_self *self, struct hg_head *response)
{
    const struct hg_head *request = self->exchange->request;
    struct url_map map = {
        .from_path = rule->pool->url.base, .scheme = request->scheme, .authority = request->authority};

    if (rule->keep_urls || !request->scheme.size || !request->authority.size)
        return 0;
    name_service(rule, request, &map);
    return url_map_response(self->host, response, &map);
}

int location_map_request(const struct rule *rule, const struct hg_self *self, struct hg_head *request)
{
    struct url_map map = {.place_count = 1, .path = rule->pool->url.base};

    if (rule->keep_urls || !request->scheme.size || !request->authority.size)
        return 0;
    map.places[0] = url_place_of(request->scheme, request->authority);
    if (rule->host_policy != HOST_PUBLIC) {
        map.scheme = HG_TEXT("http");
        map.authority = rule->host;
        if (url_map_sender(self->host, request, &map))
            return -1;
    }
    return rule->host_policy != HOST_PUBLIC || map.path.size ? url_map_targets(self->host, request, &map) : 0;
}
