/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Request targets in their various forms, and authorities (RFC 9112 section 3.2, RFC 9110 section 7.2).
 */
#include "plugins/lib/http1/http1_internal.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

/* A DNS name, brackets or a few zeros, and a port. */
#define AUTHORITY_MAX 280

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex_digit(char c)
{
    return is_digit(c) || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

/* unreserved and sub-delims of RFC 3986 section 2. */
static bool is_host_byte(char c)
{
    return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c && strchr("-._~!$&'()*+,;=", c));
}

/* An IPv6 address in brackets; returns where it ends, or 0. */
static size_t literal_end(struct hg_text text)
{
    const char *bracket = memchr(text.data, ']', text.size);
    char literal[INET6_ADDRSTRLEN];
    struct in6_addr address;
    size_t size;

    if (!bracket)
        return 0;
    size = (size_t)(bracket - text.data - 1);
    if (size >= sizeof literal)
        return 0;
    memcpy(literal, text.data + 1, size);
    literal[size] = '\0';
    return inet_pton(AF_INET6, literal, &address) == 1 ? size + 2 : 0;
}

/* A name (RFC 3986 section 3.2.2, reg-name) without empty labels, except for that of the root at its end; returns where
 * it ends, or 0. */
static size_t name_end(struct hg_text text)
{
    size_t i = 0;

    for (; i < text.size && text.data[i] != ':'; i++) {
        if (text.data[i] == '%' && text.size - i > 2 && is_hex_digit(text.data[i + 1]) &&
            is_hex_digit(text.data[i + 2]))
            i += 2;
        else if (!is_host_byte(text.data[i]) || (text.data[i] == '.' && (i == 0 || text.data[i - 1] == '.')))
            return 0;
    }
    return i;
}

/* The port after a colon; any number of leading zeros, and nothing at all, are allowed (RFC 3986 section 3.2.3). -1:
 * invalid; 0: none. */
static long read_port(struct hg_text text)
{
    long port = 0;

    for (size_t i = 0; i < text.size; i++) {
        if (!is_digit(text.data[i]))
            return -1;
        port = 10 * port + (text.data[i] - '0');
        if (port > 65535)
            return -1;
    }
    return text.size && !port ? -1 : port;
}

/* host [":" port] (RFC 9110 section 7.2), without user information. */
bool http1_valid_authority(struct hg_text text)
{
    size_t end;

    if (!text.size || text.size > AUTHORITY_MAX)
        return false;
    end = text.data[0] == '[' ? literal_end(text) : name_end(text);
    if (!end || end == text.size)
        return end > 0;
    return text.data[end] == ':' && read_port((struct hg_text){text.data + end + 1, text.size - end - 1}) >= 0;
}

int http1_set_authority(const struct hg_host *host, struct hg_head *head, struct hg_text text)
{
    const char *colon = text.size ? memrchr(text.data, ':', text.size) : NULL;
    char normal[AUTHORITY_MAX + 8];
    size_t name;
    long port;

    if (!colon || text.data[text.size - 1] == ']')
        return hg_head_set(host, head, &head->authority, text);
    name = (size_t)(colon - text.data);
    port = read_port((struct hg_text){colon + 1, text.size - name - 1});
    memcpy(normal, text.data, name);
    if (port)
        name += (size_t)snprintf(normal + name, sizeof normal - name, ":%ld", port);
    return hg_head_set(host, head, &head->authority, (struct hg_text){normal, name});
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
    /* RFC 9110 section 7.4: https on an insecure connection is misdirected. */
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
    /* Some servers treat it as a slash, so the service might see a different path than our routes. */
    if (memchr(text.data, '\\', path_size))
        return http1_fault(reason, HG_REQUEST, 400, NULL, "the path of the request target contains a backslash");
    if (hg_text_equal(text, HG_TEXT("*"))) {
        if (is_options)
            return HTTP1_DONE;
        return http1_fault(reason, HG_REQUEST, 400, NULL, "the request target * is only valid with OPTIONS");
    }
    if (text.size && text.data[0] == '/')
        return HTTP1_DONE;
    return absolute_target(text, scheme, target, reason);
}

/* Builds the path: "http://host?query" has the path "/" (RFC 9110 section 4.2.3), and bytes that are not allowed in
 * URLs are encoded, as browsers do, since services may interpret them differently. */
static int set_made_path(const struct hg_host *host, struct hg_head *head, struct hg_text path, bool root)
{
    static const char digits[] = "0123456789ABCDEF";
    char *made = malloc(3 * path.size + 1);
    size_t size = 0;
    int failed;

    if (!made)
        return -1;
    if (root)
        made[size++] = '/';
    for (size_t i = 0; i < path.size; i++) {
        uint8_t byte = (uint8_t)path.data[i];

        if (byte < 0x80) {
            made[size++] = path.data[i];
            continue;
        }
        made[size++] = '%';
        made[size++] = digits[byte >> 4];
        made[size++] = digits[byte & 15];
    }
    failed = hg_head_set(host, head, &head->path, (struct hg_text){made, size});
    free(made);
    return failed;
}

static bool is_ascii(struct hg_text text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((uint8_t)text.data[i] >= 0x80)
            return false;
    return true;
}

int http1_set_path(const struct hg_host *host, struct hg_head *head, const struct http1_target *target, bool is_options)
{
    /* RFC 9112 section 3.2.4: an OPTIONS request without path and query concerns the whole server. */
    if (target->root && !target->path.size)
        return hg_head_set(host, head, &head->path, is_options ? HG_TEXT("*") : HG_TEXT("/"));
    if (!target->root && is_ascii(target->path))
        return hg_head_set(host, head, &head->path, target->path);
    return set_made_path(host, head, target->path, target->root);
}
