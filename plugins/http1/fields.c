/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Fields that are about framing or one connection alone, and trailer sections.
 */
#include "plugins/http1/internal.h"

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
