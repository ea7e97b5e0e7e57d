/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/config/networks.h"

#include <arpa/inet.h>
#include <endian.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The networks of one family. Once the set is finished they are sorted and disjoint, so that only the last one that
 * begins at or before an address can contain it. */
struct row {
    struct ip_number *first, *last; /* in separate arrays, since a search reads only `first`, in half the memory */
    size_t count, room;
};

struct network_set {
    struct row ipv4, ipv6;
};

static bool is_less(struct ip_number a, struct ip_number b)
{
    return a.high < b.high || (a.high == b.high && a.low < b.low);
}

/* ---- Reading ---- */

static struct ip_number number_of_ipv6(const struct in6_addr *address)
{
    uint64_t halves[2];

    memcpy(halves, address, sizeof halves);
    return (struct ip_number){be64toh(halves[0]), be64toh(halves[1])};
}

static bool is_mapped(struct ip_number number)
{
    return number.high == 0 && number.low >> 32 == 0xffff;
}

/* Reads an address without a prefix as a network. */
static bool parse_address(const char *text, struct network *network)
{
    struct in_addr ipv4;
    struct in6_addr ipv6;

    if (inet_pton(AF_INET, text, &ipv4) == 1) {
        network->is_ipv4 = true;
        network->first = (struct ip_number){0, ntohl(ipv4.s_addr)};
        return true;
    }
    network->is_ipv4 = false;
    if (inet_pton(AF_INET6, text, &ipv6) != 1)
        return false;
    network->first = number_of_ipv6(&ipv6);
    return true;
}

/* All ones except in the first `prefix` bits. */
static struct ip_number host_bits(unsigned prefix, bool is_ipv4)
{
    const uint64_t ones = UINT64_MAX;

    if (is_ipv4)
        return (struct ip_number){0, prefix < 32 ? UINT32_MAX >> prefix : 0};
    return (struct ip_number){prefix < 64 ? ones >> prefix : 0, prefix <= 64   ? ones
                                                                : prefix < 128 ? ones >> (prefix - 64)
                                                                               : 0};
}

static void print_number(struct ip_number number, bool is_ipv4, char *text, size_t size)
{
    const uint64_t halves[2] = {htobe64(number.high), htobe64(number.low)};
    const struct in_addr ipv4 = {htonl((uint32_t)number.low)};

    inet_ntop(is_ipv4 ? AF_INET : AF_INET6, is_ipv4 ? (const void *)&ipv4 : halves, text, (socklen_t)size);
}

const char *network_parse(const char *text, struct network *network, char *hint, size_t hint_size)
{
    char address[INET6_ADDRSTRLEN + 1], right[INET6_ADDRSTRLEN];
    size_t size = strcspn(text, "/"), digits = text[size] ? strspn(text + size + 1, "0123456789") : 0;
    unsigned most, prefix;
    struct ip_number bits;

    if (size >= sizeof address)
        return "too long for an address";
    memcpy(address, text, size);
    address[size] = '\0';
    if (!parse_address(address, network))
        return "write an address or a network, such as 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32";
    most = network->is_ipv4 ? 32 : 128;
    prefix = text[size] ? (unsigned)strtoul(text + size + 1, NULL, 10) : most;
    if (text[size] && (digits == 0 || digits > 3 || text[size + 1 + digits] || prefix > most)) {
        snprintf(hint, hint_size, "the prefix length must be 0 to %u", most);
        return hint;
    }
    bits = host_bits(prefix, network->is_ipv4);
    network->last = (struct ip_number){network->first.high | bits.high, network->first.low | bits.low};
    if (network->first.high & bits.high || network->first.low & bits.low) {
        print_number((struct ip_number){network->first.high & ~bits.high, network->first.low & ~bits.low},
                     network->is_ipv4, right, sizeof right);
        snprintf(hint, hint_size, "bits are set after the prefix; the network is %s/%u", right, prefix);
        return hint;
    }
    if (!network->is_ipv4 && is_mapped(network->first) && is_mapped(network->last)) {
        network->is_ipv4 = true;
        network->first = (struct ip_number){0, (uint32_t)network->first.low};
        network->last = (struct ip_number){0, (uint32_t)network->last.low};
    }
    return NULL;
}

/* ---- The set ---- */

struct network_set *network_set_new(void)
{
    return calloc(1, sizeof(struct network_set));
}

static void row_free(struct row *row)
{
    free(row->first);
    free(row->last);
}

void network_set_free(struct network_set *set)
{
    if (!set)
        return;
    row_free(&set->ipv4);
    row_free(&set->ipv6);
    free(set);
}

static struct ip_number *grow(struct ip_number **numbers, size_t room)
{
    struct ip_number *more = realloc(*numbers, room * sizeof *more);

    if (more)
        *numbers = more;
    return more;
}

int network_set_add(struct network_set *set, const struct network *network)
{
    struct row *row = network->is_ipv4 ? &set->ipv4 : &set->ipv6;

    if (row->count == row->room) {
        size_t room = row->room ? 2 * row->room : 8;

        if (!grow(&row->first, room) || !grow(&row->last, room))
            return -1;
        row->room = room;
    }
    row->first[row->count] = network->first;
    row->last[row->count] = network->last;
    row->count++;
    return 0;
}

static int by_number(const void *a, const void *b)
{
    const struct ip_number *left = a, *right = b;

    return is_less(*left, *right) ? -1 : is_less(*right, *left);
}

/* Two networks are either nested or disjoint. So the first and last addresses can be sorted independently: a range ends
 * where as many networks have ended as have begun, and what remains are the networks not contained in others. */
static void row_finish(struct row *row)
{
    size_t kept = 0, open = 0, ends = 0;

    if (row->count == 0)
        return;
    qsort(row->first, row->count, sizeof *row->first, by_number);
    qsort(row->last, row->count, sizeof *row->last, by_number);
    for (size_t i = 0; ends < row->count; ends++) {
        struct ip_number end = row->last[ends];

        for (; i < row->count && !is_less(end, row->first[i]); i++)
            if (open++ == 0)
                row->first[kept] = row->first[i];
        if (--open == 0)
            row->last[kept++] = end;
    }
    row->count = kept;
}

void network_set_finish(struct network_set *set)
{
    row_finish(&set->ipv4);
    row_finish(&set->ipv6);
}

static bool row_has(const struct row *row, struct ip_number number)
{
    size_t low = 0, count = row->count;

    /* Find the last network that does not begin after the number, by bisection without hard-to-predict branches. */
    if (count == 0 || is_less(number, row->first[0]))
        return false;
    while (count > 1) {
        size_t half = count / 2;

        low = is_less(number, row->first[low + half]) ? low : low + half;
        count -= half;
    }
    return !is_less(row->last[low], number);
}

bool network_set_has(const struct network_set *set, const struct sockaddr *address)
{
    struct ip_number number;

    if (address->sa_family == AF_INET) {
        struct sockaddr_in ipv4;

        memcpy(&ipv4, address, sizeof ipv4);
        return row_has(&set->ipv4, (struct ip_number){0, ntohl(ipv4.sin_addr.s_addr)});
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 ipv6;

        memcpy(&ipv6, address, sizeof ipv6);
        number = number_of_ipv6(&ipv6.sin6_addr);
        return is_mapped(number) ? row_has(&set->ipv4, (struct ip_number){0, (uint32_t)number.low})
                                 : row_has(&set->ipv6, number);
    }
    return false;
}
