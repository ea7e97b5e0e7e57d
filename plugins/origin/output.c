/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/origin/origin.h"

#include <stdlib.h>

/* ---- The queue of what is to be sent ---- */

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

/* ---- Sending at the end of a turn ---- */

/* hg_post() cannot be taken back, so what it carries outlives the instance. */
struct flush_post {
    struct origin *origin; /* NULL: gone */
    bool is_posted;
};

void connection_forget_flush(struct connection *connection)
{
    if (!connection->is_unflushed)
        return;
    connection->is_unflushed = false;
    if (connection->previous_unflushed)
        connection->previous_unflushed->next_unflushed = connection->next_unflushed;
    else
        connection->origin->unflushed = connection->next_unflushed;
    if (connection->next_unflushed)
        connection->next_unflushed->previous_unflushed = connection->previous_unflushed;
}

static void on_flush_post(void *arg)
{
    struct flush_post *post = arg;

    post->is_posted = false;
    if (!post->origin) {
        free(post);
        return;
    }
    while (post->origin->unflushed)
        connection_flush(post->origin->unflushed);
}

void connection_flush_soon(struct connection *connection)
{
    struct origin *origin = connection->origin;

    if (connection->is_unflushed)
        return;
    if (!origin->flush_post)
        origin->flush_post = calloc(1, sizeof *origin->flush_post);
    if (!origin->flush_post) {
        connection_flush(connection);
        return;
    }
    connection->is_unflushed = true;
    connection->previous_unflushed = NULL;
    connection->next_unflushed = origin->unflushed;
    if (origin->unflushed)
        origin->unflushed->previous_unflushed = connection;
    origin->unflushed = connection;
    origin->flush_post->origin = origin;
    if (!origin->flush_post->is_posted)
        hg_post(origin->worker, on_flush_post, origin->flush_post);
    origin->flush_post->is_posted = true;
}

void connection_flush_stop(struct origin *origin)
{
    if (!origin->flush_post)
        return;
    if (origin->flush_post->is_posted)
        origin->flush_post->origin = NULL;
    else
        free(origin->flush_post);
    origin->flush_post = NULL;
}
