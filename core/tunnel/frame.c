/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/tunnel/frame.h"

#include "core/tunnel/varint.h"

static bool read_bytes(const uint8_t **in, const uint8_t *end, uint64_t size, struct frame *frame)
{
    if (size > (uint64_t)(end - *in))
        return false;
    frame->data = *in;
    frame->size = (size_t)size;
    *in += size;
    return true;
}

static bool read_stream(const uint8_t **in, const uint8_t *end, uint8_t bits, struct frame *frame)
{
    uint64_t size;

    frame->type = FRAME_STREAM;
    frame->fin = bits & STREAM_FIN;
    frame->offset = 0;
    if (!varint_read(in, end, &frame->stream_id))
        return false;
    if ((bits & STREAM_OFFSET) && !varint_read(in, end, &frame->offset))
        return false;
    size = (uint64_t)(end - *in);
    if ((bits & STREAM_LENGTH) && !varint_read(in, end, &size))
        return false;
    return read_bytes(in, end, size, frame) && frame->offset <= VARINT_MAX - frame->size;
}

static bool read_control(const uint8_t **in, const uint8_t *end, struct frame *frame)
{
    uint64_t size;

    return varint_read(in, end, &frame->offset) && varint_read(in, end, &size) && read_bytes(in, end, size, frame) &&
           frame->offset <= VARINT_MAX - frame->size;
}

/* Checks all ranges, so that code that walks them later need not. */
static bool read_ack(const uint8_t **in, const uint8_t *end, struct frame *frame)
{
    uint64_t low, gap, length;

    if (!varint_read(in, end, &frame->ack.largest) || !varint_read(in, end, &frame->ack.delay) ||
        !varint_read(in, end, &frame->ack.range_count) || !varint_read(in, end, &frame->ack.first_range))
        return false;
    if (frame->ack.first_range > frame->ack.largest)
        return false;
    low = frame->ack.largest - frame->ack.first_range;
    frame->ack.ranges = *in;
    for (uint64_t i = 0; i < frame->ack.range_count; i++) {
        if (!varint_read(in, end, &gap) || !varint_read(in, end, &length))
            return false;
        if (low < gap + 2 || low - gap - 2 < length)
            return false;
        low = low - gap - 2 - length;
    }
    frame->ack.ranges_end = *in;
    return true;
}

static bool read_close(const uint8_t **in, const uint8_t *end, struct frame *frame)
{
    uint64_t type, size;

    return varint_read(in, end, &frame->value) && varint_read(in, end, &type) && varint_read(in, end, &size) &&
           read_bytes(in, end, size, frame);
}

bool frame_read(const uint8_t **in, const uint8_t *end, struct frame *frame)
{
    uint8_t type = *(*in)++;

    frame->type = type;
    if (type >= FRAME_STREAM && type < FRAME_STREAM + 8)
        return read_stream(in, end, type, frame);
    switch (type) {
    case FRAME_PADDING:
        while (*in < end && **in == FRAME_PADDING)
            ++*in;
        return true;
    case FRAME_PING:
        return true;
    case FRAME_ACK:
        return read_ack(in, end, frame);
    case FRAME_RESET_STREAM:
        return varint_read(in, end, &frame->stream_id) && varint_read(in, end, &frame->value) &&
               varint_read(in, end, &frame->final_size);
    case FRAME_CONTROL:
        return read_control(in, end, frame);
    case FRAME_STOP_SENDING:
    case FRAME_MAX_STREAM_DATA:
    case FRAME_STREAM_DATA_BLOCKED:
        return varint_read(in, end, &frame->stream_id) && varint_read(in, end, &frame->value);
    case FRAME_MAX_DATA:
    case FRAME_MAX_STREAMS:
    case FRAME_DATA_BLOCKED:
    case FRAME_STREAMS_BLOCKED:
        return varint_read(in, end, &frame->value);
    case FRAME_CLOSE:
        return read_close(in, end, frame);
    default:
        return false;
    }
}

void frame_ack_first(const struct frame *frame, struct ack_walk *walk)
{
    walk->next = frame->ack.ranges;
    walk->end = frame->ack.ranges_end;
    walk->high = frame->ack.largest;
    walk->low = frame->ack.largest - frame->ack.first_range;
}

bool frame_ack_next(struct ack_walk *walk)
{
    uint64_t gap, length;

    if (!varint_read(&walk->next, walk->end, &gap) || !varint_read(&walk->next, walk->end, &length))
        return false;
    walk->high = walk->low - gap - 2;
    walk->low = walk->high - length;
    return true;
}
