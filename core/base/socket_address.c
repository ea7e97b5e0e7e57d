/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/base/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

/* Reads the port at the end, in network byte order. False if it is not a valid port. */
static bool parse_port(struct hg_text digits, in_port_t *port)
{
    unsigned value = 0;

    if (!digits.size || digits.size > 5)
        return false;
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
        value = 10 * value + (unsigned)(digits.data[i] - '0');
    }
    *port = htons((uint16_t)value);
    return value <= UINT16_MAX;
}

/* Like inet_pton(), which takes three times as long; this runs for every request. */
static bool parse_ipv4(struct hg_text text, struct in_addr *address)
{
    uint8_t *bytes = (uint8_t *)address;
    size_t at = 0;

    for (int i = 0; i < 4; i++) {
        unsigned value = 0;
        size_t first = at;

        while (at < text.size && at < first + 3 && text.data[at] >= '0' && text.data[at] <= '9')
            value = 10 * value + (unsigned)(text.data[at++] - '0');
        if (at == first || value > 255 || (text.data[first] == '0' && at > first + 1))
            return false;
        bytes[i] = (uint8_t)value;
        if (i < 3 && (at == text.size || text.data[at++] != '.'))
            return false;
    }
    return at == text.size;
}

static bool parse_ipv6(struct hg_text text, struct in6_addr *address)
{
    char literal[INET6_ADDRSTRLEN];

    if (text.size >= sizeof literal)
        return false;
    memcpy(literal, text.data, text.size);
    literal[text.size] = '\0';
    literal[strcspn(literal, "%")] = '\0'; /* a zone says nothing about the network (RFC 4007 section 11) */
    return inet_pton(AF_INET6, literal, address) == 1;
}

/* Splits at the last colon. False if there is none. */
static bool split(struct hg_text text, struct hg_text *host, struct hg_text *port)
{
    size_t at = text.size;

    while (at && text.data[at - 1] != ':')
        at--;
    if (!at)
        return false;
    *host = (struct hg_text){text.data, at - 1};
    *port = (struct hg_text){text.data + at, text.size - at};
    return true;
}

void socket_address_parse(struct hg_sockaddr *address, struct hg_text text)
{
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)&address->address;
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)&address->address;
    struct hg_text host, digits;
    in_port_t port;
    bool brackets;

    address->size = 0;
    if (!split(text, &host, &digits) || !parse_port(digits, &port))
        return;
    brackets = host.size >= 2 && host.data[0] == '[' && host.data[host.size - 1] == ']';
    if (brackets)
        host = (struct hg_text){host.data + 1, host.size - 2};
    if (!brackets && parse_ipv4(host, &ipv4->sin_addr)) {
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = port;
        address->size = sizeof *ipv4;
    } else if (brackets && parse_ipv6(host, &ipv6->sin6_addr)) {
        ipv6->sin6_family = AF_INET6;
        ipv6->sin6_port = port;
        address->size = sizeof *ipv6;
    }
}
