/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A transport in memory that connects a gateway's worker and a client's worker in one process and thread. A test can
 * make it lose, repeat and reorder packets, go dark, refuse packets for a while, or cut links.
 */
#ifndef TESTS_UNIT_MEMORY_TRANSPORT_H
#define TESTS_UNIT_MEMORY_TRANSPORT_H

#include <hopgate/host.h>
#include <hopgate/plugin.h>

/* How many gateways a client's transport can connect to. */
#define WIRE_GATEWAYS 3

/* One end of a link. */
struct wire_end {
    struct wire *wire;
    struct wire_end *peer, *next;
    struct hg_worker *worker;            /* NULL: stopped */
    struct hg_link *link;                /* NULL: the core has closed it, or knows that it is down */
    struct wire_packet *packets, **tail; /* on their way to this end */
    size_t waiting;
    uint64_t next_number;
    struct hg_call opening, delivery, unblocking;
    bool is_gateway, is_up, is_blocked, is_hung_up;
    bool is_mute;      /* what this end sends is lost */
    bool is_dark;      /* what is sent by or to this end is lost */
    bool said_goodbye; /* the core closed it gracefully */
};

/* Connects two workers. Initialize with zeros. */
struct wire {
    struct hg_worker *gateway, *client; /* the transports' workers, set when they start */
    /* The gateways that the client's transport connects to: this wire and `others`, in order. Without addresses there
     * is one gateway, without a name. */
    struct hg_address addresses[WIRE_GATEWAYS];
    struct wire *others[WIRE_GATEWAYS - 1];
    size_t address_count;
    struct wire_end *ends;       /* all there ever were, newest first */
    unsigned loss;               /* percentage of packets that are lost, … */
    unsigned repeats, overtakes; /* … that are duplicated, that overtake all waiting ones */
    unsigned seed;
    unsigned room;     /* how many packets may wait for an end before send() refuses more; 0: no limit */
    bool mute_gateway; /* everything sent by gateways is lost */
    bool dark;         /* everything is lost, even a hang-up */
    bool unreachable;  /* connect() fails with hg_link_down() */
    bool unanswered;   /* connect() is never answered */
    unsigned connects, refused_sends, packets;
    size_t largest;
};

/* The two plugins; cfg is the struct wire. */
extern const struct hg_plugin wire_gateway_plugin, wire_client_plugin;
/* The same as byte links: such a wire must not lose packets. */
extern const struct hg_plugin wire_gateway_bytes_plugin, wire_client_bytes_plugin;

/* The client's or gateway's end of the newest link; NULL before there was one. */
struct wire_end *wire_newest(struct wire *wire, bool gateway);
/* A link from a stranger, not from a client of these tests. Returns the gateway's end, which is up after its worker's
 * turn. What the gateway sends on it is lost. */
struct wire_end *wire_unknown_peer(struct wire *wire);
/* Sends a packet as if by the peer of `to`. */
void wire_inject(struct wire_end *to, const void *packet, size_t size);
/* Reports the end of the link to both ends. */
void wire_break(struct wire_end *end);
/* Frees what is left. The workers must have been freed. */
void wire_free(struct wire *wire);

#endif
