/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The syntax of heads: a state machine that reads each byte once. It is strict with requests, and tolerates some errors
 * in responses.
 */
#include "plugins/lib/http1/http1_internal.h"

enum {
    START = 0, /* before the start line */
    EMPTY_LF,  /* after the CR of an empty line before it */
    METHOD,    /* in the method */
    TARGET,    /* in the request target */
    VERSION,   /* in the request's version */
    STATUS,    /* in a status line */
    START_LF,  /* after the CR of the start line */
    LINE,      /* at the start of a field line, or of the empty line */
    NAME,      /* in a field name */
    VALUE,     /* in a field value */
    VALUE_LF,  /* after the CR of a field line */
    BLANK,     /* between a field name and its colon */
    END_LF,    /* after the CR of the empty line */
};

#define T (HTTP1_TOKEN | HTTP1_TARGET | HTTP1_VALUE)
#define V (HTTP1_TARGET | HTTP1_VALUE)
#define W HTTP1_VALUE
static const uint8_t classes[256] = {
    ['\t'] = W, [' '] = W,  ['!'] = T, ['"'] = V, ['#'] = T, ['$'] = T, ['%'] = T, ['&'] = T, ['\''] = T, ['('] = V,
    [')'] = V,  ['*'] = T,  ['+'] = T, [','] = V, ['-'] = T, ['.'] = T, ['/'] = V, ['0'] = T, ['1'] = T,  ['2'] = T,
    ['3'] = T,  ['4'] = T,  ['5'] = T, ['6'] = T, ['7'] = T, ['8'] = T, ['9'] = T, [':'] = V, [';'] = V,  ['<'] = V,
    ['='] = V,  ['>'] = V,  ['?'] = V, ['@'] = V, ['A'] = T, ['B'] = T, ['C'] = T, ['D'] = T, ['E'] = T,  ['F'] = T,
    ['G'] = T,  ['H'] = T,  ['I'] = T, ['J'] = T, ['K'] = T, ['L'] = T, ['M'] = T, ['N'] = T, ['O'] = T,  ['P'] = T,
    ['Q'] = T,  ['R'] = T,  ['S'] = T, ['T'] = T, ['U'] = T, ['V'] = T, ['W'] = T, ['X'] = T, ['Y'] = T,  ['Z'] = T,
    ['['] = V,  ['\\'] = V, [']'] = V, ['^'] = T, ['_'] = T, ['`'] = T, ['a'] = T, ['b'] = T, ['c'] = T,  ['d'] = T,
    ['e'] = T,  ['f'] = T,  ['g'] = T, ['h'] = T, ['i'] = T, ['j'] = T, ['k'] = T, ['l'] = T, ['m'] = T,  ['n'] = T,
    ['o'] = T,  ['p'] = T,  ['q'] = T, ['r'] = T, ['s'] = T, ['t'] = T, ['u'] = T, ['v'] = T, ['w'] = T,  ['x'] = T,
    ['y'] = T,  ['z'] = T,  ['{'] = V, ['|'] = T, ['}'] = V, ['~'] = T,
};
#undef T
#undef V
#undef W

bool http1_is(uint8_t byte, int class)
{
    /* obs-text, 0x80 to 0xff, is allowed only in values. */
    return byte < 0x80 ? (classes[byte] & class) != 0 : class == HTTP1_VALUE;
}

enum http1_result http1_fault(struct hg_reason *reason, enum hg_head_kind kind, int status, const char *response_error,
                              const char *detail)
{
    *reason = (struct hg_reason){.status = status, .error = "http_request_error", .detail = detail};
    if (kind == HG_RESPONSE) {
        reason->status = 502;
        reason->error = response_error ? response_error : "http_protocol_error";
    }
    return HTTP1_FAULT;
}

static enum http1_result bad(const struct http1_scan *scan, struct hg_reason *reason, const char *detail)
{
    return http1_fault(reason, scan->kind, 400, NULL, detail);
}

/* A response that breaks a rule is marked, or refused like a request. */
static enum http1_result tolerate(struct http1_scan *scan, const struct http1_limits *limits, struct hg_reason *reason,
                                  const char *rule)
{
    if (scan->kind == HG_REQUEST || limits->strict)
        return bad(scan, reason, rule);
    if (!scan->broken)
        scan->broken = rule;
    return HTTP1_DONE;
}

static enum http1_result end_with_lf(struct http1_scan *scan, const struct http1_limits *limits,
                                     struct hg_reason *reason)
{
    scan->state = LINE;
    return tolerate(scan, limits, reason, "a line ends with LF alone (RFC 9112 section 2.2)");
}

/* CRLFs before a request line are skipped; RFC 9112 section 2.2 asks for at least one. */
#define EMPTY_LINES_MAX 8

/* The request's version, RFC 9112 section 2.3. Unknown minor versions are treated as HTTP/1.1 (RFC 9110 section
 * 2.5). */
static enum http1_result check_version(const struct http1_scan *scan, const uint8_t *version, size_t size,
                                       struct hg_reason *reason)
{
    if (size != 8 || memcmp(version, "HTTP/", 5) != 0 || version[5] < '0' || version[5] > '9' || version[6] != '.' ||
        version[7] < '0' || version[7] > '9')
        return bad(scan, reason, "the request line does not end in a version HTTP/1.0 or HTTP/1.1");
    if (version[5] != '1')
        return http1_fault(reason, scan->kind, 505, NULL, "only HTTP/1.0 and HTTP/1.1 are supported");
    return HTTP1_DONE;
}

/* A status line, RFC 9112 section 4. The space before an empty reason phrase is missing so often that it is
 * optional. */
static enum http1_result check_status_line(struct http1_scan *scan, const struct http1_limits *limits,
                                           const uint8_t *line, size_t size, struct hg_reason *reason)
{
    size_t at = 9;

    if (size < 12 || strncasecmp((const char *)line, "HTTP/1.", 7) != 0 || line[7] < '0' || line[7] > '9' ||
        line[8] != ' ')
        return bad(scan, reason, "the status line does not start with HTTP/1.0 or HTTP/1.1 and one space");
    while (at < size && line[at] == ' ')
        at++;
    if (size - at < 3 || (size > at + 3 && line[at + 3] != ' '))
        return bad(scan, reason, "the status code is not three digits");
    for (size_t i = at; i < at + 3; i++)
        if (line[i] < '0' || line[i] > '9')
            return bad(scan, reason, "the status code is not three digits");
    if (line[at] == '0')
        return bad(scan, reason, "the status code is not in the range 100 to 999");
    if (memcmp(line, "HTTP", 4) != 0 &&
        tolerate(scan, limits, reason, "the status line's HTTP is not in capitals (RFC 9112 section 2.3)") ==
            HTTP1_FAULT)
        return HTTP1_FAULT;
    return at == 9 ? HTTP1_DONE
                   : tolerate(scan, limits, reason, "the status line has two spaces in a row (RFC 9112 section 4)");
}

/* A byte of a status line. */
static enum http1_result status_byte(struct http1_scan *scan, const struct http1_limits *limits, const uint8_t *data,
                                     uint8_t byte, struct hg_reason *reason)
{
    if (byte != '\r' && byte != '\n')
        return http1_is(byte, HTTP1_VALUE) ? HTTP1_DONE
                                           : bad(scan, reason, "the status line contains a control character");
    if (check_status_line(scan, limits, data + scan->start, scan->at - scan->start, reason) == HTTP1_FAULT)
        return HTTP1_FAULT;
    if (byte == '\n')
        return end_with_lf(scan, limits, reason);
    scan->state = START_LF;
    return HTTP1_DONE;
}

/* A byte of a request line. */
static enum http1_result request_line_byte(struct http1_scan *scan, const uint8_t *data, uint8_t byte,
                                           struct hg_reason *reason)
{
    switch (scan->state) {
    case METHOD:
        if (byte == ' ' && scan->at > scan->start) {
            scan->state = TARGET;
            scan->line = scan->at + 1;
        } else if (!http1_is(byte, HTTP1_TOKEN)) {
            return bad(scan, reason, "the request line does not start with a method");
        }
        return HTTP1_DONE;
    case TARGET:
        if (byte == ' ' && scan->at > scan->line) {
            scan->state = VERSION;
            scan->line = scan->at + 1;
        } else if (byte == '\r') {
            return bad(scan, reason, "the request line has no version (HTTP/0.9 is not supported)");
        } else if (!http1_is(byte, HTTP1_TARGET) && byte < 0x80) { /* larger ones are encoded: see request_target.c */
            return bad(scan, reason,
                       byte == ' ' ? "the request line has two spaces in a row"
                                   : "the request target contains a control character");
        }
        return HTTP1_DONE;
    default: /* VERSION */
        if (byte == '\r') {
            scan->state = START_LF;
            return check_version(scan, data + scan->line, scan->at - scan->line, reason);
        }
        if (!http1_is(byte, HTTP1_TARGET))
            return bad(scan, reason, "the request line does not end after its version with CRLF");
        return HTTP1_DONE;
    }
}

/* The first byte of a line after the start line. */
static enum http1_result first_byte(struct http1_scan *scan, const struct http1_limits *limits, uint8_t byte,
                                    struct hg_reason *reason)
{
    scan->line = scan->at;
    if (byte == '\r') {
        scan->state = END_LF;
        return HTTP1_DONE;
    }
    if (byte == '\n')
        return end_with_lf(scan, limits, reason);
    if (byte == ' ' || byte == '\t')
        return bad(scan, reason, "a field line starts with white space (line folding is obsolete)");
    if (byte == ':')
        return bad(scan, reason, "a field has no name");
    if (!http1_is(byte, HTTP1_TOKEN))
        return bad(scan, reason, "a field name contains an invalid character");
    if (scan->fields++ >= limits->fields)
        return http1_fault(reason, scan->kind, 431, "http_response_header_section_size", "more fields than max_fields");
    scan->state = NAME;
    return HTTP1_DONE;
}

static enum http1_result name_byte(struct http1_scan *scan, const struct http1_limits *limits, uint8_t byte,
                                   struct hg_reason *reason)
{
    if (byte == ':') {
        scan->state = VALUE;
        return HTTP1_DONE;
    }
    if (scan->state == NAME && http1_is(byte, HTTP1_TOKEN))
        return HTTP1_DONE;
    if ((byte == ' ' || byte == '\t') && scan->kind == HG_RESPONSE) {
        scan->state = BLANK;
        return tolerate(scan, limits, reason, "white space between a field name and its colon (RFC 9112 section 5.1)");
    }
    if (byte == ' ' || byte == '\t')
        return bad(scan, reason, "white space in a field name or before its colon");
    if (byte == '\r' || byte == '\n')
        return bad(scan, reason, "a field line has no colon");
    return bad(scan, reason, "a field name contains an invalid character");
}

/* Any byte before the fields. */
static enum http1_result early_byte(struct http1_scan *scan, const struct http1_limits *limits, const uint8_t *data,
                                    uint8_t byte, struct hg_reason *reason)
{
    if (scan->state == START) {
        if (byte == '\r' && scan->kind == HG_REQUEST && scan->empty_lines < EMPTY_LINES_MAX) {
            scan->state = EMPTY_LF;
            return HTTP1_DONE;
        }
        scan->state = scan->kind == HG_REQUEST ? METHOD : STATUS;
    }
    if (scan->state == EMPTY_LF) {
        if (byte != '\n')
            return bad(scan, reason, "a CR is not followed by LF");
        scan->empty_lines++;
        scan->start = scan->at + 1;
        scan->state = START;
        return HTTP1_DONE;
    }
    return scan->state == STATUS ? status_byte(scan, limits, data, byte, reason)
                                 : request_line_byte(scan, data, byte, reason);
}

static enum http1_result scan_byte(struct http1_scan *scan, const struct http1_limits *limits, const uint8_t *data,
                                   struct hg_reason *reason)
{
    uint8_t byte = data[scan->at];

    switch (scan->state) {
    case LINE:
        return first_byte(scan, limits, byte, reason);
    case NAME:
    case BLANK:
        return name_byte(scan, limits, byte, reason);
    case VALUE:
        if (byte == '\n')
            return end_with_lf(scan, limits, reason);
        if (byte == '\r')
            scan->state = VALUE_LF;
        else if (!http1_is(byte, HTTP1_VALUE))
            return bad(scan, reason, "a field value contains a control character");
        return HTTP1_DONE;
    case START_LF:
    case VALUE_LF:
    case END_LF:
        if (byte != '\n')
            return bad(scan, reason, "a CR is not followed by LF");
        scan->state = LINE;
        return HTTP1_DONE;
    default:
        return early_byte(scan, limits, data, byte, reason);
    }
}

/* Limits also apply to incomplete heads, so that no peer can make us store more. At least one byte is still to come. */
static enum http1_result check_limits(const struct http1_scan *scan, const struct http1_limits *limits,
                                      struct hg_reason *reason)
{
    if (scan->trailers) {
        if (scan->at >= limits->trailers)
            return http1_fault(reason, scan->kind, 431, "http_response_trailer_section_size",
                               "the trailer section is too long");
        return HTTP1_DONE;
    }
    if (scan->state < START_LF && scan->at - scan->start > limits->start_line)
        return http1_fault(reason, scan->kind, scan->state == METHOD ? 501 : 414, NULL, "the first line is too long");
    if (scan->at >= limits->head)
        return http1_fault(reason, scan->kind, 431, "http_response_header_section_size",
                           "the head is larger than max_head");
    return HTTP1_DONE;
}

static inline void skip(struct http1_scan *scan, const uint8_t *data, size_t size, int class)
{
    size_t at = scan->at;

    while (at < size && http1_is(data[at], class))
        at++;
    scan->at = at;
}

enum http1_result http1_scan(struct http1_scan *scan, const struct http1_limits *limits, const uint8_t *data,
                             size_t size, struct hg_reason *reason)
{
    if (scan->trailers && scan->state == START)
        scan->state = LINE;
    while (scan->at < size) {
        bool last = scan->state == END_LF || (scan->state == LINE && data[scan->at] == '\n');

        /* Most bytes of a head are in values. */
        if (scan->state == VALUE)
            skip(scan, data, size, HTTP1_VALUE);
        else if (scan->state == NAME)
            skip(scan, data, size, HTTP1_TOKEN);
        else if (scan->state == TARGET)
            skip(scan, data, size, HTTP1_TARGET);
        if (check_limits(scan, limits, reason) == HTTP1_FAULT)
            return HTTP1_FAULT;
        if (scan->at == size)
            return HTTP1_MORE;
        if (scan_byte(scan, limits, data, reason) == HTTP1_FAULT)
            return HTTP1_FAULT;
        scan->at++;
        if (last)
            return HTTP1_DONE;
    }
    return HTTP1_MORE;
}
