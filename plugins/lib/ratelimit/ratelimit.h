/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * How many handshakes one source may begin: a token bucket for each IPv4 address and each IPv6 network of 64 bits,
 * which is what one subscriber has (RFC 6177). Memory is bounded: the newest RATELIMIT_SOURCES sources are known, and
 * who has more addresses than that is no business of a limit for each source.
 */
#ifndef PLUGINS_LIB_RATELIMIT_RATELIMIT_H
#define PLUGINS_LIB_RATELIMIT_RATELIMIT_H

#include <hopgate/host.h>
#include <sys/socket.h>

#define RATELIMIT_SOURCES 4096

/* A member of the plugin's config struct. */
struct ratelimit_config {
    int64_t rate;  /* handshakes a second; 0: no limit */
    int64_t burst; /* handshakes at once, of a source that has been quiet */
};

/* Its options, for the plugin's table. By default a source costs at most a tenth of a core, at 0.4 ms for a handshake
 * with ECDSA (make bench-idle). Of 1,000 clients behind one NAT that come at once, and again after 0.4, 1.2 and 2.8 s
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
               "clients may share a NAT and come back at the same time when a gateway has restarted."                  \
    }

struct ratelimit;

/* A worker's limit; the counter `handshakes_limited` is its. NULL when memory or random numbers are out. */
struct ratelimit *ratelimit_new(struct hg_worker *worker, const struct ratelimit_config *config);
/* NULL is allowed. */
void ratelimit_free(struct ratelimit *limit);

/* One more client of this source was here before a restart: its handshake will not count. */
void ratelimit_expect(struct ratelimit *limit, const struct sockaddr *source);

/* Whether one more handshake may begin with this source now, which then counts. One that may not is counted and, once a
 * minute, told in the log. */
bool ratelimit_admits(struct ratelimit *limit, const struct sockaddr *source);

#endif
