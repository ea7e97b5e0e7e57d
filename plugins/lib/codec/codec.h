/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What the codecs do alike, whatever their format: the order of messages, which texts are taken and told, messages that
 * come in pieces. docs/protocol.md, section 8.
 */
#ifndef PLUGINS_LIB_CODEC_CODEC_H
#define PLUGINS_LIB_CODEC_CODEC_H

#include <hopgate/codec.h>
#include <hopgate/host.h>

/* Limits of every format. The number of fields leaves room above what HTTP/1 takes (4,000) for what stages add. */
#define CODEC_FIELDS_MAX ((size_t)4096)
#define CODEC_ERROR_MAX  ((size_t)64)   /* of a reset: the proxy error type */
#define CODEC_DETAIL_MAX ((size_t)1024) /* of a reset: the line for a person */

/* What may come next in a direction. */
enum codec_phase {
    CODEC_PHASE_START = 0,   /* a head, of either kind */
    CODEC_PHASE_INTERIM = 1, /* a response head: those before were interim */
    CODEC_PHASE_BODY = 2,    /* data or the end */
    CODEC_PHASE_OVER = 3,    /* nothing */
};

/* Whether a head of that kind may come. */
static inline bool codec_phase_takes_head(enum codec_phase phase, enum hg_head_kind kind)
{
    return phase < (kind == HG_REQUEST ? CODEC_PHASE_INTERIM : CODEC_PHASE_BODY);
}

/* What may come behind a head. */
static inline enum codec_phase codec_phase_after(const struct hg_head *head)
{
    return hg_head_is_interim(head) ? CODEC_PHASE_INTERIM : CODEC_PHASE_BODY;
}

/* ---- Texts ---- */

/* What a text may hold, as <hopgate/message.h> promises it of heads and fields. */
enum codec_text {
    CODEC_LINE,  /* any byte but CR, LF and NUL */
    CODEC_WORD,  /* no control character and no space */
    CODEC_TOKEN, /* tchar of RFC 9110 section 5.6.2, at least one */
};

/* What is wrong with the text; NULL: nothing. */
const char *codec_text_fault(struct hg_text text, enum codec_text kind);
/* Why hg_head_set() or hg_field_add(), which check what they are given, has failed. */
const char *codec_set_fault(struct hg_text text, enum codec_text kind);

/* What is wrong with traffic, method and path of a request taken together; NULL: nothing. */
const char *codec_request_fault(const struct hg_head *head);

/* The texts of a reset as they are sent, ended by NUL: a failure must always be tellable, so one that is too long is
 * cut, between characters of UTF-8, and what a decoder would not take in it is replaced. */
struct hg_text codec_tell_error(char to[static CODEC_ERROR_MAX + 1], const char *error);
struct hg_text codec_tell_detail(char to[static CODEC_DETAIL_MAX + 1], const char *detail);

/* Puts the texts of a reset that was received into `reason`. They live in the memory that is returned, for free(); NULL
 * when out of memory. */
char *codec_keep_reason(struct hg_reason *reason, struct hg_text error, struct hg_text detail);

/* ---- Messages that come in pieces ---- */

struct codec_gathered {
    uint8_t *data;
    size_t size, capacity;
};

/* Adds to what was gathered. The memory follows what has come, not what was announced. False: out of memory. */
bool codec_gather(struct codec_gathered *gathered, const uint8_t *bytes, size_t size);
void codec_forget(struct codec_gathered *gathered);

#endif
