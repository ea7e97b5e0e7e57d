/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Codecs: turn the events of an exchange into the bytes of a stream, and back into events at the other end.
 *
 * A codec is pure: no input or output, no clock, no waiting. Each direction of an exchange is encoded separately: one
 * or more heads, any amount of data, one end; or, at any point, one reset.
 */
#ifndef HOPGATE_CODEC_H
#define HOPGATE_CODEC_H

#include <hopgate/buffer.h>
#include <hopgate/message.h>
#include <hopgate/plugin.h>

#define HG_OUTPUT_SLICES 8
/** The most slices added by one call of an encoder. */
#define HG_OUTPUT_PER_CALL 2

/**
 * Encoded bytes, in order. The caller sets `count` to 0 and then calls encoders as long as there is room
 * (HG_OUTPUT_PER_CALL slices for each call). Each call appends, and may extend the last slice if its bytes are
 * adjacent, so that a small message makes few slices. A failed call appends nothing. Each slice holds a reference on
 * its buffer, which passes to the caller.
 */
struct hg_output {
    size_t count;
    struct hg_slice slices[HG_OUTPUT_SLICES];
};

enum hg_codec_event_type {
    HG_CODEC_NONE = 0,  /**< Nothing yet: more bytes are needed, or a message of an unknown type was ignored. */
    HG_CODEC_HEAD = 1,  /**< `head`, which the caller now owns. */
    HG_CODEC_DATA = 2,  /**< `data`. */
    HG_CODEC_END = 3,   /**< `trailers`, which the caller now owns; NULL if there are none. */
    HG_CODEC_RESET = 4, /**< `reason`; its texts are valid until the next decode() or decoder_free(). */
};

/** What decode() has found. */
struct hg_codec_event {
    enum hg_codec_event_type type;
    struct hg_head *head;
    struct hg_slice data; /**< Part of the input (without a reference) or of a buffer of the codec's own, with a
                               reference taken for the caller: see `data_owned`. */
    bool data_owned;      /**< True: the caller must drop the reference on data.buffer. */
    struct hg_fields *trailers;
    struct hg_reason reason;
};

/** The operations of a codec. */
struct hg_codec_ops {
    const char *wire_name; /**< The name that both ends agree on, with the format's version: "binary/1". */
    size_t decoder_size;   /**< Size of a decoder's state, which the core zeroes at the start of each direction. */
    size_t data_overhead;  /**< The most bytes that encode_data() adds to a slice of up to 16 KiB, … */
    unsigned data_growth;  /**< … and the most that it turns each byte into, times 64 (64: no growth, 86: base64). */

    /** Encodes a head. 0, or -1 with `error` set to the reason (a literal): over a limit, out of memory. */
    int (*encode_head)(struct hg_worker *worker, const struct hg_head *head, struct hg_output *out, const char **error);
    /** Encodes data: a `slice` of 1 to 16,384 bytes, whose buffer it may take a reference on. Returns as above. */
    int (*encode_data)(struct hg_worker *worker, const struct hg_slice *slice, struct hg_output *out,
                       const char **error);
    /** Encodes the end; `trailers` may be NULL. Returns as above. */
    int (*encode_end)(struct hg_worker *worker, const struct hg_fields *trailers, struct hg_output *out,
                      const char **error);
    /** Encodes a failure, in place of the rest of the message. Returns as above. */
    int (*encode_reset)(struct hg_worker *worker, const struct hg_reason *reason, struct hg_output *out,
                        const char **error);

    /**
     * Reads from the front of `in`, produces at most one event and returns the number of bytes used: at least 1 unless
     * `in` is empty. Used but incomplete input is kept in its state, within the decoder's limits. Returns -1 with
     * `error` set (a literal) if the bytes are invalid or over a limit; the decoder must not be used after that.
     */
    ptrdiff_t (*decode)(struct hg_worker *worker, void *decoder, const struct hg_slice *in,
                        struct hg_codec_event *event, const char **error);
    /** Frees what the state refers to. The state itself belongs to the core. */
    void (*decoder_free)(struct hg_worker *worker, void *decoder);
};

#endif
