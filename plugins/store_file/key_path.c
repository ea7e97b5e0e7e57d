/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/store_file/key_path.h"

/* The limit for file names on Linux. */
#define NAME_MAX_BYTES 255

static bool stays(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           (c == '.' && !first);
}

/* Appends one segment; NULL: it is invalid. */
static char *put_segment(char *at, const char *segment, size_t size)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *begin = at;

    if (!size || size > HG_STORE_SEGMENT_MAX)
        return NULL;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)segment[i];

        if (!c)
            return NULL;
        if (stays((char)c, i == 0)) {
            *at++ = (char)c;
            continue;
        }
        *at++ = '%';
        *at++ = digits[c >> 4];
        *at++ = digits[c & 15];
    }
    return at - begin > NAME_MAX_BYTES ? NULL : at;
}

bool key_path(struct hg_text key, char path[KEY_PATH_SIZE])
{
    const char *rest = key.data, *end = key.data + key.size;
    char *at = path;

    if (!key.size || key.size > HG_STORE_KEY_MAX)
        return false;
    for (;;) {
        const char *slash = memchr(rest, '/', (size_t)(end - rest));

        at = put_segment(at, rest, (size_t)((slash ? slash : end) - rest));
        if (!at)
            return false;
        if (!slash)
            break;
        *at++ = '/';
        rest = slash + 1;
        if (rest == end)
            return false;
    }
    *at = '\0';
    return true;
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool key_of_path(const char *path, char key[HG_STORE_KEY_MAX + 1])
{
    char again[KEY_PATH_SIZE];
    size_t size = 0;

    for (const char *at = path; *at; at++) {
        int high = *at == '%' ? hex(at[1]) : -1, low = high >= 0 ? hex(at[2]) : -1;

        if (size == HG_STORE_KEY_MAX)
            return false;
        key[size++] = low >= 0 ? (char)(high << 4 | low) : *at;
        at += low >= 0 ? 2 : 0;
    }
    key[size] = '\0';
    /* Accept only what key_path() produces, so that there is one file for each key. */
    return key_path((struct hg_text){key, size}, again) && !strcmp(again, path);
}

bool key_is_below(struct hg_text key, struct hg_text prefix)
{
    if (!prefix.size)
        return true;
    return key.size >= prefix.size && !memcmp(key.data, prefix.data, prefix.size) &&
           (key.size == prefix.size || key.data[prefix.size] == '/');
}
