/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/base/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

/* The port at the end, in the order of the network. False: it is none. */
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

/* Splits at the last colon. False: there is none. */
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
    char literal[INET6_ADDRSTRLEN];
    in_port_t port;
    bool brackets;

    address->size = 0;
    if (!split(text, &host, &digits) || !parse_port(digits, &port))
        return;
    brackets = host.size >= 2 && host.data[0] == '[' && host.data[host.size - 1] == ']';
    if (brackets)
        host = (struct hg_text){host.data + 1, host.size - 2};
    if (host.size >= sizeof literal)
        return;
    memcpy(literal, host.data, host.size);
    literal[host.size] = '\0';
    literal[strcspn(literal, "%")] = '\0'; /* a zone says nothing about the network (RFC 4007 section 11) */
    if (!brackets && inet_pton(AF_INET, literal, &ipv4->sin_addr) == 1) {
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = port;
        address->size = sizeof *ipv4;
    } else if (brackets && inet_pton(AF_INET6, literal, &ipv6->sin6_addr) == 1) {
        ipv6->sin6_family = AF_INET6;
        ipv6->sin6_port = port;
        address->size = sizeof *ipv6;
    }
}
