/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/codec/codec.h"

#include <stdlib.h>

/* The first allocation for a message that arrives in pieces; doubled when full. */
#define GATHER_MIN ((size_t)1024)

/* What a word must not contain, besides NUL. */
#define NOT_IN_WORD                                                                                                    \
    "\001\002\003\004\005\006\007\010\011\012\013\014\015\016\017\020\021\022\023\024\025\026\027\030\031\032\033\034" \
    "\035\036\037\040\177"

/* ---- Texts ---- */

static bool is_word(struct hg_text text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((uint8_t)text.data[i] <= ' ' || text.data[i] == 0x7f)
            return false;
    return true;
}

static bool is_line(struct hg_text text)
{
    return !text.size || !(memchr(text.data, '\n', text.size) || memchr(text.data, '\r', text.size) ||
                           memchr(text.data, 0, text.size));
}

const char *codec_text_fault(struct hg_text text, enum codec_text kind)
{
    switch (kind) {
    case CODEC_TOKEN:
        return !text.size ? "empty token" : hg_text_is_token(text) ? NULL : "not a token";
    case CODEC_WORD:
        return is_word(text) ? NULL : "control character or space in a word";
    default:
        return is_line(text) ? NULL : "CR, LF or NUL in a text";
    }
}

const char *codec_set_fault(struct hg_text text, enum codec_text kind)
{
    const char *fault = codec_text_fault(text, kind);

    return fault ? fault : "out of memory";
}

static struct hg_text sanitize(char *to, const char *from, size_t max, const char *bad, char replacement)
{
    struct hg_text text = hg_text(from);

    if (text.size > max) {
        text.size = max;
        while (text.size && ((uint8_t)text.data[text.size] & 0xc0) == 0x80)
            text.size--;
    }
    for (size_t i = 0; i < text.size; i++)
        to[i] = strchr(bad, text.data[i]) ? replacement : text.data[i];
    to[text.size] = 0;
    return (struct hg_text){to, text.size};
}

struct hg_text codec_sent_error(char to[static CODEC_ERROR_MAX + 1], const char *error)
{
    return sanitize(to, error, CODEC_ERROR_MAX, NOT_IN_WORD, '_');
}

struct hg_text codec_sent_detail(char to[static CODEC_DETAIL_MAX + 1], const char *detail)
{
    return sanitize(to, detail, CODEC_DETAIL_MAX, "\r\n", ' ');
}

static char *put_string(char *at, struct hg_text text)
{
    if (text.size)
        memcpy(at, text.data, text.size);
    at[text.size] = 0;
    return at + text.size + 1;
}

char *codec_keep_reason(struct hg_reason *reason, struct hg_text error, struct hg_text detail)
{
    char *texts = malloc(error.size + 1 + detail.size + 1), *second;

    if (!texts)
        return NULL;
    second = put_string(texts, error);
    put_string(second, detail);
    reason->error = error.size ? texts : NULL;
    reason->detail = detail.size ? second : NULL;
    return texts;
}

/* ---- Messages that arrive in pieces ---- */

bool codec_gather(struct codec_gathered *gathered, const uint8_t *bytes, size_t size)
{
    size_t needed = gathered->size + size;

    if (needed > gathered->capacity) {
        size_t capacity = gathered->capacity ? gathered->capacity : GATHER_MIN;
        uint8_t *grown;

        while (capacity < needed)
            capacity *= 2;
        grown = realloc(gathered->data, capacity);
        if (!grown)
            return false;
        gathered->data = grown;
        gathered->capacity = capacity;
    }
    if (size)
        memcpy(gathered->data + gathered->size, bytes, size);
    gathered->size = needed;
    return true;
}

void codec_forget(struct codec_gathered *gathered)
{
    free(gathered->data);
    *gathered = (struct codec_gathered){0};
}

const char *codec_request_fault(const struct hg_head *head)
{
    bool slash = head->path.size && head->path.data[0] == '/';

    if (head->traffic == HG_TRAFFIC_HTTP)
        return slash || hg_text_equal(head->path, HG_TEXT("*")) ? NULL : "path does not start with a slash";
    if (!hg_text_equal(head->method, HG_TEXT("CONNECT")))
        return "a request for a stream or for datagrams whose method is not CONNECT";
    return slash || !head->path.size ? NULL : "path does not start with a slash";
}
