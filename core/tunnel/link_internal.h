/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The internals of a link.
 */
#ifndef CORE_TUNNEL_LINK_INTERNAL_H
#define CORE_TUNNEL_LINK_INTERNAL_H

#include "core/tunnel/acks.h"
#include "core/tunnel/path_mtu.h"
#include "core/tunnel/receive_buffer.h"
#include "core/tunnel/recovery.h"
#include "core/tunnel/send_buffer.h"
#include "core/tunnel/session_internal.h"

#define CLOSE_REASON_MAX 200

enum tn_link_state {
    TN_LINK_OPEN,
    TN_LINK_DETACHED, /* its session was detached: can only be closed */
    TN_LINK_CLOSING,  /* tn_link_close() has been called */
    TN_LINK_CLOSED,   /* closed by the peer, or dead */
};

struct tn_link {
    struct tn_params params;
    struct tn_session *session;
    enum tn_link_state state;
    bool hold;        /* session frames must wait until the peer has acknowledged `accept` */
    bool ping_wanted; /* a PING is to be sent */
    bool ping_asked;  /* the keep-alive PING has been queued since the last packet arrived */
    tn_time now;      /* the latest time that was passed in */
    tn_time last_received;

    struct acks acks;
    struct recovery recovery;
    struct path_mtu path_mtu;
    uint64_t lost_before_probe; /* number of lost packets when the last path MTU probe was sent */
    uint64_t skip_at;           /* the next packet number to skip */
    uint64_t random;            /* state of the random generator that chooses it */
    uint64_t repeat_from;       /* lower-numbered packets have nothing to repeat (redundancy.h) */

    struct send_buffer control_sender;
    struct receive_buffer control_receiver;
    uint8_t *control_text; /* in order, not consumed yet */
    size_t control_size, control_capacity;

    bool close_wanted;        /* a CLOSE is to be sent */
    unsigned closed_received; /* packets received since CLOSE was sent */
    uint64_t close_code;
    char close_reason[CLOSE_REASON_MAX + 1];
    const char *error;
    uint8_t error_frame;

    struct tn_link_stats stats; /* counters; the rest is filled in on request */
};

/* Chooses the next packet number to skip after `number`. */
uint64_t link_next_skip(struct tn_link *link, uint64_t number);
/* Whether frames other than ACK are waiting to be sent. */
bool link_has_frames(const struct tn_link *link);
/* The size of the path MTU probe to send now; 0: none. */
size_t link_wants_mtu_probe(const struct tn_link *link, tn_time now);

/* ---- control_stream.c ---- */

bool control_has_frames(const struct tn_link *link);
/* Fills the packet with CONTROL frames; false if there were none. */
bool control_send(struct tn_link *link, struct packet *packet);
/* 0, a code of enum tn_error, or FRAME_NOT_TAKEN. */
int control_receive(struct tn_link *link, const struct frame *frame, const char **what);
void control_free(struct tn_link *link);

#endif
