/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Shared by the files in this folder only.
 */
#ifndef PLUGINS_LIB_HTTP1_HTTP1_INTERNAL_H
#define PLUGINS_LIB_HTTP1_HTTP1_INTERNAL_H

#include "plugins/lib/http1/http1.h"

/* Classes of bytes, RFC 9110 section 5.5 and 5.6.2, RFC 9112 section 3. */
enum {
    HTTP1_TOKEN = 1,  /* tchar */
    HTTP1_TARGET = 2, /* VCHAR: what a request target may contain here */
    HTTP1_VALUE = 4,  /* field-vchar (VCHAR and obs-text), SP and HTAB */
};

bool http1_is(uint8_t byte, int class);

/* Fills `reason`. An error in a response is the origin's: 502, whatever `status` a request would get. `response_error`
 * is its RFC 9209 type; NULL: http_protocol_error. Returns HTTP1_FAULT. */
enum http1_result http1_fault(struct hg_reason *reason, enum hg_head_kind kind, int status, const char *response_error,
                              const char *detail);

/* Trims whitespace (RFC 9110 section 5.6.3) from both ends. */
struct hg_text http1_trim(struct hg_text text);

/* Takes the next member from a comma-separated list; false at its end. Empty members are skipped. */
bool http1_next_member(struct hg_text *list, struct hg_text *member);

/* Whether a field with that name concerns a single connection or framing, so that it is never forwarded. */
enum http1_field {
    HTTP1_FIELD_OTHER = 0,
    HTTP1_FIELD_CONNECTION,
    HTTP1_FIELD_CONTENT_LENGTH,
    HTTP1_FIELD_HOST,
    HTTP1_FIELD_TE,
    HTTP1_FIELD_TRANSFER_ENCODING,
    HTTP1_FIELD_UPGRADE,
    HTTP1_FIELD_HOP_BY_HOP, /* any other */
};
enum http1_field http1_classify(struct hg_text name);

/* Takes the next line, without its end, from what http1_scan() has accepted. False at the end. */
bool http1_next_line(const uint8_t **at, const uint8_t *end, struct hg_text *line);
/* The same for a field line. False at the empty line. */
bool http1_next_field(const uint8_t **at, const uint8_t *end, struct hg_field *field);

/* Returns those fields of a valid trailer section that are allowed there; on an error, returns NULL and sets
 * `reason`. */
struct hg_fields *http1_parse_trailers(const struct hg_host *host, enum hg_head_kind kind,
                                       const struct http1_limits *limits, const uint8_t *data, size_t size,
                                       struct hg_reason *reason);
/* Finds the same errors without creating anything. */
enum http1_result http1_check_trailers(enum hg_head_kind kind, const uint8_t *data, size_t size,
                                       struct hg_reason *reason);

/* The parts of a request target. */
struct http1_target {
    struct hg_text authority, path; /* authority: empty except in absolute form */
    bool root;                      /* the path's "/" is missing before its query */
};
enum http1_result http1_read_target(struct hg_text text, bool is_options, struct hg_text scheme,
                                    struct http1_target *target, struct hg_reason *reason);
/* Sets head->path, with bytes above 0x7f percent-encoded. Returns 0, or -1 when out of memory. */
int http1_set_path(const struct hg_host *host, struct hg_head *head, const struct http1_target *target,
                   bool is_options);
/* host [":" port] (RFC 9110 section 7.2). */
bool http1_valid_authority(struct hg_text text);
/* Sets head->authority, with its port normalized (RFC 3986 section 6.2.3). As above. */
int http1_set_authority(const struct hg_host *host, struct hg_head *head, struct hg_text text);

#endif
