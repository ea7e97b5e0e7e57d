/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The format "json/1": a JSON object for each message, each on its own line; docs/protocol.md specifies it.
 */
#ifndef PLUGINS_CODEC_JSON_FORMAT_H
#define PLUGINS_CODEC_JSON_FORMAT_H

#include "plugins/lib/codec/codec.h"

/* Limits. A line is collected and parsed as a whole, and the parser recurses with the depth. A value of a byte or two
 * takes a hundred in memory, so the number of values is limited, too: each except the first follows a mark, which is
 * `[`, `{` or `,`. A field takes four at most. */
#define CODEC_JSON_LINE_MAX  ((size_t)4194304) /* including its newline */
#define CODEC_JSON_DEPTH_MAX 16
#define CODEC_JSON_MARKS_MAX 32768

/* Data in one line before it is encoded: the most that an encoder gets at once. */
#define CODEC_JSON_DATA_MAX ((size_t)16384)
/* How much longer than base64 a text with escapes may be, so that small pieces remain readable. */
#define CODEC_JSON_TEXT_SLACK ((size_t)64)

/* A decoder's state. */
struct codec_json_decoder {
    enum codec_phase phase;
    struct codec_gathered gathered; /* what has arrived of a line */
    char *reason;                   /* the texts of a reset */
};

/* ---- json_text.c ---- */

/* The size of a text between JSON's quotes, including escapes; SIZE_MAX if it is not UTF-8. */
size_t codec_json_escaped_size(struct hg_text text);
/* Writes it; returns the position after it. */
char *codec_json_escape(char *at, struct hg_text text);
/* How many bytes at the start continue, and at the end start, a character that is cut at the edge of the text: 0 to
 * 3. */
size_t codec_json_cut_before(struct hg_text text);
size_t codec_json_cut_after(struct hg_text text);

/* Base64 of RFC 4648 section 4, padded. */
static inline size_t codec_json_base64_size(size_t size)
{
    return (size + 2) / 3 * 4;
}
char *codec_json_base64(char *at, struct hg_text bytes);
/* Decodes into `to`, which needs 3 bytes for each 4 of the text. Returns the size, or -1 if it is not base64, or not in
 * the form that an encoder writes. */
ptrdiff_t codec_json_base64_decode(uint8_t *to, struct hg_text text);

/* ---- encode.c, decode.c ---- */

int codec_json_encode_head(struct hg_worker *worker, const struct hg_head *head, struct hg_output *out,
                           const char **error);
int codec_json_encode_data(struct hg_worker *worker, const struct hg_slice *slice, struct hg_output *out,
                           const char **error);
int codec_json_encode_end(struct hg_worker *worker, const struct hg_fields *trailers, struct hg_output *out,
                          const char **error);
int codec_json_encode_reset(struct hg_worker *worker, const struct hg_reason *reason, struct hg_output *out,
                            const char **error);
ptrdiff_t codec_json_decode(struct hg_worker *worker, void *decoder, const struct hg_slice *in,
                            struct hg_codec_event *event, const char **error);
void codec_json_decoder_free(struct hg_worker *worker, void *decoder);

#endif
