/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Drives a codec through its operations, for the property tests and the fuzz targets. The events of a direction are
 * written into a transcript, so that input and output can be compared as strings of bytes.
 */
#ifndef TESTS_UNIT_CODEC_DRIVER_H
#define TESTS_UNIT_CODEC_DRIVER_H

#include <hopgate/codec.h>
#include <hopgate/host.h>

/* A growing string of bytes. Initialize with zeros; release with free(bytes). */
struct bytes {
    uint8_t *bytes;
    size_t size, capacity;
};
void bytes_append(struct bytes *bytes, const void *data, size_t size);

/* The events of a direction in a canonical form: data counts as bytes, however it is split. */
struct transcript {
    struct bytes text;
    struct bytes data;
    bool over;      /* an end or a reset was the last event */
    bool too_large; /* an event exceeded a limit of the encoder: its original encoding was more compact than the
                       encoder's */
};
void transcript_head(struct transcript *transcript, const struct hg_head *head);
void transcript_data(struct transcript *transcript, const void *data, size_t size);
void transcript_end(struct transcript *transcript, const struct hg_fields *trailers);
void transcript_reset(struct transcript *transcript, const struct hg_reason *reason);
bool transcript_equal(const struct transcript *a, const struct transcript *b);
/* Whether `whole` begins with all of `part`. */
bool transcript_begins(const struct transcript *whole, const struct transcript *part);
void transcript_free(struct transcript *transcript);

/* Numbers that depend only on the seed (SplitMix64). */
struct random_numbers {
    uint64_t state;
};
uint64_t random_number(struct random_numbers *random);
/* From 0 to below - 1. */
size_t random_below(struct random_numbers *random, size_t below);

/* Appends the output's bytes and drops its references. */
void take_output(struct bytes *wire, struct hg_output *out);

/* Decodes `wire` in pieces of up to `piece` bytes (0: random sizes), each in memory of exactly its size, checks that
 * every event keeps the promises of the public headers, and writes the transcript. 0, or -1 if the decoder returned an
 * error, which is left in *error. If `again` is not NULL, every event is also encoded into it. */
int decode_all(const struct hg_codec_ops *ops, struct hg_worker *worker, const void *wire, size_t size, size_t piece,
               struct random_numbers *random, struct transcript *transcript, struct bytes *again, const char **error);

/* Like assert(), but in every build. */
#define must(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            must_failed(#condition, __FILE__, __LINE__);                                                               \
    } while (0)
_Noreturn void must_failed(const char *condition, const char *file, int line);

#endif
