/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The record of what was sent: a ring of packets, each with its frames.
 */
#include "core/tunnel/recovery_private.h"

#include <stdlib.h>

/* The most packets outstanding at once: limits the memory used for a peer on a byte link that never acknowledges. */
#define PACKETS_MAX 65536
#define SLAB_FRAMES 32

struct sent_frame_slab {
    struct sent_frame_slab *next;
    struct sent_frame frames[SLAB_FRAMES];
};
static void recovery_free_slabs(struct recovery *recovery)
{
    struct sent_frame_slab *slab = recovery->slabs, *next;

    for (; slab; slab = next) {
        next = slab->next;
        free(slab);
    }
    recovery->slabs = NULL;
    recovery->slab_count = 0;
    recovery->free_frames = NULL;
}

void recovery_free_record(struct recovery *recovery)
{
    recovery_free_slabs(recovery);
    free(recovery->packets);
}

bool recovery_reserve(struct recovery *recovery)
{
    uint32_t capacity = recovery->capacity ? 2 * recovery->capacity : 16;
    struct sent_packet *packets;

    if (recovery->count < recovery->capacity)
        return true;
    if (capacity > PACKETS_MAX)
        return false;
    packets = malloc(capacity * sizeof *packets);
    if (!packets)
        return false;
    for (uint32_t i = 0; i < recovery->count; i++)
        packets[i] = *packet_at(recovery, i);
    free(recovery->packets);
    recovery->packets = packets;
    recovery->capacity = capacity;
    recovery->head = 0;
    return true;
}

struct sent_frame *recovery_frame(struct recovery *recovery)
{
    struct sent_frame *frame;

    if (!recovery->free_frames) {
        struct sent_frame_slab *slab = malloc(sizeof *slab);

        if (!slab)
            return NULL;
        slab->next = recovery->slabs;
        recovery->slabs = slab;
        recovery->slab_count++;
        for (size_t i = 0; i < SLAB_FRAMES; i++) {
            slab->frames[i].next = recovery->free_frames;
            recovery->free_frames = &slab->frames[i];
        }
    }
    frame = recovery->free_frames;
    recovery->free_frames = frame->next;
    recovery->frames_used++;
    return frame;
}

void recovery_shrink(struct recovery *recovery)
{
    if (recovery->frames_used == 0 && recovery->slab_count > 8)
        recovery_free_slabs(recovery);
    if (recovery->count == 0 && recovery->capacity > 256) {
        free(recovery->packets);
        recovery->packets = NULL;
        recovery->head = recovery->capacity = 0;
    }
}

void recovery_settle(struct recovery *recovery, struct sent_packet *packet,
                     void (*report)(void *owner, const struct sent_frame *frame))
{
    struct sent_frame *frame = packet->frames, *next;

    packet->outstanding = false;
    packet->frames = NULL;
    if (packet->mtu_probe) {
        recovery->mtu_probe_deadline = TN_TIME_NEVER;
    } else {
        recovery->bytes_in_flight -= packet->size;
        recovery->outstanding--;
    }
    for (; frame; frame = next) {
        next = frame->next;
        report(recovery->owner, frame);
        frame->next = recovery->free_frames;
        recovery->free_frames = frame;
        recovery->frames_used--;
    }
}

void recovery_trim(struct recovery *recovery)
{
    while (recovery->count > 0 && !packet_at(recovery, 0)->outstanding) {
        recovery->head = (recovery->head + 1) & (recovery->capacity - 1);
        recovery->count--;
    }
    if (recovery->count == 0)
        recovery_shrink(recovery);
}

uint32_t recovery_find(const struct recovery *recovery, uint64_t number)
{
    uint32_t low = 0, high = recovery->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (packet_at(recovery, middle)->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
