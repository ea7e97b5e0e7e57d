/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A transport in memory: it joins a gateway's worker and a client's worker in one process and one thread. It loses and
 * repeats packets, lets them overtake each other, goes dark, takes no more for a while and is cut as a test asks.
 */
#ifndef TESTS_UNIT_MEMORY_TRANSPORT_H
#define TESTS_UNIT_MEMORY_TRANSPORT_H

#include <hopgate/host.h>
#include <hopgate/plugin.h>

/* Gateways that a client's transport can connect to. */
#define WIRE_GATEWAYS 3

/* One end of a link. */
struct wire_end {
    struct wire *wire;
    struct wire_end *peer, *next;
    struct hg_worker *worker;            /* NULL: it has stopped */
    struct hg_link *link;                /* NULL: the core has closed it, or was told that it is down */
    struct wire_packet *packets, **tail; /* on their way to this end */
    size_t waiting;
    uint64_t next_number;
    struct hg_call opening, delivery, unblocking;
    bool is_gateway, is_up, is_blocked, is_hung_up;
    bool is_mute;      /* what this end sends does not arrive */
    bool is_dark;      /* what this end sends does not arrive, nor what is sent to it */
    bool said_goodbye; /* the core closed it gracefully */
};

/* Between two workers. Zeroed at the start. */
struct wire {
    struct hg_worker *gateway, *client; /* the transports' workers, set when they start */
    /* Where the client's transport connects to: this wire and `others`, in their order. Without addresses it is one
     * gateway, whose name is not known. */
    struct hg_address addresses[WIRE_GATEWAYS];
    struct wire *others[WIRE_GATEWAYS - 1];
    size_t address_count;
    struct wire_end *ends;       /* all that there ever were, the newest first */
    unsigned loss;               /* packets of a hundred that are lost, … */
    unsigned repeats, overtakes; /* … that come twice, that come before all that wait */
    unsigned seed;
    unsigned room;     /* packets that may wait for an end before send() is refused; 0: no bound */
    bool mute_gateway; /* what gateways send does not arrive */
    bool dark;         /* nothing arrives, not even a hang-up */
    bool unreachable;  /* connect() is answered by hg_link_down() */
    bool unanswered;   /* connect() is not answered at all */
    unsigned connects, refused_sends, packets;
    size_t largest;
};

/* The two plugins; cfg is the struct wire. */
extern const struct hg_plugin wire_gateway_plugin, wire_client_plugin;
/* The same as byte links: such a wire must not lose packets. */
extern const struct hg_plugin wire_gateway_bytes_plugin, wire_client_bytes_plugin;

/* The newest link's end at the client, or at the gateway; NULL before there was one. */
struct wire_end *wire_newest(struct wire *wire, bool gateway);
/* A link from somebody who is no client of these tests: the gateway's end of it, which is up after its worker's turn.
 * What the gateway sends there arrives nowhere. */
struct wire_end *wire_stranger(struct wire *wire);
/* Puts a packet on its way as if the peer of `to` had sent it. */
void wire_inject(struct wire_end *to, const void *packet, size_t size);
/* Both ends learn that the link is gone. */
void wire_break(struct wire_end *end);
/* Frees what is left. The workers must be gone. */
void wire_free(struct wire *wire);

#endif
