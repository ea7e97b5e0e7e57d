/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What the files of this folder share and nobody else needs.
 */
#ifndef PLUGINS_LIB_HTTP1_HTTP1_INTERNAL_H
#define PLUGINS_LIB_HTTP1_HTTP1_INTERNAL_H

#include "plugins/lib/http1/http1.h"

/* Classes of bytes, RFC 9110 section 5.5 and 5.6.2, RFC 9112 section 3. */
enum {
    HTTP1_TOKEN = 1,  /* tchar */
    HTTP1_TARGET = 2, /* VCHAR: what may stand in a request target here */
    HTTP1_VALUE = 4,  /* field-vchar (VCHAR and obs-text), SP and HTAB */
};

bool http1_is(uint8_t byte, int class);

/* Fills `reason`. A fault of a response is the origin's: 502, whatever `status` a request would get. `response_error`
 * is its RFC 9209 type; NULL: http_protocol_error. Returns HTTP1_FAULT. */
enum http1_result http1_fault(struct hg_reason *reason, enum hg_head_kind kind, int status, const char *response_error,
                              const char *detail);

/* Cuts white space (RFC 9110 section 5.6.3) off both ends. */
struct hg_text http1_trim(struct hg_text text);

/* Cuts the next member off a comma-separated list; false at its end. Empty members are skipped. */
bool http1_next_member(struct hg_text *list, struct hg_text *member);

/* Whether a field of that name is about one connection alone or about framing, so that it is never passed on. */
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

/* Cuts the next line off what http1_scan() has found clean, without its end. False when none is left. */
bool http1_next_line(const uint8_t **at, const uint8_t *end, struct hg_text *line);
/* The same for a field line. False at the empty line. */
bool http1_next_field(const uint8_t **at, const uint8_t *end, struct hg_field *field);

/* Takes the fields of a clean trailer section that may stand there. NULL with `reason` set on a fault. */
struct hg_fields *http1_parse_trailers(const struct hg_host *host, enum hg_head_kind kind,
                                       const struct http1_limits *limits, const uint8_t *data, size_t size,
                                       struct hg_reason *reason);
/* Finds the same faults without making anything. */
enum http1_result http1_check_trailers(enum hg_head_kind kind, const uint8_t *data, size_t size,
                                       struct hg_reason *reason);

/* A request target in its parts. */
struct http1_target {
    struct hg_text authority, path; /* authority: empty unless in absolute form */
    bool root;                      /* the path's "/" is missing before its query */
};
enum http1_result http1_read_target(struct hg_text text, bool is_options, struct hg_text scheme,
                                    struct http1_target *target, struct hg_reason *reason);
/* Sets head->path, with bytes above 0x7f percent-encoded. 0, or -1 when out of memory. */
int http1_set_path(const struct hg_host *host, struct hg_head *head, const struct http1_target *target,
                   bool is_options);
/* host [":" port] (RFC 9110 section 7.2). */
bool http1_valid_authority(struct hg_text text);
/* Sets head->authority, with its port in its normal form (RFC 3986 section 6.2.3). As above. */
int http1_set_authority(const struct hg_host *host, struct hg_head *head, struct hg_text text);

#endif
