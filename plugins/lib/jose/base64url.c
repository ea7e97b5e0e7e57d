/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/jose/base64url.h"

#include <ctype.h>
#include <stdlib.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char *jose_base64url(const void *bytes, size_t size)
{
    const uint8_t *in = bytes;
    char *text = malloc((size + 2) / 3 * 4 + 1), *out = text;

    for (size_t i = 0; text && i < size; i += 3) {
        const size_t left = size - i;
        const uint32_t group =
            (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0);

        *out++ = digits[group >> 18];
        *out++ = digits[group >> 12 & 63];
        if (left > 1)
            *out++ = digits[group >> 6 & 63];
        if (left > 2)
            *out++ = digits[group & 63];
    }
    if (text)
        *out = 0;
    return text;
}

/* The last two digits are "+" and "/" in base64 (RFC 4648 section 4). */
static int digit(char c)
{
    const char *at = c ? memchr(digits, c == '+' ? '-' : c == '/' ? '_' : c, 64) : NULL;

    return at ? (int)(at - digits) : -1;
}

uint8_t *jose_base64url_read(struct hg_text text, size_t *size)
{
    uint8_t *bytes;
    uint32_t group = 0;
    size_t count = 0;

    while (text.size && (isspace((unsigned char)text.data[text.size - 1]) || text.data[text.size - 1] == '='))
        text.size--;
    while (text.size && isspace((unsigned char)text.data[0])) {
        text.data++;
        text.size--;
    }
    bytes = text.size % 4 == 1 ? NULL : malloc(text.size / 4 * 3 + 3);
    for (size_t i = 0; bytes && i < text.size; i++) {
        const int value = digit(text.data[i]);

        if (value < 0) {
            free(bytes);
            return NULL;
        }
        group = group << 6 | (uint32_t)value;
        if (i % 4)
            bytes[count++] = (uint8_t)(group >> (6 - 2 * (i % 4)));
    }
    *size = count;
    return bytes;
}
