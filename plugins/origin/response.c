/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/origin/origin.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* The size of reads: most responses fit into the first; if one fills it, the second is used from then on. */
#define INPUT_FIRST 16384
#define INPUT_LATER 65536
/* With less room than this after unused bytes, a new buffer is allocated. */
#define INPUT_LEAST 4096

/* The limit for all 1xx heads of one request, which need no credit; more are an attack or a bug. */
#define INTERIM_MAX 65536

/* What happened to a connection. */
enum outcome {
    STAYS, /* it still has its request, and is waiting for something */
    GONE,  /* it was freed, returned to the pool or reopened */
    NEXT,  /* continue with the bytes that have arrived */
};

void response_start(struct connection *connection)
{
    connection->response = (struct response){.scan = HTTP1_SCAN_RESPONSE};
    connection->is_paused = false;
    connection->input_start = connection->input_end; /* the preceding bytes may still be in use */
}

/* ---- Ends ---- */

static enum outcome fail(struct connection *connection, const struct hg_reason *reason)
{
    request_fail(connection->request, reason);
    connection_free(connection);
    return GONE;
}

/* Whether the end of the response's body is marked. */
static bool has_end(const struct connection *connection)
{
    enum http1_framing framing = connection->response.body.framing;

    return framing == HTTP1_LENGTH || framing == HTTP1_CHUNKED;
}

/* Whether the next request may use the connection: both messages are complete, and nothing else has arrived or will. If
 * a response has no body because of its status or because of HEAD, some services send one nevertheless, which would be
 * taken for the next user's response (RFC 9112 section 6.3). If the next user can only be the same one, who would lose
 * a login with the connection, it is kept. */
static bool is_reusable(const struct connection *connection)
{
    return connection->response.message.keep_alive && !connection->is_last &&
           (has_end(connection) || (connection->owner_size && connection->response.body.framing == HTTP1_NO_BODY)) &&
           connection->input_start == connection->input_end && connection->request->is_complete &&
           !connection->output_count && !connection->is_broken;
}

/* What follows a response that breaks a rule may be part of it, so the connection is not reused. */
static void tolerate(struct connection *connection, const char *rule)
{
    connection->is_last = true;
    pool_tolerated(connection->pool, rule);
}

static enum outcome complete(struct connection *connection, struct hg_fields *trailers)
{
    struct request *request = connection->request;
    bool reusable;

    if (connection->response.body.broken)
        tolerate(connection, connection->response.body.broken);
    reusable = is_reusable(connection);
    if (has_end(connection) && connection->input_start < connection->input_end)
        pool_learn(connection->pool, connection, UNASKED_BYTES);
    hg_emit_end(request->self, HG_UP, trailers);
    if (!request->is_complete && connection->response.message.keep_alive && has_end(connection) &&
        connection->input_start == connection->input_end && !connection->is_broken) {
        connection->response.is_over = true;
        connection->is_paused = false;
        connection_watch(connection);
        connection_set_timer(connection);
        return STAYS;
    }
    request_finish(request);
    connection->request = NULL;
    if (!reusable) {
        connection_free(connection);
        return GONE;
    }
    if (connection->input && connection->input->capacity > INPUT_FIRST) {
        hg_buffer_unref(connection->input);
        connection->input = NULL;
    }
    connection->is_paused = false;
    connection_watch(connection);
    pool_give_back(connection->pool, connection);
    return GONE;
}

/* The service has closed the connection (`error` 0), or it has died. */
static enum outcome closed(struct connection *connection, int error)
{
    static const struct hg_reason incomplete = {502, "http_response_incomplete",
                                                "the service closed the connection in the middle of its response", 0};
    const struct response *response = &connection->response;

    if (response->in_body && !error && http1_body_closed(&response->body))
        return complete(connection, NULL);
    if (response->in_body) {
        request_break_off(connection->request, &incomplete);
        connection_free(connection);
        return GONE;
    }
    if (connection->input_end > connection->input_start)
        return fail(connection, &incomplete);
    if (connection->is_reused)
        pool_learn(connection->pool, connection, connection_look(connection));
    if (request_replay(connection->request, connection)) {
        connection_reopen(connection);
        return GONE;
    }
    return fail(connection, &(struct hg_reason){502, "connection_terminated",
                                                "the service closed the connection without a response", 0});
}

/* ---- Parsing ---- */

static enum outcome pause(struct connection *connection)
{
    connection->is_paused = true;
    if (connection->input_start == connection->input_end) {
        hg_buffer_unref(connection->input);
        connection->input = NULL;
        connection->input_start = connection->input_end = 0;
    }
    connection_watch(connection);
    connection_set_timer(connection);
    return STAYS;
}

/* Passes a 1xx head on at once and gives the service more time. */
static enum outcome take_interim(struct connection *connection, struct hg_head *head)
{
    struct response *response = &connection->response;

    response->interim += response->scan.at;
    if (response->interim > INTERIM_MAX) {
        hg_head_free(connection->origin->host, head);
        return fail(connection, &(struct hg_reason){502, "http_protocol_error", "too many interim responses", 0});
    }
    hg_emit_head(connection->request->self, HG_UP, head);
    if (response->message.broken)
        tolerate(connection, response->message.broken);
    response->scan = HTTP1_SCAN_RESPONSE;
    connection_set_timer(connection);
    return NEXT;
}

/* Handles authentication that is bound to the connection. If the owner must authenticate again, because the connection
 * ends or an earlier one has ended, the owner's connection ends, too. -1: out of memory. */
static int bind_head(struct connection *connection, struct hg_head *head)
{
    const struct hg_head *request = connection->request->self->exchange->request;
    const struct response *response = &connection->response;

    if (!connection->owner_size) {
        connection->is_last = connection->is_last || http1_binds_connection(head);
        return 0;
    }
    if (response->message.keep_alive && !connection->is_last && response->body.framing != HTTP1_UNTIL_CLOSE &&
        (connection->is_reused || http1_binds_connection(request)))
        return 0;
    return hg_head_set(connection->origin->host, head, &head->connection, HG_TEXT("close"));
}

static enum outcome take_head(struct connection *connection)
{
    struct response *response = &connection->response;
    struct hg_self *self = connection->request->self;
    const struct http1_limits *limits = &connection->request->rule->limits;
    const uint8_t *data = connection->input->data + connection->input_start;
    struct http1_asked asked = {.method = self->exchange->request->method, .upgrade = false};
    struct hg_reason reason = {0};
    struct hg_head *head;
    enum http1_result result =
        http1_scan(&response->scan, limits, data, connection->input_end - connection->input_start, &reason);

    if (result == HTTP1_MORE)
        return STAYS; /* the timer keeps running: it limits the whole head */
    if (result == HTTP1_FAULT)
        return fail(connection, &reason);
    head = http1_parse_response(connection->origin->host, limits, &response->scan, data, &asked, &response->message,
                                &reason);
    if (!head)
        return fail(connection, &reason);
    connection->input_start += response->scan.at;
    if (hg_head_is_interim(head))
        return take_interim(connection, head);
    rule_saw_status(connection->request->rule, self->exchange->request, head->status);
    if (location_map_response(connection->request->rule, self, head)) {
        hg_head_free(connection->origin->host, head);
        return fail(connection, &(struct hg_reason){503, "proxy_internal_error", "out of memory", 1});
    }
    response->in_body = true;
    http1_body_start(&response->body, HG_RESPONSE, &response->message);
    if (response->message.broken)
        tolerate(connection, response->message.broken);
    if (bind_head(connection, head)) {
        hg_head_free(connection->origin->host, head);
        return fail(connection, &(struct hg_reason){503, "proxy_internal_error", "out of memory", 1});
    }
    hg_emit_head(self, HG_UP, head);
    return NEXT;
}

/* Reads one piece of the body and emits it. The reader never gets more than there is credit for, except for a trailer
 * section, which needs none and must be complete. */
static enum outcome take_piece(struct connection *connection)
{
    struct response *response = &connection->response;
    struct hg_self *self = connection->request->self;
    const struct hg_host *host = connection->origin->host;
    const struct http1_limits *limits = &connection->request->rule->limits;
    uint8_t *data = connection->input ? connection->input->data + connection->input_start : NULL;
    size_t available = connection->input_end - connection->input_start;
    size_t credit = hg_credit(self, HG_UP);
    size_t offered = available < credit ? available : credit;
    struct http1_piece piece;
    size_t used = http1_body_read(&response->body, host, limits, data, offered, &piece);

    if (piece.type == HTTP1_PIECE_NONE && !used && offered && offered < available)
        used = http1_body_read(&response->body, host, limits, data, available, &piece);
    connection->input_start += used;
    switch (piece.type) {
    case HTTP1_PIECE_DATA:
        hg_emit(self, HG_UP, &(struct hg_slice){connection->input, piece.data, piece.size});
        return NEXT;
    case HTTP1_PIECE_END:
        return complete(connection, piece.trailers);
    case HTTP1_PIECE_FAULT:
        return fail(connection, &piece.reason);
    case HTTP1_PIECE_NONE:
        break;
    }
    if (!credit)
        return pause(connection);
    if (used && connection->input_start < connection->input_end)
        return NEXT;
    connection_set_timer(connection);
    return STAYS;
}

static bool take(struct connection *connection)
{
    enum outcome outcome = NEXT;

    while (outcome == NEXT)
        outcome = connection->response.in_body ? take_piece(connection) : take_head(connection);
    return outcome == STAYS;
}

/* ---- Reading ---- */

/* Makes room to read into. Bytes that were emitted are never overwritten, so a buffer is reused only if nobody else has
 * a reference to it. */
static int make_room(struct connection *connection, size_t credit)
{
    struct hg_buffer *old = connection->input, *fresh;
    size_t waiting = connection->input_end - connection->input_start;
    bool much;

    if (old && !waiting && atomic_load_explicit(&old->refs, memory_order_acquire) == 1)
        connection->input_start = connection->input_end = 0;
    if (old && old->capacity - connection->input_end >= INPUT_LEAST)
        return 0;
    much = connection->response.in_body && connection->reads_much && credit > INPUT_FIRST;
    fresh = hg_buffer_new(connection->origin->host, waiting + (much ? INPUT_LATER : INPUT_FIRST));
    if (!fresh)
        return -1;
    if (waiting)
        memcpy(fresh->data, old->data + connection->input_start, waiting);
    hg_buffer_unref(old);
    connection->input = fresh;
    connection->input_start = 0;
    connection->input_end = waiting;
    return 0;
}

/* A service that writes its response in small pieces waits for each to be acknowledged before it sends the next
 * (Nagle's algorithm), and the kernel delays that by 40 ms. The kernel does not remember this setting, so it is set
 * each time. */
static void acknowledge_at_once(const struct connection *connection)
{
    const int on = 1;

    setsockopt(connection->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

void response_part(struct connection *connection)
{
    request_finish(connection->request);
    connection->request = NULL;
    connection_free(connection);
}

bool response_read(struct connection *connection)
{
    size_t room, credit = SIZE_MAX;
    ssize_t size;

    if (connection->response.is_over) { /* the service has closed, or sends without a request */
        response_part(connection);
        return false;
    }
    if (!connection->sent) /* it cannot be an answer to a request that was not sent yet */
        return closed(connection, EPROTO) == STAYS;
    if (connection->response.in_body && !(credit = hg_credit(connection->request->self, HG_UP)))
        return pause(connection) == STAYS;
    if (make_room(connection, credit))
        return fail(connection, &(struct hg_reason){503, "proxy_internal_error", "out of memory", 1}) == STAYS;
    room = connection->input->capacity - connection->input_end;
    if (room > credit)
        room = credit;
    size = recv(connection->fd, connection->input->data + connection->input_end, room, 0);
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return true;
    if (size <= 0)
        return closed(connection, size ? errno : 0) == STAYS;
    connection->reads_much = (size_t)size == room;
    connection->response.begun = true;
    connection->input_end += (size_t)size;
    if (!take(connection))
        return false;
    if (connection->reads_much)
        return true;
    acknowledge_at_once(connection);
    if (connection->request && connection->response.in_body)
        hg_flush(connection->request->self, HG_UP);
    return true;
}

bool response_resume(struct connection *connection)
{
    connection->is_paused = false;
    if (!take(connection))
        return false;
    connection_watch(connection);
    return true;
}
