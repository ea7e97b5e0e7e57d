/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * From a clean head to struct hg_head: http-parser splits it, what the fields mean for framing is decided here.
 */
#include "plugins/http1/internal.h"

#include <http_parser.h>

/* A head in its parts, views of the input. */
struct split {
    struct hg_text target; /* or the reason phrase */
    size_t count;
    struct hg_field fields[HTTP1_FIELDS_MAX];
};

/* What the fields say of framing and connection. */
struct facts {
    unsigned hosts, lengths, codings;
    struct hg_text host, length, coding;
    struct hg_text upgrade;
    bool connection_close, connection_keep_alive, connection_upgrade;
    bool connection_names; /* Connection names fields beyond the usual ones */
    bool te_trailers;
};

/* ---- Splitting ---- */

/* The whole head lies in one piece of memory, but http-parser is free to report a part in several. */
static void extend(struct hg_text *text, const char *at, size_t size)
{
    if (!text->size)
        text->data = at;
    text->size += size;
}

static int on_target(http_parser *parser, const char *at, size_t size)
{
    struct split *split = parser->data;

    extend(&split->target, at, size);
    return 0;
}

static int on_name(http_parser *parser, const char *at, size_t size)
{
    struct split *split = parser->data;
    struct hg_field *last = split->count ? &split->fields[split->count - 1] : NULL;

    if (last && last->name.data + last->name.size == at) {
        last->name.size += size;
        return 0;
    }
    if (split->count == HTTP1_FIELDS_MAX)
        return -1;
    split->fields[split->count++] = (struct hg_field){{at, size}, {"", 0}};
    return 0;
}

static int on_value(http_parser *parser, const char *at, size_t size)
{
    struct split *split = parser->data;

    extend(&split->fields[split->count - 1].value, at, size);
    return 0;
}

static int on_head_complete(http_parser *parser)
{
    (void)parser;
    return 1; /* whatever comes next is not for http-parser */
}

static enum http_errno split_head(http_parser *parser, struct split *split, const struct http1_scan *scan,
                                  const uint8_t *data)
{
    static const http_parser_settings settings = {
        .on_url = on_target,
        .on_status = on_target,
        .on_header_field = on_name,
        .on_header_value = on_value,
        .on_headers_complete = on_head_complete,
    };

    http_parser_init(parser, scan->kind == HG_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE);
    /* Values are clean already, and its check for both length fields takes "Transfer-Encoding-X" for the real one. */
    parser->lenient_http_headers = 1;
    parser->data = split;
    split->count = 0;
    split->target = (struct hg_text){"", 0};
    http_parser_execute(parser, &settings, (const char *)data + scan->start, scan->at - scan->start);
    for (size_t i = 0; i < split->count; i++)
        split->fields[i].value = http1_trim(split->fields[i].value);
    return HTTP_PARSER_ERRNO(parser);
}

/* What http-parser found wrong in a head whose bytes are clean. */
static void split_fault(enum hg_head_kind kind, enum http_errno error, struct hg_reason *reason)
{
    switch (error) {
    case HPE_INVALID_METHOD:
        http1_fault(reason, kind, 501, NULL, "the method is not known here");
        break;
    case HPE_INVALID_TRANSFER_ENCODING:
        http1_fault(reason, kind, 501, "http_response_transfer_coding", "a transfer coding other than chunked");
        break;
    case HPE_UNEXPECTED_CONTENT_LENGTH:
        http1_fault(reason, kind, 400, NULL, "Content-Length stands there twice, or beside Transfer-Encoding");
        break;
    case HPE_INVALID_CONTENT_LENGTH:
        http1_fault(reason, kind, 400, NULL, "Content-Length is not a number of 1 to 18 digits");
        break;
    case HPE_INVALID_URL:
        http1_fault(reason, kind, 400, NULL, "the request target is malformed");
        break;
    default:
        http1_fault(reason, kind, 400, NULL, http_errno_description(error));
    }
}

/* ---- Fields ---- */

/* Cuts the next member off a comma-separated list; false at its end. Empty members are skipped. */
static bool next_member(struct hg_text *list, struct hg_text *member)
{
    while (list->size) {
        const char *comma = memchr(list->data, ',', list->size);
        size_t size = comma ? (size_t)(comma - list->data) : list->size;

        *member = http1_trim((struct hg_text){list->data, size});
        list->data += comma ? size + 1 : size;
        list->size -= comma ? size + 1 : size;
        if (member->size)
            return true;
    }
    return false;
}

static void note_connection(struct facts *facts, struct hg_text list)
{
    struct hg_text option;

    while (next_member(&list, &option)) {
        if (hg_text_equal_nocase(option, HG_TEXT("close")))
            facts->connection_close = true;
        else if (hg_text_equal_nocase(option, HG_TEXT("keep-alive")))
            facts->connection_keep_alive = true;
        else if (hg_text_equal_nocase(option, HG_TEXT("upgrade")))
            facts->connection_upgrade = true;
        else
            facts->connection_names = true;
    }
}

static void note_te(struct facts *facts, struct hg_text list)
{
    struct hg_text member;

    while (next_member(&list, &member))
        if (hg_text_equal_nocase(member, HG_TEXT("trailers")))
            facts->te_trailers = true;
}

/* Finds the fields that are not passed on; their names are emptied, so that the rest are the end-to-end ones. */
static void take_facts(struct split *split, struct facts *facts)
{
    memset(facts, 0, sizeof *facts);
    for (size_t i = 0; i < split->count; i++) {
        struct hg_field *field = &split->fields[i];
        enum http1_field class = http1_classify(field->name);

        if (class == HTTP1_FIELD_OTHER)
            continue;
        if (class == HTTP1_FIELD_HOST && !facts->hosts++)
            facts->host = field->value;
        else if (class == HTTP1_FIELD_CONTENT_LENGTH && !facts->lengths++)
            facts->length = field->value;
        else if (class == HTTP1_FIELD_TRANSFER_ENCODING && !facts->codings++)
            facts->coding = field->value;
        else if (class == HTTP1_FIELD_UPGRADE)
            facts->upgrade = field->value;
        else if (class == HTTP1_FIELD_CONNECTION)
            note_connection(facts, field->value);
        else if (class == HTTP1_FIELD_TE)
            note_te(facts, field->value);
        if (class != HTTP1_FIELD_CONNECTION)
            field->name.size = 0;
    }
}

/* Whether Connection names that field (RFC 9110 section 7.6.1). It cannot be used to make us lose a field that others
 * rely on for security: Host and Content-Length are taken anyway. */
static bool connection_names(const struct split *split, struct hg_text name)
{
    if (hg_text_equal_nocase(name, HG_TEXT("Cookie")) || hg_text_equal_nocase(name, HG_TEXT("Authorization")))
        return false;
    for (size_t i = 0; i < split->count; i++) {
        struct hg_text list = split->fields[i].value, option;

        if (!hg_text_equal_nocase(split->fields[i].name, HG_TEXT("Connection")))
            continue;
        while (next_member(&list, &option))
            if (hg_text_equal_nocase(option, name))
                return true;
    }
    return false;
}

static int add_fields(const struct hg_host *host, struct hg_head *head, const struct split *split,
                      const struct facts *facts)
{
    for (size_t i = 0; i < split->count; i++) {
        const struct hg_field *field = &split->fields[i];

        if (!field->name.size || hg_text_equal_nocase(field->name, HG_TEXT("Connection")))
            continue;
        if (facts->connection_names && connection_names(split, field->name))
            continue;
        if (hg_field_add(host, &head->fields, field->name, field->value))
            return -1;
    }
    if (facts->te_trailers && head->kind == HG_REQUEST)
        return hg_field_add(host, &head->fields, HG_TEXT("TE"), HG_TEXT("trailers"));
    return 0;
}

/* ---- Framing ---- */

static enum http1_result read_length(enum hg_head_kind kind, struct hg_text text, uint64_t *length,
                                     struct hg_reason *reason)
{
    *length = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return http1_fault(reason, kind, 400, NULL, "Content-Length is not a number of 1 to 18 digits");
        if (i < 18)
            *length = *length * 10 + (uint64_t)(text.data[i] - '0');
    }
    if (text.size < 1 || text.size > 18)
        return http1_fault(reason, kind, 400, NULL, "Content-Length is not a number of 1 to 18 digits");
    return HTTP1_DONE;
}

/* The body's framing as the two fields tell it (RFC 9112 section 6.3), before what method and status change. */
static enum http1_result take_framing(enum hg_head_kind kind, unsigned minor, const struct facts *facts,
                                      struct http1_message *message, struct hg_reason *reason)
{
    message->framing = HTTP1_NO_BODY;
    message->length = 0;
    if (facts->codings) {
        if (facts->lengths)
            return http1_fault(reason, kind, 400, NULL, "both Content-Length and Transfer-Encoding");
        if (minor == 0)
            return http1_fault(reason, kind, 400, NULL, "Transfer-Encoding in HTTP/1.0");
        if (facts->codings > 1 || !hg_text_equal_nocase(facts->coding, HG_TEXT("chunked")))
            return http1_fault(reason, kind, 501, "http_response_transfer_coding",
                               "a transfer coding other than chunked");
        message->framing = HTTP1_CHUNKED;
        return HTTP1_DONE;
    }
    if (!facts->lengths)
        return HTTP1_DONE;
    if (facts->lengths > 1)
        return http1_fault(reason, kind, 400, NULL, "more than one Content-Length");
    message->framing = HTTP1_LENGTH;
    return read_length(kind, facts->length, &message->length, reason);
}

static bool keeps_alive(unsigned minor, const struct facts *facts)
{
    return !facts->connection_close && (minor >= 1 || facts->connection_keep_alive);
}

static int64_t head_length(const struct http1_message *message)
{
    switch (message->framing) {
    case HTTP1_LENGTH:
        return (int64_t)message->length;
    case HTTP1_CHUNKED:
        return HG_LENGTH_UNKNOWN;
    default:
        return HG_LENGTH_NONE;
    }
}

/* ---- Requests ---- */

static enum http1_result check_request(const http_parser *parser, const struct facts *facts, struct hg_reason *reason)
{
    /* SOURCE is http-parser's courtesy to ICE, not HTTP. */
    if (parser->method == HTTP_CONNECT || parser->method == HTTP_TRACE || parser->method == HTTP_SOURCE)
        return http1_fault(reason, HG_REQUEST, 501, NULL, "the method is not supported here");
    if (facts->hosts != 1)
        return http1_fault(reason, HG_REQUEST, 400, NULL, facts->hosts ? "more than one Host" : "no Host");
    if (!http1_valid_authority(facts->host))
        return http1_fault(reason, HG_REQUEST, 400, NULL, "Host is malformed");
    return HTTP1_DONE;
}

static int fill_request(const struct hg_host *host, struct hg_head *head, const http_parser *parser,
                        const struct split *split, const struct facts *facts, const struct http1_target *target,
                        struct hg_text scheme)
{
    bool upgrade = facts->connection_upgrade && parser->http_minor == 1;

    head->version = (uint16_t)(0x0100 | parser->http_minor);
    if (hg_head_set(host, head, &head->method, hg_text(http_method_str(parser->method))) ||
        hg_head_set(host, head, &head->scheme, scheme) ||
        hg_head_set(host, head, &head->authority, target->authority.size ? target->authority : facts->host) ||
        http1_set_path(host, head, target, parser->method == HTTP_OPTIONS) ||
        (upgrade && hg_head_set(host, head, &head->upgrade, facts->upgrade)))
        return -1;
    return add_fields(host, head, split, facts);
}

static struct hg_head *out_of_memory(const struct hg_host *host, struct hg_head *head, struct hg_reason *reason)
{
    hg_head_free(host, head);
    *reason = (struct hg_reason){.status = 503, .error = "proxy_internal_error", .detail = "out of memory"};
    return NULL;
}

struct hg_head *http1_parse_request(const struct hg_host *host, const struct http1_scan *scan, const uint8_t *data,
                                    struct hg_text scheme, struct http1_message *message, struct hg_reason *reason)
{
    struct split split;
    struct facts facts;
    struct http1_target target;
    struct hg_head *head;
    http_parser parser;
    enum http_errno error = split_head(&parser, &split, scan, data);

    if (error != HPE_OK) {
        split_fault(HG_REQUEST, error, reason);
        return NULL;
    }
    take_facts(&split, &facts);
    if (check_request(&parser, &facts, reason) == HTTP1_FAULT ||
        take_framing(HG_REQUEST, parser.http_minor, &facts, message, reason) == HTTP1_FAULT ||
        http1_read_target(split.target, parser.method == HTTP_OPTIONS, scheme, &target, reason) == HTTP1_FAULT)
        return NULL;
    message->keep_alive = keeps_alive(parser.http_minor, &facts);
    head = hg_head_new(host, HG_REQUEST);
    if (!head || fill_request(host, head, &parser, &split, &facts, &target, scheme))
        return out_of_memory(host, head, reason);
    head->length = head_length(message);
    return head;
}

/* ---- Responses ---- */

/* RFC 9112 section 6.3, cases 1 to 8, after the fields alone have been looked at. */
static void response_framing(unsigned status, const struct http1_asked *asked, const struct facts *facts,
                             struct hg_head *head, struct http1_message *message)
{
    head->length = head_length(message);
    if (status == 101) {
        head->length = HG_LENGTH_NONE;
        message->framing = HTTP1_UNTIL_CLOSE;
        return;
    }
    if (status < 200 || status == 204)
        head->length = HG_LENGTH_NONE;
    if (status < 200 || status == 204 || status == 304 || hg_text_equal(asked->method, HG_TEXT("HEAD"))) {
        message->framing = HTTP1_NO_BODY;
        return;
    }
    if (!facts->codings && !facts->lengths) {
        message->framing = HTTP1_UNTIL_CLOSE;
        message->keep_alive = false;
        head->length = HG_LENGTH_UNKNOWN;
    }
}

static int fill_response(const struct hg_host *host, struct hg_head *head, const http_parser *parser,
                         const struct split *split, const struct facts *facts)
{
    head->version = (uint16_t)(0x0100 | parser->http_minor);
    head->status = (int)parser->status_code;
    if (hg_head_set(host, head, &head->reason, http1_trim(split->target)) ||
        (head->status == 101 && hg_head_set(host, head, &head->upgrade, facts->upgrade)))
        return -1;
    return add_fields(host, head, split, facts);
}

struct hg_head *http1_parse_response(const struct hg_host *host, const struct http1_scan *scan, const uint8_t *data,
                                     const struct http1_asked *asked, struct http1_message *message,
                                     struct hg_reason *reason)
{
    struct split split;
    struct facts facts;
    struct hg_head *head;
    http_parser parser;
    enum http_errno error = split_head(&parser, &split, scan, data);

    if (error != HPE_OK) {
        split_fault(HG_RESPONSE, error, reason);
        return NULL;
    }
    take_facts(&split, &facts);
    if (parser.status_code == 101 && !(asked->upgrade && facts.upgrade.size)) {
        http1_fault(reason, HG_RESPONSE, 502, "http_upgrade_failed", "101 although no upgrade was asked for");
        return NULL;
    }
    if (take_framing(HG_RESPONSE, parser.http_minor, &facts, message, reason) == HTTP1_FAULT)
        return NULL;
    message->keep_alive = keeps_alive(parser.http_minor, &facts);
    head = hg_head_new(host, HG_RESPONSE);
    if (!head || fill_response(host, head, &parser, &split, &facts))
        return out_of_memory(host, head, reason);
    response_framing(parser.status_code, asked, &facts, head, message);
    return head;
}
