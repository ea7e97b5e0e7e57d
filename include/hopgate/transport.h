/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Transports: what carries the packets of a session.
 *
 * A transport makes links: one DTLS association, one TLS connection. It listens on a gateway or connects on a client,
 * encrypts and verifies, and knows nothing of what is in a packet. The core fills packets and reads them, and decides
 * when a link is dead.
 *
 * A link has two halves that hold each other: struct hg_link is the core's, opaque to the transport; the transport's
 * own is the `handle` it gives to hg_link_up(). Either side ends it: the transport by hg_link_down(), after which it
 * frees its half; the core by ops->close(), after which the transport must not use the struct hg_link any more.
 */
#ifndef HOPGATE_TRANSPORT_H
#define HOPGATE_TRANSPORT_H

#include <hopgate/option.h>
#include <hopgate/plugin.h>
#include <hopgate/types.h>

/** The core's half of a link. */
struct hg_link;

enum {
    HG_TRANSPORT_RELIABLE = 1 << 0, /**< Packets arrive in order or the link is down: recovery is off (TLS over TCP). */
};

/** Who decides on this end how fast a link that is not reliable sends, and how many bytes may be under way on it. The
 * ends need not agree. */
enum hg_congestion {
    HG_CONGESTION_DEFAULT = 0, /**< As the core thinks best: BBR. */
    HG_CONGESTION_BBR = 1,     /**< BBR version 3 (draft-ietf-ccwg-bbr): by what the path is measured to deliver. */
    HG_CONGESTION_CUBIC = 2,   /**< CUBIC (RFC 9438) with HyStart++ (RFC 9406): by loss, as TCP mostly does. */
};

/** What a transport tells of a link that is up. Texts are copied. */
struct hg_link_info {
    struct hg_text peer;           /**< The address and port of the other end, printed. */
    struct hg_text security;       /**< Protocol and cipher for the log: "DTLS1.2 ECDHE-X25519 AES-128-GCM". */
    size_t max_packet;             /**< The most bytes of a packet now. See hg_link_set_max_packet(). */
    enum hg_congestion congestion; /**< Of no meaning with HG_TRANSPORT_RELIABLE. */
    /* The rest is only looked at where there is ops->probe(). */
    size_t probe_max; /**< The largest packet that is worth probing for: what the own interface takes. See
                           hg_link_set_probe_max(). No more than max_packet: no probing. */
    size_t overhead;  /**< Bytes of all headers around a packet on the path, that of IP included. */
};

/** The operations of a transport. */
struct hg_transport_ops {
    uint32_t flags; /**< HG_TRANSPORT_… */

    /**
     * Whether this instance listens (gateway) or connects (client). The core compares it with the pipeline's shape.
     */
    bool (*listens)(const struct hg_instance *instance);
    /**
     * The gateways that this instance connects to, `*count` of them, in the config's order; asked on a client only,
     * from configure() on. Those of the same host in several transports are one gateway that can be reached in several
     * ways. NULL, or a NULL result: one gateway, whose name is not known.
     */
    const struct hg_address *(*gateways)(const struct hg_instance *instance, size_t *count);
    /**
     * Opens one link, on a client, to the gateway of that index in gateways(). Answers later by hg_link_up() or
     * hg_link_down() with the same `link`, never within the call. 0, or -1 after hg_log() where it cannot even be
     * tried.
     */
    int (*connect)(struct hg_worker *worker, struct hg_link *link, size_t gateway);
    /** Gives up a connect() that has not been answered. The link is not used afterwards. */
    void (*cancel)(struct hg_worker *worker, struct hg_link *link);
    /** The number that the next packet of send() will have: strictly increasing, gaps allowed (RFC 9000 section 12.3).
     */
    uint64_t (*next_packet_number)(void *handle);
    /**
     * Seals one packet, of 1 to max_packet bytes or of the size of a probe() that has passed, into the batch that
     * flush() sends. 0, or -1 when it cannot take any more now: nothing was sent, and hg_link_writable() follows.
     */
    int (*send)(void *handle, const uint8_t *packet, size_t size);
    /** Sends what send() has gathered, with as few system calls as possible. May be called with nothing gathered. */
    void (*flush)(void *handle);
    /**
     * The core is done with the link: say goodbye (close_notify) if `graceful`, free the handle.
     */
    void (*close)(void *handle, bool graceful);

    /**
     * May be NULL. As send(), for a path MTU probe (RFC 8899): a packet of more bytes than any that is known to pass,
     * up to probe_max. It leaves as a datagram of its own and is never fragmented, whatever the kernel knows of the
     * path. When it is too large even to be sent, hg_link_set_probe_max() follows soon.
     */
    int (*probe)(void *handle, const uint8_t *packet, size_t size);
    /**
     * May be NULL, and is on a link that is HG_TRANSPORT_RELIABLE. Uses up the number that next_packet_number() tells
     * without sending anything: the core leaves some out, to find peers that acknowledge what they did not receive.
     */
    void (*skip_packet_number)(void *handle);
};

#endif
