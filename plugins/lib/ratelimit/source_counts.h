/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Counts for each source, by its address and by its network, in tables of a fixed size. An address is an IPv4 address
 * or an IPv6 /64, which is what one subscriber has (RFC 6177); a network is an IPv4 /24 or an IPv6 /48. Sources with
 * the same place in a table are counted together; without the seed, nobody can choose such sources.
 */
#ifndef PLUGINS_LIB_RATELIMIT_SOURCE_COUNTS_H
#define PLUGINS_LIB_RATELIMIT_SOURCE_COUNTS_H

#include <stdint.h>
#include <sys/socket.h>

#define SHARES_PLACES 4096

struct shares {
    uint64_t seed;
    uint32_t addresses[SHARES_PLACES], networks[SHARES_PLACES];
};

/* The places where a source is counted. */
struct share {
    uint16_t address, network;
};

/* An IPv4 address is represented within ::/8, which no IPv6 network uses (RFC 4291 section 2.5.2). */
#define SHARES_IPV4 (UINT64_C(0xffff) << 32)

/* A number that represents an address as above. */
uint64_t shares_key(const struct sockaddr *source);
/* The mixing step of SplitMix64. */
uint64_t shares_mix(uint64_t seed, uint64_t key);

/* Sets all counts to zero. -1: no random numbers. */
int shares_init(struct shares *shares);
struct share shares_find(const struct shares *shares, const struct sockaddr *source);

static inline void shares_add(struct shares *shares, struct share share)
{
    shares->addresses[share.address]++;
    shares->networks[share.network]++;
}

static inline void shares_remove(struct shares *shares, struct share share)
{
    shares->addresses[share.address]--;
    shares->networks[share.network]--;
}

/* Whether a source may have one more of `all`: an address may have a quarter of them, its network half. */
static inline int shares_has_room(const struct shares *shares, struct share share, uint32_t all)
{
    return shares->addresses[share.address] < (all + 3) / 4 && shares->networks[share.network] < (all + 1) / 2;
}

#endif
