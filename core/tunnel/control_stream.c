/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * CONTROL: the link's own reliable, ordered byte stream, like CRYPTO in QUIC (docs/protocol.md section 3).
 */
#include "core/tunnel/link_internal.h"

#include "core/base/buffer.h"
#include "core/tunnel/varint.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MIN 1024

bool control_has_frames(const struct tn_link *link)
{
    return link->control_sender.lost.count > 0 || link->control_sender.next < link->control_sender.end;
}

/* CONTROL may carry secrets, so its data is overwritten before it is freed. */
static void wipe_and_free(void *bytes, size_t size)
{
    if (bytes)
        explicit_bzero(bytes, size);
    free(bytes);
}

static void release_secret(struct hg_buffer *buffer)
{
    wipe_and_free(buffer, sizeof *buffer + buffer->capacity);
}

bool tn_control_write(struct tn_link *link, const void *data, size_t size)
{
    struct send_buffer *sender = &link->control_sender;
    struct hg_buffer *buffer;
    struct hg_slice slice;
    bool taken;

    if (size == 0)
        return true;
    if (size > TN_CONTROL_SEND_MAX - (sender->end - sender->acknowledged))
        return false;
    buffer = buffer_new(size);
    if (!buffer)
        return false;
    buffer->release = release_secret;
    memcpy(buffer->data, data, size);
    slice = (struct hg_slice){buffer, buffer->data, size};
    taken = send_buffer_append(sender, &slice);
    hg_buffer_unref(buffer);
    return taken;
}

bool tn_control_all_acknowledged(const struct tn_link *link)
{
    return link->control_sender.acknowledged == link->control_sender.end;
}

/* Writes a CONTROL frame with up to `size` bytes; returns how many, or 0 if there is no room. */
static size_t control_write_frame(struct send_buffer *sender, struct packet *packet, uint64_t offset, uint64_t size)
{
    size_t header = 1 + varint_size(offset) + 2;
    struct sent_frame *record;

    if (packet_room(packet) < header + 16)
        return 0;
    if (size > packet_room(packet) - header)
        size = packet_room(packet) - header;
    record = packet_record(packet, FRAME_CONTROL, NULL);
    if (!record)
        return 0;
    record->offset = offset;
    record->size = (uint32_t)size;
    *packet->next++ = FRAME_CONTROL;
    packet->next = varint_write(packet->next, offset);
    packet->next = varint_write(packet->next, size);
    send_buffer_copy(sender, offset, (size_t)size, packet->next);
    packet->next += size;
    return (size_t)size;
}

bool control_send(struct tn_link *link, struct packet *packet)
{
    struct send_buffer *sender = &link->control_sender;
    const uint8_t *before = packet->next;

    while (sender->lost.count > 0) {
        struct range range = sender->lost.items[0];
        size_t size = control_write_frame(sender, packet, range.start, range.end - range.start);

        if (size == 0)
            return packet->next != before;
        ranges_remove(&sender->lost, range.start, range.start + size);
    }
    while (sender->next < sender->end) {
        size_t size = control_write_frame(sender, packet, sender->next, sender->end - sender->next);

        if (size == 0)
            break;
        sender->next += size;
    }
    return packet->next != before;
}

/* Gathers what has arrived in order into one contiguous piece. */
static bool control_gather(struct tn_link *link)
{
    struct hg_slice slice;

    while (receive_buffer_peek(&link->control_receiver, &slice)) {
        if (link->control_size + slice.size > link->control_capacity) {
            size_t capacity = 2 * link->control_capacity > TEXT_MIN ? 2 * link->control_capacity : TEXT_MIN;
            uint8_t *text;

            while (capacity < link->control_size + slice.size)
                capacity *= 2;
            text = malloc(capacity);
            if (!text)
                return false;
            if (link->control_size)
                memcpy(text, link->control_text, link->control_size);
            wipe_and_free(link->control_text, link->control_capacity);
            link->control_text = text;
            link->control_capacity = capacity;
        }
        memcpy(link->control_text + link->control_size, slice.data, slice.size);
        link->control_size += slice.size;
        explicit_bzero((uint8_t *)slice.data, slice.size);
        receive_buffer_consume(&link->control_receiver, slice.size);
    }
    return true;
}

int control_receive(struct tn_link *link, const struct frame *frame, const char **what)
{
    struct receive_buffer *receiver = &link->control_receiver;
    uint64_t consumed = receiver->read - link->control_size;

    if (frame->offset + frame->size > consumed + TN_CONTROL_RECEIVE_MAX) {
        *what = "more CONTROL bytes than can be buffered";
        return TN_CONTROL_BUFFER_EXCEEDED;
    }
    if (frame->size > 0 && receive_buffer_add(receiver, frame->offset, frame->data, frame->size,
                                              RECEIVE_BUFFER_SEGMENTS_MAX) != RECEIVE_BUFFER_OK)
        return FRAME_NOT_TAKEN;
    if (!control_gather(link)) {
        *what = "out of memory for CONTROL";
        return TN_INTERNAL_ERROR;
    }
    return 0;
}

size_t tn_control_peek(struct tn_link *link, const char **data)
{
    *data = (const char *)link->control_text;
    return link->control_size;
}

void tn_control_consume(struct tn_link *link, size_t size)
{
    if (size > link->control_size)
        size = link->control_size;
    if (size == 0)
        return;
    link->control_size -= size;
    memmove(link->control_text, link->control_text + size, link->control_size);
    explicit_bzero(link->control_text + link->control_size, size);
    if (link->control_size == 0) {
        free(link->control_text);
        link->control_text = NULL;
        link->control_capacity = 0;
    }
}

void control_free(struct tn_link *link)
{
    send_buffer_drop(&link->control_sender);
    receive_buffer_drop(&link->control_receiver);
    wipe_and_free(link->control_text, link->control_capacity);
}
