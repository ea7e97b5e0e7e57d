/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * How many handshakes one source may start: a token bucket for each IPv4 address and each IPv6 /64, which is what one
 * subscriber has (RFC 6177). Memory is limited: only the newest RATELIMIT_SOURCES sources are stored. A limit per
 * source does not help against an attacker with more addresses than that.
 */
#ifndef PLUGINS_LIB_RATELIMIT_RATELIMIT_H
#define PLUGINS_LIB_RATELIMIT_RATELIMIT_H

#include <hopgate/host.h>
#include <sys/socket.h>

#define RATELIMIT_SOURCES 4096

/* Part of the plugin's config struct. */
struct ratelimit_config {
    int64_t rate;  /* handshakes per second; 0: no limit */
    int64_t burst; /* handshakes at once, by a source that has been quiet */
};

/* Its options, for the plugin's table. By default, a source costs at most a tenth of a core, at 0.4 ms per handshake
 * with ECDSA (make bench-idle). If 1,000 clients behind one NAT connect at once, and retry after 0.4, 1.2 and 2.8 s
 * (RFC 6347 section 4.2.4.1), all get in within 3 s. */
#define RATELIMIT_OPTIONS(config, member)                                                                              \
    {.name = "handshake_rate",                                                                                         \
     .type = HG_OPTION_INTEGER,                                                                                        \
     .offset = offsetof(config, member) + offsetof(struct ratelimit_config, rate),                                     \
     .value = "250",                                                                                                   \
     .max = 1000000,                                                                                                   \
     .doc = "On a gateway: how many handshakes per second each worker starts with one source, an IPv4 address or an "  \
            "IPv6 /64 network; 0: no limit. Clients above the limit retry."},                                          \
    {                                                                                                                  \
        .name = "handshake_burst", .type = HG_OPTION_INTEGER,                                                          \
        .offset = offsetof(config, member) + offsetof(struct ratelimit_config, burst), .value = "500", .min = 1,       \
        .max = 1000000,                                                                                                \
        .doc = "On a gateway: how many handshakes one source may start at once before `handshake_rate` applies. Many " \
               "clients may share a NAT and reconnect at the same time when a gateway has restarted."                  \
    }

struct ratelimit;

/* A worker's limit, with the counter `handshakes_limited`. Returns NULL when there is no memory or no random
 * numbers. */
struct ratelimit *ratelimit_new(struct hg_worker *worker, const struct ratelimit_config *config);
/* NULL is allowed. */
void ratelimit_free(struct ratelimit *limit);

/* Another client of this source was known before a restart: its handshake will not count. */
void ratelimit_expect(struct ratelimit *limit, const struct sockaddr *source);

/* Whether this source may start another handshake now, which then counts. Refusals are counted and, once a minute,
 * logged. */
bool ratelimit_admits(struct ratelimit *limit, const struct sockaddr *source);

#endif
