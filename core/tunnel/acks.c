/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/tunnel/acks.h"

#include "core/tunnel/frame.h"
#include "core/tunnel/varint.h"

#include <string.h>

/* Acknowledging every second packet costs a seventh of bulk throughput, so within a batch only every tenth causes an
 * ACK. */
#define PACKETS_PER_ACK 10
#define RANGES_SENT     20
#define RANGES_KEPT     64

void acks_start(struct acks *acks)
{
    memset(acks, 0, sizeof *acks);
    acks->deadline = TN_TIME_NEVER;
}

void acks_free(struct acks *acks)
{
    ranges_free(&acks->received);
}

bool acks_seen(const struct acks *acks, uint64_t number)
{
    return number < acks->floor || ranges_contain(&acks->received, number);
}

uint64_t acks_largest(const struct acks *acks)
{
    return acks->received.items[acks->received.count - 1].end - 1;
}

bool acks_add(struct acks *acks, uint64_t number, bool eliciting, tn_time now, tn_time max_ack_delay)
{
    bool first = acks->received.count == 0;
    uint64_t before = first ? 0 : acks_largest(acks);

    if (!ranges_add(&acks->received, number, number + 1))
        return false;
    if (acks->received.count > RANGES_KEPT) {
        acks->floor = acks->received.items[0].end;
        ranges_remove(&acks->received, 0, acks->floor);
    }
    if (first || number > before)
        acks->largest_time = now;
    if (number < acks->report_floor)
        acks->report_floor = number;
    if (!eliciting)
        return true;
    acks->waiting++;
    if (acks->deadline == TN_TIME_NEVER)
        acks->deadline = now + max_ack_delay;
    /* RFC 9000 section 13.2.1: immediately if packets were reordered or are missing. */
    if (acks->waiting >= PACKETS_PER_ACK || (!first && number != before + 1))
        acks->due = true;
    return true;
}

void acks_batch_end(struct acks *acks)
{
    if (acks->waiting > 1)
        acks->due = true;
}

uint8_t *acks_write(struct acks *acks, uint8_t *out, size_t capacity, tn_time now)
{
    const struct range *items = acks->received.items;
    size_t last = acks->received.count, count = 0;
    const uint8_t *end = out + capacity;
    uint64_t largest, delay;
    uint8_t *p = out, *count_at;

    /* Type, largest, delay, count (one byte, as it is below 64) and the first range. */
    if (last == 0 || capacity < 1 + 8 + 8 + 1 + 8)
        return out;
    last--;
    largest = items[last].end - 1;
    delay = (now - acks->largest_time) / 1000 >> ACK_DELAY_EXPONENT;
    *p++ = FRAME_ACK;
    p = varint_write(p, largest);
    p = varint_write(p, delay < VARINT_MAX ? delay : VARINT_MAX);
    count_at = p++;
    p = varint_write(p, items[last].end - 1 - items[last].start);
    while (last > 0 && count + 1 < RANGES_SENT && end - p >= 16 && items[last - 1].end > acks->report_floor) {
        p = varint_write(p, items[last].start - items[last - 1].end - 1);
        p = varint_write(p, items[last - 1].end - items[last - 1].start - 1);
        last--;
        count++;
    }
    *count_at = (uint8_t)count;
    acks->waiting = 0;
    acks->due = false;
    acks->deadline = TN_TIME_NEVER;
    return p;
}

void acks_confirmed(struct acks *acks, uint64_t largest)
{
    if (largest > acks->report_floor)
        acks->report_floor = largest;
}
