/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/origin/origin.h"

/* Slots that a slice of data may take (chunk header, data, CRLF); one more is kept for the last chunk. */
#define DATA_SLOTS 3
#define LAST_SLOTS 1

#define CLOSE_FIELD HG_TEXT("Connection: close\r\n")

static struct origin *origin_of(const struct request *request)
{
    return request->self->worker->state;
}

/* ---- Queueing ---- */

/* Whether the connection ends after this request, so that the service need not keep it either: see is_reusable() in
 * response.c. If authentication is bound to it, it belongs to its owner; without a known owner, it is not shared at
 * all. */
static bool is_last(const struct request *request, const struct connection *connection, const struct hg_head *head)
{
    if (connection->is_last || connection->owner_size)
        return connection->is_last;
    return !pool_keeps(request->pool) || hg_text_equal(head->method, HG_TEXT("HEAD")) || http1_binds_connection(head);
}

/* Queues the head. Upgrade concerns a single connection (RFC 9110 section 7.8) and is not forwarded: without the field,
 * the service answers as if no upgrade had been requested. */
static int queue_head(const struct request *request, struct connection *connection)
{
    struct hg_head head = *request->self->exchange->request;
    struct hg_text base = request->pool->url.base;
    struct http1_writer writer = {0};
    struct hg_buffer *buffer;
    size_t joined = 0;

    head.upgrade = HG_TEXT("");
    head.authority = rule_host(request->rule, &head);
    if (base.size && head.path.size && head.path.data[0] == '/')
        joined = base.size + head.path.size;
    buffer = hg_buffer_new(request->self->host, http1_head_size(&head, CLOSE_FIELD.size + joined) + joined);
    if (!buffer)
        return -1;
    if (joined) { /* at the end of the buffer from which it was copied */
        char *path = (char *)buffer->data + buffer->capacity - joined;

        memcpy(path, base.data, base.size);
        memcpy(path + base.size, head.path.data, head.path.size);
        head.path = (struct hg_text){path, joined};
    }
    writer.data = buffer->data;
    writer.capacity = buffer->capacity - joined;
    http1_write_request(&writer, &head, request->framing);
    connection->is_last = is_last(request, connection, &head);
    if (connection->is_last)
        http1_write(&writer, CLOSE_FIELD);
    http1_write_head_end(&writer);
    if (writer.overflow) { /* http1_head_size() guarantees that it fits */
        hg_buffer_unref(buffer);
        return -1;
    }
    connection_queue(connection, (struct hg_slice){buffer, buffer->data, writer.size});
    return 0;
}

static void queue_data(const struct request *request, struct connection *connection, const struct hg_slice *slice)
{
    uint8_t header[HTTP1_CHUNK_HEADER_MAX];
    struct http1_writer writer = {.data = header, .capacity = sizeof header};
    struct hg_slice kept = *slice;

    hg_buffer_ref(kept.buffer);
    if (request->framing != HTTP1_CHUNKED) {
        connection_queue(connection, kept);
        return;
    }
    http1_write_chunk_header(&writer, kept.size);
    connection_queue_framing(connection, header, writer.size);
    connection_queue(connection, kept);
    connection_queue_framing(connection, (const uint8_t *)HTTP1_CHUNK_END.data, HTTP1_CHUNK_END.size);
}

static int queue_last_chunk(const struct request *request, struct connection *connection,
                            const struct hg_fields *trailers)
{
    struct hg_buffer *buffer = hg_buffer_new(request->self->host, http1_last_chunk_size(trailers));
    struct http1_writer writer;

    if (!buffer)
        return -1;
    writer = (struct http1_writer){.data = buffer->data, .capacity = buffer->capacity};
    http1_write_last_chunk(&writer, trailers);
    connection_queue(connection, (struct hg_slice){buffer, buffer->data, writer.size});
    return 0;
}

/* ---- Ends and failures ---- */

void request_resume(struct request *request)
{
    if (!request->is_held)
        return;
    request->is_held = false;
    hg_resume(request->self, HG_DOWN);
}

void request_finish(struct request *request)
{
    request->is_over = true;
    request->connection = NULL;
    request_resume(request); /* to discard the rest of the body */
}

void request_fail(struct request *request, const struct hg_reason *reason)
{
    ++*origin_of(request)->requests_failed;
    request->is_over = true;
    request->connection = NULL;
    hg_reset(request->self, reason);
}

void request_break_off(struct request *request, const struct hg_reason *reason)
{
    ++*origin_of(request)->requests_failed;
    request->is_over = true;
    request->connection = NULL;
    hg_break_off(request->self, reason);
}

static void fail_for_memory(struct request *request)
{
    request_fail(request, &(struct hg_reason){503, "proxy_internal_error", "out of memory", 1});
}

/* The answer is no longer wanted; the service notices because its connection is closed. */
static void abandon(struct request *request)
{
    struct connection *connection = request->connection;

    request->is_over = true;
    request->connection = NULL;
    if (request->pool)
        pool_forget(request->pool, request);
    if (connection)
        connection_free(connection);
}

/* The message from above is invalid. */
static void reject(struct request *request, const char *detail)
{
    abandon(request);
    hg_reset(request->self, &(struct hg_reason){400, "http_request_error", detail, 0});
}

/* RFC 9110 section 9.2.2. */
static bool is_idempotent(struct hg_text method)
{
    static const char *const methods[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"};

    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (hg_text_equal(method, hg_text(methods[i])))
            return true;
    return false;
}

bool request_replay(struct request *request, struct connection *connection)
{
    /* Retry only if the cause may be something that can happen to any kept connection: the service closed it just as it
     * was reused. */
    if (!connection->is_reused || request->is_retried || connection->response.begun)
        return false;
    if (connection->sent) {
        bool body_is_gone = request->body_taken || (request->framing == HTTP1_CHUNKED && request->is_complete);

        if (body_is_gone || !is_idempotent(request->self->exchange->request->method))
            return false;
        connection_drop_output(connection);
        if (queue_head(request, connection))
            return false;
    }
    request->is_retried = true;
    ++*origin_of(request)->requests_retried;
    return true;
}

/* ---- From the exchange ---- */

enum hg_verdict request_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head)
{
    struct request *request = self->state;
    struct hg_text url = self->exchange->target.url;

    if (direction == HG_UP)
        return HG_NEXT;
    request->self = self;
    request->framing = http1_request_framing(head);
    request->left = request->framing == HTTP1_LENGTH ? (uint64_t)head->length : 0;
    request->is_complete = request->framing != HTTP1_CHUNKED && !request->left;
    if (!url.size) {
        request_fail(request, &(struct hg_reason){500, "proxy_configuration_error", "no route has set a URL", 0});
        return HG_ERROR;
    }
    request->rule = rule_of(origin_of(request), self);
    if (!request->rule || location_map_request(request->rule, self, head)) {
        fail_for_memory(request);
        return HG_ERROR;
    }
    request->pool = request->rule->pool;
    pool_assign(request->pool, request);
    return HG_NEXT;
}

bool request_start(struct request *request, struct connection *connection)
{
    request->connection = connection;
    if (queue_head(request, connection) ||
        (request->is_end_paused && queue_last_chunk(request, connection, request->trailers))) {
        fail_for_memory(request);
        return false;
    }
    if (request->is_end_paused) {
        request->is_end_paused = false;
        request->is_complete = true;
        hg_resume(request->self, HG_DOWN);
    }
    request_resume(request);
    return true;
}

/* Whether the connection can accept more now; while it is being opened, it may queue some. */
static bool has_room(struct connection *connection)
{
    if (connection_output_room(connection) < DATA_SLOTS + LAST_SLOTS || connection->output_bytes >= OUTPUT_GATHERED)
        connection_flush(connection);
    return !connection->is_full && connection_output_room(connection) >= DATA_SLOTS + LAST_SLOTS &&
           connection->output_bytes < OUTPUT_GATHERED;
}

size_t request_data(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice)
{
    struct request *request = self->state;
    struct connection *connection = request->connection;

    (void)direction;
    if (request->is_over || (connection && connection->is_broken))
        return slice->size;
    if (request->framing != HTTP1_CHUNKED && slice->size > request->left) {
        reject(request, "the request's body is longer than announced");
        return 0;
    }
    if (!connection || !has_room(connection)) {
        request->is_held = true;
        return connection && connection->is_broken ? slice->size : 0;
    }
    queue_data(request, connection, slice);
    request->body_taken += slice->size;
    if (request->framing == HTTP1_LENGTH)
        request->is_complete = !(request->left -= slice->size);
    if (request->is_complete || connection->output_bytes >= OUTPUT_GATHERED)
        connection_flush(connection);
    else
        hg_defer(connection->origin->worker, &connection->turn_end);
    return slice->size;
}

/* The response is complete, so the end of the exchange is also that of the connection: wait until everything has been
 * sent to the service. */
static enum hg_verdict end_when_sent(struct request *request)
{
    const struct connection *connection = request->connection;

    if (!connection || !connection->response.is_over || !connection->output_count || connection->is_broken)
        return HG_NEXT;
    request->is_held = true;
    return HG_PAUSE;
}

enum hg_verdict request_end(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers)
{
    struct request *request = self->state;
    struct connection *connection = request->connection;

    (void)direction;
    if (request->is_over || (connection && connection->is_broken))
        return HG_NEXT;
    if (request->left) {
        reject(request, "the request's body is shorter than announced");
        return HG_ERROR;
    }
    if (request->framing != HTTP1_CHUNKED)
        return end_when_sent(request);
    if (!connection) {
        request->trailers = trailers;
        request->is_end_paused = true;
        return HG_PAUSE;
    }
    if (queue_last_chunk(request, connection, trailers)) {
        abandon(request);
        fail_for_memory(request);
        return HG_ERROR;
    }
    request->is_complete = true;
    connection_flush(connection);
    return end_when_sent(request);
}

void request_writable(struct hg_self *self, enum hg_direction direction)
{
    struct request *request = self->state;

    if (direction == HG_UP && request->connection && request->connection->is_paused)
        response_resume(request->connection);
}

void request_reset(struct hg_self *self, const struct hg_reason *reason)
{
    (void)reason;
    abandon(self->state);
}

void request_detach(struct hg_self *self)
{
    abandon(self->state);
}
