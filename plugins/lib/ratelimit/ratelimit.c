/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/ratelimit/ratelimit.h"

#include "plugins/lib/ratelimit/source_counts.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

/* How often a source that exceeds its limit is logged. */
#define REPORT_SILENCE (60 * HG_SECOND)

/* The token bucket of a source, stored as the time at which it will be full again, as in the virtual scheduling
 * algorithm of ITU-T I.371 (GCRA): one number instead of a level and its time. */
struct source {
    uint64_t key;
    hg_time full_at;
    uint32_t expected; /* clients known from before a restart */
    size_t next;       /* in the same chain */
};

/* The end of a chain. */
#define NONE RATELIMIT_SOURCES

struct ratelimit {
    struct hg_worker *worker;
    const struct ratelimit_config *config;
    uint64_t *limited;
    hg_time reported_at; /* when it was last logged; 0: never */
    uint64_t seed[2];
    size_t known;  /* number of sources */
    size_t oldest; /* to be replaced next, once all places are taken */
    size_t chains[RATELIMIT_SOURCES];
    struct source sources[RATELIMIT_SOURCES];
};

struct ratelimit *ratelimit_new(struct hg_worker *worker, const struct ratelimit_config *config)
{
    struct ratelimit *limit = calloc(1, sizeof *limit);

    if (!limit)
        return NULL;
    limit->worker = worker;
    limit->config = config;
    limit->limited = hg_counter(worker, "handshakes_limited", "Handshakes delayed because of handshake_rate.");
    for (size_t i = 0; i < RATELIMIT_SOURCES; i++)
        limit->chains[i] = NONE;
    if (getrandom(limit->seed, sizeof limit->seed, 0) == sizeof limit->seed)
        return limit;
    free(limit);
    return NULL;
}

void ratelimit_free(struct ratelimit *limit)
{
    free(limit);
}

/* ---- Sources ---- */

/* The chain of a source. Without the seed, nobody can choose sources that share a chain. */
static size_t *chain_of(struct ratelimit *limit, uint64_t key)
{
    return &limit->chains[shares_mix(limit->seed[1], shares_mix(limit->seed[0], key)) % RATELIMIT_SOURCES];
}

static struct source *find(struct ratelimit *limit, uint64_t key)
{
    size_t index = *chain_of(limit, key);

    while (index != NONE && limit->sources[index].key != key)
        index = limit->sources[index].next;
    return index != NONE ? &limit->sources[index] : NULL;
}

static void forget(struct ratelimit *limit, size_t index)
{
    size_t *at = chain_of(limit, limit->sources[index].key);

    while (*at != index)
        at = &limit->sources[*at].next;
    *at = limit->sources[index].next;
}

/* Adds a source, replacing the oldest if necessary. Its bucket is full. */
static struct source *add(struct ratelimit *limit, uint64_t key)
{
    size_t index = limit->oldest, *chain = chain_of(limit, key);

    if (limit->known < RATELIMIT_SOURCES)
        limit->known++;
    else
        forget(limit, index);
    limit->oldest = (limit->oldest + 1) % RATELIMIT_SOURCES;
    limit->sources[index] = (struct source){.key = key, .next = *chain};
    *chain = index;
    return &limit->sources[index];
}

static void report(struct ratelimit *limit, uint64_t key)
{
    hg_time now = hg_now(limit->worker);
    uint32_t v4 = htonl((uint32_t)key);
    struct in6_addr v6 = {0};
    char text[INET6_ADDRSTRLEN];

    ++*limit->limited;
    if (limit->reported_at && now - limit->reported_at < REPORT_SILENCE)
        return;
    limit->reported_at = now;
    for (size_t i = 0; i < sizeof key; i++)
        v6.s6_addr[i] = (uint8_t)(key >> (56 - 8 * i));
    if (key >> 32 == SHARES_IPV4 >> 32)
        inet_ntop(AF_INET, &v4, text, sizeof text);
    else
        inet_ntop(AF_INET6, &v6, text, sizeof text);
    hg_log(limit->worker->instance, HG_LOG_WARNING,
           "handshakes from %s%s exceed handshake_rate (%lld per second) and are delayed; the counter "
           "handshakes_limited has the total for all sources",
           text, key >> 32 == SHARES_IPV4 >> 32 ? "" : "/64", (long long)limit->config->rate);
}

static struct source *know(struct ratelimit *limit, uint64_t key)
{
    struct source *source = find(limit, key);

    return source ? source : add(limit, key);
}

void ratelimit_expect(struct ratelimit *limit, const struct sockaddr *address)
{
    know(limit, shares_key(address))->expected++;
}

bool ratelimit_admits(struct ratelimit *limit, const struct sockaddr *address)
{
    hg_time now = hg_now(limit->worker), interval;
    uint64_t key = shares_key(address);
    struct source *source;

    if (limit->config->rate == 0)
        return true;
    interval = HG_SECOND / (hg_time)limit->config->rate;
    source = know(limit, key);
    if (source->expected > 0) {
        source->expected--;
        return true;
    }
    if (source->full_at < now)
        source->full_at = now;
    if (source->full_at - now > (hg_time)(limit->config->burst - 1) * interval) {
        report(limit, key);
        return false;
    }
    source->full_at += interval;
    return true;
}
