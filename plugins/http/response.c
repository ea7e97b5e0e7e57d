/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Responses: turns the events of an exchange into the output of its connection.
 */
#include "plugins/http/protocol.h"

/* The most bytes of a request body that we wait for after the response. */
#define SHORT_REST 65536

/* Room for our own Via and Date. */
#define EXTRA_FIELDS (VIA_SIZE + 64)

static struct hg_text request_method(const struct protocol *protocol)
{
    return protocol->self->exchange->request->method;
}

/* Writes the fields that a final head gets: Via, and Date if the origin sent none (RFC 9110 section 6.6.1). */
static void write_ours(const struct protocol *protocol, struct http1_writer *writer, const struct hg_head *head)
{
    char via[VIA_SIZE];
    size_t size = forwarded_via(protocol->connection.edge, head, via);

    if (!hg_field_find(&head->fields, HG_TEXT("Date"), 0))
        http1_write_field(writer, HG_TEXT("Date"), hg_text(error_date(protocol->connection.edge)));
    if (size)
        http1_write_field(writer, HG_TEXT("Via"), (struct hg_text){via, size});
}

/* Encodes a head into the output. Returns -1 when out of memory. */
static int write_head(struct protocol *protocol, const struct hg_head *head, enum http1_framing framing)
{
    size_t capacity = http1_head_size(head, EXTRA_FIELDS);
    uint8_t *data = connection_reserve(&protocol->connection, capacity);
    struct http1_writer writer = {.data = data, .capacity = capacity};

    if (!data)
        return -1;
    http1_write_response(&writer, head, framing, protocol->version, protocol->close);
    if (!hg_head_is_interim(head))
        write_ours(protocol, &writer, head);
    http1_write_head_end(&writer);
    connection_commit(&protocol->connection, writer.size);
    return 0;
}

int response_continue(struct protocol *protocol)
{
    static const struct hg_head head = {.kind = HG_RESPONSE, .status = 100, .reason = {"Continue", 8}};

    if (write_head(protocol, &head, HTTP1_NO_BODY))
        return -1;
    connection_flush_later(&protocol->connection);
    return 0;
}

/* Interim responses are forwarded at once, but HTTP/1.0 does not know them (RFC 9110 section 15.2). They may be
 * dropped, and are for a user who does not read, as the output is limited. */
static enum hg_verdict interim(struct protocol *protocol, const struct hg_head *head)
{
    if (protocol->version < 0x0101 || !connection_takes_data(&protocol->connection))
        return HG_NEXT;
    if (head->status == 100)
        protocol->expects_continue = false;
    if (write_head(protocol, head, HTTP1_NO_BODY))
        return HG_ERROR;
    connection_flush_later(&protocol->connection);
    return HG_NEXT;
}

static void on_reset(struct hg_self *self, const struct hg_reason *reason)
{
    struct protocol *protocol = self->state;

    if (protocol->connection.phase != CONNECTION_OPEN)
        return;
    if (protocol->response_phase == RESPONSE_NONE)
        error_respond(protocol, reason, self->exchange->request);
    else if (protocol->response_phase == RESPONSE_BODY)
        protocol->truncate = true;
}

/* The response contradicts its head: if none of it has been sent, another response replaces it. */
static void break_off(struct protocol *protocol, const struct hg_reason *reason)
{
    struct hg_self *self = protocol->self;

    if (protocol->is_unsent) {
        connection_drop_output(&protocol->connection);
        error_respond(protocol, reason, self->exchange->request);
    } else {
        protocol->truncate = true;
    }
    hg_reset(self, reason);
}

/* The rest of a request body may be long or, if no 100 asked for it, may never arrive; then it could not be
 * distinguished from the next request (RFC 9112 section 9.6). A short rest is read and discarded, so that a service
 * that does not wait for the body of a small request does not cost the user the connection. */
static bool rest_ends_connection(const struct protocol *protocol)
{
    const struct http1_body *body = &protocol->body;

    return protocol->request_phase == REQUEST_BODY &&
           (body->framing != HTTP1_LENGTH || body->left > SHORT_REST || protocol->expects_continue);
}

static enum hg_verdict on_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head)
{
    static const struct hg_reason unasked = {502, "http_upgrade_failed", "101 although no upgrade was requested", 0};
    struct protocol *protocol = self->state;

    (void)direction;
    if (protocol->connection.phase != CONNECTION_OPEN || protocol->response_phase != RESPONSE_NONE)
        return HG_NEXT;
    if (hg_head_is_interim(head))
        return interim(protocol, head);
    if (head->status == 101) {
        on_reset(self, &unasked);
        hg_reset(self, &unasked);
        return HG_NEXT;
    }
    protocol->response_framing = http1_response_framing(head, request_method(protocol), protocol->version);
    protocol->response_left = protocol->response_framing == HTTP1_LENGTH ? (uint64_t)head->length : 0;
    if (protocol->response_framing == HTTP1_UNTIL_CLOSE || rest_ends_connection(protocol) ||
        protocol->connection.edge->draining || head->connection.size)
        protocol->close = true;
    protocol->is_unsent = !protocol->connection.output.count;
    if (write_head(protocol, head, protocol->response_framing))
        return HG_ERROR;
    protocol->response_phase = RESPONSE_BODY;
    if (protocol->expects_continue) /* its limit was one second until now */
        connection_expect(&protocol->connection, protocol->connection.edge->config->idle_timeout);
    connection_flush_later(&protocol->connection);
    return HG_NEXT;
}

/* Writes one chunk. Returns -1 when out of memory. */
static int append_chunk(struct protocol *protocol, const struct hg_slice *slice)
{
    uint8_t *data = connection_reserve(&protocol->connection, HTTP1_CHUNK_HEADER_MAX);
    struct http1_writer writer = {.data = data, .capacity = HTTP1_CHUNK_HEADER_MAX};

    if (!data)
        return -1;
    http1_write_chunk_header(&writer, slice->size);
    connection_commit(&protocol->connection, writer.size);
    if (connection_append(&protocol->connection, slice))
        return -1;
    data = connection_reserve(&protocol->connection, HTTP1_CHUNK_END.size);
    if (!data)
        return -1;
    memcpy(data, HTTP1_CHUNK_END.data, HTTP1_CHUNK_END.size);
    connection_commit(&protocol->connection, HTTP1_CHUNK_END.size);
    return 0;
}

/* Writes part of the body in the response's framing. Returns -1 when out of memory or if it is more than was
 * announced. */
static int append_body(struct protocol *protocol, const struct hg_slice *slice)
{
    if (protocol->response_framing == HTTP1_CHUNKED)
        return append_chunk(protocol, slice);
    if (protocol->response_framing == HTTP1_LENGTH) {
        if (slice->size > protocol->response_left)
            return -1;
        protocol->response_left -= slice->size;
    }
    return connection_append(&protocol->connection, slice);
}

static size_t on_data(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice)
{
    static const struct hg_reason broken = {502, "http_response_body_size",
                                            "the response is longer than announced, or out of memory", 0};
    struct protocol *protocol = self->state;

    (void)direction;
    if (protocol->connection.phase != CONNECTION_OPEN || protocol->response_framing == HTTP1_NO_BODY)
        return slice->size;
    if (!connection_takes_data(&protocol->connection)) {
        protocol->data_waits = true;
        return 0;
    }
    if (append_body(protocol, slice)) {
        break_off(protocol, &broken);
        return slice->size;
    }
    if (protocol->connection.output.bytes >= FLUSH_SIZE)
        connection_flush(&protocol->connection);
    else
        connection_flush_later(&protocol->connection);
    return slice->size;
}

static int append_last_chunk(struct protocol *protocol, const struct hg_fields *trailers)
{
    size_t capacity = http1_last_chunk_size(trailers);
    uint8_t *data = connection_reserve(&protocol->connection, capacity);
    struct http1_writer writer = {.data = data, .capacity = capacity};

    if (!data)
        return -1;
    http1_write_last_chunk(&writer, trailers);
    connection_commit(&protocol->connection, writer.size);
    return 0;
}

static enum hg_verdict on_end(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers)
{
    static const struct hg_reason incomplete = {502, "http_response_incomplete", "the response is incomplete", 0};
    struct protocol *protocol = self->state;

    (void)direction;
    if (protocol->connection.phase != CONNECTION_OPEN)
        return HG_NEXT;
    if (protocol->response_left ||
        (protocol->response_framing == HTTP1_CHUNKED && append_last_chunk(protocol, trailers))) {
        break_off(protocol, &incomplete);
        return HG_NEXT;
    }
    protocol->response_phase = RESPONSE_DONE;
    if (!connection_flush(&protocol->connection) || protocol->connection.phase != CONNECTION_OPEN)
        return HG_NEXT;
    /* The exchange ends only when the socket has taken everything: a stop waits for exchanges, not for output. */
    if (protocol->connection.output.count) {
        protocol->end_waits = true;
        return HG_PAUSE;
    }
    request_answered(protocol);
    return HG_NEXT;
}

void response_written(struct protocol *protocol)
{
    if (protocol->next_waits && !protocol->connection.output.count && protocol->connection.phase == CONNECTION_OPEN) {
        protocol->next_waits = false;
        request_next(protocol);
        return;
    }
    if (!protocol->self)
        return;
    if (protocol->end_waits) {
        if (protocol->connection.output.count && protocol->connection.phase == CONNECTION_OPEN)
            return;
        protocol->end_waits = false;
        request_answered(protocol);
    } else if (!protocol->data_waits || !connection_takes_data(&protocol->connection)) {
        return;
    }
    protocol->data_waits = false;
    hg_resume(protocol->self, HG_UP);
}

static void on_writable(struct hg_self *self, enum hg_direction direction)
{
    struct protocol *protocol = self->state;

    (void)direction;
    if (protocol->connection.phase != CONNECTION_OPEN)
        return;
    request_input(protocol);
    connection_read_on(&protocol->connection);
}

static void on_detach(struct hg_self *self)
{
    static const struct hg_reason unanswered = {502, "proxy_internal_error", "the exchange ended without a response",
                                                0};
    struct protocol *protocol = self->state;

    hg_observe(protocol->connection.edge->durations, hg_now(self->worker) - self->exchange->started);
    if (protocol->connection.phase == CONNECTION_OPEN && protocol->response_phase == RESPONSE_NONE) {
        hg_log_failure(protocol->connection.edge->worker, self->exchange->request, hg_text(protocol->connection.peer),
                       &unanswered);
        error_respond(protocol, &unanswered, self->exchange->request);
    }
    protocol->end_waits = protocol->data_waits = false;
    protocol->self = NULL;
    connection_let_go(&protocol->connection);
    if (protocol->connection.phase != CONNECTION_OPEN)
        return;
    if (!protocol->truncate && protocol->response_phase == RESPONSE_DONE)
        request_next(protocol);
    else if (protocol->response_framing != HTTP1_UNTIL_CLOSE)
        connection_finish(&protocol->connection); /* sends the queued part; the user sees that the end is missing */
    else if (connection_flush(&protocol->connection))
        connection_abort(&protocol->connection, true);
}

const struct hg_stage_ops response_ops = {
    .events = HG_EVENTS_MESSAGES,
    .head = on_head,
    .data = on_data,
    .end = on_end,
    .reset = on_reset,
    .writable = on_writable,
    .detach = on_detach,
};
