/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The codec "binary/1": compact and fast, for normal use. encode.c and decode.c are its two halves.
 */
#include "config.h"
#include "plugins/codec_binary/format.h"

#include <stdlib.h>

static int worker_start(struct hg_worker *worker)
{
    struct codec_binary_encoder *encoder = calloc(1, sizeof *encoder);

    if (!encoder) {
        hg_log(worker->instance, HG_LOG_ERROR, "out of memory");
        return -1;
    }
    codec_binary_lookup_init(&encoder->lookup);
    worker->state = encoder;
    return 0;
}

static void worker_stop(struct hg_worker *worker)
{
    struct codec_binary_encoder *encoder = worker->state;

    if (encoder)
        hg_buffer_unref(encoder->page);
    free(encoder);
    worker->state = NULL;
}

HG_EXPORT const struct hg_plugin *hopgate_plugin(void)
{
    static const struct hg_codec_ops ops = {
        .wire_name = "binary/1",
        .decoder_size = sizeof(struct codec_binary_decoder),
        .data_overhead = 5, /* the type, and 16,384 as a 4-byte varint */
        .data_growth = 64,
        .encode_head = codec_binary_encode_head,
        .encode_data = codec_binary_encode_data,
        .encode_end = codec_binary_encode_end,
        .encode_reset = codec_binary_encode_reset,
        .decode = codec_binary_decode,
        .decoder_free = codec_binary_decoder_free,
    };
    static const struct hg_plugin plugin = {
        .abi = HG_ABI,
        .role = HG_ROLE_CODEC,
        .name = "codec_binary",
        .version = PACKAGE_VERSION,
        .summary = "encodes exchanges in a compact binary format (binary/1)",
        .ops = &ops,
        .worker_start = worker_start,
        .worker_stop = worker_stop,
    };

    return &plugin;
}
