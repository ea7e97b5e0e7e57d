/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Addresses in options: "host:443", "[2001:db8::1]:443", "*:443 tls".
 */
#include "core/config/option_private.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>

enum {
    HOST_MAX = 255, /* longest host name, as in RFC 1035 section 2.3.4 */
};

static bool is_host_name(const char *host)
{
    struct in_addr address;
    size_t size = strlen(host);
    bool numbers = true;

    for (size_t i = 0; i < size; i++) {
        if (!isalnum((unsigned char)host[i]) && host[i] != '-' && host[i] != '.' && host[i] != '_')
            return false;
        numbers = numbers && (isdigit((unsigned char)host[i]) || host[i] == '.');
    }
    if (size == 0 || size > HOST_MAX || host[0] == '.' || strstr(host, ".."))
        return false;
    /* What looks like an IPv4 address must be one: "10.0.0.256" is not a name. */
    return !numbers || inet_pton(AF_INET, host, &address) == 1;
}

/* An IPv6 literal, with or without a zone: "fe80::1%eth0" (RFC 4007 section 11). */
static bool is_ipv6(const char *host)
{
    struct in6_addr address;
    char plain[INET6_ADDRSTRLEN];
    const char *zone = strchr(host, '%');
    size_t size = zone ? (size_t)(zone - host) : strlen(host);

    if (size >= sizeof plain || (zone && zone[1] == '\0'))
        return false;
    memcpy(plain, host, size);
    plain[size] = '\0';
    return inet_pton(AF_INET6, plain, &address) == 1;
}

/* Splits "host:port" in place. Returns NULL, or an error message. */
static const char *split_address(char *text, char **host, char **port)
{
    char *colon = strrchr(text, ':'), *bracket = strchr(text, ']');

    *host = text;
    if (text[0] == '[') {
        if (!bracket)
            return "']' is missing";
        if (bracket[1] != ':')
            return "a port is required, as in \"[2001:db8::1]:443\"";
        *bracket = '\0';
        *host = text + 1;
        *port = bracket + 2;
        return is_ipv6(*host) ? NULL : "the text in brackets is not an IPv6 address";
    }
    if (strchr(text, '/'))
        return "expected host and port, not a URL, as in \"host:443\"";
    if (is_ipv6(text) || (colon && strchr(text, ':') != colon))
        return "an IPv6 address needs brackets and a port, as in \"[2001:db8::1]:443\"";
    if (!colon)
        return "a port is required, as in \"host:443\"";
    if (colon == text)
        return "the host is missing; use \"*\" for all addresses, as in \"*:443\"";
    *colon = '\0';
    *port = colon + 1;
    return strcmp(*host, "*") == 0 || is_host_name(*host) ? NULL
                                                          : "the host is neither a valid name nor an IPv4 address";
}

static bool store_port(const struct option_reading *reading, const struct hg_option *option,
                       const struct option_path *path, const struct config_node *node, const char *port,
                       uint16_t *target)
{
    char range[80], shown[80];
    size_t digits = strspn(port, "0123456789");
    long number = digits > 0 && digits < 10 ? strtol(port, NULL, 10) : -1;
    int64_t min, max;

    option_bounds(option, HG_OPTION_ADDRESS, &min, &max);
    if (port[digits] != '\0' || digits == 0)
        return option_fault(reading, path, node, "'%s' is not a port; expected a number, %s",
                            option_show(option, port, shown, sizeof shown),
                            option_bounds_text(option, HG_OPTION_ADDRESS, range, sizeof range));
    if (number < min || number > max)
        return option_fault(reading, path, node, "port %s is out of range; expected %s",
                            option_show(option, port, shown, sizeof shown),
                            option_bounds_text(option, HG_OPTION_ADDRESS, range, sizeof range));
    *target = (uint16_t)number;
    return true;
}

static bool store_words(const struct option_reading *reading, const struct hg_option *option,
                        const struct option_path *path, const struct config_node *node, char *words, uint32_t *target)
{
    char *rest = NULL, shown[80];

    for (char *word = strtok_r(words, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
        int index;

        if (!option->choices)
            return option_fault(reading, path, node, "unexpected '%s' after the address",
                                option_show(option, word, shown, sizeof shown));
        index = option_choice(reading, option, path, node, word);
        if (index < 0)
            return false;
        *target |= UINT32_C(1) << index;
    }
    return true;
}

bool option_store_address(const struct option_reading *reading, const struct hg_option *option,
                          const struct option_path *path, const struct config_node *node, struct hg_address *target)
{
    char *text = option_copy(reading, path, node, node->text, node->size), *host, *port, *words;
    const char *wrong;
    char shown[80];
    bool good;

    if (!text)
        return false;
    text += strspn(text, " \t");
    words = text + strcspn(text, " \t");
    if (*words)
        *words++ = '\0';
    wrong = *text ? split_address(text, &host, &port) : "it is empty";
    if (wrong)
        return option_fault(reading, path, node, "'%s' is not an address: %s",
                            option_show(option, node->text, shown, sizeof shown), wrong);
    *target = (struct hg_address){.host = host};
    good = store_port(reading, option, path, node, port, &target->port);
    return store_words(reading, option, path, node, words, &target->words) && good;
}
