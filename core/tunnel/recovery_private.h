/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Shared by recovery.c, sent_packets.c and loss_detection.c.
 */
#ifndef CORE_TUNNEL_RECOVERY_PRIVATE_H
#define CORE_TUNNEL_RECOVERY_PRIVATE_H

#include "core/tunnel/recovery.h"

/* RFC 9002 section 6.1.2. */
#define GRANULARITY TN_MILLISECOND

static inline struct sent_packet *packet_at(const struct recovery *recovery, uint32_t position)
{
    return &recovery->packets[(recovery->head + position) & (recovery->capacity - 1)];
}

/* The probe timeout without backoff. */
tn_time recovery_pto(const struct recovery *recovery);

/* ---- sent_packets.c ---- */

/* The position of the first packet whose number is at least `number`. */
uint32_t recovery_find(const struct recovery *recovery, uint64_t number);
/* Takes a packet out of flight and passes the fate of its frames to `report`. */
void recovery_settle(struct recovery *recovery, struct sent_packet *packet,
                     void (*report)(void *owner, const struct sent_frame *frame));
/* Drops settled packets from the front. */
void recovery_trim(struct recovery *recovery);
/* If nothing is outstanding, frees memory left over from a burst. */
void recovery_shrink(struct recovery *recovery);
void recovery_free_record(struct recovery *recovery);

/* ---- loss_detection.c ---- */

/* Declares packets lost. */
void recovery_detect_lost(struct recovery *recovery, tn_time now);

#endif
