/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Hosts and paths of requests, and patterns for them in config files: "app.example.com", "*.example.com", "/api". Used
 * both by the core's option `only` and by routes.
 */
#ifndef HOPGATE_MATCH_H
#define HOPGATE_MATCH_H

#include <arpa/inet.h>
#include <hopgate/types.h>
#include <netinet/in.h>

/**
 * Size of a buffer for a host: the longest DNS name (RFC 1035 section 2.3.4) with a dot before it, or IPv6 in brackets.
 */
#define HG_HOST_MAX 254

/** Private: an IPv6 address as inet_ntop() writes it (RFC 5952), in brackets. Empty if it is not one. */
static inline struct hg_text hg_host_ipv6(struct hg_text address, char *buffer)
{
    char literal[INET6_ADDRSTRLEN];
    struct in6_addr bytes;

    if (address.size >= sizeof literal)
        return HG_TEXT("");
    memcpy(literal, address.data, address.size);
    literal[address.size] = '\0';
    if (inet_pton(AF_INET6, literal, &bytes) != 1 || !inet_ntop(AF_INET6, &bytes, buffer + 1, HG_HOST_MAX - 2))
        return HG_TEXT("");
    buffer[0] = '[';
    strcat(buffer, "]");
    return hg_text(buffer);
}

/**
 * The host of an authority in the form used for comparison: in lower case, without the port and a final dot, and IPv6
 * addresses in brackets and canonical form. It is written to `buffer`, of HG_HOST_MAX bytes. Empty if it is too long,
 * or in brackets but not IPv6; a name is not checked.
 */
static inline struct hg_text hg_host_canonical(struct hg_text authority, char *buffer)
{
    const char *end =
        authority.size ? memchr(authority.data, authority.data[0] == '[' ? ']' : ':', authority.size) : NULL;
    size_t size = end ? (size_t)(end - authority.data) : authority.size;

    if (size && authority.data[0] == '[')
        return end ? hg_host_ipv6((struct hg_text){authority.data + 1, size - 1}, buffer) : HG_TEXT("");
    if (size && authority.data[size - 1] == '.')
        size--;
    if (size > HG_HOST_MAX)
        return HG_TEXT("");
    for (size_t i = 0; i < size; i++) {
        char c = authority.data[i];

        buffer[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    return (struct hg_text){buffer, size};
}

/** Private: whether a canonical host is a valid name or address. */
static inline bool hg_host_is_valid(struct hg_text host)
{
    size_t label = 0;

    if (host.size >= 2 && host.data[0] == '[')
        return host.data[host.size - 1] == ']';
    for (size_t i = 0; i < host.size; i++) {
        char c = host.data[i];

        if (c == '.' ? !label : !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
        label = c == '.' ? 0 : label + 1;
        if (label > 63) /* RFC 1035 section 2.3.4 */
            return false;
    }
    return label > 0;
}

/**
 * Parses a host from a config file: "app.example.com", an address, or "*.example.com" for every name below example.com,
 * which becomes ".example.com". The result is in `buffer`, of HG_HOST_MAX + 1 bytes. Returns NULL, or an error message.
 */
static inline const char *hg_host_pattern(const char *host, char *buffer, struct hg_text *pattern)
{
    bool wildcard = host[0] == '*' && host[1] == '.';
    struct hg_text name;

    if (strcmp(host, "*") == 0)
        return "omit it to match any host";
    if (strchr(host, '/'))
        return "expected only a host, as in app.example.com, without scheme or path";
    if (strchr(wildcard ? host + 2 : host, '*'))
        return "a wildcard can only be the whole first label, as in *.example.com";
    *pattern = hg_host_ipv6(hg_text(host), buffer);
    if (pattern->size)
        return NULL;
    if (host[0] == '[' ? host[strlen(host) - 1] != ']' : strchr(host, ':') != NULL)
        return "omit the port; every port matches";
    *pattern = name = hg_host_canonical(hg_text(wildcard ? host + 1 : host), buffer);
    if (wildcard && name.size)
        name = (struct hg_text){name.data + 1, name.size - 1};
    return hg_host_is_valid(name) ? NULL : "not a host name or address; write international names as xn-- (IDNA)";
}

/** Whether a canonical host matches a pattern from hg_host_pattern(). */
static inline bool hg_host_fits(struct hg_text host, struct hg_text pattern)
{
    if (pattern.data[0] != '.')
        return hg_text_equal(host, pattern);
    return host.size > pattern.size && host.data[0] != '.' &&
           memcmp(host.data + host.size - pattern.size, pattern.data, pattern.size) == 0;
}

/**
 * Parses a path from a config file, which matches itself and everything below it. Final slashes are removed: "/"
 * becomes "". Returns NULL, or an error message.
 */
static inline const char *hg_path_pattern(const char *path, struct hg_text *pattern)
{
    *pattern = hg_text(path);
    if (path[0] != '/')
        return "a path starts with \"/\"";
    for (const char *at = path; *at; at++) {
        if (*at == '?' || *at == '#')
            return "only the path is matched; omit '?' or '#' and what follows";
        if (*at == '*')
            return "no wildcards; a path matches everything below it";
        if (*at <= ' ' || *at >= 0x7f)
            return "percent-encode everything but printable ASCII";
    }
    while (pattern->size && path[pattern->size - 1] == '/')
        pattern->size--;
    return NULL;
}

/** Whether a path is `prefix` or below it: "/a" and "/a/b" are below "/a", "/ab" is not. Compares bytes. */
static inline bool hg_path_is_below(struct hg_text path, struct hg_text prefix)
{
    return path.size >= prefix.size && (!prefix.size || memcmp(path.data, prefix.data, prefix.size) == 0) &&
           (path.size == prefix.size || strchr("/?#", path.data[prefix.size]));
}

/** Private. */
static inline int hg_path_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/** Removes the first character from a non-empty path and returns it with percent-encoding undone. */
static inline char hg_path_next(struct hg_text *path)
{
    size_t size = 1;
    char c = path->data[0];

    if (c == '%' && path->size >= 3 && hg_path_digit(path->data[1]) >= 0 && hg_path_digit(path->data[2]) >= 0) {
        c = (char)(hg_path_digit(path->data[1]) << 4 | hg_path_digit(path->data[2]));
        size = 3;
    }
    path->data += size;
    path->size -= size;
    return c;
}

/**
 * Whether a path has a ".." segment (RFC 3986 section 5.2.4) in any form that services are known to understand:
 * percent-encoded, between backslashes, followed by parameters. A service that resolves it would respond for another
 * path.
 */
static inline bool hg_path_climbs(struct hg_text path)
{
    size_t size = 0, dots = 0; /* of the segment, up to its parameters */
    bool in_parameters = false;

    while (path.size && path.data[0] != '?') {
        char c = hg_path_next(&path);

        if (c == '/' || c == '\\') {
            if (size == 2 && dots == 2)
                return true;
            size = dots = 0;
            in_parameters = false;
        } else if (c == ';') {
            in_parameters = true;
        } else if (!in_parameters) {
            size++;
            dots += c == '.';
        }
    }
    return size == 2 && dots == 2;
}

#endif
