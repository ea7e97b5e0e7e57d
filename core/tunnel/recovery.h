/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Recovery (RFC 9002): what was sent and when, round-trip times, loss, probe timeouts. A byte link only uses the record
 * of what was sent.
 */
#ifndef CORE_TUNNEL_RECOVERY_H
#define CORE_TUNNEL_RECOVERY_H

#include "core/tunnel/congestion.h"
#include "core/tunnel/frame.h"
#include "core/tunnel/list.h"
#include "core/tunnel/pacer.h"
#include "core/tunnel/reordering.h"
#include "core/tunnel/spurious_loss.h"

/* A sent frame, as needed once it is acknowledged or lost. */
struct sent_frame {
    struct sent_frame *next;
    struct tn_stream *stream; /* NULL for frames of the link or session */
    uint64_t offset;          /* STREAM, CONTROL; ACK: the largest number in it */
    uint32_t size;            /* STREAM, CONTROL */
    uint8_t type;             /* enum frame_type; FRAME_STREAM for any STREAM */
    bool fin;                 /* STREAM */
    bool repeated;            /* STREAM: needs no repetition, as it was repeated or is a repetition */
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

/* Called with the fate of frames, from within the functions below. */
struct recovery_handler {
    void (*acknowledged)(void *owner, const struct sent_frame *frame);
    void (*lost)(void *owner, const struct sent_frame *frame);
    /* The frame stays in flight, but must be sent again now, as a probe. */
    void (*again)(void *owner, const struct sent_frame *frame);
    /* Packets above `small_packet` no longer pass. */
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

    uint64_t largest_sent; /* of all packets, including those that elicit no ACK */
    uint64_t largest_acknowledged;
    uint64_t skipped; /* the last number skipped on purpose; UINT64_MAX: none yet */
    bool any_sent, any_acknowledged;
    uint64_t bytes_in_flight;
    uint32_t outstanding; /* number of packets; like bytes_in_flight, does not count path MTU probes */

    tn_time latest_rtt, smoothed_rtt, rtt_variance, min_rtt;
    tn_time first_rtt_sample; /* time of the first sample; 0: none yet */
    tn_time peer_max_ack_delay;

    tn_time loss_time;        /* when the next packet is lost by age; TN_TIME_NEVER: none */
    tn_time last_eliciting;   /* when the last such packet was sent, or the last probe timeout fired */
    tn_time unanswered_since; /* since when there have been outstanding packets without any acknowledgement */
    unsigned pto_count;
    unsigned probes; /* packets that may be sent now regardless of the window */

    uint64_t mtu_probe;         /* number of the outstanding path MTU probe, … */
    tn_time mtu_probe_deadline; /* … which is considered lost at this time; TN_TIME_NEVER: no probe */
    size_t small_packet;        /* packets of this size pass where larger ones may not */
    uint64_t large_passed;      /* larger packets numbered below this were acknowledged, or do not count */
    unsigned large_lost;        /* number of larger packets lost in a row, … */
    tn_time large_lost_since;   /* … and when the first of them was sent */

    bool application_limited; /* sending stopped because there was no data */
    bool window_limited;      /* the window has stopped sending since the last ACK */
    struct congestion congestion;
    struct spurious_loss loss_episode;
    struct reordering reordering;
    struct pacer pacer;
    uint64_t packets_lost;
    uint64_t largest_sent_at_loss; /* largest_sent when a packet was last declared lost by congestion or chance */
};

void recovery_start(struct recovery *recovery, const struct recovery_handler *handler, void *owner,
                    const struct tn_params *params, tn_time now);
void recovery_free(struct recovery *recovery);

/* Makes sure that recovery_sent() can record one more packet; false when out of memory or the record is full. */
bool recovery_reserve(struct recovery *recovery);
/* Allocates the record of a frame, to be added to the packet's list; NULL when out of memory. */
struct sent_frame *recovery_frame(struct recovery *recovery);

/* Records a sent packet; only those with frames (which pass to the record) elicit an ACK. If the first frame is
 * PADDING, it is a path MTU probe, of which there is at most one at a time: it does not count against the congestion
 * window, and its loss is no sign of congestion (RFC 9000 section 14.4). */
void recovery_sent(struct recovery *recovery, uint64_t number, size_t size, struct sent_frame *frames, tn_time now);

/* Records why sending stops: for lack of data, or because of window or pacing. */
void recovery_stopped(struct recovery *recovery, bool wants_data);

/* Whether window and pacing allow an ack-eliciting packet. */
bool recovery_window_open(const struct recovery *recovery);
bool recovery_may_send(const struct recovery *recovery, tn_time now);

/* Processes an ACK frame. False if it names a packet that was not sent: a later one, or the last skipped one. */
bool recovery_acknowledge(struct recovery *recovery, const struct frame *ack, tn_time now);
/* Whether a packet is outstanding that was sent before an acknowledged one. */
bool recovery_left_out(const struct recovery *recovery);

/* When to call recovery_timeout(). */
tn_time recovery_deadline(const struct recovery *recovery);
void recovery_timeout(struct recovery *recovery, tn_time now);

/* Which packet sizes are in doubt while packets are not acknowledged, as their size may be the reason. */
enum packet_doubt {
    PACKET_SIZE_PASSES,   /* none */
    PACKET_SIZE_IN_DOUBT, /* the size in use */
    PACKET_BASE_IN_DOUBT, /* also the one that passes on nearly every path */
};
enum packet_doubt recovery_packet_doubt(const struct recovery *recovery);

/* From now on, losses indicate a black hole if the packets were larger than this while packets of this size pass. */
void recovery_set_small_packet(struct recovery *recovery, size_t size);

/* Declares the outstanding path MTU probe lost. */
void recovery_lose_mtu_probe(struct recovery *recovery);

/* Passes all frames of all outstanding packets to the handler as lost and forgets the packets. */
void recovery_abandon(struct recovery *recovery);

void recovery_set_packet_size(struct recovery *recovery, size_t packet_size, tn_time now);

#endif
