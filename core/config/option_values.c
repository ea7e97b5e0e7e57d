/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/config/option_values.h"

#include "core/base/suggest.h"
#include "core/config/option_private.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum {
    PATH_TEXT = 256, /* room for "routes[2].to" in a message */
};

static const struct {
    const char *name;    /* in messages and manuals */
    const char *article; /* "a size such as 64k": what was expected */
    size_t size;
} types[] = {
    [HG_OPTION_STRING] = {"text", "text", sizeof(const char *)},
    [HG_OPTION_BOOL] = {"yes or no", "yes or no", sizeof(bool)},
    [HG_OPTION_INTEGER] = {"number", "a whole number", sizeof(int64_t)},
    [HG_OPTION_SIZE] = {"size", "a size such as 4096, 64k, 1M or 2G", sizeof(uint64_t)},
    [HG_OPTION_DURATION] = {"duration", "a duration such as 250ms, 5s, 2m, 1h or 7d", sizeof(hg_time)},
    [HG_OPTION_ADDRESS] = {"address", "an address such as \"host:443\", \"[2001:db8::1]:443\" or \"*:443\"",
                           sizeof(struct hg_address)},
    [HG_OPTION_PATH] = {"path", "the path of a file", sizeof(const char *)},
    [HG_OPTION_ENUM] = {"word", "a word", sizeof(int)},
    [HG_OPTION_LIST] = {"list", "a list", sizeof(struct hg_list)},
    [HG_OPTION_MAP] = {"mapping", "a mapping", 0},
    [HG_OPTION_SECRET_FILE] = {"path of a secret", "the path of a file that contains the secret", sizeof(const char *)},
    [HG_OPTION_NETWORK] = {"address or network, or a list of them", "an address, a network or file:PATH",
                           sizeof(const struct hg_networks *)},
};

struct unit {
    const char *name;
    int64_t factor;
};

/* From the largest to the smallest, as option_number() requires. */
static const struct unit size_units[] = {{"T", INT64_C(1) << 40}, {"G", 1 << 30}, {"M", 1 << 20},
                                         {"k", 1 << 10},          {"", 1},        {NULL, 0}};
static const struct unit duration_units[] = {{"d", INT64_C(86400000000000)},
                                             {"h", INT64_C(3600000000000)},
                                             {"m", INT64_C(60000000000)},
                                             {"s", 1000000000},
                                             {"ms", 1000000},
                                             {"us", 1000},
                                             {"ns", 1},
                                             {NULL, 0}};
static const struct unit no_units[] = {{"", 1}, {NULL, 0}};

static const struct unit *units_of(enum hg_option_type type)
{
    return type == HG_OPTION_SIZE ? size_units : type == HG_OPTION_DURATION ? duration_units : no_units;
}

const char *option_type_name(enum hg_option_type type)
{
    return type > 0 && type < sizeof types / sizeof *types ? types[type].name : NULL;
}

size_t option_type_size(enum hg_option_type type)
{
    return option_type_name(type) ? types[type].size : 0;
}

const char *option_number(enum hg_option_type type, int64_t number, char *text, size_t size)
{
    const struct unit *unit = units_of(type);

    while (number != 0 && number % unit->factor != 0)
        unit++;
    if (number == 0)
        snprintf(text, size, "0");
    else
        snprintf(text, size, "%" PRId64 "%s", number / unit->factor, unit->name);
    return text;
}

void option_bounds(const struct hg_option *option, enum hg_option_type type, int64_t *min, int64_t *max)
{
    bool unbounded = option->min == 0 && option->max == 0;

    if (!unbounded) {
        *min = option->min;
        *max = option->max == 0 && option->min > 0 ? INT64_MAX : option->max;
    } else {
        *min = type == HG_OPTION_INTEGER ? INT64_MIN : type == HG_OPTION_ADDRESS ? 1 : 0;
        *max = INT64_MAX;
    }
    if (type == HG_OPTION_ADDRESS && *max > UINT16_MAX)
        *max = UINT16_MAX;
}

const char *option_bounds_text(const struct hg_option *option, enum hg_option_type type, char *text, size_t size)
{
    char low[32], high[32];
    int64_t min, max;

    option_bounds(option, type, &min, &max);
    option_number(type, min, low, sizeof low);
    option_number(type, max, high, sizeof high);
    if (max == INT64_MAX)
        snprintf(text, size, "at least %s", low);
    else
        snprintf(text, size, "%s to %s", low, high);
    return text;
}

bool option_counts_items(const struct hg_option *option)
{
    return option->type == HG_OPTION_LIST && option->item != HG_OPTION_INTEGER && option->item != HG_OPTION_SIZE &&
           option->item != HG_OPTION_DURATION && option->item != HG_OPTION_ADDRESS;
}

const char *option_range(const struct hg_option *option, char *text, size_t size)
{
    enum hg_option_type type =
        option->type == HG_OPTION_LIST && !option_counts_items(option) ? option->item : option->type;
    int64_t min, max;

    option_bounds(option, type, &min, &max);
    text[0] = '\0';
    if ((option->min != 0 || option->max != 0) && !(min == 0 && max == INT64_MAX && type != HG_OPTION_INTEGER))
        option_bounds_text(option, type, text, size);
    return text;
}

/* ---- Reporting errors ---- */

static void print_path(const struct option_path *path, char *text, size_t size)
{
    size_t used;

    if (!path)
        return;
    print_path(path->up, text, size);
    used = strlen(text);
    if (path->name)
        snprintf(text + used, size - used, "%s%s", used ? "." : "", path->name);
    else
        snprintf(text + used, size - used, "[%zu]", path->index);
}

bool option_fault(const struct option_reading *reading, const struct option_path *path, const struct config_node *node,
                  const char *format, ...)
{
    char place[PATH_TEXT] = "", *message = NULL;
    const char *owner = reading->owner ? reading->owner : "";
    va_list arguments;

    print_path(path, place, sizeof place);
    va_start(arguments, format);
    if (vasprintf(&message, format, arguments) < 0)
        message = NULL;
    va_end(arguments);
    config_fault(reading->config, node, "%s%s%s%s%s", owner, *owner ? ": " : "", place, *place ? ": " : "",
                 message ? message : "out of memory");
    free(message);
    return false;
}

const char *option_show(const struct hg_option *option, const char *value, char *text, size_t size)
{
    size_t length = 0;

    if (option->flags & HG_OPTION_SECRET)
        return strcpy(text, "(secret)");
    for (; value[length] && length < size - 4; length++)
        text[length] = (unsigned char)value[length] < 0x20 ? ' ' : value[length];
    memcpy(text + length, value[length] ? "..." : "", value[length] ? 4 : 1);
    return text;
}

static bool not_a(const struct option_reading *reading, const struct hg_option *option, enum hg_option_type type,
                  const struct option_path *path, const struct config_node *node)
{
    char shown[80];

    return option_fault(reading, path, node, "'%s' is not %s", option_show(option, node->text, shown, sizeof shown),
                        types[type].article);
}

/* ---- Memory ---- */

struct option_memory {
    struct option_memory *next;
    const struct option_kept *kept; /* NULL: plain bytes */
    size_t size;
    max_align_t bytes[];
};

void *option_memory_take(struct option_memory **memory, size_t size)
{
    struct option_memory *piece = calloc(1, sizeof *piece + size);

    if (!piece)
        return NULL;
    piece->size = size;
    piece->next = *memory;
    *memory = piece;
    return piece->bytes;
}

void *option_memory_keep(struct option_memory **memory, size_t size, const struct option_kept *kept)
{
    void *bytes = option_memory_take(memory, size);

    if (bytes)
        (*memory)->kept = kept;
    return bytes;
}

void options_reread(const struct option_memory *memory, option_report *report, void *arg)
{
    for (; memory; memory = memory->next)
        if (memory->kept && memory->kept->reread)
            memory->kept->reread((void *)(uintptr_t)memory->bytes, report, arg);
}

void options_free(struct option_memory **memory)
{
    while (*memory) {
        struct option_memory *piece = *memory;

        *memory = piece->next;
        if (piece->kept && piece->kept->clear)
            piece->kept->clear(piece->bytes);
        explicit_bzero(piece->bytes, piece->size);
        free(piece);
    }
}

char *option_copy(const struct option_reading *reading, const struct option_path *path, const struct config_node *node,
                  const char *text, size_t size)
{
    char *copied = option_memory_take(reading->memory, size + 1);

    if (!copied) {
        option_fault(reading, path, node, "out of memory");
        return NULL;
    }
    memcpy(copied, text, size);
    return copied;
}

/* ---- Numbers ---- */

enum number_verdict {
    NUMBER_GOOD,
    NUMBER_BAD,
    NUMBER_RANGE, /* does not fit into 64 bits */
};

/* Digits, then a unit; nothing else, not even blanks. */
static enum number_verdict parse_number(enum hg_option_type type, const char *text, int64_t *number)
{
    const char *digits = text + (*text == '-' && type == HG_OPTION_INTEGER);
    const struct unit *unit = units_of(type);
    char *end;
    long long value;

    if (!isdigit((unsigned char)*digits))
        return NUMBER_BAD;
    errno = 0;
    value = strtoll(text, &end, 10);
    while (unit->name && strcmp(unit->name, end) != 0 && !(type == HG_OPTION_SIZE && strcasecmp(unit->name, end) == 0))
        unit++;
    if (!unit->name && !(type == HG_OPTION_DURATION && value == 0 && *end == '\0'))
        return NUMBER_BAD;
    if (errno == ERANGE || (unit->name && __builtin_mul_overflow((int64_t)value, unit->factor, number)))
        return NUMBER_RANGE;
    if (!unit->name)
        *number = 0;
    return NUMBER_GOOD;
}

static bool store_number(const struct option_reading *reading, const struct hg_option *option, enum hg_option_type type,
                         const struct option_path *path, const struct config_node *node, void *target)
{
    char shown[80], range[80];
    int64_t number = 0, min, max;
    enum number_verdict verdict = parse_number(type, node->text, &number);

    if (verdict == NUMBER_BAD)
        return not_a(reading, option, type, path, node);
    option_bounds(option, type, &min, &max);
    if (verdict == NUMBER_RANGE || number < min || number > max)
        return option_fault(reading, path, node, "%s is out of range; expected %s",
                            option_show(option, node->text, shown, sizeof shown),
                            option_bounds_text(option, type, range, sizeof range));
    memcpy(target, &number, sizeof number); /* int64_t, uint64_t or hg_time, where it is never negative */
    return true;
}

/* ---- Words ---- */

static bool store_bool(const struct option_reading *reading, const struct hg_option *option,
                       const struct option_path *path, const struct config_node *node, bool *target)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(node->text, words[i]) != 0)
            continue;
        *target = i % 2;
        return true;
    }
    return not_a(reading, option, HG_OPTION_BOOL, path, node);
}

int option_choice(const struct option_reading *reading, const struct hg_option *option, const struct option_path *path,
                  const struct config_node *node, const char *word)
{
    struct suggestion suggestion = suggestion_for(word);
    char shown[80], all[512] = "";

    for (int i = 0; option->choices[i]; i++) {
        size_t used = strlen(all);

        if (strcmp(option->choices[i], word) == 0)
            return i;
        suggestion_offer(&suggestion, option->choices[i]);
        snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", option->choices[i]);
    }
    option_fault(reading, path, node, "'%s' is not allowed here; expected one of: %s%s%s%s",
                 option_show(option, word, shown, sizeof shown), all, SUGGESTION(suggestion_best(&suggestion)));
    return -1;
}

static bool store_enum(const struct option_reading *reading, const struct hg_option *option,
                       const struct option_path *path, const struct config_node *node, int *target)
{
    int index = option_choice(reading, option, path, node, node->text);

    if (index < 0)
        return false;
    *target = index;
    return true;
}

/* ---- All types ---- */

static bool store_text(const struct option_reading *reading, enum hg_option_type type, const struct option_path *path,
                       const struct config_node *node, const char **target)
{
    *target = type == HG_OPTION_PATH ? option_absolute_path(reading, path, node)
                                     : option_copy(reading, path, node, node->text, node->size);
    return *target != NULL;
}

bool option_store(const struct option_reading *reading, const struct hg_option *option, enum hg_option_type type,
                  const struct option_path *path, const struct config_node *node, void *target)
{
    if (node->faulty)
        return false;
    if (node->kind != CONFIG_SCALAR)
        return option_fault(reading, path, node, "expected %s, not %s", types[type].article, config_kind_name(node));
    if (strlen(node->text) != node->size)
        return option_fault(reading, path, node, "a zero byte is not allowed");
    switch (type) {
    case HG_OPTION_BOOL:
        return store_bool(reading, option, path, node, target);
    case HG_OPTION_INTEGER:
    case HG_OPTION_SIZE:
    case HG_OPTION_DURATION:
        return store_number(reading, option, type, path, node, target);
    case HG_OPTION_ADDRESS:
        return option_store_address(reading, option, path, node, target);
    case HG_OPTION_ENUM:
        return store_enum(reading, option, path, node, target);
    case HG_OPTION_SECRET_FILE:
        return option_store_secret(reading, path, node, target);
    default:
        return store_text(reading, type, path, node, target);
    }
}

static void print_address(FILE *out, const struct hg_option *option, const struct hg_address *address)
{
    bool brackets = strchr(address->host, ':') != NULL;

    fprintf(out, "\"%s%s%s:%u", brackets ? "[" : "", address->host, brackets ? "]" : "", (unsigned)address->port);
    for (unsigned i = 0; option->choices && option->choices[i] && i < 32; i++)
        if (address->words & UINT32_C(1) << i)
            fprintf(out, " %s", option->choices[i]);
    fputc('"', out);
}

/* In double quotes, readable as YAML and JSON. */
static void print_quoted(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            fprintf(out, "\\u%04x", (unsigned)*text);
        else
            fputc(*text, out);
    }
    fputc('"', out);
}

void option_print(FILE *out, const struct hg_option *option, enum hg_option_type type, const void *target)
{
    const char *text;
    char number[32];
    int64_t value, min, max;

    if ((option->flags & HG_OPTION_SECRET) || type == HG_OPTION_SECRET_FILE) {
        fputs("(secret)", out);
        return;
    }
    switch (type) {
    case HG_OPTION_NETWORK:
        option_print_networks(out, *(const struct hg_networks *const *)target);
        return;
    case HG_OPTION_BOOL:
        fputs(*(const bool *)target ? "yes" : "no", out);
        return;
    case HG_OPTION_INTEGER:
    case HG_OPTION_SIZE:
    case HG_OPTION_DURATION:
        memcpy(&value, target, sizeof value);
        option_bounds(option, type, &min, &max);
        /* An absent option without a default is 0, even if 0 is not allowed. */
        fputs(value == 0 && min > 0 ? "~" : option_number(type, value, number, sizeof number), out);
        return;
    case HG_OPTION_ADDRESS:
        if (((const struct hg_address *)target)->host)
            print_address(out, option, target);
        else
            fputs("~", out);
        return;
    case HG_OPTION_ENUM:
        fputs(option->choices[*(const int *)target], out);
        return;
    default:
        text = *(const char *const *)target;
        if (text)
            print_quoted(out, text);
        else
            fputs("~", out);
    }
}
