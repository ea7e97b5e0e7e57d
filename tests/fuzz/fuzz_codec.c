/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Fuzzes the decoder of one codec, FUZZ_PLUGIN. The first byte of the input is the size of the pieces (0: random
 * sizes). decode_all() checks that the result always fulfils what the public headers guarantee; it is then encoded, and
 * decoding must give it again.
 */
#include "tests/unit/codec_driver.h"
#include "tests/unit/fake_host.h"

#include <stdlib.h>

const struct hg_plugin *FUZZ_PLUGIN(void);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct hg_plugin *plugin = FUZZ_PLUGIN();
    const struct hg_codec_ops *ops = plugin->ops;
    struct random_numbers random = {size};
    struct transcript first = {0}, second = {0};
    struct bytes again = {0};
    struct fake_host fake;
    const char *error;

    if (!size)
        return 0;
    fake_host_init(&fake, plugin, NULL);
    must(!fake_host_start(&fake, plugin));
    decode_all(ops, &fake.worker, data + 1, size - 1, data[0], &random, &first, &again, &error);
    must(first.too_large || !decode_all(ops, &fake.worker, again.bytes, again.size, 0, &random, &second, NULL, &error));
    must(first.too_large || transcript_equal(&first, &second));
    transcript_free(&first);
    transcript_free(&second);
    free(again.bytes);
    fake_host_stop(&fake, plugin);
    return 0;
}
