/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/origin/origin.h"

#include <stdlib.h>

/* ---- The output queue ---- */

size_t connection_output_room(const struct connection *connection)
{
    return OUTPUT_SLOTS - connection->output_count;
}

static struct output_slot *next_slot(struct connection *connection, size_t size)
{
    size_t at = (connection->output_first + connection->output_count++) % OUTPUT_SLOTS;

    connection->output_bytes += size;
    return &connection->output[at];
}

void connection_queue(struct connection *connection, struct hg_slice slice)
{
    next_slot(connection, slice.size)->slice = slice;
}

void connection_queue_framing(struct connection *connection, const uint8_t *data, size_t size)
{
    struct output_slot *slot = next_slot(connection, size);

    memcpy(slot->framing, data, size);
    slot->slice = (struct hg_slice){.data = slot->framing, .size = size};
}

void connection_output_sent(struct connection *connection, size_t size)
{
    connection->output_bytes -= size;
    while (size) {
        struct hg_slice *slice = &connection->output[connection->output_first].slice;

        if (size < slice->size) {
            *slice = hg_slice_from(*slice, size);
            return;
        }
        size -= slice->size;
        hg_buffer_unref(slice->buffer);
        connection->output_first = (connection->output_first + 1) % OUTPUT_SLOTS;
        connection->output_count--;
    }
}

void connection_drop_output(struct connection *connection)
{
    connection_output_sent(connection, connection->output_bytes);
}
