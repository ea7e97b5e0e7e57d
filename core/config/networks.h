/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Sets of IP networks, for many lookups in a set that does not change.
 */
#ifndef CORE_CONFIG_NETWORKS_H
#define CORE_CONFIG_NETWORKS_H

#include "core/base/cold.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* An address of either family as a number; an IPv4 address is in `low` alone. */
struct ip_number {
    uint64_t high, low;
};

/* The first and the last address of a network. IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2) is IPv4. */
struct network {
    struct ip_number first, last;
    bool is_ipv4;
};

/* Reads "192.0.2.1", "192.0.2.0/24", "2001:db8::/32". Returns NULL, or an error message, which may be in `hint`, of at
 * least 64 bytes. */
COLD const char *network_parse(const char *text, struct network *network, char *hint, size_t hint_size);

struct network_set;

COLD struct network_set *network_set_new(void);
COLD void network_set_free(struct network_set *set);
/* 0, or -1 when out of memory. */
COLD int network_set_add(struct network_set *set, const struct network *network);
/* Call once all networks are added: prepares the set for searching. */
COLD void network_set_finish(struct network_set *set);
/* Whether the address, with or without a port, belongs to a network of the set. False for other address families. */
bool network_set_has(const struct network_set *set, const struct sockaddr *address);

#endif
