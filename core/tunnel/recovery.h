/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Recovery (RFC 9002): what was sent and when, round-trip times, loss, probe timeouts. On a byte link only the record
 * of what was sent is used.
 */
#ifndef CORE_TUNNEL_RECOVERY_H
#define CORE_TUNNEL_RECOVERY_H

#include "core/tunnel/congestion.h"
#include "core/tunnel/frame.h"
#include "core/tunnel/list.h"
#include "core/tunnel/pacer.h"
#include "core/tunnel/reordering.h"
#include "core/tunnel/spurious_loss.h"

/* A frame that was sent: what to do when it is acknowledged or lost. */
struct sent_frame {
    struct sent_frame *next;
    struct tn_stream *stream; /* NULL for frames of link and session */
    uint64_t offset;          /* STREAM, CONTROL; ACK: the largest number in it */
    uint32_t size;            /* STREAM, CONTROL */
    uint8_t type;             /* enum frame_type; STREAM as FRAME_STREAM */
    bool fin;                 /* STREAM */
    bool repeated;            /* STREAM: needs no repetition: there was one, or it is one */
};

/* A packet that elicits an ACK. */
struct sent_packet {
    uint64_t number;
    tn_time time;
    struct sent_frame *frames;
    uint32_t size;
    bool outstanding; /* neither acknowledged nor declared lost */
    bool mtu_probe;
    struct delivery_stamp stamp;
};

/* What becomes of the frames; called from within the functions below. */
struct recovery_handler {
    void (*acknowledged)(void *owner, const struct sent_frame *frame);
    void (*lost)(void *owner, const struct sent_frame *frame);
    /* The frame stays in flight, but is to be sent once more at once: a probe. */
    void (*again)(void *owner, const struct sent_frame *frame);
    /* No packet above `small_packet` passes any more. */
    void (*black_hole)(void *owner, tn_time now);
};

struct sent_frame_slab;

struct recovery {
    const struct recovery_handler *handler;
    void *owner;
    bool reliable;

    struct sent_packet *packets; /* a ring, ascending by number; the first one is outstanding */
    uint32_t head, count, capacity;
    struct sent_frame *free_frames;
    struct sent_frame_slab *slabs;
    uint32_t frames_used, slab_count;

    uint64_t largest_sent; /* of all packets, also those that elicit no ACK */
    uint64_t largest_acknowledged;
    uint64_t skipped; /* the number that was last left out on purpose; UINT64_MAX: none was */
    bool any_sent, any_acknowledged;
    uint64_t bytes_in_flight;
    uint32_t outstanding; /* packets; path MTU probes are in neither of the two */

    tn_time latest_rtt, smoothed_rtt, rtt_variance, min_rtt;
    tn_time first_rtt_sample; /* when; 0: none yet */
    tn_time peer_max_ack_delay;

    tn_time loss_time;        /* when the next packet is lost by age; TN_TIME_NEVER: none waits */
    tn_time last_eliciting;   /* when the last such packet was sent, or the last probe timeout struck */
    tn_time unanswered_since; /* since when packets are outstanding of which none was acknowledged */
    unsigned pto_count;
    unsigned probes; /* packets that may be sent now whatever the window says */

    uint64_t mtu_probe;         /* the number of the path MTU probe that is outstanding, … */
    tn_time mtu_probe_deadline; /* … lost at the latest by then; TN_TIME_NEVER: there is none */
    size_t small_packet;        /* packets of this size pass where larger ones may not */
    uint64_t large_passed;      /* larger ones of lower numbers than this were acknowledged, or do not count */
    unsigned large_lost;        /* larger ones, one after the other, */
    tn_time large_lost_since;   /* and when the first of them was sent */

    bool application_limited; /* sending stopped for want of data */
    bool window_limited;      /* sending stopped at the window since the last ACK */
    struct congestion congestion;
    struct spurious_loss loss_episode;
    struct reordering reordering;
    struct pacer pacer;
    uint64_t packets_lost;
    uint64_t largest_sent_at_loss; /* largest_sent when a packet was last found lost by congestion or chance */
};

void recovery_start(struct recovery *recovery, const struct recovery_handler *handler, void *owner,
                    const struct tn_params *params, tn_time now);
void recovery_free(struct recovery *recovery);

/* Makes sure that recovery_sent() can take one more packet; false when out of memory or the record is full. */
bool recovery_reserve(struct recovery *recovery);
/* A record for a frame, to be put into the packet's list; NULL when out of memory. */
struct sent_frame *recovery_frame(struct recovery *recovery);

/* Takes note of a packet; only those with frames (which pass to the record) elicit an ACK. One whose first record is of
 * PADDING is a path MTU probe, of which one at a time is sent. It takes no part of the congestion window and its loss
 * is no congestion (RFC 9000 section 14.4). */
void recovery_sent(struct recovery *recovery, uint64_t number, size_t size, struct sent_frame *frames, tn_time now);

/* Takes note that sending stops: for want of data, or by window or pacing. */
void recovery_stopped(struct recovery *recovery, bool wants_data);

/* Whether window and pacing let an ack-eliciting packet go. */
bool recovery_window_open(const struct recovery *recovery);
bool recovery_may_send(const struct recovery *recovery, tn_time now);

/* Takes an ACK frame. False when it names a packet that was not sent: a later one, or one that was left out. */
bool recovery_acknowledge(struct recovery *recovery, const struct frame *ack, tn_time now);
/* Whether a packet is outstanding that was sent before one that was acknowledged. */
bool recovery_left_out(const struct recovery *recovery);

/* When recovery_timeout() is due. */
tn_time recovery_deadline(const struct recovery *recovery);
void recovery_timeout(struct recovery *recovery, tn_time now);

/* What is in doubt about the size of packets while those that were sent are not answered: perhaps that is why. */
enum packet_doubt {
    PACKET_SIZE_PASSES,   /* nothing */
    PACKET_SIZE_IN_DOUBT, /* the size in use */
    PACKET_BASE_IN_DOUBT, /* also the one that passes on nearly every path */
};
enum packet_doubt recovery_packet_doubt(const struct recovery *recovery);

/* What is lost from now on shows a black hole if it was larger than this and such packets pass. */
void recovery_set_small_packet(struct recovery *recovery, size_t size);

/* Takes the path MTU probe that is outstanding for lost. */
void recovery_lose_mtu_probe(struct recovery *recovery);

/* Gives all frames of all outstanding packets to the handler as lost and forgets the packets. */
void recovery_abandon(struct recovery *recovery);

void recovery_set_packet_size(struct recovery *recovery, size_t packet_size, tn_time now);

#endif
