/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Shared by the codecs of all formats: checking the order of messages and the bytes of texts, and collecting messages
 * that arrive in pieces. docs/protocol.md, section 8.
 */
#ifndef PLUGINS_LIB_CODEC_CODEC_H
#define PLUGINS_LIB_CODEC_CODEC_H

#include <hopgate/codec.h>
#include <hopgate/host.h>

/* Limits of all formats. The number of fields exceeds that of HTTP/1 (4,000), so that stages can add some. */
#define CODEC_FIELDS_MAX ((size_t)4096)
#define CODEC_ERROR_MAX  ((size_t)64)   /* of a reset: the proxy error type */
#define CODEC_DETAIL_MAX ((size_t)1024) /* of a reset: the line for humans */

/* What may come next in one direction. */
enum codec_phase {
    CODEC_PHASE_START = 0,   /* a head, of either kind */
    CODEC_PHASE_INTERIM = 1, /* a response head: those so far were interim */
    CODEC_PHASE_BODY = 2,    /* data or the end */
    CODEC_PHASE_OVER = 3,    /* nothing */
};

/* Whether a head of that kind may come now. */
static inline bool codec_phase_takes_head(enum codec_phase phase, enum hg_head_kind kind)
{
    return phase < (kind == HG_REQUEST ? CODEC_PHASE_INTERIM : CODEC_PHASE_BODY);
}

/* What may follow a head. */
static inline enum codec_phase codec_phase_after(const struct hg_head *head)
{
    return hg_head_is_interim(head) ? CODEC_PHASE_INTERIM : CODEC_PHASE_BODY;
}

/* ---- Texts ---- */

/* What a text may contain, according to <hopgate/message.h>. */
enum codec_text {
    CODEC_LINE,  /* any byte but CR, LF and NUL */
    CODEC_WORD,  /* no control character and no space */
    CODEC_TOKEN, /* tchar of RFC 9110 section 5.6.2, at least one */
};

/* What is wrong with the text; NULL: nothing. */
const char *codec_text_fault(struct hg_text text, enum codec_text kind);
/* Why hg_head_set() or hg_field_add(), which check their arguments, failed. */
const char *codec_set_fault(struct hg_text text, enum codec_text kind);

/* What is wrong with the combination of a request's traffic, method and path; NULL: nothing. */
const char *codec_request_fault(const struct hg_head *head);

/* The texts of a reset as they are sent, terminated by NUL. As a failure must always get through, a text that is too
 * long is cut off, between characters of UTF-8, and what a decoder would refuse is replaced. */
struct hg_text codec_sent_error(char to[static CODEC_ERROR_MAX + 1], const char *error);
struct hg_text codec_sent_detail(char to[static CODEC_DETAIL_MAX + 1], const char *detail);

/* Puts the texts of a received reset into `reason`. They are stored in the returned memory, which is for free(); NULL
 * when out of memory. */
char *codec_keep_reason(struct hg_reason *reason, struct hg_text error, struct hg_text detail);

/* ---- Messages that arrive in pieces ---- */

struct codec_gathered {
    uint8_t *data;
    size_t size, capacity;
};

/* Appends to what has been collected. Memory is allocated for what has arrived, not for what was announced. False: out
 * of memory. */
bool codec_gather(struct codec_gathered *gathered, const uint8_t *bytes, size_t size);
void codec_forget(struct codec_gathered *gathered);

#endif
