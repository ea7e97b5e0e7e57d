/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * URLs in header fields, from how one side of hopgate writes them to how the other does: a service's address to the
 * public one and back, a path without a prefix to one with it and back.
 */
#ifndef PLUGINS_LIB_URL_URL_REWRITE_H
#define PLUGINS_LIB_URL_URL_REWRITE_H

#include <hopgate/host.h>

/* A host and port by which URLs name one of the two sides. */
struct url_place {
    struct hg_text scheme; /* which the URL must have; empty: http, or https, which it then keeps, and any name of the
                              loopback interface stands for the others */
    struct hg_text host;   /* an IPv6 address in its brackets */
    uint16_t port;         /* 0: the default of the URL's scheme */
};

/* The place that an authority names. A port that is the default of `scheme` counts as left out. */
struct url_place url_place_of(struct hg_text scheme, struct hg_text authority);

#define URL_MAP_PLACES 3

/* Which URLs are mapped, and to what. Paths are empty, or begin but do not end with "/". */
struct url_map {
    struct url_place places[URL_MAP_PLACES]; /* a URL with an authority must name one of them */
    size_t place_count;
    struct hg_text from_path;         /* what the path must begin with; it is taken off */
    struct hg_text scheme, authority; /* what goes in front instead; both empty: what was there */
    struct hg_text path;              /* what goes before the rest of the path */
    bool keeps_known; /* a path that begins with `path` anyway stays: the service knows where it is mounted */
};

/* Whether a head has a field that the functions below look at. Most have none, and then the map need not be made. */
bool url_map_concerns(const struct hg_head *head);

/* Map the URLs in the fields of a head; 0, or -1: out of memory.
 *
 * Where a response leads to, and what browsers keep for it: Location, Content-Location, Refresh, and in Set-Cookie the
 * attribute Path, and Domain, which is left out where it names the service, since browsers would refuse the cookie. */
int url_map_response(const struct hg_host *host, struct hg_head *head, const struct url_map *map);
/* What a request aims at beside its own target, which WebDAV's services compare with their address: Destination and the
 * tagged lists of If (RFC 4918 sections 10.3 and 10.4). */
int url_map_targets(const struct hg_host *host, struct hg_head *head, const struct url_map *map);
/* Where a request comes from, which services compare with Host against forgery: Origin and Referer. */
int url_map_sender(const struct hg_host *host, struct hg_head *head, const struct url_map *map);

#endif
