/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The codec "json/1": for humans. encode.c and decode.c are its two halves.
 */
#include "config.h"
#include "plugins/codec_json/format.h"

/* The parts of a line of data around its text: {"type":"data","base64":""} and the newline. */
#define DATA_LINE (sizeof "{\"type\":\"data\",\"base64\":\"\"}\n" - 1)

HG_EXPORT const struct hg_plugin *hopgate_plugin(void)
{
    static const struct hg_codec_ops ops = {
        .wire_name = "json/1",
        .decoder_size = sizeof(struct codec_json_decoder),
        /* Three lines if characters are cut at both ends, each with base64's last group beyond 4/3, plus the excess of
         * text over base64. */
        .data_overhead = 3 * (DATA_LINE + 3) + CODEC_JSON_TEXT_SLACK,
        .data_growth = 86, /* base64; a text that would grow more is not encoded as text */
        .encode_head = codec_json_encode_head,
        .encode_data = codec_json_encode_data,
        .encode_end = codec_json_encode_end,
        .encode_reset = codec_json_encode_reset,
        .decode = codec_json_decode,
        .decoder_free = codec_json_decoder_free,
    };
    static const struct hg_plugin plugin = {
        .abi = HG_ABI,
        .role = HG_ROLE_CODEC,
        .name = "codec_json",
        .version = PACKAGE_VERSION,
        .summary = "encodes exchanges as JSON lines (json/1)",
        .ops = &ops,
    };

    return &plugin;
}
