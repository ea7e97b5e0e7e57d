/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/jose/base64url.h"

#include <ctype.h>
#include <gnutls/crypto.h>
#include <stdlib.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char *jose_base64url(const void *bytes, size_t size)
{
    const uint8_t *in = bytes;
    char *text = malloc((size + 2) / 3 * 4 + 1), *out = text;
    uint32_t group = 0;
    unsigned bits = 0; /* of `group` that are not written yet */

    if (!text)
        return NULL;
    for (size_t i = 0; i < size; i++) {
        group = group << 8 | in[i];
        for (bits += 8; bits >= 6; bits -= 6)
            *out++ = digits[group >> (bits - 6) & 63];
    }
    if (bits)
        *out++ = digits[group << (6 - bits) & 63];
    *out = 0;
    return text;
}

char *jose_base64url_sha256(const void *bytes, size_t size)
{
    uint8_t hash[32];

    return gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes, size, hash) < 0 ? NULL : jose_base64url(hash, sizeof hash);
}

/* The last two digits are "+" and "/" in base64 (RFC 4648 section 4). */
static int digit(char c)
{
    const char *at = c ? strchr(digits, c == '+' ? '-' : c == '/' ? '_' : c) : NULL;

    return at ? (int)(at - digits) : -1;
}

uint8_t *jose_base64url_read(struct hg_text text, size_t *size)
{
    uint8_t *bytes;
    uint32_t group = 0;
    size_t count = 0;

    while (text.size && (isspace((unsigned char)text.data[text.size - 1]) || text.data[text.size - 1] == '='))
        text.size--;
    for (; text.size && isspace((unsigned char)text.data[0]); text.data++)
        text.size--;
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
