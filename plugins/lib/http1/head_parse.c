/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * From a valid head to struct hg_head: splitting it, and what its fields mean for framing.
 */
#include "plugins/lib/http1/http1_internal.h"

#include <stdlib.h>

/* For more fields than this, memory is allocated while they are examined. */
#define FEW_FIELDS 128

/* The most fields that Connection may name. Nobody sends more, and each is compared with every field. */
#define CONNECTION_NAMES_MAX 64

/* The parts of a head, which point into the input. */
struct split {
    struct hg_text method, target; /* requests */
    struct hg_text phrase;         /* responses */
    unsigned status;
    unsigned minor;
    size_t count;
    struct hg_field *fields;
    struct hg_field few[FEW_FIELDS];
    struct hg_text connection_names[CONNECTION_NAMES_MAX]; /* counted by facts.connection_names */
};

/* What the fields say about framing and the connection. */
struct facts {
    unsigned hosts, lengths, codings;
    struct hg_text host, length, coding;
    struct hg_text upgrade;
    bool connection_close, connection_keep_alive, connection_upgrade;
    unsigned connection_names; /* Connection options other than the usual ones */
    bool te_trailers;
    bool lengths_differ;
    bool codings_differ; /* one of them is not chunked */
};

/* ---- Splitting ---- */

/* Takes the next word from a line. */
static struct hg_text cut_word(struct hg_text *line)
{
    const char *space = memchr(line->data, ' ', line->size);
    struct hg_text word = {line->data, space ? (size_t)(space - line->data) : line->size};
    size_t cut = word.size + (space ? 1 : 0);

    line->data += cut;
    line->size -= cut;
    return word;
}

static void split_start_line(struct split *split, enum hg_head_kind kind, struct hg_text line)
{
    struct hg_text version, status;

    if (kind == HG_REQUEST) {
        split->method = cut_word(&line);
        split->target = cut_word(&line);
        version = line;
    } else {
        version = cut_word(&line);
        line = http1_trim(line);
        status = cut_word(&line);
        split->status = 0;
        for (size_t i = 0; i < status.size; i++)
            split->status = 10 * split->status + (unsigned)(status.data[i] - '0');
        split->phrase = http1_trim(line);
    }
    split->minor = version.data[version.size - 1] == '0' ? 0 : 1;
}

/* Returns 0, or -1 when out of memory. The result is freed by free_split(). */
static int split_head(struct split *split, const struct http1_scan *scan, const uint8_t *data)
{
    const uint8_t *at = data + scan->start, *end = data + scan->at;
    struct hg_text line;

    split->count = 0;
    split->fields = scan->fields <= FEW_FIELDS ? split->few : malloc(scan->fields * sizeof *split->fields);
    if (!split->fields)
        return -1;
    http1_next_line(&at, end, &line);
    split_start_line(split, scan->kind, line);
    while (split->count < scan->fields && http1_next_field(&at, end, &split->fields[split->count]))
        split->count++;
    return 0;
}

static void free_split(struct split *split)
{
    if (split->fields != split->few)
        free(split->fields);
}

/* ---- Fields ---- */

static void note_connection(struct split *split, struct facts *facts, struct hg_text list)
{
    struct hg_text option;

    while (http1_next_member(&list, &option)) {
        if (hg_text_equal_nocase(option, HG_TEXT("close")))
            facts->connection_close = true;
        else if (hg_text_equal_nocase(option, HG_TEXT("keep-alive")))
            facts->connection_keep_alive = true;
        else if (hg_text_equal_nocase(option, HG_TEXT("upgrade")))
            facts->connection_upgrade = true;
        else if (facts->connection_names++ < CONNECTION_NAMES_MAX)
            split->connection_names[facts->connection_names - 1] = option;
    }
}

static void note_te(struct facts *facts, struct hg_text list)
{
    struct hg_text member;

    while (http1_next_member(&list, &member))
        if (hg_text_equal_nocase(member, HG_TEXT("trailers")))
            facts->te_trailers = true;
}

static void note_length(struct facts *facts, struct hg_text value)
{
    if (facts->lengths++)
        facts->lengths_differ = facts->lengths_differ || !hg_text_equal(facts->length, value);
    else
        facts->length = value;
}

static void note_coding(struct facts *facts, struct hg_text value)
{
    if (!facts->codings++)
        facts->coding = value;
    facts->codings_differ = facts->codings_differ || !hg_text_equal_nocase(value, HG_TEXT("chunked"));
}

/* Finds the fields that are not forwarded and empties their names, so that only the end-to-end ones are left. */
static void take_facts(struct split *split, struct facts *facts)
{
    memset(facts, 0, sizeof *facts);
    for (size_t i = 0; i < split->count; i++) {
        struct hg_field *field = &split->fields[i];
        enum http1_field class = http1_classify(field->name);

        if (class == HTTP1_FIELD_OTHER)
            continue;
        if (class == HTTP1_FIELD_HOST && !facts->hosts++)
            facts->host = field->value;
        else if (class == HTTP1_FIELD_CONTENT_LENGTH)
            note_length(facts, field->value);
        else if (class == HTTP1_FIELD_TRANSFER_ENCODING)
            note_coding(facts, field->value);
        else if (class == HTTP1_FIELD_UPGRADE)
            facts->upgrade = field->value;
        else if (class == HTTP1_FIELD_CONNECTION)
            note_connection(split, facts, field->value);
        else if (class == HTTP1_FIELD_TE)
            note_te(facts, field->value);
        field->name.size = 0;
    }
}

/* Whether Connection names the field (RFC 9110 section 7.6.1). It cannot be used to remove fields that others rely on
 * for security: Host and Content-Length are handled separately. */
static bool connection_names(const struct split *split, const struct facts *facts, struct hg_text name)
{
    if (hg_text_equal_nocase(name, HG_TEXT("Cookie")) || hg_text_equal_nocase(name, HG_TEXT("Authorization")))
        return false;
    for (unsigned i = 0; i < facts->connection_names; i++)
        if (hg_text_equal_nocase(split->connection_names[i], name))
            return true;
    return false;
}

static int add_fields(const struct hg_host *host, struct hg_head *head, const struct split *split,
                      const struct facts *facts, bool underscores)
{
    for (size_t i = 0; i < split->count; i++) {
        const struct hg_field *field = &split->fields[i];

        if (!field->name.size)
            continue;
        if (!underscores && memchr(field->name.data, '_', field->name.size))
            continue;
        if (connection_names(split, facts, field->name))
            continue;
        if (hg_field_add(host, &head->fields, field->name, field->value))
            return -1;
    }
    if (facts->te_trailers && head->kind == HG_REQUEST)
        return hg_field_add(host, &head->fields, HG_TEXT("TE"), HG_TEXT("trailers"));
    return 0;
}

/* ---- Framing ---- */

static enum http1_result read_length(enum hg_head_kind kind, struct hg_text text, uint64_t *length,
                                     struct hg_reason *reason)
{
    *length = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return http1_fault(reason, kind, 400, NULL, "Content-Length is not a number of 1 to 18 digits");
        if (i < 18)
            *length = *length * 10 + (uint64_t)(text.data[i] - '0');
    }
    if (text.size < 1 || text.size > 18)
        return http1_fault(reason, kind, 400, NULL, "Content-Length is not a number of 1 to 18 digits");
    return HTTP1_DONE;
}

/* RFC 9112 section 6.3: the end of a request's body is known only if chunked is the last coding and occurs once. In
 * that case, the other codings are just not supported. */
static enum http1_result unknown_coding(enum hg_head_kind kind, const struct facts *facts, struct hg_reason *reason)
{
    struct hg_text list = facts->coding, member = HG_TEXT("");
    unsigned chunked = 0;

    while (http1_next_member(&list, &member))
        chunked += hg_text_equal_nocase(member, HG_TEXT("chunked"));
    if (facts->codings > 1 || chunked != 1 || !hg_text_equal_nocase(member, HG_TEXT("chunked")))
        return http1_fault(reason, kind, 400, "http_response_transfer_coding",
                           "Transfer-Encoding does not end in chunked, or contains it twice");
    return http1_fault(reason, kind, 501, "http_response_transfer_coding", "a transfer coding other than chunked");
}

/* A rule of RFC 9112 section 6.1, and how the owner of a service can have its responses accepted nevertheless. */
#define RULE(text) text " (RFC 9112 section 6.1)", text " (RFC 9112 section 6.1; " LENIENT ")"
#define LENIENT    "`lenient: yes` in the client's route rule accepts it"

/* A message breaks a rule, but its meaning can be guessed. A request is always refused, a response by default. */
static enum http1_result guess(enum hg_head_kind kind, const struct http1_limits *limits, struct http1_message *message,
                               struct hg_reason *reason, const char *rule, const char *rule_and_hint)
{
    if (kind == HG_REQUEST || !limits->lenient)
        return http1_fault(reason, kind, 400, NULL, kind == HG_REQUEST ? rule : rule_and_hint);
    message->broken = rule;
    return HTTP1_DONE;
}

static enum http1_result take_coding(enum hg_head_kind kind, const struct http1_limits *limits, unsigned minor,
                                     const struct facts *facts, struct http1_message *message, struct hg_reason *reason)
{
    if (facts->lengths &&
        guess(kind, limits, message, reason, RULE("both Content-Length and Transfer-Encoding")) == HTTP1_FAULT)
        return HTTP1_FAULT;
    if (minor == 0 && guess(kind, limits, message, reason, RULE("Transfer-Encoding in HTTP/1.0")) == HTTP1_FAULT)
        return HTTP1_FAULT;
    if (facts->codings_differ)
        return unknown_coding(kind, facts, reason);
    if (facts->codings > 1 &&
        guess(kind, limits, message, reason, RULE("Transfer-Encoding does not end in chunked, or contains it twice")) ==
            HTTP1_FAULT)
        return HTTP1_FAULT;
    message->framing = HTTP1_CHUNKED;
    return HTTP1_DONE;
}

/* RFC 9110 section 8.6: equal lengths may be treated as one, in however many fields and list members. */
static enum http1_result take_lengths(enum hg_head_kind kind, const struct http1_limits *limits,
                                      const struct facts *facts, struct http1_message *message,
                                      struct hg_reason *reason)
{
    struct hg_text list = facts->length, first = list, member;
    bool repeated = facts->lengths > 1, differ = facts->lengths_differ;

    if (memchr(list.data, ',', list.size)) {
        repeated = http1_next_member(&list, &first);
        while (http1_next_member(&list, &member))
            differ = differ || !hg_text_equal(member, first);
    }
    if (differ || (repeated && (kind == HG_REQUEST || limits->strict)))
        return http1_fault(reason, kind, 400, NULL, "more than one Content-Length");
    if (repeated)
        message->broken = "Content-Length more than once (RFC 9110 section 8.6)";
    message->framing = HTTP1_LENGTH;
    return read_length(kind, first, &message->length, reason);
}

/* The body's framing according to the two fields (RFC 9112 section 6.3), before method and status are considered. */
static enum http1_result take_framing(enum hg_head_kind kind, const struct http1_limits *limits, unsigned minor,
                                      const struct facts *facts, struct http1_message *message,
                                      struct hg_reason *reason)
{
    message->framing = HTTP1_NO_BODY;
    message->length = 0;
    message->broken = NULL;
    if (facts->codings)
        return take_coding(kind, limits, minor, facts, message, reason);
    return facts->lengths ? take_lengths(kind, limits, facts, message, reason) : HTTP1_DONE;
}

static bool keeps_alive(unsigned minor, const struct facts *facts)
{
    return !facts->connection_close && (minor >= 1 || facts->connection_keep_alive);
}

static int64_t head_length(const struct http1_message *message)
{
    switch (message->framing) {
    case HTTP1_LENGTH:
        return (int64_t)message->length;
    case HTTP1_CHUNKED:
        return HG_LENGTH_UNKNOWN;
    default:
        return HG_LENGTH_NONE;
    }
}

/* ---- Requests ---- */

static enum http1_result check_method(struct hg_text method, struct hg_reason *reason)
{
    if (hg_text_equal(method, HG_TEXT("CONNECT")) || hg_text_equal(method, HG_TEXT("TRACE")))
        return http1_fault(reason, HG_REQUEST, 501, NULL, "the method is not supported");
    /* Some servers treat "get" as GET, others as a different method (RFC 9110 section 9.1). */
    for (size_t i = 0; i < method.size; i++)
        if (method.data[i] >= 'a' && method.data[i] <= 'z')
            return http1_fault(reason, HG_REQUEST, 501, NULL, "the method contains a lower-case letter");
    return HTTP1_DONE;
}

/* RFC 9112 section 3.2: an HTTP/1.0 request need not have a host. */
static enum http1_result check_host(const struct split *split, const struct facts *facts, struct hg_reason *reason)
{
    if (facts->hosts > 1)
        return http1_fault(reason, HG_REQUEST, 400, NULL, "more than one Host");
    if (!facts->hosts && split->minor)
        return http1_fault(reason, HG_REQUEST, 400, NULL, "no Host");
    if (facts->hosts && !http1_valid_authority(facts->host))
        return http1_fault(reason, HG_REQUEST, 400, NULL, "Host is malformed");
    return HTTP1_DONE;
}

static enum http1_result check_request(const struct split *split, const struct facts *facts, struct hg_reason *reason)
{
    if (check_method(split->method, reason) == HTTP1_FAULT || check_host(split, facts, reason) == HTTP1_FAULT)
        return HTTP1_FAULT;
    if (facts->connection_names > CONNECTION_NAMES_MAX)
        return http1_fault(reason, HG_REQUEST, 400, NULL, "Connection names more than 64 fields");
    return HTTP1_DONE;
}

static int fill_request(const struct hg_host *host, struct hg_head *head, const struct split *split,
                        const struct facts *facts, const struct http1_target *target, struct hg_text scheme)
{
    bool upgrade = facts->connection_upgrade && split->minor;

    head->version = (uint16_t)(0x0100 | split->minor);
    if (hg_head_set(host, head, &head->method, split->method) || hg_head_set(host, head, &head->scheme, scheme) ||
        http1_set_authority(host, head, target->authority.size ? target->authority : facts->host) ||
        http1_set_path(host, head, target, hg_text_equal(split->method, HG_TEXT("OPTIONS"))) ||
        (upgrade && hg_head_set(host, head, &head->upgrade, facts->upgrade)))
        return -1;
    return 0;
}

static struct hg_head *out_of_memory(const struct hg_host *host, struct hg_head *head, struct hg_reason *reason)
{
    hg_head_free(host, head);
    *reason = (struct hg_reason){.status = 503, .error = "proxy_internal_error", .detail = "out of memory"};
    return NULL;
}

static struct hg_head *make_request(const struct hg_host *host, const struct http1_limits *limits, struct split *split,
                                    struct hg_text scheme, struct http1_message *message, struct hg_reason *reason)
{
    struct facts facts;
    struct http1_target target;
    struct hg_head *head;

    take_facts(split, &facts);
    if (check_request(split, &facts, reason) == HTTP1_FAULT ||
        take_framing(HG_REQUEST, limits, split->minor, &facts, message, reason) == HTTP1_FAULT ||
        http1_read_target(split->target, hg_text_equal(split->method, HG_TEXT("OPTIONS")), scheme, &target, reason) ==
            HTTP1_FAULT)
        return NULL;
    message->keep_alive = keeps_alive(split->minor, &facts);
    head = hg_head_new(host, HG_REQUEST);
    if (!head || fill_request(host, head, split, &facts, &target, scheme) ||
        add_fields(host, head, split, &facts, limits->underscores))
        return out_of_memory(host, head, reason);
    head->length = head_length(message);
    return head;
}

struct hg_head *http1_parse_request(const struct hg_host *host, const struct http1_limits *limits,
                                    const struct http1_scan *scan, const uint8_t *data, struct hg_text scheme,
                                    struct http1_message *message, struct hg_reason *reason)
{
    struct split split;
    struct hg_head *head;

    if (split_head(&split, scan, data))
        return out_of_memory(host, NULL, reason);
    head = make_request(host, limits, &split, scheme, message, reason);
    free_split(&split);
    return head;
}

/* ---- Responses ---- */

/* RFC 9112 section 6.3, cases 1 to 8, applied to what the fields say. */
static void response_framing(unsigned status, const struct http1_asked *asked, const struct facts *facts,
                             struct hg_head *head, struct http1_message *message)
{
    head->length = head_length(message);
    if (status == 101) {
        head->length = HG_LENGTH_NONE;
        message->framing = HTTP1_UNTIL_CLOSE;
        return;
    }
    if (status < 200 || status == 204)
        head->length = HG_LENGTH_NONE;
    if (status < 200 || status == 204 || status == 304 || hg_text_equal(asked->method, HG_TEXT("HEAD"))) {
        message->framing = HTTP1_NO_BODY;
        return;
    }
    if (!facts->codings && !facts->lengths) {
        message->framing = HTTP1_UNTIL_CLOSE;
        message->keep_alive = false;
        head->length = HG_LENGTH_UNKNOWN;
    }
}

static int fill_response(const struct hg_host *host, struct hg_head *head, const struct split *split,
                         const struct facts *facts)
{
    head->version = (uint16_t)(0x0100 | split->minor);
    head->status = (int)split->status;
    if (hg_head_set(host, head, &head->reason, split->phrase) ||
        (head->status == 101 && hg_head_set(host, head, &head->upgrade, facts->upgrade)))
        return -1;
    return add_fields(host, head, split, facts, true);
}

static struct hg_head *make_response(const struct hg_host *host, const struct http1_limits *limits, struct split *split,
                                     const struct http1_asked *asked, struct http1_message *message,
                                     struct hg_reason *reason)
{
    struct facts facts;
    struct hg_head *head;

    take_facts(split, &facts);
    if (split->status == 101 && !(asked->upgrade && facts.upgrade.size)) {
        http1_fault(reason, HG_RESPONSE, 502, "http_upgrade_failed", "101 although no upgrade was requested");
        return NULL;
    }
    if (facts.connection_names > CONNECTION_NAMES_MAX) {
        http1_fault(reason, HG_RESPONSE, 502, NULL, "Connection names more than 64 fields");
        return NULL;
    }
    if (take_framing(HG_RESPONSE, limits, split->minor, &facts, message, reason) == HTTP1_FAULT)
        return NULL;
    message->keep_alive = keeps_alive(split->minor, &facts);
    head = hg_head_new(host, HG_RESPONSE);
    if (!head || fill_response(host, head, split, &facts))
        return out_of_memory(host, head, reason);
    response_framing(split->status, asked, &facts, head, message);
    return head;
}

struct hg_head *http1_parse_response(const struct hg_host *host, const struct http1_limits *limits,
                                     const struct http1_scan *scan, const uint8_t *data,
                                     const struct http1_asked *asked, struct http1_message *message,
                                     struct hg_reason *reason)
{
    struct split split;
    struct hg_head *head;

    if (split_head(&split, scan, data))
        return out_of_memory(host, NULL, reason);
    head = make_response(host, limits, &split, asked, message, reason);
    if (scan->broken)
        message->broken = scan->broken;
    free_split(&split);
    return head;
}
