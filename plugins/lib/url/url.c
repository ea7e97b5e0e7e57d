/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/url/url.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define HTTP_PORT 80

static bool starts_with(struct hg_text text, struct hg_text start)
{
    return text.size >= start.size && strncasecmp(text.data, start.data, start.size) == 0;
}

static bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
}

static const char *parse_port(struct hg_text text, uint16_t *port)
{
    unsigned long value = 0;

    if (!text.size || text.size > 5)
        return "the port must be a number from 1 to 65535";
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return "the port must be a number from 1 to 65535";
        value = value * 10 + (unsigned long)(text.data[i] - '0');
    }
    if (value == 0 || value > UINT16_MAX)
        return "the port must be a number from 1 to 65535";
    *port = (uint16_t)value;
    return NULL;
}

static const char *check_ipv6(struct hg_text host)
{
    char literal[INET6_ADDRSTRLEN];
    struct in6_addr address;

    if (!host.size || host.size >= sizeof literal)
        return "the text in brackets is not an IPv6 address";
    memcpy(literal, host.data, host.size);
    literal[host.size] = '\0';
    if (inet_pton(AF_INET6, literal, &address) != 1)
        return "the text in brackets is not an IPv6 address";
    return NULL;
}

static const char *check_name(struct hg_text host)
{
    if (!host.size)
        return "the host is missing";
    if (host.size > 253) /* RFC 1035 section 2.3.4 */
        return "the host is too long";
    for (size_t i = 0; i < host.size; i++)
        if (!is_name_character(host.data[i]))
            return "the host may only contain letters, digits, '-', '.' and '_', or be an IPv6 address in brackets";
    return NULL;
}

static const char *parse_authority(struct hg_text authority, struct url *url)
{
    const char *end = authority.data + authority.size;
    const char *host_end, *fault;

    if (memchr(authority.data, '@', authority.size))
        return "a user or password in the URL is not supported";
    if (authority.size && authority.data[0] == '[') {
        const char *bracket = memchr(authority.data, ']', authority.size);

        if (!bracket)
            return "']' is missing";
        url->host = (struct hg_text){authority.data + 1, (size_t)(bracket - authority.data - 1)};
        host_end = bracket + 1;
        fault = check_ipv6(url->host);
    } else {
        const char *colon = memchr(authority.data, ':', authority.size);

        if (colon && memchr(colon + 1, ':', (size_t)(end - colon - 1)))
            return "an IPv6 address needs brackets, as in http://[::1]:80";
        host_end = colon ? colon : end;
        url->host = (struct hg_text){authority.data, (size_t)(host_end - authority.data)};
        fault = check_name(url->host);
    }
    if (fault)
        return fault;
    url->authority = authority;
    url->port = HTTP_PORT;
    if (host_end == end)
        return NULL;
    if (*host_end != ':')
        return "only a port may follow the closing bracket";
    return parse_port((struct hg_text){host_end + 1, (size_t)(end - host_end - 1)}, &url->port);
}

static const char *parse_base(struct hg_text base, struct url *url)
{
    for (size_t i = 0; i < base.size; i++) {
        if (base.data[i] == '?' || base.data[i] == '#')
            return "a query or fragment cannot be part of the URL";
        if (base.data[i] <= ' ' || base.data[i] >= 0x7f)
            return "the path may only contain printable ASCII; percent-encode other characters";
    }
    while (base.size && base.data[base.size - 1] == '/')
        base.size--;
    url->base = base;
    return NULL;
}

const char *url_parse(struct hg_text text, struct url *url)
{
    static const char scheme[] = "http://";
    struct hg_text rest;
    size_t authority_size = 0;
    const char *fault;

    if (starts_with(text, HG_TEXT("https://")))
        return "https to a local service is not supported; use http://host:port";
    if (!starts_with(text, HG_TEXT(scheme)))
        return "not a URL of the form http://host:port";
    rest = (struct hg_text){text.data + sizeof scheme - 1, text.size - (sizeof scheme - 1)};
    while (authority_size < rest.size && !memchr("/?#", rest.data[authority_size], 3))
        authority_size++;
    fault = parse_authority((struct hg_text){rest.data, authority_size}, url);
    if (fault)
        return fault;
    return parse_base((struct hg_text){rest.data + authority_size, rest.size - authority_size}, url);
}

const char *url_check_host_option(const char *text)
{
    struct url url;

    if (strchr(text, '/'))
        return "omit scheme and path";
    return parse_authority(hg_text(text), &url);
}
