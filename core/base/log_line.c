/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/base/log_private.h"
#include "core/base/utf8.h"

#include <time.h>

enum {
    TAIL_SIZE = 16,    /* reserved for the mark of a truncated text and the end of the line */
    PART_SIZE = 64,    /* the most bytes of a part's name */
    MEMBER_SIZE = 512, /* the most bytes of a member's text */
};

/* How a text is written. */
enum style {
    BARE,   /* as is */
    QUOTED, /* in quotes: those inside are escaped with a backslash */
    JSON,
};

static const struct hg_text ellipsis = {"\xe2\x80\xa6", 3};

/* Appends bytes as they are, if they fit before `limit`. */
static bool put(struct log_text *line, const char *bytes, size_t size, size_t limit)
{
    if (line->size + size > limit)
        return false;
    memcpy(line->bytes + line->size, bytes, size);
    line->size += size;
    return true;
}

static bool put_string(struct log_text *line, const char *string, size_t limit)
{
    return put(line, string, strlen(string), limit);
}

static const char *level_name(enum hg_level level)
{
    switch (level) {
    case HG_LOG_ERROR:
        return "error";
    case HG_LOG_WARNING:
        return "warning";
    case HG_LOG_INFO:
        return "info";
    case HG_LOG_DEBUG:
        break;
    }
    return "debug";
}

/* Escapes a character that cannot be written as is: invalid UTF-8 (length 0), a control character, or one that is
 * special in its style. */
static int escape(char *out, size_t size, enum style style, char byte, size_t length, uint32_t code_point)
{
    if (style != BARE && (byte == '"' || byte == '\\'))
        return snprintf(out, size, "\\%c", byte);
    if (style != JSON)
        return length > 1 ? snprintf(out, size, "\\u%04x", (unsigned)code_point)
                          : snprintf(out, size, "\\x%02x", (unsigned char)byte);
    return length ? snprintf(out, size, "\\u%04x", (unsigned)code_point) : snprintf(out, size, "\\ufffd");
}

/* Appends untrusted text as valid UTF-8 without control characters, so that it can mislead neither a JSON parser nor a
 * terminal (ECMA-48 control sequences, including C1). */
static void put_text(struct log_text *line, enum style style, struct hg_text text)
{
    const char *at = text.data;
    size_t left = text.size;

    while (left > 0 && !line->cut) {
        uint32_t code_point = 0;
        size_t length = utf8_character(at, left, &code_point);
        bool special = length == 0 || code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0) ||
                       (style != BARE && (code_point == '"' || code_point == '\\'));
        char escaped[16];

        if (special)
            line->cut = !put(line, escaped, (size_t)escape(escaped, sizeof escaped, style, *at, length, code_point),
                             LOG_LINE_SIZE - TAIL_SIZE);
        else
            line->cut = !put(line, at, length, LOG_LINE_SIZE - TAIL_SIZE);
        at += length ? length : 1;
        left -= length ? length : 1;
    }
}

/* The time: for people in the local time zone, for machines as RFC 3339 in UTC. */
static void put_time(struct log_text *line, bool json)
{
    struct timespec now;
    struct tm parts;
    char text[64], fraction[16];
    size_t size;

    clock_gettime(CLOCK_REALTIME, &now);
    if (json)
        gmtime_r(&now.tv_sec, &parts);
    else
        localtime_r(&now.tv_sec, &parts);
    size = strftime(text, sizeof text, json ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &parts);
    put(line, text, size, LOG_LINE_SIZE);
    size = (size_t)snprintf(fraction, sizeof fraction, json ? ".%06ldZ" : ".%03ld",
                            json ? now.tv_nsec / 1000 : now.tv_nsec / 1000000);
    put(line, fraction, size, LOG_LINE_SIZE);
}

/* Whether a value needs quotes to show where it ends. */
static bool needs_quotes(struct hg_text text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] == ' ' || text.data[i] == '"' || text.data[i] == '\\' || text.data[i] == '=')
            return true;
    return false;
}

static void put_member(struct log_text *line, bool json, const struct log_member *member)
{
    struct hg_text text = member->text;
    char start[64], number[24];
    bool quotes = member->is_number ? false : json || needs_quotes(text);
    bool cut = text.size > MEMBER_SIZE;

    if (member->is_number ? false : text.size == 0)
        return;
    snprintf(start, sizeof start, json ? ",\"%s\":%s" : " %s=%s", member->name, quotes ? "\"" : "");
    line->cut = line->cut || !put_string(line, start, LOG_LINE_SIZE - TAIL_SIZE - sizeof number);
    if (line->cut)
        return;
    if (member->is_number) {
        snprintf(number, sizeof number, "%llu", (unsigned long long)member->number);
        put_string(line, number, LOG_LINE_SIZE - TAIL_SIZE);
        return;
    }
    text.size = cut ? MEMBER_SIZE : text.size;
    put_text(line, json ? JSON : quotes ? QUOTED : BARE, text);
    if (cut || line->cut)
        put(line, ellipsis.data, ellipsis.size, LOG_LINE_SIZE);
    if (quotes)
        put(line, "\"", 1, LOG_LINE_SIZE);
}

/* Writes what precedes the message. */
static void put_head(struct log_text *line, enum log_format format, const struct log_event *event)
{
    bool json = format == LOG_JSON;
    char level[64];

    if (json)
        put_string(line, "{\"time\":\"", LOG_LINE_SIZE);
    if (format == LOG_REPORT) {
        snprintf(level, sizeof level, "%s: ", level_name(event->level));
    } else {
        put_time(line, json);
        snprintf(level, sizeof level, json ? "\",\"level\":\"%s\",\"part\":\"" : " %-7s ", level_name(event->level));
    }
    put_string(line, level, LOG_LINE_SIZE);
    put_text(line, json ? JSON : BARE, (struct hg_text){event->part, strnlen(event->part, PART_SIZE)});
    put_string(line, json ? "\",\"message\":\"" : ": ", LOG_LINE_SIZE - TAIL_SIZE);
}

void log_make_line(struct log_text *line, enum log_format format, const struct log_event *event, struct hg_text message,
                   bool cut)
{
    bool json = format == LOG_JSON;

    line->size = 0;
    line->cut = false;
    put_head(line, format, event);
    put_text(line, json ? JSON : BARE, message);
    if (line->cut || cut)
        put(line, ellipsis.data, ellipsis.size, LOG_LINE_SIZE);
    if (json)
        put(line, "\"", 1, LOG_LINE_SIZE);
    if (json || !event->says_all)
        for (size_t i = 0; i < event->count; i++)
            put_member(line, json, &event->members[i]);
    put_string(line, json ? "}\n" : "\n", LOG_LINE_SIZE);
}

void log_printable(char *copy, size_t capacity, const char *text)
{
    size_t size = 0;

    for (; *text && size + 1 < capacity; text++)
        copy[size++] = *text >= 0x20 && *text < 0x7f ? *text : '?';
    copy[size] = '\0';
}
