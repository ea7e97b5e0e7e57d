/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * From a clean head to struct hg_head: http-parser splits it, what the fields mean for framing is decided here.
 */
#include "plugins/http1/internal.h"

#include <http_parser.h>
#include <stdlib.h>

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

struct hg_text http1_trim(struct hg_text text)
{
    while (text.size && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.size--;
    }
    while (text.size && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

enum http1_field http1_classify(struct hg_text name)
{
#define SPECIAL(name, field)                                                                                           \
    {                                                                                                                  \
        {name, sizeof(name) - 1}, field                                                                                \
    }
    static const struct {
        struct hg_text name;
        enum http1_field field;
    } special[] = {
        SPECIAL("TE", HTTP1_FIELD_TE),
        SPECIAL("Host", HTTP1_FIELD_HOST),
        SPECIAL("Upgrade", HTTP1_FIELD_UPGRADE),
        SPECIAL("Connection", HTTP1_FIELD_CONNECTION),
        SPECIAL("Keep-Alive", HTTP1_FIELD_HOP_BY_HOP),
        SPECIAL("Content-Length", HTTP1_FIELD_CONTENT_LENGTH),
        SPECIAL("Proxy-Connection", HTTP1_FIELD_HOP_BY_HOP),
        SPECIAL("Transfer-Encoding", HTTP1_FIELD_TRANSFER_ENCODING),
        SPECIAL("Proxy-Authenticate", HTTP1_FIELD_HOP_BY_HOP),
        SPECIAL("Proxy-Authorization", HTTP1_FIELD_HOP_BY_HOP),
        SPECIAL("Proxy-Authentication-Info", HTTP1_FIELD_HOP_BY_HOP),
    };
#undef SPECIAL

    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (hg_text_equal_nocase(name, special[i].name))
            return special[i].field;
    return HTTP1_FIELD_OTHER;
}

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

struct target {
    struct hg_text authority, path; /* authority: empty unless in absolute form */
    bool root;                      /* the path's "/" is missing before its query */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_host_byte(char c)
{
    return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_' ||
           c == '~';
}

/* An IPv6 literal in brackets; gives where it ends, or 0. */
static size_t literal_end(struct hg_text text)
{
    size_t i = 1;

    while (i < text.size &&
           (is_digit(text.data[i]) || (text.data[i] >= 'A' && text.data[i] <= 'F') ||
            (text.data[i] >= 'a' && text.data[i] <= 'f') || text.data[i] == ':' || text.data[i] == '.'))
        i++;
    return i > 2 && i < text.size && text.data[i] == ']' ? i + 1 : 0;
}

/* host [":" port] (RFC 9110 section 7.2). Of RFC 3986's host only what DNS names and addresses need: no escapes, no
 * sub-delims, no user information. */
static bool valid_authority(struct hg_text text)
{
    size_t i = 0, port = 0, digits = 0;

    if (!text.size || text.size > 261)
        return false;
    if (text.data[0] == '[')
        i = literal_end(text);
    else
        while (i < text.size && is_host_byte(text.data[i]))
            i++;
    if (i == 0)
        return false;
    if (i == text.size)
        return true;
    if (text.data[i++] != ':')
        return false;
    for (; i < text.size && is_digit(text.data[i]) && digits < 5; i++, digits++)
        port = 10 * port + (size_t)(text.data[i] - '0');
    return i == text.size && digits && port >= 1 && port <= 65535;
}

/* Splits "http://authority/path". */
static enum http1_result absolute_target(struct hg_text text, struct hg_text scheme, struct target *target,
                                         struct hg_reason *reason)
{
    size_t skip = 0, end;

    if (text.size > 7 && hg_text_equal_nocase((struct hg_text){text.data, 7}, HG_TEXT("http://")))
        skip = 7;
    else if (text.size > 8 && hg_text_equal_nocase((struct hg_text){text.data, 8}, HG_TEXT("https://")))
        skip = 8;
    if (!skip)
        return http1_fault(reason, HG_REQUEST, 400, NULL,
                           "the request target is neither a path nor an http or https URL");
    /* RFC 9110 section 7.4: https over a connection that is not secured is misdirected. */
    if (skip == 8 && !hg_text_equal(scheme, HG_TEXT("https")))
        return http1_fault(reason, HG_REQUEST, 421, NULL, "an https URL over a connection without TLS");
    text.data += skip;
    text.size -= skip;
    for (end = 0; end < text.size && text.data[end] != '/' && text.data[end] != '?'; end++)
        ;
    target->authority = (struct hg_text){text.data, end};
    target->path = (struct hg_text){text.data + end, text.size - end};
    target->root = end == text.size || text.data[end] == '?';
    if (!valid_authority(target->authority))
        return http1_fault(reason, HG_REQUEST, 400, NULL, "the host in the request target is malformed");
    return HTTP1_DONE;
}

static enum http1_result read_target(struct hg_text text, enum http_method method, struct hg_text scheme,
                                     struct target *target, struct hg_reason *reason)
{
    const char *query = memchr(text.data, '?', text.size);
    size_t path_size = query ? (size_t)(query - text.data) : text.size;

    *target = (struct target){.path = text};
    if (memchr(text.data, '#', text.size))
        return http1_fault(reason, HG_REQUEST, 400, NULL, "the request target has a fragment");
    /* Some servers take it for a slash, so it may mean another path behind us than to our routes. */
    if (memchr(text.data, '\\', path_size))
        return http1_fault(reason, HG_REQUEST, 400, NULL, "the request target's path holds a backslash");
    if (hg_text_equal(text, HG_TEXT("*"))) {
        if (method == HTTP_OPTIONS)
            return HTTP1_DONE;
        return http1_fault(reason, HG_REQUEST, 400, NULL, "the request target * is for OPTIONS alone");
    }
    if (text.size && text.data[0] == '/')
        return HTTP1_DONE;
    return absolute_target(text, scheme, target, reason);
}

static enum http1_result check_request(const http_parser *parser, const struct facts *facts, struct hg_reason *reason)
{
    /* SOURCE is http-parser's courtesy to ICE, not HTTP. */
    if (parser->method == HTTP_CONNECT || parser->method == HTTP_TRACE || parser->method == HTTP_SOURCE)
        return http1_fault(reason, HG_REQUEST, 501, NULL, "the method is not supported here");
    if (facts->hosts != 1)
        return http1_fault(reason, HG_REQUEST, 400, NULL, facts->hosts ? "more than one Host" : "no Host");
    if (!valid_authority(facts->host))
        return http1_fault(reason, HG_REQUEST, 400, NULL, "Host is malformed");
    return HTTP1_DONE;
}

/* "http://host?query" has the path "/" (RFC 9110 section 4.2.3). */
static int set_rooted_path(const struct hg_host *host, struct hg_head *head, struct hg_text query)
{
    char *path = malloc(query.size + 1);
    int failed;

    if (!path)
        return -1;
    path[0] = '/';
    memcpy(path + 1, query.data, query.size);
    failed = hg_head_set(host, head, &head->path, (struct hg_text){path, query.size + 1});
    free(path);
    return failed;
}

static int set_path(const struct hg_host *host, struct hg_head *head, const struct target *target,
                    enum http_method method)
{
    if (!target->root)
        return hg_head_set(host, head, &head->path, target->path);
    /* RFC 9112 section 3.2.4: an OPTIONS without path and query is for the server as a whole. */
    if (!target->path.size)
        return hg_head_set(host, head, &head->path, method == HTTP_OPTIONS ? HG_TEXT("*") : HG_TEXT("/"));
    return set_rooted_path(host, head, target->path);
}

static int fill_request(const struct hg_host *host, struct hg_head *head, const http_parser *parser,
                        const struct split *split, const struct facts *facts, const struct target *target,
                        struct hg_text scheme)
{
    bool upgrade = facts->connection_upgrade && parser->http_minor == 1;

    head->version = (uint16_t)(0x0100 | parser->http_minor);
    if (hg_head_set(host, head, &head->method, hg_text(http_method_str(parser->method))) ||
        hg_head_set(host, head, &head->scheme, scheme) ||
        hg_head_set(host, head, &head->authority, target->authority.size ? target->authority : facts->host) ||
        set_path(host, head, target, parser->method) ||
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
    struct target target;
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
        read_target(split.target, parser.method, scheme, &target, reason) == HTTP1_FAULT)
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

/* ---- Trailers ---- */

/* Cuts the next line of a clean trailer section; false at the empty line. */
static bool next_line(const uint8_t **at, const uint8_t *end, struct hg_field *field)
{
    const uint8_t *cr = memchr(*at, '\r', (size_t)(end - *at));
    const uint8_t *colon;

    if (!cr || cr == *at)
        return false;
    colon = memchr(*at, ':', (size_t)(cr - *at));
    field->name = (struct hg_text){(const char *)*at, (size_t)(colon - *at)};
    field->value = http1_trim((struct hg_text){(const char *)colon + 1, (size_t)(cr - colon - 1)});
    *at = cr + 2;
    return true;
}

enum http1_result http1_check_trailers(enum hg_head_kind kind, const uint8_t *data, size_t size,
                                       struct hg_reason *reason)
{
    const uint8_t *at = data;
    struct hg_field field;

    /* RFC 9110 section 6.5.1: what frames, routes or authenticates a message comes too late in a trailer. */
    while (next_line(&at, data + size, &field))
        if (http1_classify(field.name) != HTTP1_FIELD_OTHER)
            return http1_fault(reason, kind, 400, NULL, "a field about framing or the connection in the trailers");
    return HTTP1_DONE;
}

struct hg_fields *http1_parse_trailers(const struct hg_host *host, enum hg_head_kind kind, const uint8_t *data,
                                       size_t size, struct hg_reason *reason)
{
    struct hg_fields *fields;
    const uint8_t *at = data;
    struct hg_field field;

    if (http1_check_trailers(kind, data, size, reason) == HTTP1_FAULT)
        return NULL;
    fields = hg_fields_new(host);
    while (fields && next_line(&at, data + size, &field)) {
        if (hg_field_add(host, fields, field.name, field.value)) {
            hg_fields_free(host, fields);
            fields = NULL;
        }
    }
    if (!fields)
        *reason = (struct hg_reason){.status = 503, .error = "proxy_internal_error", .detail = "out of memory"};
    return fields;
}
