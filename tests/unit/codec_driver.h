/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Driving a codec through its operations, for the property tests and the fuzz targets. What is told of a direction is
 * written into a transcript, so that what went in and what came out are compared as two strings of bytes.
 */
#ifndef TESTS_UNIT_CODEC_DRIVER_H
#define TESTS_UNIT_CODEC_DRIVER_H

#include <hopgate/codec.h>
#include <hopgate/host.h>

/* A growing string of bytes. All zero to begin with; free(bytes) to end. */
struct bytes {
    uint8_t *bytes;
    size_t size, capacity;
};
void bytes_append(struct bytes *bytes, const void *data, size_t size);

/* What happened in a direction, in one form: data counts by its bytes, not by its pieces. */
struct transcript {
    struct bytes text;
    struct bytes data;
    bool over;      /* an end or a reset was the last thing */
    bool too_large; /* an event was over a limit of the encoder: it had come more compact than the encoder writes */
};
void transcript_head(struct transcript *transcript, const struct hg_head *head);
void transcript_data(struct transcript *transcript, const void *data, size_t size);
void transcript_end(struct transcript *transcript, const struct hg_fields *trailers);
void transcript_reset(struct transcript *transcript, const struct hg_reason *reason);
bool transcript_equal(const struct transcript *a, const struct transcript *b);
/* Whether all of `part` is at the beginning of `whole`. */
bool transcript_begins(const struct transcript *whole, const struct transcript *part);
void transcript_free(struct transcript *transcript);

/* Numbers that depend on the seed alone (SplitMix64). */
struct random_numbers {
    uint64_t state;
};
uint64_t random_number(struct random_numbers *random);
/* From 0 to below - 1. */
size_t random_below(struct random_numbers *random, size_t below);

/* Appends the output's bytes and drops its references. */
void take_output(struct bytes *wire, struct hg_output *out);

/* Decodes `wire` in pieces of up to `piece` bytes (0: random sizes), each in memory of its own size, checks that every
 * event keeps the promises of the public headers, and writes the transcript. 0, or -1 when the decoder gave an error,
 * which is left in *error. With `again` not NULL every event is encoded anew into it. */
int decode_all(const struct hg_codec_ops *ops, struct hg_worker *worker, const void *wire, size_t size, size_t piece,
               struct random_numbers *random, struct transcript *transcript, struct bytes *again, const char **error);

/* As assert(), in every build. */
#define must(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            must_failed(#condition, __FILE__, __LINE__);                                                               \
    } while (0)
_Noreturn void must_failed(const char *condition, const char *file, int line);

#endif
