/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Names of frequent fields, which can be encoded as one or two bytes. The order is part of the format: docs/protocol.md
 * lists it. The first 16 take one byte.
 */
#include "plugins/codec_binary/format.h"

#define NAME(titled, lower)                                                                                            \
    {                                                                                                                  \
        {titled, sizeof(titled) - 1},                                                                                  \
        {                                                                                                              \
            lower, sizeof(lower) - 1                                                                                   \
        }                                                                                                              \
    }

const struct codec_binary_name codec_binary_names[CODEC_BINARY_NAMES] = {
    NAME("Accept", "accept"),
    NAME("Accept-Encoding", "accept-encoding"),
    NAME("Accept-Language", "accept-language"),
    NAME("Accept-Ranges", "accept-ranges"),
    NAME("Authorization", "authorization"),
    NAME("Cache-Control", "cache-control"),
    NAME("Content-Encoding", "content-encoding"),
    NAME("Content-Type", "content-type"),
    NAME("Cookie", "cookie"),
    NAME("Date", "date"),
    NAME("ETag", "etag"),
    NAME("Last-Modified", "last-modified"),
    NAME("Server", "server"),
    NAME("User-Agent", "user-agent"),
    NAME("Vary", "vary"),
    NAME("X-Forwarded-For", "x-forwarded-for"),
    NAME("Access-Control-Allow-Headers", "access-control-allow-headers"),
    NAME("Access-Control-Allow-Methods", "access-control-allow-methods"),
    NAME("Access-Control-Allow-Origin", "access-control-allow-origin"),
    NAME("Age", "age"),
    NAME("Allow", "allow"),
    NAME("Content-Disposition", "content-disposition"),
    NAME("Content-Language", "content-language"),
    NAME("Content-Range", "content-range"),
    NAME("Content-Security-Policy", "content-security-policy"),
    NAME("Expires", "expires"),
    NAME("Forwarded", "forwarded"),
    NAME("If-Modified-Since", "if-modified-since"),
    NAME("If-None-Match", "if-none-match"),
    NAME("Location", "location"),
    NAME("Origin", "origin"),
    NAME("Pragma", "pragma"),
    NAME("Range", "range"),
    NAME("Referer", "referer"),
    NAME("Sec-CH-UA", "sec-ch-ua"),
    NAME("Sec-CH-UA-Mobile", "sec-ch-ua-mobile"),
    NAME("Sec-CH-UA-Platform", "sec-ch-ua-platform"),
    NAME("Sec-Fetch-Dest", "sec-fetch-dest"),
    NAME("Sec-Fetch-Mode", "sec-fetch-mode"),
    NAME("Sec-Fetch-Site", "sec-fetch-site"),
    NAME("Sec-Fetch-User", "sec-fetch-user"),
    NAME("Set-Cookie", "set-cookie"),
    NAME("Strict-Transport-Security", "strict-transport-security"),
    NAME("Upgrade-Insecure-Requests", "upgrade-insecure-requests"),
    NAME("Via", "via"),
    NAME("X-Content-Type-Options", "x-content-type-options"),
    NAME("X-Forwarded-Host", "x-forwarded-host"),
    NAME("X-Forwarded-Proto", "x-forwarded-proto"),
};

/* Size, third and last letter distinguish these names well (a unit test counts the collisions). */
static unsigned slot_of(struct hg_text name)
{
    const uint8_t *bytes = (const uint8_t *)name.data;

    return (unsigned)(name.size * 5 + (bytes[2] | 0x20) * 7u + (bytes[name.size - 1] | 0x20) * 3u) % CODEC_BINARY_SLOTS;
}

void codec_binary_lookup_init(struct codec_binary_lookup *lookup)
{
    memset(lookup, 0, sizeof *lookup);
    for (unsigned i = 0; i < CODEC_BINARY_NAMES; i++) {
        unsigned slot = slot_of(codec_binary_names[i].lower);

        while (lookup->slots[slot])
            slot = (slot + 1) % CODEC_BINARY_SLOTS;
        lookup->slots[slot] = (uint8_t)(i + 1);
    }
}

unsigned codec_binary_lookup(const struct codec_binary_lookup *lookup, struct hg_text name)
{
    if (name.size < 3)
        return 0;
    for (unsigned slot = slot_of(name); lookup->slots[slot]; slot = (slot + 1) % CODEC_BINARY_SLOTS) {
        unsigned index = lookup->slots[slot] - 1u;
        const struct codec_binary_name *common = &codec_binary_names[index];

        if (common->titled.size != name.size)
            continue;
        if (hg_text_equal(common->titled, name))
            return index << 2 | CODEC_BINARY_NAME_TITLED;
        if (hg_text_equal(common->lower, name))
            return index << 2 | CODEC_BINARY_NAME_LOWER;
    }
    return 0;
}
