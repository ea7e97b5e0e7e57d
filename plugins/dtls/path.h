/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A path: the peer's address and, on a gateway, the local address that the peer sent to, since it accepts answers only
 * from that one and a machine may have several.
 */
#ifndef PLUGINS_DTLS_PATH_H
#define PLUGINS_DTLS_PATH_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

union dtls_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Compared byte by byte, so it has no padding and no member that may differ between two datagrams of one peer. */
struct dtls_path {
    union dtls_address peer;
    struct in6_addr local; /* IPv4: in the first four bytes; all zero: the kernel chooses */
    uint32_t interface;    /* for a link-local `local`, otherwise 0 */
};

/* Room for an address of either family and a port. */
#define DTLS_PATH_TEXT 64

/* Initializes a path with the peer's address and no local one. */
void dtls_path_init(struct dtls_path *path, const struct sockaddr *peer);

/* The size of the peer's address, for the kernel. */
socklen_t dtls_path_peer_size(const struct dtls_path *path);

/* "192.0.2.1:443", "[2001:db8::1]:443" */
const char *dtls_path_print(const struct dtls_path *path, char text[DTLS_PATH_TEXT]);

/* The largest UDP datagram, in bytes, that the kernel currently sends to the peer; 0 if there is no route. */
size_t dtls_path_route_limit(const struct dtls_path *path);

/* The size of the IP and UDP headers of a datagram. */
size_t dtls_path_headers(const struct dtls_path *path);

#endif
