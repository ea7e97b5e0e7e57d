/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * How many things each source has: counted for its address and for its network, in tables of a fixed size. An address
 * is an IPv4 address or an IPv6 network of 64 bits, which is what one subscriber has (RFC 6177); a network has 24 bits
 * of IPv4 or 48 of IPv6. Sources whose places in a table are the same count together, which nobody can bring about who
 * does not know the seed.
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

/* Where a source is counted. */
struct share {
    uint16_t address, network;
};

/* An IPv4 address is one in ::/8, of which no IPv6 network is in use (RFC 4291 section 2.5.2). */
#define SHARES_IPV4 (UINT64_C(0xffff) << 32)

/* A number for an address as above. */
uint64_t shares_key(const struct sockaddr *source);
/* The mixing step of SplitMix64. */
uint64_t shares_mix(uint64_t seed, uint64_t key);

/* Nobody has anything. -1: there are no random numbers. */
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

/* Whether a source may have one more of `all` that there are: an address gets a quarter of them at most, its network
 * half. */
static inline int shares_has_room(const struct shares *shares, struct share share, uint32_t all)
{
    return shares->addresses[share.address] < (all + 3) / 4 && shares->networks[share.network] < (all + 1) / 2;
}

#endif
