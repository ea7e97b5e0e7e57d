/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/dtls/path.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void dtls_path_init(struct dtls_path *path, const struct sockaddr *peer)
{
    memset(path, 0, sizeof *path);
    path->peer.any.sa_family = peer->sa_family;
    if (peer->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)peer;

        path->peer.v4.sin_addr = v4->sin_addr;
        path->peer.v4.sin_port = v4->sin_port;
    } else {
        const struct sockaddr_in6 *v6 = (const void *)peer;

        path->peer.v6.sin6_addr = v6->sin6_addr;
        path->peer.v6.sin6_port = v6->sin6_port;
        path->peer.v6.sin6_scope_id = v6->sin6_scope_id;
    }
}

socklen_t dtls_path_peer_size(const struct dtls_path *path)
{
    return path->peer.any.sa_family == AF_INET ? sizeof path->peer.v4 : sizeof path->peer.v6;
}

/* On a dual-stack socket, an IPv4 peer appears as ::ffff:192.0.2.1 (RFC 4291 section 2.5.5.2). */
static union dtls_address unmapped(const struct dtls_path *path)
{
    union dtls_address address = path->peer;

    if (address.any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&address.v6.sin6_addr)) {
        memset(&address, 0, sizeof address);
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = path->peer.v6.sin6_port;
        memcpy(&address.v4.sin_addr, path->peer.v6.sin6_addr.s6_addr + 12, 4);
    }
    return address;
}

const char *dtls_path_print(const struct dtls_path *path, char text[DTLS_PATH_TEXT])
{
    union dtls_address address = unmapped(path);
    char host[INET6_ADDRSTRLEN] = "?";

    if (address.any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &address.v4.sin_addr, host, sizeof host);
        snprintf(text, DTLS_PATH_TEXT, "%s:%u", host, ntohs(address.v4.sin_port));
    } else {
        inet_ntop(AF_INET6, &address.v6.sin6_addr, host, sizeof host);
        snprintf(text, DTLS_PATH_TEXT, "[%s]:%u", host, ntohs(address.v6.sin6_port));
    }
    return text;
}

size_t dtls_path_headers(const struct dtls_path *path)
{
    /* RFC 791, RFC 8200, RFC 768: headers without options. */
    return unmapped(path).any.sa_family == AF_INET ? 20 + 8 : 40 + 8;
}

size_t dtls_path_route_limit(const struct dtls_path *path)
{
    union dtls_address address = unmapped(path);
    bool v4 = address.any.sa_family == AF_INET;
    int mtu = 0;
    socklen_t size = sizeof mtu;
    int fd = socket(address.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return 0;
    /* Connecting a UDP socket sends nothing; it selects the route, whose MTU can then be queried. */
    if (connect(fd, &address.any, v4 ? sizeof address.v4 : sizeof address.v6) < 0 ||
        getsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_MTU : IPV6_MTU, &mtu, &size) < 0)
        mtu = 0;
    close(fd);
    return mtu > 0 && (size_t)mtu > dtls_path_headers(path) ? (size_t)mtu - dtls_path_headers(path) : 0;
}
