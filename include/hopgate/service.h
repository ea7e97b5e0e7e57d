/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * How a client speaks to one of its services: what the rule of a route says beyond the URL.
 *
 * A route fills one struct hg_service for each rule in configure(), keeps it unchanged until unconfigure(), and hands
 * it to the exchange with hg_set_service(). The origin below finds it in exchange->service, whose address tells one
 * rule from another. So neither includes the other's headers, and the core passes on a pointer that it never follows.
 *
 * Zero means "not said" for every member: the origin then does what its own options say.
 */
#ifndef HOPGATE_SERVICE_H
#define HOPGATE_SERVICE_H

#include <hopgate/host.h>

/** What a rule says of a service. All texts are the route's and live as long as the struct. */
struct hg_service {
    const char *host;        /**< What the service sees as Host: "public", "origin" or a host[:port]. NULL: not said. */
    hg_time connect_timeout; /**< The longest that opening a connection may take. 0: not said, as below. */
    hg_time response_timeout; /**< From the end of the request to the head of the response. */
    hg_time idle_timeout;     /**< The longest that nothing may move within a request or a response's body. */
    size_t max_head;          /**< Bytes of a response's head. */
    size_t max_fields;        /**< Field lines of a response's head. */
    bool strict;              /**< Refuse responses that are tolerated by default though they break the standard. */
    bool lenient;             /**< Accept some responses that are refused by default. */
    bool keep_urls;           /**< Pass URLs of the service in fields as they are (`rewrite_location: no`). */
};

/** Says how to speak to the exchange's service; for routes. */
static inline void hg_set_service(struct hg_self *self, const struct hg_service *service)
{
    self->host->set_service(self, service);
}

#endif
