/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Rewriting URLs in header fields between the two sides of hopgate: from a service's address to the public one and
 * back, and from paths without a prefix to paths with it and back.
 */
#ifndef PLUGINS_LIB_URL_URL_REWRITE_H
#define PLUGINS_LIB_URL_URL_REWRITE_H

#include <hopgate/host.h>

/* A host and port that identify one of the two sides in URLs. */
struct url_place {
    struct hg_text scheme; /* required in the URL; empty: http, or https, which is then kept, and all names of the
                              loopback interface are equivalent */
    struct hg_text host;   /* an IPv6 address in brackets */
    uint16_t port;         /* 0: the default of the URL's scheme */
};

/* The place that an authority stands for. A port that is the default of `scheme` counts as omitted. */
struct url_place url_place_of(struct hg_text scheme, struct hg_text authority);

#define URL_MAP_PLACES 3

/* Which URLs are mapped, and to what. Paths are empty, or start but do not end with "/". */
struct url_map {
    struct url_place places[URL_MAP_PLACES]; /* a URL with an authority must match one of them */
    size_t place_count;
    struct hg_text from_path;         /* what the path must start with; it is removed */
    struct hg_text scheme, authority; /* prepended instead; both empty: unchanged */
    struct hg_text path;              /* prepended to the rest of the path */
    bool keeps_known; /* a path that already starts with `path` is unchanged: the service knows where it is mounted */
};

/* Whether a head has any field that the functions below map. Most have none, so the map need not be built. */
bool url_map_concerns(const struct hg_head *head);

/* Map the URLs in the fields of a head; return 0, or -1 when out of memory.
 *
 * Where a response leads, and what browsers store for it: Location, Content-Location, Refresh, and in Set-Cookie the
 * attributes Path, and Domain, which is removed if it names the service, as browsers would refuse the cookie. */
int url_map_response(const struct hg_host *host, struct hg_head *head, const struct url_map *map);
/* The targets of a request besides its own, which WebDAV services compare with their address: Destination and the
 * tagged lists of If (RFC 4918 sections 10.3 and 10.4). */
int url_map_targets(const struct hg_host *host, struct hg_head *head, const struct url_map *map);
/* Where a request comes from, which services compare with Host to detect forgeries: Origin and Referer. */
int url_map_sender(const struct hg_host *host, struct hg_head *head, const struct url_map *map);

#endif
