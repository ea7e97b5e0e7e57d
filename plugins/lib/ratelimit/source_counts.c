/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/ratelimit/source_counts.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>

uint64_t shares_key(const struct sockaddr *source)
{
    const struct sockaddr_in6 *v6 = (const void *)source;
    uint64_t key = 0;
    uint32_t v4;

    if (source->sa_family == AF_INET)
        return SHARES_IPV4 | ntohl(((const struct sockaddr_in *)(const void *)source)->sin_addr.s_addr);
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        memcpy(&v4, v6->sin6_addr.s6_addr + 12, sizeof v4);
        return SHARES_IPV4 | ntohl(v4);
    }
    for (size_t i = 0; i < sizeof key; i++)
        key = key << 8 | v6->sin6_addr.s6_addr[i];
    return key;
}

uint64_t shares_mix(uint64_t seed, uint64_t key)
{
    uint64_t hash = key + seed;

    hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
    return hash ^ hash >> 31;
}

int shares_init(struct shares *shares)
{
    memset(shares, 0, sizeof *shares);
    return getrandom(&shares->seed, sizeof shares->seed, 0) == sizeof shares->seed ? 0 : -1;
}

struct share shares_find(const struct shares *shares, const struct sockaddr *source)
{
    uint64_t key = shares_key(source), network = key >> 32 == SHARES_IPV4 >> 32 ? key >> 8 : key >> 16;

    return (struct share){.address = (uint16_t)(shares_mix(shares->seed, key) % SHARES_PLACES),
                          .network = (uint16_t)(shares_mix(~shares->seed, network) % SHARES_PLACES)};
}
