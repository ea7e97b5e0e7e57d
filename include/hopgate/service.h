/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * How a client talks to one of its services: what a route's rule says besides the URL.
 *
 * A route fills a struct hg_service for each rule in configure(), keeps it unchanged until unconfigure(), and passes it
 * to the exchange with hg_set_service(). The origin below finds it in exchange->service, and can tell rules apart by
 * its address. So neither includes the other's headers, and the core merely passes the pointer on.
 *
 * Zero means "not given" for every member: the origin then uses its own option or, if it has none, its default.
 */
#ifndef HOPGATE_SERVICE_H
#define HOPGATE_SERVICE_H

#include <hopgate/host.h>

/** What a rule says about a service. All texts belong to the route and live as long as the struct. */
struct hg_service {
    const char *host; /**< What the service sees as Host: "public", "origin" or a host[:port]. NULL: not given. */
    hg_time connect_timeout;  /**< The longest that opening a connection may take. 0: not given, as below. */
    hg_time response_timeout; /**< From the end of the request, or the last interim response, to the next head. */
    hg_time idle_timeout;     /**< The longest time without progress within a request or a response's body. */
    size_t max_head;          /**< The largest head of a response in bytes. */
    size_t max_fields;        /**< The most field lines in the head of a response. */
    bool strict;              /**< Refuse responses that are tolerated by default although they violate the standard. */
    bool lenient;             /**< Accept some responses that are refused by default. */
    bool keep_urls;           /**< Leave URLs of the service in fields as they are (`rewrite_location: no`). */
};

/** Sets how to talk to the exchange's service; for routes. */
static inline void hg_set_service(struct hg_self *self, const struct hg_service *service)
{
    self->host->set_service(self, service);
}

#endif
