/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The gateway's own responses: short, plain, and with everything that helps to find the cause.
 */
#include "plugins/http/protocol.h"

#include <http_parser.h>
#include <stdio.h>
#include <time.h>

#define BODY_SIZE 768
#define HEAD_SIZE 1536

/* Escapes a detail for a quoted string (RFC 8941 section 3.3.3): printable ASCII, with quotes and backslashes
 * escaped. */
static void quote(char *to, size_t capacity, const char *text)
{
    size_t size = 0;

    for (; *text && size + 3 < capacity; text++) {
        if (*text < ' ' || *text > '~')
            continue;
        if (*text == '"' || *text == '\\')
            to[size++] = '\\';
        to[size++] = *text;
    }
    to[size] = '\0';
}

const char *error_date(struct edge *edge)
{
    time_t now = time(NULL);
    struct tm parts;

    if (now != edge->date_time && gmtime_r(&now, &parts)) {
        strftime(edge->date, sizeof edge->date, "%a, %d %b %Y %H:%M:%S GMT", &parts);
        edge->date_time = now;
    }
    return edge->date;
}

static void write_text_field(struct http1_writer *writer, const char *name, const char *value)
{
    http1_write_field(writer, hg_text(name), hg_text(value));
}

/* Proxy-Status (RFC 9209) and Retry-After (RFC 9110 section 10.2.3). */
static void write_reason(struct http1_writer *writer, const struct edge *edge, const struct hg_reason *reason)
{
    char detail[256] = "", value[512];
    const char *name = *edge->config->via ? edge->config->via : "hopgate";

    if (reason->detail)
        quote(detail, sizeof detail, reason->detail);
    snprintf(value, sizeof value, "%.100s%s%s%s%s%s", name, reason->error ? "; error=" : "",
             reason->error ? reason->error : "", *detail ? "; details=\"" : "", detail, *detail ? "\"" : "");
    write_text_field(writer, "Proxy-Status", value);
    if (reason->retry_after) {
        snprintf(value, sizeof value, "%u", reason->retry_after);
        write_text_field(writer, "Retry-After", value);
    }
}

/* Plugins and the other end of the tunnel may use any status. */
static const char *phrase(int status)
{
    const char *text = http_status_str((enum http_status)status);

    return *text == '<' ? "Error" : text;
}

static size_t write_body(char *body, const struct hg_reason *reason, struct hg_text id)
{
    int size = snprintf(body, BODY_SIZE, "%d %s\n%.400s%srequest id: %.*s\n", reason->status, phrase(reason->status),
                        reason->detail ? reason->detail : "", reason->detail ? "\n" : "", HG_PRINT(id));

    return (size_t)size < BODY_SIZE ? (size_t)size : BODY_SIZE - 1;
}

static void write_error(struct protocol *protocol, struct http1_writer *writer, const struct hg_reason *reason,
                        struct hg_text id, struct hg_text method)
{
    char body[BODY_SIZE];
    size_t size = write_body(body, reason, id);
    struct hg_head head = {.kind = HG_RESPONSE,
                           .status = reason->status,
                           .length = (int64_t)size,
                           .reason = hg_text(phrase(reason->status))};
    enum http1_framing framing = http1_response_framing(&head, method, protocol->version);

    http1_write_response(writer, &head, framing, protocol->version, protocol->close);
    write_text_field(writer, "Date", error_date(protocol->connection.edge));
    write_text_field(writer, "Content-Type", "text/plain; charset=utf-8");
    http1_write_field(writer, HG_TEXT("X-Request-Id"), id);
    write_reason(writer, protocol->connection.edge, reason);
    http1_write_head_end(writer);
    if (framing == HTTP1_LENGTH)
        http1_write(writer, (struct hg_text){body, size});
}

/* Logs what never became an exchange; resets of exchanges are logged by the core. */
static void log_refusal(const struct connection *connection, const struct hg_reason *reason,
                        const struct hg_head *request, struct hg_text id)
{
    struct hg_head head = request ? *request : (struct hg_head){.kind = HG_REQUEST};

    head.id = id;
    hg_log_failure(connection->edge->worker, &head, hg_text(connection->peer), reason);
}

void error_respond(struct protocol *protocol, const struct hg_reason *reason, const struct hg_head *request)
{
    char new_id[REQUEST_ID_SIZE];
    struct hg_text id = {new_id, sizeof new_id};
    uint8_t *data = connection_reserve(&protocol->connection, HEAD_SIZE + BODY_SIZE);
    struct http1_writer writer = {.data = data, .capacity = HEAD_SIZE + BODY_SIZE};

    if (!data) {
        connection_abort(&protocol->connection, false);
        return;
    }
    if (request && request->id.size)
        id = request->id;
    else
        forwarded_new_id(new_id);
    /* Otherwise, the rest of this request would be taken for the next one. */
    if (protocol->request_phase != REQUEST_DONE || protocol->connection.edge->draining)
        protocol->close = true;
    write_error(protocol, &writer, reason, id, request ? request->method : HG_TEXT("GET"));
    connection_commit(&protocol->connection, writer.size);
    protocol->response_phase = RESPONSE_DONE;
    ++*protocol->connection.edge->refused;
    if (!protocol->self && reason->status >= 400)
        log_refusal(&protocol->connection, reason, request, id);
}
