/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Bytes as JSON strings, and as base64 where they are not text.
 */
#include "plugins/codec_json/format.h"

/* The size of the UTF-8 character at `at` (RFC 3629 section 4), or 0 if it is invalid. */
static size_t character_size(const uint8_t *at, size_t left)
{
    const uint8_t first = at[0];
    size_t size;

    if (first < 0x80)
        return 1;
    size = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (!size || size > left)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    if ((first == 0xe0 && at[1] < 0xa0) || (first == 0xf0 && at[1] < 0x90)) /* overlong */
        return 0;
    if ((first == 0xed && at[1] > 0x9f) || (first == 0xf4 && at[1] > 0x8f)) /* surrogates; above U+10FFFF */
        return 0;
    return size;
}

/* The letter of a short escape, or 0. */
static char short_escape(uint8_t byte)
{
    switch (byte) {
    case '"':
    case '\\':
        return (char)byte;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    }
    return 0;
}

/* How many bytes from `at` on need no escape: printable ASCII, most of any text. */
static size_t plain_run(const uint8_t *at, size_t left)
{
    size_t size = 0;

    while (size < left && at[size] >= 0x20 && at[size] < 0x80 && at[size] != '"' && at[size] != '\\')
        size++;
    return size;
}

size_t codec_json_escaped_size(struct hg_text text)
{
    const uint8_t *bytes = (const uint8_t *)text.data;
    size_t size = 0;

    for (size_t i = 0; i < text.size;) {
        size_t run = plain_run(bytes + i, text.size - i), character;

        i += run;
        size += run;
        if (i == text.size)
            break;
        character = character_size(bytes + i, text.size - i);
        if (!character)
            return SIZE_MAX;
        size += short_escape(bytes[i]) ? 2 : bytes[i] < 0x20 ? 6 : character;
        i += character;
    }
    return size;
}

char *codec_json_escape(char *at, struct hg_text text)
{
    static const char hex[] = "0123456789abcdef";

    for (size_t i = 0; i < text.size; i++) {
        const size_t run = plain_run((const uint8_t *)text.data + i, text.size - i);
        uint8_t byte;
        char letter;

        memcpy(at, text.data + i, run);
        at += run;
        i += run;
        if (i == text.size)
            break;
        byte = (uint8_t)text.data[i];
        letter = short_escape(byte);
        if (letter) {
            *at++ = '\\';
            *at++ = letter;
        } else if (byte < 0x20) {
            memcpy(at, "\\u00", 4);
            at[4] = hex[byte >> 4];
            at[5] = hex[byte & 15];
            at += 6;
        } else {
            *at++ = (char)byte;
        }
    }
    return at;
}

size_t codec_json_cut_before(struct hg_text text)
{
    size_t size = 0;

    while (size < text.size && size < 3 && ((uint8_t)text.data[size] & 0xc0) == 0x80)
        size++;
    return size;
}

size_t codec_json_cut_after(struct hg_text text)
{
    for (size_t size = 1; size <= 3 && size <= text.size; size++) {
        const uint8_t byte = (uint8_t)text.data[text.size - size];

        if (byte >= 0xf5) /* never occurs in UTF-8 */
            return 0;
        if (byte >= 0xc0) /* a first byte: is the character complete? */
            return size < (byte < 0xe0 ? 2u : byte < 0xf0 ? 3u : 4u) ? size : 0;
        if (byte < 0x80)
            return 0;
    }
    return 0;
}

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *codec_json_base64(char *at, struct hg_text bytes)
{
    const uint8_t *from = (const uint8_t *)bytes.data;

    for (size_t left = bytes.size; left; from += 3) {
        const uint32_t group =
            (uint32_t)from[0] << 16 | (left > 1 ? (uint32_t)from[1] << 8 : 0) | (left > 2 ? from[2] : 0);

        *at++ = digits[group >> 18];
        *at++ = digits[group >> 12 & 63];
        *at++ = left > 1 ? digits[group >> 6 & 63] : '=';
        *at++ = left > 2 ? digits[group & 63] : '=';
        left -= left < 3 ? left : 3;
    }
    return at;
}

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

ptrdiff_t codec_json_base64_decode(uint8_t *to, struct hg_text text)
{
    const uint8_t *start = to;
    size_t padding = 0;

    if (text.size % 4)
        return -1;
    if (text.size)
        padding = (size_t)(text.data[text.size - 1] == '=') + (text.data[text.size - 2] == '=');
    for (size_t i = 0; i < text.size; i += 4) {
        const size_t padded = i + 4 == text.size ? padding : 0;
        uint32_t group = 0;

        for (size_t j = 0; j < 4; j++) {
            int value = j >= 4 - padded ? 0 : digit_value(text.data[i + j]);

            if (value < 0)
                return -1;
            group = group << 6 | (uint32_t)value;
        }
        if ((padded == 1 && group & 0xff) || (padded == 2 && group & 0xffff)) /* RFC 4648 section 3.5 */
            return -1;
        *to++ = (uint8_t)(group >> 16);
        if (padded < 2)
            *to++ = (uint8_t)(group >> 8);
        if (padded < 1)
            *to++ = (uint8_t)group;
    }
    return to - start;
}
