/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The format "json/1": a JSON object for each message, each in a line; docs/protocol.md tells it in full.
 */
#ifndef PLUGINS_CODEC_JSON_FORMAT_H
#define PLUGINS_CODEC_JSON_FORMAT_H

#include "plugins/lib/codec/codec.h"

/* Limits. A line is gathered and parsed as a whole, and parsing recurses with the depth. A value of a byte or two takes
 * a hundred in memory, so their number is bounded, too: each one but the first stands behind a mark, which is `[`, `{`
 * or
 * `,`. A field takes four at most. */
#define CODEC_JSON_LINE_MAX  ((size_t)4194304) /* with its newline */
#define CODEC_JSON_DEPTH_MAX 16
#define CODEC_JSON_MARKS_MAX 32768

/* Data in one line, before it is encoded: what an encoder is given at once. */
#define CODEC_JSON_DATA_MAX ((size_t)16384)
/* How much longer than base64 a text may get by its escapes, so that small pieces stay readable. */
#define CODEC_JSON_TEXT_SLACK ((size_t)64)

/* A decoder's state. */
struct codec_json_decoder {
    enum codec_phase phase;
    struct codec_gathered gathered; /* what there is of a line that comes in pieces */
    char *reason;                   /* the texts of a reset */
};

/* ---- json_text.c ---- */

/* The size of a text inside JSON's quotes, escapes included; SIZE_MAX when it is not UTF-8. */
size_t codec_json_escaped_size(struct hg_text text);
/* Writes it; returns what follows. */
char *codec_json_escape(char *at, struct hg_text text);
/* How many bytes at the beginning continue, and at the end begin, a character that is cut by the text's edge: 0 to 3.
 */
size_t codec_json_cut_before(struct hg_text text);
size_t codec_json_cut_after(struct hg_text text);

/* Base64 of RFC 4648 section 4, padded. */
static inline size_t codec_json_base64_size(size_t size)
{
    return (size + 2) / 3 * 4;
}
char *codec_json_base64(char *at, struct hg_text bytes);
/* Decodes into `to`, which has room for 3 bytes for each 4 of the text. The size, or -1 when it is not base64, or not
 * as an encoder writes it. */
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
