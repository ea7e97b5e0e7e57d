/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Fields that concern framing or a single connection, and trailer sections.
 */
#include "plugins/lib/http1/http1_internal.h"

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

bool http1_next_member(struct hg_text *list, struct hg_text *member)
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

/* ---- Lines ---- */

bool http1_next_line(const uint8_t **at, const uint8_t *end, struct hg_text *line)
{
    const uint8_t *lf = memchr(*at, '\n', (size_t)(end - *at));

    if (!lf)
        return false;
    *line = (struct hg_text){(const char *)*at, (size_t)(lf - *at)};
    if (line->size && line->data[line->size - 1] == '\r')
        line->size--;
    *at = lf + 1;
    return true;
}

bool http1_next_field(const uint8_t **at, const uint8_t *end, struct hg_field *field)
{
    struct hg_text line;
    const char *colon;

    if (!http1_next_line(at, end, &line) || !line.size)
        return false;
    colon = memchr(line.data, ':', line.size);
    field->name = http1_trim((struct hg_text){line.data, (size_t)(colon - line.data)});
    field->value = http1_trim((struct hg_text){colon + 1, line.size - (size_t)(colon + 1 - line.data)});
    return true;
}

/* ---- Fields of proxies ---- */

/* Whether a name equals or starts with a text; `_` counts as `-`, as in CGI and WSGI. */
static bool begins(struct hg_text name, const char *text)
{
    size_t i = 0;

    for (; text[i]; i++) {
        char c = i < name.size ? name.data[i] : '\0';

        c = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        if ((c == '_' ? '-' : c) != text[i])
            return false;
    }
    return true;
}

bool http1_speaks_for_proxy(struct hg_text name)
{
    static const char *const names[] = {
        "cf-connecting-ip",    "client-ip",   "fastly-client-ip", "forwarded",      "true-client-ip", "x-client-ip",
        "x-cluster-client-ip", "x-forwarded", "x-original-host",  "x-original-url", "x-real-ip",      "x-rewrite-url",
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (name.size == strlen(names[i]) && begins(name, names[i]))
            return true;
    return begins(name, "x-forwarded-");
}

/* ---- Trailers ---- */

/* RFC 9110 section 6.5.1: a trailer is too late for fields that frame, route, modify or authenticate a message, or say
 * how to read its content; nor may it describe the user, as
 * proxies do. */
static bool is_no_trailer(struct hg_text name)
{
    static const char *const names[] = {
        "Accept-Encoding",
        "Age",
        "Authentication-Info",
        "Authorization",
        "Cache-Control",
        "CDN-Loop",
        "Content-Encoding",
        "Content-Range",
        "Content-Type",
        "Cookie",
        "Date",
        "Expect",
        "Expires",
        "Location",
        "Max-Forwards",
        "Pragma",
        "Proxy",
        "Range",
        "Retry-After",
        "Set-Cookie",
        "Set-Cookie2",
        "Trailer",
        "Vary",
        "Via",
        "Warning",
        "WWW-Authenticate",
        "X-Request-Id",
    };

    if (begins(name, "if-"))
        return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (hg_text_equal_nocase(name, hg_text(names[i])))
            return true;
    return http1_speaks_for_proxy(name) || http1_classify(name) != HTTP1_FIELD_OTHER;
}

static bool is_dropped(enum hg_head_kind kind, const struct http1_limits *limits, struct hg_text name)
{
    return is_no_trailer(name) ||
           (kind == HG_REQUEST && !limits->underscores && memchr(name.data, '_', name.size) != NULL);
}

enum http1_result http1_check_trailers(enum hg_head_kind kind, const uint8_t *data, size_t size,
                                       struct hg_reason *reason)
{
    const uint8_t *at = data;
    struct hg_field field;

    /* In a request, these two are tools of request smuggling. */
    while (kind == HG_REQUEST && http1_next_field(&at, data + size, &field))
        if (http1_classify(field.name) == HTTP1_FIELD_CONTENT_LENGTH ||
            http1_classify(field.name) == HTTP1_FIELD_TRANSFER_ENCODING)
            return http1_fault(reason, kind, 400, NULL, "a framing field in the trailers");
    return HTTP1_DONE;
}

struct hg_fields *http1_parse_trailers(const struct hg_host *host, enum hg_head_kind kind,
                                       const struct http1_limits *limits, const uint8_t *data, size_t size,
                                       struct hg_reason *reason)
{
    struct hg_fields *fields;
    const uint8_t *at = data;
    struct hg_field field;

    if (http1_check_trailers(kind, data, size, reason) == HTTP1_FAULT)
        return NULL;
    fields = hg_fields_new(host);
    while (fields && http1_next_field(&at, data + size, &field)) {
        if (!is_dropped(kind, limits, field.name) && hg_field_add(host, fields, field.name, field.value)) {
            hg_fields_free(host, fields);
            fields = NULL;
        }
    }
    if (!fields)
        *reason = (struct hg_reason){.status = 503, .error = "proxy_internal_error", .detail = "out of memory"};
    return fields;
}

/* ---- Authentication ---- */

/* Whether a list of challenges or credentials contains a scheme that authenticates the connection instead of the
 * request. A comma within a quoted parameter is taken for the end of a member; at worst, a connection is bound
 * needlessly. */
static bool names_binding_scheme(struct hg_text list)
{
    struct hg_text member;

    while (http1_next_member(&list, &member)) {
        const char *space = memchr(member.data, ' ', member.size);

        if (space)
            member.size = (size_t)(space - member.data);
        if (hg_text_equal_nocase(member, HG_TEXT("NTLM")) || hg_text_equal_nocase(member, HG_TEXT("Negotiate")))
            return true;
    }
    return false;
}

bool http1_binds_connection(const struct hg_head *head)
{
    const bool is_request = head->kind == HG_REQUEST;
    const struct hg_text name = is_request ? HG_TEXT("Authorization") : HG_TEXT("WWW-Authenticate");

    for (size_t i = 0; i < head->fields.count; i++) {
        const struct hg_field *field = &head->fields.items[i];

        if (hg_text_equal_nocase(field->name, name) && names_binding_scheme(field->value))
            return true;
        /* RFC 4559 section 6 */
        if (!is_request && hg_text_equal_nocase(field->name, HG_TEXT("Proxy-Support")) &&
            hg_text_equal_nocase(field->value, HG_TEXT("Session-Based-Authentication")))
            return true;
    }
    return false;
}
