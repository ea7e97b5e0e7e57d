/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Bytes that were read from a connection's socket but not used yet.
 */
#include "plugins/http/connection.h"

/* Enough for one TLS record. */
#define INPUT_SIZE 16384

/* With less room than this after the input, a new buffer costs less than many small reads. */
#define LEAST_ROOM 2048

static struct hg_buffer *take_input(struct edge *edge)
{
    if (edge->spare_input_count)
        return edge->spare_inputs[--edge->spare_input_count];
    return hg_buffer_new(edge->worker->host, INPUT_SIZE);
}

static bool is_sole(struct hg_buffer *buffer)
{
    return atomic_load_explicit(&buffer->refs, memory_order_acquire) == 1;
}

/* Keeps a few spare buffers, so that the allocator does not grow and trim the heap with each request. */
static void give_input(struct edge *edge, struct hg_buffer *buffer)
{
    if (buffer && buffer->capacity == INPUT_SIZE && is_sole(buffer) &&
        edge->spare_input_count < sizeof edge->spare_inputs / sizeof *edge->spare_inputs)
        edge->spare_inputs[edge->spare_input_count++] = buffer;
    else
        hg_buffer_unref(buffer);
}

void input_release(struct connection *connection)
{
    give_input(connection->edge, connection->input);
    connection->input = NULL;
    connection->input_start = connection->input_end = 0;
}

/* Moves the unread bytes to the front, or to a larger buffer if they fill this one. */
static int make_room(struct connection *connection)
{
    size_t unread = connection->input_end - connection->input_start;
    struct hg_buffer *larger;

    if (is_sole(connection->input) && connection->input->capacity - unread >= LEAST_ROOM) {
        memmove(connection->input->data, connection->input->data + connection->input_start, unread);
    } else {
        larger = unread + LEAST_ROOM <= INPUT_SIZE
                     ? take_input(connection->edge)
                     : hg_buffer_new(connection->edge->worker->host, 2 * unread + LEAST_ROOM);
        if (!larger)
            return -1;
        memcpy(larger->data, connection->input->data + connection->input_start, unread);
        give_input(connection->edge, connection->input);
        connection->input = larger;
    }
    connection->input_start = 0;
    connection->input_end = unread;
    return 0;
}

int input_reserve(struct connection *connection)
{
    if (connection->input && connection->input_start == connection->input_end) {
        if (is_sole(connection->input))
            connection->input_start = connection->input_end = 0;
        else if (connection->input->capacity - connection->input_end < LEAST_ROOM)
            input_release(connection);
    }
    if (!connection->input) {
        connection->input = take_input(connection->edge);
        return connection->input ? 0 : -1;
    }
    if (connection->input->capacity - connection->input_end >= LEAST_ROOM)
        return 0;
    return make_room(connection);
}
