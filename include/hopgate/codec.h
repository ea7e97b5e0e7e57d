/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Codecs: how the events of an exchange become the bytes of a stream, and again events at the other end.
 *
 * A codec is pure: no input or output, no clock, no waiting. Each direction of an exchange is encoded by itself:
 * one or more heads, any number of data, one end; or, at any point, one reset.
 */
#ifndef HOPGATE_CODEC_H
#define HOPGATE_CODEC_H

#include <hopgate/buffer.h>
#include <hopgate/message.h>
#include <hopgate/plugin.h>

#define HG_OUTPUT_SLICES 8
/** The most slices that one call of an encoder adds. */
#define HG_OUTPUT_PER_CALL 2

/**
 * Encoded bytes, in order. The caller sets `count` to 0, then calls encoders, as many as there is room for
 * (HG_OUTPUT_PER_CALL slices each): each appends, and may lengthen the last slice where its bytes adjoin, so that a
 * small message leaves as few slices. A failed call has appended nothing. Each slice holds a reference on its buffer,
 * which passes to the caller of the encoders.
 */
struct hg_output {
    size_t count;
    struct hg_slice slices[HG_OUTPUT_SLICES];
};

enum hg_codec_event_type {
    HG_CODEC_NONE =
        0, /**< Nothing is complete yet: more bytes are needed, or a message of an unknown type was skipped. */
    HG_CODEC_HEAD = 1,  /**< `head`, which the caller now owns. */
    HG_CODEC_DATA = 2,  /**< `data`. */
    HG_CODEC_END = 3,   /**< `trailers`, which the caller now owns; NULL if there are none. */
    HG_CODEC_RESET = 4, /**< `reason`; its texts are valid until the next decode() or decoder_free(). */
};

/** What decode() has found. */
struct hg_codec_event {
    enum hg_codec_event_type type;
    struct hg_head *head;
    struct hg_slice data; /**< A part of the input (then no reference is held) or of a buffer of the codec's own, which
                               it has taken a reference on for the caller: see `data_owned`. */
    bool data_owned;      /**< True: the caller drops the reference on data.buffer. */
    struct hg_fields *trailers;
    struct hg_reason reason;
};

/** The operations of a codec. */
struct hg_codec_ops {
    const char *wire_name; /**< The name both ends agree on, with the format's version: "binary/1". */
    size_t decoder_size;   /**< Bytes of a decoder's state, zeroed by the core at the start of each direction. */
    size_t data_overhead;  /**< The most bytes that encode_data() adds to a slice of up to 16 KiB … */
    unsigned data_growth;  /**< … and the most bytes it makes of each byte, times 64 (64: none added, 86: base64). */

    /** Encodes a head. 0, or -1 with `error` set to what is wrong (a literal): over a limit, out of memory. */
    int (*encode_head)(struct hg_worker *worker, const struct hg_head *head, struct hg_output *out, const char **error);
    /** Encodes data: `slice` of 1 to 16,384 bytes; a reference may be taken on its buffer. As above. */
    int (*encode_data)(struct hg_worker *worker, const struct hg_slice *slice, struct hg_output *out,
                       const char **error);
    /** Encodes the end; `trailers` may be NULL. As above. */
    int (*encode_end)(struct hg_worker *worker, const struct hg_fields *trailers, struct hg_output *out,
                      const char **error);
    /** Encodes a failure, told in the place of what should still have come. As above. */
    int (*encode_reset)(struct hg_worker *worker, const struct hg_reason *reason, struct hg_output *out,
                        const char **error);

    /**
     * Reads from the front of `in`, gives at most one event and returns the bytes it used: at least 1 unless `in` is
     * empty. What it used but could not complete it keeps in its state, within its limits. Returns -1 with `error` set
     * (a literal) when the bytes are not of this format or over a limit; the decoder is then dead.
     */
    ptrdiff_t (*decode)(struct hg_worker *worker, void *decoder, const struct hg_slice *in,
                        struct hg_codec_event *event, const char **error);
    /** Frees what the state refers to. The state itself is the core's. */
    void (*decoder_free)(struct hg_worker *worker, void *decoder);
};

#endif
