/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The capability "connections": who takes TLS connections over from an edge, by application protocol.
 *
 * Several protocols can share one port, told apart by ALPN (RFC 7301). An edge reads the ClientHello before any TLS
 * state exists; if that offers a protocol of the taker's, the edge hands over the raw connection and all that it has
 * received, and forgets it. Offered by transports that run over TLS (tls); used by edges with TLS listeners (http).
 */
#ifndef HOPGATE_CONNECTIONS_H
#define HOPGATE_CONNECTIONS_H

#include <hopgate/plugin.h>

#define HG_CONNECTIONS         "connections"
#define HG_CONNECTIONS_VERSION 1

/** A connection that changes hands. The struct and what it points to live during the call. */
struct hg_connection {
    int fd; /**< A connected TCP socket, non-blocking, close-on-exec, with TCP_NODELAY. The taker's from now on. */
    const uint8_t *bytes; /**< All that was received, from the connection's first byte on: at least the ClientHello. */
    size_t size;
    struct hg_text peer; /**< The address and port of the other end, printed. */
};

struct hg_connections_ops {
    /**
     * The protocols whose connections are wanted, as ALPN names, ended by NULL; NULL: none at all. Depends on the
     * config alone, lives as long as the instance, and may, unlike other operations, be called in configure() as well.
     */
    const char *const *(*protocols)(const struct hg_instance *provider);
    /**
     * Takes a connection whose ClientHello offers one of protocols(). Whatever becomes of it, it is not the caller's
     * any more. An edge that drains still hands over: what runs may have to finish over a new connection.
     */
    void (*take)(struct hg_worker *provider, const struct hg_connection *connection);
};

#endif
