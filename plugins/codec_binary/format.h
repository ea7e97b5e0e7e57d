/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The format "binary/1", as implemented in both directions; docs/protocol.md specifies it.
 */
#ifndef PLUGINS_CODEC_BINARY_FORMAT_H
#define PLUGINS_CODEC_BINARY_FORMAT_H

#include "plugins/lib/codec/codec.h"

/* A message is its type, the size of its payload (both varints) and the payload. Unknown types are skipped. */
enum codec_binary_type {
    CODEC_BINARY_DATA = 0,
    CODEC_BINARY_REQUEST = 1,
    CODEC_BINARY_RESPONSE = 2,
    CODEC_BINARY_END = 3,
    CODEC_BINARY_RESET = 4,
};

/* Except for DATA, a payload is collected before it is decoded, so its size is limited: to twice the largest HTTP/1
 * head (1 MiB), as percent-encoding may make a path three times as long. */
#define CODEC_BINARY_PAYLOAD_MAX ((size_t)2097152)

/* How a field's name is encoded: the low two bits of a varint; the rest of it is a size or an index. */
enum codec_binary_name_form {
    CODEC_BINARY_NAME_LITERAL = 0, /* the size of the name, which follows */
    CODEC_BINARY_NAME_TITLED = 1,  /* its index among the common names, "Content-Type" */
    CODEC_BINARY_NAME_LOWER = 2,   /* the same in lower case, "content-type" */
};

/* A frequent name in both common spellings: HTTP/1 senders mostly use title case, HTTP/2 uses lower case. */
struct codec_binary_name {
    struct hg_text titled;
    struct hg_text lower;
};
#define CODEC_BINARY_NAMES 48
extern const struct codec_binary_name codec_binary_names[CODEC_BINARY_NAMES];

/* Lookup of frequent names: open addressing, filled by codec_binary_lookup_init(). Contains index + 1; 0: free. */
#define CODEC_BINARY_SLOTS 128
struct codec_binary_lookup {
    uint8_t slots[CODEC_BINARY_SLOTS];
};
void codec_binary_lookup_init(struct codec_binary_lookup *lookup);
/* The name's index with its form in the low two bits; 0 if that spelling is not in the list. */
unsigned codec_binary_lookup(const struct codec_binary_lookup *lookup, struct hg_text name);

/* The state of an instance in each worker: the page that small messages are written to, one after the other. */
struct codec_binary_encoder {
    struct hg_buffer *page;
    size_t used;
    struct codec_binary_lookup lookup;
};

/* A decoder's state. */
struct codec_binary_decoder {
    enum codec_phase phase;
    bool in_message; /* the header is complete, and the next two members are valid */
    uint64_t type;
    uint64_t remaining; /* bytes of the payload that were not used or collected yet */
    uint8_t header[16]; /* what has arrived of two varints of up to 8 bytes */
    size_t header_size;
    struct codec_gathered gathered; /* what has arrived of a payload */
    char *reason;                   /* the texts of a reset */
};

/* Variable-length integers (RFC 9000 section 16): the top two bits of the first byte are log2 of the size. */
#define CODEC_BINARY_VARINT_MAX ((UINT64_C(1) << 62) - 1)

static inline size_t codec_binary_varint_size(uint8_t first)
{
    return (size_t)1 << (first >> 6);
}

static inline uint64_t codec_binary_varint_get(const uint8_t *at)
{
    uint64_t value = *at & 0x3f;

    for (size_t i = 1, size = codec_binary_varint_size(*at); i < size; i++)
        value = value << 8 | at[i];
    return value;
}

/* Writes `value` in 1 << `log` bytes, which must be enough; returns the position after it. */
static inline uint8_t *codec_binary_varint_put_in(uint8_t *at, uint64_t value, unsigned log)
{
    size_t size = (size_t)1 << log;

    for (size_t i = size; i-- > 0; value >>= 8)
        at[i] = (uint8_t)value;
    *at |= (uint8_t)(log << 6);
    return at + size;
}

static inline uint8_t *codec_binary_varint_put(uint8_t *at, uint64_t value)
{
    if (value < 1 << 6) {
        *at = (uint8_t)value;
        return at + 1;
    }
    return codec_binary_varint_put_in(at, value, value < 1 << 14 ? 1 : value < 1 << 30 ? 2 : 3);
}

int codec_binary_encode_head(struct hg_worker *worker, const struct hg_head *head, struct hg_output *out,
                             const char **error);
int codec_binary_encode_data(struct hg_worker *worker, const struct hg_slice *slice, struct hg_output *out,
                             const char **error);
int codec_binary_encode_end(struct hg_worker *worker, const struct hg_fields *trailers, struct hg_output *out,
                            const char **error);
int codec_binary_encode_reset(struct hg_worker *worker, const struct hg_reason *reason, struct hg_output *out,
                              const char **error);
ptrdiff_t codec_binary_decode(struct hg_worker *worker, void *decoder, const struct hg_slice *in,
                              struct hg_codec_event *event, const char **error);
void codec_binary_decoder_free(struct hg_worker *worker, void *decoder);

#endif
