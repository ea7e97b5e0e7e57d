/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Writing messages: framing is always created anew and never copied from a peer.
 */
#include "plugins/lib/http1/http1_internal.h"

void http1_write(struct http1_writer *writer, struct hg_text text)
{
    if (writer->overflow || text.size > writer->capacity - writer->size) {
        writer->overflow = true;
        return;
    }
    if (text.size)
        memcpy(writer->data + writer->size, text.data, text.size);
    writer->size += text.size;
}

void http1_write_field(struct http1_writer *writer, struct hg_text name, struct hg_text value)
{
    http1_write(writer, name);
    http1_write(writer, HG_TEXT(": "));
    http1_write(writer, value);
    http1_write(writer, HG_TEXT("\r\n"));
}

void http1_write_number(struct http1_writer *writer, uint64_t number, unsigned base)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number);
    http1_write(writer, (struct hg_text){digits + at, sizeof digits - at});
}

static size_t fields_size(const struct hg_fields *fields)
{
    size_t size = 0;

    for (size_t i = 0; i < fields->count; i++)
        size += fields->items[i].name.size + fields->items[i].value.size + 4;
    return size;
}

/* Leaves out fields that frame a message or belong to one connection, as we write our own. None gets past head_parse.c,
 * but another machine may send one through a codec, or a stage may add one; a second one would split one message into
 * two. */
static void write_fields(struct http1_writer *writer, const struct hg_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++)
        if (http1_classify(fields->items[i].name) == HTTP1_FIELD_OTHER)
            http1_write_field(writer, fields->items[i].name, fields->items[i].value);
}

size_t http1_head_size(const struct hg_head *head, size_t extra)
{
    /* 256: the words and numbers of the first line and of the framing fields, and the empty line. */
    return 256 + extra + head->method.size + head->path.size + head->authority.size + head->reason.size +
           head->upgrade.size + fields_size(&head->fields);
}

enum http1_framing http1_request_framing(const struct hg_head *request)
{
    if (request->length >= 0)
        return HTTP1_LENGTH;
    return request->length == HG_LENGTH_UNKNOWN ? HTTP1_CHUNKED : HTTP1_NO_BODY;
}

enum http1_framing http1_response_framing(const struct hg_head *response, struct hg_text method,
                                          uint16_t reader_version)
{
    if (response->status == 101)
        return HTTP1_UNTIL_CLOSE;
    if (response->status < 200 || response->status == 204 || response->status == 304 ||
        hg_text_equal(method, HG_TEXT("HEAD")))
        return HTTP1_NO_BODY;
    if (response->length >= 0)
        return HTTP1_LENGTH;
    return reader_version >= 0x0101 ? HTTP1_CHUNKED : HTTP1_UNTIL_CLOSE;
}

static void write_framing(struct http1_writer *writer, enum http1_framing framing, int64_t length)
{
    if (framing == HTTP1_CHUNKED) {
        http1_write(writer, HG_TEXT("Transfer-Encoding: chunked\r\n"));
    } else if (framing == HTTP1_LENGTH || length >= 0) {
        http1_write(writer, HG_TEXT("Content-Length: "));
        http1_write_number(writer, (uint64_t)length, 10);
        http1_write(writer, HG_TEXT("\r\n"));
    }
}

/* RFC 9110 section 8.6: for methods that anticipate content, Content-Length is sent even if there is none. */
static bool anticipates_content(struct hg_text method)
{
    return hg_text_equal(method, HG_TEXT("POST")) || hg_text_equal(method, HG_TEXT("PUT")) ||
           hg_text_equal(method, HG_TEXT("PATCH"));
}

static void write_request_connection(struct http1_writer *writer, const struct hg_head *request)
{
    const struct hg_field *te = hg_field_find(&request->fields, HG_TEXT("TE"), 0);

    if (te && !hg_text_equal_nocase(te->value, HG_TEXT("trailers")))
        te = NULL;
    /* RFC 9110 section 10.1.4: TE concerns this connection, so Connection lists it. */
    if (te)
        http1_write_field(writer, HG_TEXT("TE"), HG_TEXT("trailers"));
    if (request->upgrade.size) {
        http1_write_field(writer, HG_TEXT("Upgrade"), request->upgrade);
        http1_write_field(writer, HG_TEXT("Connection"), te ? HG_TEXT("upgrade, TE") : HG_TEXT("upgrade"));
    } else if (te) {
        http1_write_field(writer, HG_TEXT("Connection"), HG_TEXT("TE"));
    }
}

void http1_write_request(struct http1_writer *writer, const struct hg_head *request, enum http1_framing framing)
{
    http1_write(writer, request->method);
    http1_write(writer, HG_TEXT(" "));
    http1_write(writer, request->path);
    http1_write(writer, HG_TEXT(" HTTP/1.1\r\n"));
    http1_write_field(writer, HG_TEXT("Host"), request->authority);
    write_fields(writer, &request->fields);
    write_framing(writer, framing,
                  framing == HTTP1_NO_BODY && anticipates_content(request->method) ? 0 : request->length);
    write_request_connection(writer, request);
}

static void write_response_connection(struct http1_writer *writer, const struct hg_head *response,
                                      uint16_t reader_version, bool close)
{
    if (response->status == 101) {
        http1_write_field(writer, HG_TEXT("Upgrade"), response->upgrade);
        http1_write(writer, HG_TEXT("Connection: upgrade\r\n"));
    } else if (hg_head_is_interim(response)) {
        return;
    } else if (close) {
        http1_write(writer, HG_TEXT("Connection: close\r\n"));
    } else if (reader_version < 0x0101) {
        http1_write(writer, HG_TEXT("Connection: keep-alive\r\n"));
    }
}

void http1_write_response(struct http1_writer *writer, const struct hg_head *response, enum http1_framing framing,
                          uint16_t reader_version, bool close)
{
    /* The version is the sender's own, whatever the recipient's is (RFC 9110 section 6.2). */
    http1_write(writer, HG_TEXT("HTTP/1.1 "));
    http1_write_number(writer, (uint64_t)response->status, 10);
    http1_write(writer, HG_TEXT(" "));
    http1_write(writer, response->reason);
    http1_write(writer, HG_TEXT("\r\n"));
    write_fields(writer, &response->fields);
    /* RFC 9110 section 8.6: never in 1xx and 204. */
    if (response->status >= 200 && response->status != 204)
        write_framing(writer, framing, response->length);
    write_response_connection(writer, response, reader_version, close);
}

void http1_write_head_end(struct http1_writer *writer)
{
    http1_write(writer, HG_TEXT("\r\n"));
}

void http1_write_chunk_header(struct http1_writer *writer, uint64_t size)
{
    http1_write_number(writer, size, 16);
    http1_write(writer, HG_TEXT("\r\n"));
}

size_t http1_last_chunk_size(const struct hg_fields *trailers)
{
    return 5 + (trailers ? fields_size(trailers) : 0);
}

void http1_write_last_chunk(struct http1_writer *writer, const struct hg_fields *trailers)
{
    http1_write(writer, HG_TEXT("0\r\n"));
    if (trailers)
        write_fields(writer, trailers);
    http1_write(writer, HG_TEXT("\r\n"));
}
