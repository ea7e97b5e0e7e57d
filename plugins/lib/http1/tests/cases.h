/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Shared by the tests of the HTTP/1 library: a reader of whole connections.
 */
#ifndef PLUGINS_LIB_HTTP1_TESTS_CASES_H
#define PLUGINS_LIB_HTTP1_TESTS_CASES_H

#include "plugins/lib/http1/http1.h"
#include "tests/unit/core_host.h"

#include <check.h>

TCase *corpus_tests(void);
TCase *request_tests(void);
TCase *response_tests(void);
TCase *writing_tests(void);

extern const struct http1_limits default_limits;

/* Everything that was read, as text: "[GET / a 0x101 -2]" for heads, bodies as they are, "." for ends, "{name: value}"
 * for trailers, "!400" for an error. */
struct story {
    char text[8192];
    size_t size;
    struct hg_reason reason;
};

struct reader {
    enum hg_head_kind kind;
    const struct http1_limits *limits;
    struct http1_asked asked;
    struct http1_scan scan;
    struct http1_body body;
    bool in_body;
    const char *broken; /* the last rule that was broken but tolerated */
    struct story *story;
};

void reader_init(struct reader *reader, enum hg_head_kind kind, struct story *story);
/* Reads as much as possible; returns how many bytes were used, or -1 after an error. The bytes are copied to memory of
 * exactly their size, so that a sanitizer notices a read beyond them. */
ptrdiff_t reader_feed(struct reader *reader, const uint8_t *bytes, size_t size);
/* Reads the first `split` bytes, then the rest. */
void read_split(struct reader *reader, const uint8_t *bytes, size_t size, size_t split);
/* The story of a whole input. */
const char *story_of(struct story *story, enum hg_head_kind kind, const char *input);
const char *request(struct story *story, const char *input);
const char *response(struct story *story, const char *input);

#endif
