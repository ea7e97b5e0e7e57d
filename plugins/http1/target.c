/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What a request is for: request targets in their forms, and authorities (RFC 9112 section 3.2, RFC 9110 section 7.2).
 */
#include "plugins/http1/internal.h"

#include <stdlib.h>

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
bool http1_valid_authority(struct hg_text text)
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
static enum http1_result absolute_target(struct hg_text text, struct hg_text scheme, struct http1_target *target,
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
    if (!http1_valid_authority(target->authority))
        return http1_fault(reason, HG_REQUEST, 400, NULL, "the host in the request target is malformed");
    return HTTP1_DONE;
}

enum http1_result http1_read_target(struct hg_text text, bool is_options, struct hg_text scheme,
                                    struct http1_target *target, struct hg_reason *reason)
{
    const char *query = memchr(text.data, '?', text.size);
    size_t path_size = query ? (size_t)(query - text.data) : text.size;

    *target = (struct http1_target){.path = text};
    if (memchr(text.data, '#', text.size))
        return http1_fault(reason, HG_REQUEST, 400, NULL, "the request target has a fragment");
    /* Some servers take it for a slash, so it may mean another path behind us than to our routes. */
    if (memchr(text.data, '\\', path_size))
        return http1_fault(reason, HG_REQUEST, 400, NULL, "the request target's path holds a backslash");
    if (hg_text_equal(text, HG_TEXT("*"))) {
        if (is_options)
            return HTTP1_DONE;
        return http1_fault(reason, HG_REQUEST, 400, NULL, "the request target * is for OPTIONS alone");
    }
    if (text.size && text.data[0] == '/')
        return HTTP1_DONE;
    return absolute_target(text, scheme, target, reason);
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

int http1_set_path(const struct hg_host *host, struct hg_head *head, const struct http1_target *target, bool is_options)
{
    if (!target->root)
        return hg_head_set(host, head, &head->path, target->path);
    /* RFC 9112 section 3.2.4: an OPTIONS without path and query is for the server as a whole. */
    if (!target->path.size)
        return hg_head_set(host, head, &head->path, is_options ? HG_TEXT("*") : HG_TEXT("/"));
    return set_rooted_path(host, head, target->path);
}
