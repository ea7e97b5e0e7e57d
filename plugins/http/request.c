/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Requests: from the input of a connection to exchanges, one after the other.
 */
#include "plugins/http/http.h"

/* So much is read at once, and so much of further requests while one is being answered. */
#define READ_SIZE 16384

/* A chunked body is looked at before its request is opened, up to so many bytes and for so long: broken chunk framing
 * is the tool of request smuggling, and what is refused here reaches nobody. Most such bodies come with their head; for
 * a long one the delay is once and short. */
#define HOLD_SIZE 4096
#define HOLD_TIME (50 * HG_MILLISECOND)

/* How long a service may take to answer an expectation. */
#define CONTINUE_TIME HG_SECOND

static size_t unread(const struct connection *connection)
{
    return connection->input_end - connection->input_start;
}

static uint8_t *input(const struct connection *connection)
{
    return connection->input->data + connection->input_start;
}

size_t request_wants(const struct connection *connection)
{
    size_t credit;

    switch (connection->request_phase) {
    case REQUEST_BODY:
        /* Without credit nothing is read, so that the public user's own TCP window closes. */
        credit = hg_credit(connection->self, HG_DOWN);
        return credit < READ_SIZE ? credit : READ_SIZE;
    case REQUEST_DONE:
        return unread(connection) < READ_SIZE ? READ_SIZE - unread(connection) : 0;
    default:
        return READ_SIZE;
    }
}

/* ---- Refusing ---- */

/* Answers what cannot be read any further. */
static void refuse(struct connection *connection, const struct hg_reason *reason, const struct hg_head *request)
{
    connection->close = true;
    error_respond(connection, reason, request);
    connection_finish(connection);
}

/* The request is answered, the rest of its body is for nobody. */
static void discard_rest(struct connection *connection)
{
    /* Who has not been asked for the body by 100 waits for the end of ours. */
    if (connection->expects_continue) {
        connection_finish(connection);
        return;
    }
    connection->request_phase = REQUEST_DISCARD;
    connection_begin_discarding(connection);
    connection_flush_later(connection);
}

/* Answers a request that is well-formed, but never becomes an exchange. */
static void answer(struct connection *connection, const struct hg_reason *reason, const struct hg_head *request)
{
    const struct http1_message *message = &connection->message;
    bool has_body = message->framing == HTTP1_CHUNKED || (message->framing == HTTP1_LENGTH && message->length > 0);

    connection->request_phase = has_body ? REQUEST_HEAD : REQUEST_DONE;
    error_respond(connection, reason, request);
    if (!has_body || connection->phase != CONNECTION_OPEN)
        return;
    http1_body_start(&connection->body, HG_REQUEST, message);
    discard_rest(connection);
}

/* Ends the open exchange from this side, telling the public user as far as that is still possible. `sound`: what is
 * still to come of the body can be read. */
static void fail(struct connection *connection, const struct hg_reason *reason, bool sound)
{
    struct hg_self *self = connection->self;

    connection->close = true;
    hg_reset(self, reason); /* before the connection ends, which would be a reason too */
    if (connection->response_phase == RESPONSE_BODY) {
        connection_abort(connection, connection->response_framing == HTTP1_UNTIL_CLOSE);
        return;
    }
    if (connection->response_phase == RESPONSE_NONE)
        error_respond(connection, reason, self->exchange->request);
    if (sound && connection->phase == CONNECTION_OPEN)
        discard_rest(connection);
    else
        connection_finish(connection);
}

/* ---- Bodies ---- */

/* What of the input the decoder may see: data up to the credit, since what it has yielded must be emitted. */
static size_t read_piece(struct connection *connection, struct http1_piece *piece)
{
    const struct http1_limits *limits = &connection->edge->http->limits;
    const struct hg_host *host = connection->edge->worker->host;
    size_t size = unread(connection), credit = hg_credit(connection->self, HG_DOWN), used;
    size_t window = size < credit ? size : credit;

    used =
        http1_body_read(&connection->body, host, limits, connection->input ? input(connection) : NULL, window, piece);
    /* Nothing used: it is at the trailers, which want all that is there and need no credit. */
    if (piece->type == HTTP1_PIECE_NONE && !used && window && window < size)
        used = http1_body_read(&connection->body, host, limits, input(connection), size, piece);
    return used;
}

static void emit_data(struct connection *connection, const struct http1_piece *piece)
{
    static const struct hg_reason too_large = {413, "http_request_error", "the body is larger than max_body", 0};
    const struct http_config *config = connection->edge->config;
    struct hg_slice slice = {connection->input, piece->data, piece->size};

    connection->expects_continue = false;
    if (config->max_body && connection->body.received > config->max_body) {
        fail(connection, &too_large, true);
        return;
    }
    if (connection->response_phase == RESPONSE_DONE)
        connection_discarded(connection, piece->size);
    else
        connection_expect(connection, config->idle_timeout);
    hg_emit(connection->self, HG_DOWN, &slice);
}

/* The body has ended; where it was empty, no data has said that nobody waits for 100 any more. */
static void end_expectation(struct connection *connection)
{
    if (connection->expects_continue && connection->response_phase != RESPONSE_DONE)
        connection_expect(connection, connection->edge->config->idle_timeout);
    connection->expects_continue = false;
}

/* Takes the body as far as it is there and there is credit for it. */
static void read_body(struct connection *connection)
{
    while (connection->phase == CONNECTION_OPEN && connection->request_phase == REQUEST_BODY) {
        struct http1_piece piece;
        size_t used = read_piece(connection, &piece);

        connection->input_start += used;
        switch (piece.type) {
        case HTTP1_PIECE_DATA:
            emit_data(connection, &piece);
            break;
        case HTTP1_PIECE_END:
            end_expectation(connection);
            connection->request_phase = REQUEST_DONE;
            hg_emit_end(connection->self, HG_DOWN, piece.trailers);
            break;
        case HTTP1_PIECE_FAULT:
            fail(connection, &piece.reason, false);
            break;
        default:
            hg_flush(connection->self, HG_DOWN);
            return;
        }
    }
}

/* Throws away the rest of a body. */
static void discard_body(struct connection *connection)
{
    struct http1_piece piece;

    do {
        size_t used = http1_body_read(&connection->body, NULL, &connection->edge->http->limits,
                                      connection->input ? input(connection) : NULL, unread(connection), &piece);

        connection->input_start += used;
        connection_discarded(connection, piece.size);
    } while (piece.type == HTTP1_PIECE_DATA);
    if (piece.type == HTTP1_PIECE_END && !connection->close)
        connection->request_phase = REQUEST_DONE;
    else if (piece.type != HTTP1_PIECE_NONE)
        connection_finish(connection);
}

/* ---- Opening ---- */

static void open_exchange(struct connection *connection, struct hg_head *head)
{
    static const struct hg_reason memory = {503, "proxy_internal_error", "out of memory", 1};

    connection->self = hg_exchange_open(connection->edge->worker, head, connection);
    if (!connection->self) {
        refuse(connection, &memory, head);
        hg_head_free(connection->edge->worker->host, head);
        return;
    }
    if (connection->tls)
        hg_set_tls(connection->self, tls_facts(connection->tls));
    ++*connection->edge->requests;
    connection->request_phase = REQUEST_BODY;
    http1_body_start(&connection->body, HG_REQUEST, &connection->message);
    connection_expect(connection,
                      connection->expects_continue ? CONTINUE_TIME : connection->edge->config->idle_timeout);
}

static void open_held(struct connection *connection)
{
    struct hg_head *head = connection->held_head;

    connection->held_head = NULL;
    open_exchange(connection, head);
}

static void hold(struct connection *connection, struct hg_head *head)
{
    connection->request_phase = REQUEST_HELD;
    connection->held_head = head;
    connection->held_size = 0;
    http1_body_start(&connection->held_body, HG_REQUEST, &connection->message);
    connection_expect(connection, HOLD_TIME);
}

/* Looks at the chunks that are there. */
static void look_ahead(struct connection *connection)
{
    struct http1_piece piece;

    do {
        connection->held_size += http1_body_read(&connection->held_body, NULL, &connection->edge->http->limits,
                                                 connection->input ? input(connection) + connection->held_size : NULL,
                                                 unread(connection) - connection->held_size, &piece);
    } while (piece.type == HTTP1_PIECE_DATA);
    if (piece.type == HTTP1_PIECE_FAULT) {
        refuse(connection, &piece.reason, connection->held_head);
        hg_head_free(connection->edge->worker->host, connection->held_head);
        connection->held_head = NULL;
    } else if (piece.type == HTTP1_PIECE_END || unread(connection) >= HOLD_SIZE) {
        open_held(connection);
    }
}

/* What the request expects (RFC 9110 section 10.1.1), in whichever of its field lines. False: it is something that
 * nobody knows. */
static bool check_expectation(struct connection *connection, struct hg_head *head)
{
    bool expects = false;

    connection->expects_continue = false;
    for (size_t i = 0; i < head->fields.count; i++) {
        const struct hg_field *field = &head->fields.items[i];

        if (!hg_text_equal_nocase(field->name, HG_TEXT("Expect")))
            continue;
        if (!hg_text_equal_nocase(field->value, HG_TEXT("100-continue"))) {
            connection->expects_continue = true; /* whatever it is, it waits for it */
            return false;
        }
        expects = true;
    }
    if (expects && head->version < 0x0101)
        hg_field_remove(connection->edge->worker->host, &head->fields, HG_TEXT("Expect"));
    else if (expects)
        connection->expects_continue = head->length != HG_LENGTH_NONE && head->length != 0;
    return true;
}

/* Why a well-formed request goes no further; false: it does. */
static bool is_unwanted(struct connection *connection, struct hg_head *head, struct hg_reason *reason)
{
    uint64_t max_body = connection->edge->config->max_body;
    bool ends = false, loops = false;

    *reason = (struct hg_reason){.error = "http_request_error"};
    /* First what gives it its id, which stands in errors too. */
    if (forwarded_request(connection, head, &loops) || forwarded_name(connection, head) ||
        forwarded_count_hop(connection, head, &ends) ||
        hg_head_set(connection->edge->worker->host, head, &head->upgrade, (struct hg_text){"", 0})) {
        *reason = (struct hg_reason){503, "proxy_internal_error", "out of memory", 1};
    } else if (loops) {
        *reason = (struct hg_reason){508, "proxy_loop_detected",
                                     "the request is in a loop: a service sends it back to this gateway (CDN-Loop)", 0};
    } else if (ends) {
        *reason = (struct hg_reason){.status = 200, .detail = "answered by the gateway because Max-Forwards is 0"};
    } else if (!check_expectation(connection, head)) {
        reason->status = 417;
        reason->detail = "an expectation other than 100-continue";
    } else if (max_body && head->length > 0 && (uint64_t)head->length > max_body) {
        reason->status = 413;
        reason->detail = "the body is larger than max_body";
    }
    return reason->status != 0;
}

static void take_head(struct connection *connection, struct hg_head *head)
{
    const struct http_config *config = connection->edge->config;
    struct hg_reason reason;

    connection->version = head->version;
    connection->requests++;
    connection->close = !connection->message.keep_alive || connection->edge->draining ||
                        connection->requests >= (uint64_t)config->max_requests;
    if (is_unwanted(connection, head, &reason)) {
        answer(connection, &reason, head);
        hg_head_free(connection->edge->worker->host, head);
        return;
    }
    if (connection->message.framing == HTTP1_CHUNKED && !connection->expects_continue)
        hold(connection, head);
    else
        open_exchange(connection, head);
}

/* False: more bytes are needed. */
static bool read_head(struct connection *connection)
{
    const struct edge *edge = connection->edge;
    struct hg_reason reason;
    struct hg_head *head = NULL;
    enum http1_result result;

    if (!unread(connection))
        return false;
    result = http1_scan(&connection->scan, &edge->http->limits, input(connection), unread(connection), &reason);
    if (result == HTTP1_MORE) {
        /* From its first byte on, a head has only so long, however it trickles. The first one's time began before. */
        if (!connection->head_timed && connection->requests)
            connection_expect(connection, edge->config->head_timeout);
        connection->head_timed = true;
        return false;
    }
    if (result == HTTP1_DONE)
        head = http1_parse_request(edge->worker->host, &edge->http->limits, &connection->scan, input(connection),
                                   connection->tls ? HG_TEXT("https") : HG_TEXT("http"), &connection->message, &reason);
    connection->input_start += connection->scan.at;
    if (head)
        take_head(connection, head);
    else
        refuse(connection, &reason, NULL);
    return true;
}

/* ---- Going on ---- */

/* A user who sends requests and reads no responses gets no further ones: the output has its bound. */
static bool waits_for_output(struct connection *connection)
{
    if (!connection_flush(connection) || connection->phase != CONNECTION_OPEN)
        return true;
    connection->next_waits = connection->output.count > 0;
    if (connection->next_waits)
        connection_expect(connection, connection->edge->config->idle_timeout);
    return connection->next_waits;
}

/* The request is complete and answered. True: the next one may begin. */
static bool begin_next(struct connection *connection)
{
    if (connection->close || connection->edge->draining) {
        connection_finish(connection);
        return false;
    }
    if (waits_for_output(connection))
        return false;
    connection->request_phase = REQUEST_HEAD;
    connection->response_phase = RESPONSE_NONE;
    connection->scan = HTTP1_SCAN_REQUEST;
    connection->head_timed = false;
    connection->discard_end = 0;
    connection_expect(connection, connection->edge->config->keep_alive_timeout);
    return true;
}

/* Goes on as far as it gets in the phase that the request is in. False: that is all for now. */
static bool go_on(struct connection *connection)
{
    enum request_phase before = connection->request_phase;

    switch (before) {
    case REQUEST_HEAD:
        if (!read_head(connection))
            return false;
        break;
    case REQUEST_HELD:
        look_ahead(connection);
        break;
    case REQUEST_BODY:
        read_body(connection);
        break;
    case REQUEST_DISCARD:
        discard_body(connection);
        break;
    case REQUEST_DONE:
        /* With an exchange that is open, its end comes first; else it was answered here. */
        return !connection->self && !connection->next_waits && connection->response_phase == RESPONSE_DONE &&
               begin_next(connection);
    }
    return connection->request_phase != before;
}

void request_input(struct connection *connection)
{
    while (connection->phase == CONNECTION_OPEN && go_on(connection))
        ;
}

void request_answered(struct connection *connection)
{
    if (connection->request_phase != REQUEST_BODY)
        return;
    /* Where the response ends with the connection, or no 100 has asked for the body, the user waits for that. */
    if (connection->response_framing == HTTP1_UNTIL_CLOSE || connection->expects_continue)
        connection_close_half(connection);
    connection_begin_discarding(connection);
}

void request_next(struct connection *connection)
{
    if (connection->request_phase == REQUEST_BODY)
        discard_rest(connection);
    else if (connection->request_phase == REQUEST_DONE && !begin_next(connection))
        return;
    if (unread(connection))
        request_input(connection);
    connection_read_on(connection);
}

/* The service says nothing to an expectation; but it may well be one that reads the body before it answers, and the
 * user one that waits for 100 without end (RFC 9110 section 10.1.1). */
static void ask_for_body(struct connection *connection)
{
    static const struct hg_reason memory = {503, "proxy_internal_error", "out of memory", 1};

    if (response_continue(connection)) {
        fail(connection, &memory, false);
        return;
    }
    connection->expects_continue = false;
    connection_expect(connection, connection->edge->config->idle_timeout);
}

/* The time for the phase that a request is in is over. */
void request_timeout(struct connection *connection)
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

    switch (connection->request_phase) {
    case REQUEST_HEAD:
        /* An idle connection is closed without a word: a 408 could be taken for the answer to what is on its way. */
        if (http1_scan_begun(&connection->scan))
            refuse(connection, &slow_head, NULL);
        else
            connection_finish(connection);
        break;
    case REQUEST_HELD:
        open_held(connection);
        if (connection->phase == CONNECTION_OPEN) {
            request_input(connection);
            connection_read_on(connection);
        }
        break;
    case REQUEST_BODY:
        /* Where nothing was read for want of credit, it is not the user who is slow. */
        if (connection->response_phase == RESPONSE_DONE)
            fail(connection, &answered, true);
        else if (connection->expects_continue && connection->response_phase == RESPONSE_NONE)
            ask_for_body(connection);
        else
            fail(connection, hg_credit(connection->self, HG_DOWN) ? &slow_body : &slow_reader, false);
        break;
    case REQUEST_DONE:
        if (connection->self)
            fail(connection, &slow_response, false);
        else
            connection_abort(connection, false);
        break;
    case REQUEST_DISCARD:
        connection_finish(connection);
        break;
    }
}
