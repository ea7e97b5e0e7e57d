/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The capability "connections": takes over TLS connections from an edge, by application protocol.
 *
 * Several protocols can share a port, distinguished by ALPN (RFC 7301). An edge reads the ClientHello before there is
 * any TLS state; if the ClientHello offers a protocol of the provider, the edge hands over the raw connection and
 * everything received on it. Offered by transports that run over TLS (tls); used by edges with TLS listeners (http).
 */
#ifndef HOPGATE_CONNECTIONS_H
#define HOPGATE_CONNECTIONS_H

#include <hopgate/plugin.h>

#define HG_CONNECTIONS         "connections"
#define HG_CONNECTIONS_VERSION 1

/** A connection to be handed over. The struct and what it points to are valid during the call. */
struct hg_connection {
    int fd; /**< A connected TCP socket, non-blocking, close-on-exec, with TCP_NODELAY. Owned by the provider from now
                 on. */
    const uint8_t *bytes; /**< Everything received since the first byte of the connection: at least the ClientHello. */
    size_t size;
    struct hg_text peer; /**< The address and port of the other end, as text. */
};

struct hg_connections_ops {
    /**
     * The protocols whose connections the provider takes, as ALPN names, terminated by NULL; a NULL result: none.
     * Depends on the config alone, lives as long as the instance, and unlike other operations may also be called in
     * configure().
     */
    const char *const *(*protocols)(const struct hg_instance *provider);
    /**
     * Takes a connection whose ClientHello offers one of protocols(). The caller gives up ownership in any case. A
     * draining edge still hands over connections, as exchanges in progress may need a new connection to finish.
     */
    void (*take)(struct hg_worker *provider, const struct hg_connection *connection);
};

#endif
