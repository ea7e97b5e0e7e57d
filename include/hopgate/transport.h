/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Transports: carry the packets of a session.
 *
 * A transport makes links, each of them a DTLS association or a TLS connection. It listens on a gateway or connects on
 * a client, encrypts and verifies, and treats packets as opaque. The core builds and reads packets, and decides when a
 * link is dead.
 *
 * A link has two halves that refer to each other: struct hg_link is the core's, opaque to the transport; the
 * transport's own is the `handle` that it passes to hg_link_up(). Either side may end it: the transport with
 * hg_link_down(), after which it frees its half; the core with ops->close(), after which the transport must not use the
 * struct hg_link.
 */
#ifndef HOPGATE_TRANSPORT_H
#define HOPGATE_TRANSPORT_H

#include <hopgate/option.h>
#include <hopgate/plugin.h>
#include <hopgate/types.h>

/** The core's half of a link. */
struct hg_link;

enum {
    HG_TRANSPORT_RELIABLE = 1 << 0, /**< In order, or the link goes down: recovery is off (TLS over TCP). */
};

/**
 * The congestion control of a link that is not reliable, which decides how fast this end sends and how many bytes may
 * be in flight. The ends need not use the same.
 */
enum hg_congestion {
    HG_CONGESTION_DEFAULT = 0, /**< The core's choice: BBR. */
    HG_CONGESTION_BBR = 1, /**< BBR version 3 (draft-ietf-ccwg-bbr): based on measurements of what the path delivers. */
    HG_CONGESTION_CUBIC = 2, /**< CUBIC (RFC 9438) with HyStart++ (RFC 9406): based on loss, like most TCP. */
};

/** What a transport says about a link that is up. Texts are copied. */
struct hg_link_info {
    struct hg_text peer;           /**< The address and port of the other end, as text. */
    struct hg_text security;       /**< Protocol and cipher for the log: "DTLS1.2 ECDHE-X25519 AES-128-GCM". */
    size_t max_packet;             /**< The current size limit of a packet, 256 to 16,384. See
                                        hg_link_set_max_packet(). */
    enum hg_congestion congestion; /**< Ignored with HG_TRANSPORT_RELIABLE. */
    /* The members below are only used if there is ops->probe(). */
    size_t probe_max; /**< The largest packet worth probing for, as limited by the local interface. See
                           hg_link_set_probe_max(). Not above max_packet: no probing. */
    size_t overhead;  /**< Bytes of all headers around a packet on the path, including IP. */
};

/** The operations of a transport. */
struct hg_transport_ops {
    uint32_t flags; /**< HG_TRANSPORT_… */

    /**
     * Whether this instance listens (gateway) or connects (client). The core compares this with the pipeline's shape.
     */
    bool (*listens)(const struct hg_instance *instance);
    /**
     * The gateways that this instance connects to, `*count` of them, in the order of the config; called on a client
     * only, from configure() on. If several transports name the same host, that is one gateway that can be reached in
     * several ways. If the member or its result is NULL: one gateway without a known name.
     */
    const struct hg_address *(*gateways)(const struct hg_instance *instance, size_t *count);
    /**
     * Opens a link, on a client, to the gateway with that index in gateways(). The result follows as hg_link_up() or
     * hg_link_down() with the same `link`, never within the call. 0, or -1 after hg_log() if it cannot even be tried.
     */
    int (*connect)(struct hg_worker *worker, struct hg_link *link, size_t gateway);
    /** Cancels a connect() that has not completed. The link is not used afterwards. */
    void (*cancel)(struct hg_worker *worker, struct hg_link *link);
    /** The number of the next packet passed to send(): strictly increasing, gaps allowed (RFC 9000 section 12.3). */
    uint64_t (*next_packet_number)(void *handle);
    /**
     * Encrypts a packet, of 1 to max_packet bytes or of the size of a probe() that has passed, and adds it to the batch
     * that flush() sends. 0, or -1 if it cannot accept more at the moment: nothing was sent, and hg_link_writable()
     * follows.
     */
    int (*send)(void *handle, const uint8_t *packet, size_t size);
    /** Sends what send() has collected, with as few system calls as possible. May be called with nothing collected. */
    void (*flush)(void *handle);
    /** The core is done with the link: send close_notify if `graceful`, and free the handle. */
    void (*close)(void *handle, bool graceful);

    /**
     * May be NULL. Like send(), for a path MTU probe (RFC 8899): a packet larger than any known to pass, up to
     * probe_max. It is sent as a datagram of its own and never fragmented, regardless of the kernel's path MTU. If it
     * is too large to be sent at all, hg_link_set_probe_max() follows soon.
     */
    int (*probe)(void *handle, const uint8_t *packet, size_t size);
    /**
     * May be NULL, and is if the link is HG_TRANSPORT_RELIABLE. Uses up the number that next_packet_number() returns
     * without sending anything: the core skips some to detect peers that acknowledge packets they did not receive.
     */
    void (*skip_packet_number)(void *handle);
};

#endif
