/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Requests: turns the input of a connection into exchanges, one after the other.
 */
#include "plugins/http/protocol.h"
#include "plugins/http/tls.h"

/* This much is read at once, and this much of further requests while one is being answered. */
#define READ_SIZE 16384

/* A chunked body is checked before its request is opened, up to this size and time: broken chunk framing is a tool of
 * request smuggling, and what is refused here does not reach any service. Most such bodies arrive together with their
 * head; a long one is delayed once, briefly. */
#define HOLD_SIZE 4096
#define HOLD_TIME (50 * HG_MILLISECOND)

/* How long a service may take to answer an expectation. */
#define CONTINUE_TIME HG_SECOND

size_t request_wants(const struct protocol *protocol)
{
    size_t credit;

    switch (protocol->request_phase) {
    case REQUEST_BODY:
        /* Without credit, nothing is read, so the public user's TCP window closes. */
        credit = hg_credit(protocol->self, HG_DOWN);
        return credit < READ_SIZE ? credit : READ_SIZE;
    case REQUEST_DONE:
        return input_unread(&protocol->connection) < READ_SIZE ? READ_SIZE - input_unread(&protocol->connection) : 0;
    default:
        return READ_SIZE;
    }
}

/* ---- Refusing ---- */

/* Answers input that cannot be parsed any further. */
static void refuse(struct protocol *protocol, const struct hg_reason *reason, const struct hg_head *request)
{
    protocol->close = true;
    error_respond(protocol, reason, request);
    connection_finish(&protocol->connection);
}

/* The request has been answered; the rest of its body is discarded. */
static void discard_rest(struct protocol *protocol)
{
    /* A client that was not sent 100 waits for the end of our response instead of sending the body. */
    if (protocol->expects_continue) {
        connection_finish(&protocol->connection);
        return;
    }
    protocol->request_phase = REQUEST_DISCARD;
    connection_begin_discarding(&protocol->connection);
    connection_flush_later(&protocol->connection);
}

/* Answers a valid request that never becomes an exchange. */
static void answer(struct protocol *protocol, const struct hg_reason *reason, const struct hg_head *request)
{
    const struct http1_message *message = &protocol->message;
    bool has_body = message->framing == HTTP1_CHUNKED || (message->framing == HTTP1_LENGTH && message->length > 0);

    protocol->request_phase = has_body ? REQUEST_HEAD : REQUEST_DONE;
    error_respond(protocol, reason, request);
    if (!has_body || protocol->connection.phase != CONNECTION_OPEN)
        return;
    http1_body_start(&protocol->body, HG_REQUEST, message);
    discard_rest(protocol);
}

/* Ends the open exchange from this side, with an error page if that is still possible. `sound`: the rest of the
 * body can be parsed. */
static void fail(struct protocol *protocol, const struct hg_reason *reason, bool sound)
{
    struct hg_self *self = protocol->self;

    protocol->close = true;
    hg_reset(self, reason); /* before the connection ends, which would also be given as a reason */
    if (protocol->response_phase == RESPONSE_BODY) {
        connection_abort(&protocol->connection, protocol->response_framing == HTTP1_UNTIL_CLOSE);
        return;
    }
    if (protocol->response_phase == RESPONSE_NONE)
        error_respond(protocol, reason, self->exchange->request);
    if (sound && protocol->connection.phase == CONNECTION_OPEN)
        discard_rest(protocol);
    else
        connection_finish(&protocol->connection);
}

/* ---- Bodies ---- */

/* The part of the input that the decoder may see: data up to the credit, since everything it returns must be
 * emitted. */
static size_t read_piece(struct protocol *protocol, struct http1_piece *piece)
{
    const struct http1_limits *limits = &protocol->connection.edge->http->limits;
    const struct hg_host *host = protocol->connection.edge->worker->host;
    size_t size = input_unread(&protocol->connection), credit = hg_credit(protocol->self, HG_DOWN), used;
    size_t window = size < credit ? size : credit;

    used = http1_body_read(&protocol->body, host, limits,
                           protocol->connection.input ? input_bytes(&protocol->connection) : NULL, window, piece);
    /* Nothing was used: it has reached the trailers, which must be complete and need no credit. */
    if (piece->type == HTTP1_PIECE_NONE && !used && window && window < size)
        used = http1_body_read(&protocol->body, host, limits, input_bytes(&protocol->connection), size, piece);
    return used;
}

static void emit_data(struct protocol *protocol, const struct http1_piece *piece)
{
    static const struct hg_reason too_large = {413, "http_request_error", "the body is larger than max_body", 0};
    const struct http_config *config = protocol->connection.edge->config;
    struct hg_slice slice = {protocol->connection.input, piece->data, piece->size};

    protocol->expects_continue = false;
    if (config->max_body && protocol->body.received > config->max_body) {
        fail(protocol, &too_large, true);
        return;
    }
    if (protocol->response_phase == RESPONSE_DONE)
        connection_discarded(&protocol->connection, piece->size);
    else
        connection_expect(&protocol->connection, config->idle_timeout);
    hg_emit(protocol->self, HG_DOWN, &slice);
}

/* The body has ended. If it was empty, no data has ended the wait for 100. */
static void end_expectation(struct protocol *protocol)
{
    if (protocol->expects_continue && protocol->response_phase != RESPONSE_DONE)
        connection_expect(&protocol->connection, protocol->connection.edge->config->idle_timeout);
    protocol->expects_continue = false;
}

/* Reads as much of the body as has arrived and there is credit for. */
static void read_body(struct protocol *protocol)
{
    while (protocol->connection.phase == CONNECTION_OPEN && protocol->request_phase == REQUEST_BODY) {
        struct http1_piece piece;
        size_t used = read_piece(protocol, &piece);

        input_use(&protocol->connection, used);
        switch (piece.type) {
        case HTTP1_PIECE_DATA:
            emit_data(protocol, &piece);
            break;
        case HTTP1_PIECE_END:
            end_expectation(protocol);
            protocol->request_phase = REQUEST_DONE;
            hg_emit_end(protocol->self, HG_DOWN, piece.trailers);
            break;
        case HTTP1_PIECE_FAULT:
            fail(protocol, &piece.reason, false);
            break;
        default:
            hg_flush(protocol->self, HG_DOWN);
            return;
        }
    }
}

/* Discards the rest of a body. */
static void discard_body(struct protocol *protocol)
{
    struct http1_piece piece;

    do {
        size_t used = http1_body_read(&protocol->body, NULL, &protocol->connection.edge->http->limits,
                                      protocol->connection.input ? input_bytes(&protocol->connection) : NULL,
                                      input_unread(&protocol->connection), &piece);

        input_use(&protocol->connection, used);
        connection_discarded(&protocol->connection, piece.size);
    } while (piece.type == HTTP1_PIECE_DATA);
    if (piece.type == HTTP1_PIECE_END && !protocol->close)
        protocol->request_phase = REQUEST_DONE;
    else if (piece.type != HTTP1_PIECE_NONE)
        connection_finish(&protocol->connection);
}

/* ---- Opening ---- */

static void open_exchange(struct protocol *protocol, struct hg_head *head)
{
    static const struct hg_reason memory = {503, "proxy_internal_error", "out of memory", 1};

    protocol->self = hg_exchange_open(protocol->connection.edge->worker, head, protocol);
    if (!protocol->self) {
        refuse(protocol, &memory, head);
        hg_head_free(protocol->connection.edge->worker->host, head);
        return;
    }
    if (protocol->connection.tls)
        hg_set_tls(protocol->self, tls_facts(protocol->connection.tls));
    ++*protocol->connection.edge->requests;
    protocol->request_phase = REQUEST_BODY;
    http1_body_start(&protocol->body, HG_REQUEST, &protocol->message);
    connection_expect(&protocol->connection,
                      protocol->expects_continue ? CONTINUE_TIME : protocol->connection.edge->config->idle_timeout);
}

static void open_held(struct protocol *protocol)
{
    struct hg_head *head = protocol->held_head;

    protocol->held_head = NULL;
    open_exchange(protocol, head);
}

static void hold(struct protocol *protocol, struct hg_head *head)
{
    protocol->request_phase = REQUEST_HELD;
    protocol->held_head = head;
    protocol->held_size = 0;
    http1_body_start(&protocol->held_body, HG_REQUEST, &protocol->message);
    connection_expect(&protocol->connection, HOLD_TIME);
}

/* Checks the chunks that have arrived. */
static void look_ahead(struct protocol *protocol)
{
    struct http1_piece piece;

    do {
        protocol->held_size += http1_body_read(
            &protocol->held_body, NULL, &protocol->connection.edge->http->limits,
            protocol->connection.input ? input_bytes(&protocol->connection) + protocol->held_size : NULL,
            input_unread(&protocol->connection) - protocol->held_size, &piece);
    } while (piece.type == HTTP1_PIECE_DATA);
    if (piece.type == HTTP1_PIECE_FAULT) {
        refuse(protocol, &piece.reason, protocol->held_head);
        hg_head_free(protocol->connection.edge->worker->host, protocol->held_head);
        protocol->held_head = NULL;
    } else if (piece.type == HTTP1_PIECE_END || input_unread(&protocol->connection) >= HOLD_SIZE) {
        open_held(protocol);
    }
}

/* Checks what the request expects (RFC 9110 section 10.1.1), in any of its field lines. False: it is not a known
 * expectation. */
static bool check_expectation(struct protocol *protocol, struct hg_head *head)
{
    bool expects = false;

    protocol->expects_continue = false;
    for (size_t i = 0; i < head->fields.count; i++) {
        const struct hg_field *field = &head->fields.items[i];

        if (!hg_text_equal_nocase(field->name, HG_TEXT("Expect")))
            continue;
        if (!hg_text_equal_nocase(field->value, HG_TEXT("100-continue"))) {
            protocol->expects_continue = true; /* the client waits for it, whatever the value is */
            return false;
        }
        expects = true;
    }
    if (expects && head->version < 0x0101)
        hg_field_remove(protocol->connection.edge->worker->host, &head->fields, HG_TEXT("Expect"));
    else if (expects)
        protocol->expects_continue = head->length != HG_LENGTH_NONE && head->length != 0;
    return true;
}

/* Whether a well-formed request is to be refused, and why. */
static bool is_unwanted(struct protocol *protocol, struct hg_head *head, struct hg_reason *reason)
{
    uint64_t max_body = protocol->connection.edge->config->max_body;
    bool ends = false, loops = false;

    *reason = (struct hg_reason){.error = "http_request_error"};
    /* First add the id, which also appears in errors. */
    if (forwarded_request(&protocol->connection, head, &loops) || forwarded_name(protocol, head) ||
        forwarded_count_hop(&protocol->connection, head, &ends) ||
        hg_head_set(protocol->connection.edge->worker->host, head, &head->upgrade, (struct hg_text){"", 0})) {
        *reason = (struct hg_reason){503, "proxy_internal_error", "out of memory", 1};
    } else if (loops) {
        *reason = (struct hg_reason){508, "proxy_loop_detected",
                                     "the request is in a loop: a service sends it back to this gateway (CDN-Loop)", 0};
    } else if (ends) {
        *reason = (struct hg_reason){.status = 200, .detail = "answered by the gateway because Max-Forwards is 0"};
    } else if (!check_expectation(protocol, head)) {
        reason->status = 417;
        reason->detail = "an expectation other than 100-continue";
    } else if (max_body && head->length > 0 && (uint64_t)head->length > max_body) {
        reason->status = 413;
        reason->detail = "the body is larger than max_body";
    }
    return reason->status != 0;
}

static void take_head(struct protocol *protocol, struct hg_head *head)
{
    const struct http_config *config = protocol->connection.edge->config;
    struct hg_reason reason;

    protocol->version = head->version;
    protocol->requests++;
    protocol->close = !protocol->message.keep_alive || protocol->connection.edge->draining ||
                      protocol->requests >= (uint64_t)config->max_requests;
    if (is_unwanted(protocol, head, &reason)) {
        answer(protocol, &reason, head);
        hg_head_free(protocol->connection.edge->worker->host, head);
        return;
    }
    if (protocol->message.framing == HTTP1_CHUNKED && !protocol->expects_continue)
        hold(protocol, head);
    else
        open_exchange(protocol, head);
}

/* False: more bytes are needed. */
static bool read_head(struct protocol *protocol)
{
    const struct edge *edge = protocol->connection.edge;
    struct hg_reason reason;
    struct hg_head *head = NULL;
    enum http1_result result;

    if (!input_unread(&protocol->connection))
        return false;
    result = http1_scan(&protocol->scan, &edge->http->limits, input_bytes(&protocol->connection),
                        input_unread(&protocol->connection), &reason);
    if (result == HTTP1_MORE) {
        /* From its first byte, a head has limited time, however slowly it trickles in. For the first one, the clock is
         * already running. */
        if (!protocol->head_timed && protocol->requests)
            connection_expect(&protocol->connection, edge->config->head_timeout);
        protocol->head_timed = true;
        return false;
    }
    if (result == HTTP1_DONE)
        head = http1_parse_request(
            edge->worker->host, &edge->http->limits, &protocol->scan, input_bytes(&protocol->connection),
            protocol->connection.tls ? HG_TEXT("https") : HG_TEXT("http"), &protocol->message, &reason);
    input_use(&protocol->connection, protocol->scan.at);
    if (head)
        take_head(protocol, head);
    else
        refuse(protocol, &reason, NULL);
    return true;
}

/* ---- Continuing ---- */

/* A user who sends requests but reads no responses gets no more of them: the output is limited. */
static bool waits_for_output(struct protocol *protocol)
{
    if (!connection_flush(&protocol->connection) || protocol->connection.phase != CONNECTION_OPEN)
        return true;
    protocol->next_waits = protocol->connection.output.count > 0;
    if (protocol->next_waits)
        connection_expect(&protocol->connection, protocol->connection.edge->config->idle_timeout);
    return protocol->next_waits;
}

/* The request is complete and answered. True: the next one may start. */
static bool begin_next(struct protocol *protocol)
{
    if (protocol->close || protocol->connection.edge->draining) {
        connection_finish(&protocol->connection);
        return false;
    }
    if (waits_for_output(protocol))
        return false;
    protocol->request_phase = REQUEST_HEAD;
    protocol->response_phase = RESPONSE_NONE;
    protocol->scan = HTTP1_SCAN_REQUEST;
    protocol->head_timed = false;
    connection_end_discarding(&protocol->connection);
    connection_expect(&protocol->connection, protocol->connection.edge->config->keep_alive_timeout);
    return true;
}

/* Processes as much as possible in the current phase. False: nothing more can be done for now. */
static bool go_on(struct protocol *protocol)
{
    enum request_phase before = protocol->request_phase;

    switch (before) {
    case REQUEST_HEAD:
        if (!read_head(protocol))
            return false;
        break;
    case REQUEST_HELD:
        look_ahead(protocol);
        break;
    case REQUEST_BODY:
        read_body(protocol);
        break;
    case REQUEST_DISCARD:
        discard_body(protocol);
        break;
    case REQUEST_DONE:
        /* If an exchange is open, it must end first; otherwise, the request was answered here. */
        return !protocol->self && !protocol->next_waits && protocol->response_phase == RESPONSE_DONE &&
               begin_next(protocol);
    }
    return protocol->request_phase != before;
}

void request_input(struct protocol *protocol)
{
    while (protocol->connection.phase == CONNECTION_OPEN && go_on(protocol))
        ;
}

void request_answered(struct protocol *protocol)
{
    if (protocol->request_phase != REQUEST_BODY)
        return;
    /* If the response ends with the connection, or no 100 has asked for the body, the user waits for the end. */
    if (protocol->response_framing == HTTP1_UNTIL_CLOSE || protocol->expects_continue)
        connection_close_half(&protocol->connection);
    connection_begin_discarding(&protocol->connection);
}

void request_next(struct protocol *protocol)
{
    if (protocol->request_phase == REQUEST_BODY)
        discard_rest(protocol);
    else if (protocol->request_phase == REQUEST_DONE && !begin_next(protocol))
        return;
    if (input_unread(&protocol->connection))
        request_input(protocol);
    connection_read_on(&protocol->connection);
}

/* The service does not react to an expectation. It may be one that reads the body before it answers, with a user who
 * waits for 100 forever (RFC 9110 section 10.1.1). */
static void ask_for_body(struct protocol *protocol)
{
    static const struct hg_reason memory = {503, "proxy_internal_error", "out of memory", 1};

    if (response_continue(protocol)) {
        fail(protocol, &memory, false);
        return;
    }
    protocol->expects_continue = false;
    connection_expect(&protocol->connection, protocol->connection.edge->config->idle_timeout);
}

/* The time limit of the request's current phase has passed. */
void request_timeout(struct protocol *protocol)
{
    static const struct hg_reason slow_head = {408, "http_request_error",
                                               "the request head was not complete within head_timeout", 0};
    static const struct hg_reason slow_body = {408, "http_request_error",
                                               "the request body made no progress for idle_timeout", 0};
    static const struct hg_reason slow_reader = {
        504, "connection_write_timeout",
        "the rest of the request body is not read (idle_timeout of the gateway's http)", 0};
    static const struct hg_reason slow_response = {504, "http_response_timeout",
                                                   "no response within idle_timeout of the gateway's http", 0};

    static const struct hg_reason answered = {499, NULL, "answered before the upload was complete", 0};

    switch (protocol->request_phase) {
    case REQUEST_HEAD:
        /* An idle connection is closed silently: a 408 could be mistaken for the answer to a request that is on its
         * way. */
        if (http1_scan_begun(&protocol->scan))
            refuse(protocol, &slow_head, NULL);
        else
            connection_finish(&protocol->connection);
        break;
    case REQUEST_HELD:
        open_held(protocol);
        if (protocol->connection.phase == CONNECTION_OPEN) {
            request_input(protocol);
            connection_read_on(&protocol->connection);
        }
        break;
    case REQUEST_BODY:
        /* If nothing was read for lack of credit, the user is not to blame. */
        if (protocol->response_phase == RESPONSE_DONE)
            fail(protocol, &answered, true);
        else if (protocol->expects_continue && protocol->response_phase == RESPONSE_NONE)
            ask_for_body(protocol);
        else
            fail(protocol, hg_credit(protocol->self, HG_DOWN) ? &slow_body : &slow_reader, false);
        break;
    case REQUEST_DONE:
        if (protocol->self)
            fail(protocol, &slow_response, false);
        else
            connection_abort(&protocol->connection, false);
        break;
    case REQUEST_DISCARD:
        connection_finish(&protocol->connection);
        break;
    }
}
