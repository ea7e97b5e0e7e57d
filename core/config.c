/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/config.h"

#include "core/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

enum {
    FILE_MAX = 4 << 20, /* bytes of a config file: more is a mistake in the name */
    DEPTH_MAX = 32,     /* lists and mappings inside each other */
    KEYS_MAX = 1000,    /* keys of one mapping, since each is compared with those before it */
};

/* ---- Telling faults ---- */

__attribute__((format(printf, 4, 0))) static void tell(const struct config *config, const struct config_node *at,
                                                       const char *kind, const char *format, va_list arguments)
{
    if (at)
        fprintf(config->errors, "%s:%u:%u: %s", config->path, at->line, at->column, kind);
    else
        fprintf(config->errors, "%s: %s", config->path, kind);
    vfprintf(config->errors, format, arguments);
    fputc('\n', config->errors);
}

void config_vfault(struct config *config, const struct config_node *at, const char *format, va_list arguments)
{
    config->faults++;
    tell(config, at, "", format, arguments);
}

void config_fault(struct config *config, const struct config_node *at, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    config_vfault(config, at, format, arguments);
    va_end(arguments);
}

void config_warning(struct config *config, const struct config_node *at, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    tell(config, at, "warning: ", format, arguments);
    va_end(arguments);
}

/* ---- Nodes ---- */

static void node_free(struct config_node *node)
{
    if (!node)
        return;
    for (size_t i = 0; i < node->count; i++) {
        node_free(node->items[i]);
        if (node->keys)
            node_free(node->keys[i]);
    }
    free(node->items);
    free(node->keys);
    free(node->text);
    free(node);
}

static struct config_node *node_new(enum config_kind kind, const yaml_mark_t *mark)
{
    struct config_node *node = calloc(1, sizeof *node);

    if (!node)
        return NULL;
    node->kind = kind;
    node->line = (unsigned)mark->line + 1;
    node->column = (unsigned)mark->column + 1;
    return node;
}

/* Makes room for one more child; capacities are powers of two, so `count` alone tells when one is reached. */
static int node_grow(struct config_node *node)
{
    size_t capacity = node->count ? node->count * 2 : 1;
    struct config_node **more;

    if (node->count & (node->count - 1))
        return 0;
    more = realloc(node->items, capacity * sizeof *more);
    if (!more)
        return -1;
    node->items = more;
    if (node->kind != CONFIG_MAPPING)
        return 0;
    more = realloc(node->keys, capacity * sizeof *more);
    if (!more)
        return -1;
    node->keys = more;
    return 0;
}

struct config_node *config_get(const struct config_node *mapping, const char *key, const struct config_node **key_node)
{
    if (!mapping || mapping->kind != CONFIG_MAPPING)
        return NULL;
    for (size_t i = 0; i < mapping->count; i++) {
        if (strcmp(mapping->keys[i]->text, key) != 0)
            continue;
        if (key_node)
            *key_node = mapping->keys[i];
        return mapping->items[i];
    }
    return NULL;
}

bool config_is_null(const struct config_node *node)
{
    return node->kind == CONFIG_SCALAR && !node->quoted &&
           (node->size == 0 || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0);
}

const char *config_kind_name(const struct config_node *node)
{
    return node->kind == CONFIG_SEQUENCE ? "a list" : node->kind == CONFIG_MAPPING ? "a mapping" : "text";
}

/* ---- Environment variables ---- */

/* The bytes of a variable's name at `text`: [A-Za-z_][A-Za-z0-9_]* */
static size_t variable_name(const char *text, size_t size)
{
    size_t length = 0;

    while (length < size &&
           (text[length] == '_' || (text[length] >= 'A' && text[length] <= 'Z') ||
            (text[length] >= 'a' && text[length] <= 'z') || (length > 0 && text[length] >= '0' && text[length] <= '9')))
        length++;
    return length;
}

/* Writes the value of the variable whose "${" is at `text`; returns the bytes of "${NAME}", or 0 after a fault. */
static size_t expand_variable(struct config *config, const struct config_node *node, const char *text, size_t size,
                              FILE *out)
{
    size_t length = variable_name(text + 2, size - 2);
    const char *value;
    char *name;

    if (length == 0 || length + 2 == size || text[length + 2] != '}') {
        config_fault(config, node,
                     "'${' begins an environment variable, as in ${NAME}, but no name and '}' follow; write '$${' for "
                     "the text '${'");
        return 0;
    }
    name = strndup(text + 2, length);
    if (!name) {
        config_fault(config, node, "memory is out");
        return 0;
    }
    value = getenv(name);
    if (value)
        fputs(value, out);
    else
        config_fault(config, node, "environment variable %s is not set", name);
    free(name);
    return value ? length + 3 : 0;
}

/* Replaces ${NAME} and $${ in a scalar. What came out of a variable is not looked at again. */
static void expand(struct config *config, struct config_node *node)
{
    char *text = NULL;
    size_t size = 0, used = 1;
    FILE *out;

    if (!memmem(node->text, node->size, "${", 2))
        return;
    out = open_memstream(&text, &size);
    if (!out) {
        config_fault(config, node, "memory is out");
        node->faulty = true;
        return;
    }
    for (size_t i = 0; i < node->size && used > 0; i += used) {
        const char *at = node->text + i;
        size_t left = node->size - i;

        used = left >= 3 && memcmp(at, "$${", 3) == 0 ? 3 : 1;
        if (used == 3)
            fputs("${", out);
        else if (left >= 2 && memcmp(at, "${", 2) == 0)
            used = expand_variable(config, node, at, left, out);
        else
            fputc(*at, out);
    }
    node->faulty = used == 0;
    if (fclose(out) != 0) {
        config_fault(config, node, "memory is out");
        node->faulty = true;
        free(text);
        return;
    }
    free(node->text);
    node->text = text;
    node->size = size;
    node->quoted = true; /* an empty variable is an empty text, not a missing value */
}

/* ---- From libyaml's events to nodes ---- */

struct builder {
    struct config *config;
    const char *bytes;
    size_t size;
    yaml_parser_t parser;
};

/* The byte at a mark, 0 at the end. */
static char byte_at(const struct builder *builder, const yaml_mark_t *mark)
{
    const char *at = builder->bytes, *end = at + builder->size;
    uint32_t code_point;

    for (size_t line = 0; line < mark->line && at; line++) {
        at = memchr(at, '\n', (size_t)(end - at));
        at = at ? at + 1 : NULL;
    }
    for (size_t column = 0; at && at < end && column < mark->column; column++)
        at += utf8_character(at, (size_t)(end - at), &code_point);
    return at && at < end ? *at : '\0';
}

static void tell_parser_error(struct builder *builder)
{
    const yaml_parser_t *parser = &builder->parser;
    struct config_node at = {.line = (unsigned)parser->problem_mark.line + 1,
                             .column = (unsigned)parser->problem_mark.column + 1};
    const char *context = parser->context ? parser->context : "";
    char byte = byte_at(builder, &parser->problem_mark);

    if (parser->error == YAML_MEMORY_ERROR)
        config_fault(builder->config, NULL, "memory is out");
    else if (strstr(context, "scanning an alias") || strstr(context, "scanning an anchor"))
        config_fault(builder->config, &at,
                     "a value that begins with '*' or '&' must stand in quotes, as in \"*:443\": YAML takes it for an "
                     "alias or an anchor");
    else if (byte == '\t')
        config_fault(builder->config, &at, "a tab: YAML wants spaces here");
    else if (byte == '@' || byte == '`' || byte == '%')
        config_fault(builder->config, &at, "a value that begins with '%c' must stand in quotes", byte);
    else if (*context && parser->context_mark.line != parser->problem_mark.line)
        config_fault(builder->config, &at, "not valid YAML: %s, %s that began in line %zu", parser->problem, context,
                     parser->context_mark.line + 1);
    else
        config_fault(builder->config, &at, "not valid YAML: %s%s%s", parser->problem ? parser->problem : "unknown",
                     *context ? ", " : "", context);
}

static bool next_event(struct builder *builder, yaml_event_t *event)
{
    if (yaml_parser_parse(&builder->parser, event))
        return true;
    tell_parser_error(builder);
    return false;
}

static struct config_node *no_memory(struct builder *builder)
{
    config_fault(builder->config, NULL, "memory is out");
    return NULL;
}

/* An anchor or a tag: the node goes on as if it were not there. */
static void refuse_decoration(struct builder *builder, struct config_node *node, const yaml_char_t *anchor,
                              const yaml_char_t *tag)
{
    if (!anchor && !tag)
        return;
    if (anchor)
        config_fault(builder->config, node,
                     "an anchor ('&%s'): these are not supported; a value that begins with '&' must stand in quotes",
                     (const char *)anchor);
    else
        config_fault(builder->config, node,
                     "a tag ('%s'): these are not supported; a value that begins with '!' must stand in quotes",
                     (const char *)tag);
    node->faulty = true;
}

static struct config_node *build_scalar(struct builder *builder, const yaml_event_t *event)
{
    struct config_node *node = node_new(CONFIG_SCALAR, &event->start_mark);

    if (!node)
        return no_memory(builder);
    node->text = malloc(event->data.scalar.length + 1);
    if (!node->text) {
        node_free(node);
        return no_memory(builder);
    }
    memcpy(node->text, event->data.scalar.value, event->data.scalar.length);
    node->size = event->data.scalar.length;
    node->text[node->size] = '\0';
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    refuse_decoration(builder, node, event->data.scalar.anchor, event->data.scalar.tag);
    return node;
}

/* An alias: mostly meant as text, as in `listen: *:443`. */
static struct config_node *build_alias(struct builder *builder, const yaml_event_t *event)
{
    struct config_node *node = node_new(CONFIG_SCALAR, &event->start_mark);

    if (!node)
        return no_memory(builder);
    node->text = calloc(1, 1);
    if (!node->text) {
        node_free(node);
        return no_memory(builder);
    }
    node->quoted = node->faulty = true;
    config_fault(builder->config, node,
                 "'*%s' must stand in quotes: YAML takes a leading '*' for an alias, and these are not supported",
                 (const char *)event->data.alias.anchor);
    return node;
}

static struct config_node *build(struct builder *builder, const yaml_event_t *event, unsigned depth);

/* Tells what is wrong with a key, if anything; such a key is left out of its mapping. */
static bool key_is_good(struct builder *builder, const struct config_node *mapping, const struct config_node *key)
{
    const struct config_node *first = NULL;

    if (key->faulty)
        return false;
    if (key->kind != CONFIG_SCALAR) {
        config_fault(builder->config, key, "a key must be a word, not %s", config_kind_name(key));
        return false;
    }
    if (key->size == 0 || strlen(key->text) != key->size) {
        config_fault(builder->config, key, "a key must be a word: this one is %s",
                     key->size ? "holding a zero byte" : "empty");
        return false;
    }
    if (config_get(mapping, key->text, &first)) {
        config_fault(builder->config, key, "'%s' is given twice: first in line %u", key->text, first->line);
        return false;
    }
    if (mapping->count >= KEYS_MAX) {
        config_fault(builder->config, key, "more than %d keys in one mapping", KEYS_MAX);
        return false;
    }
    return true;
}

/* Reads the value of `key` and puts both into the mapping. Both belong to it, or are freed. */
static int add_pair(struct builder *builder, struct config_node *mapping, struct config_node *key, unsigned depth)
{
    bool good = key_is_good(builder, mapping, key);
    struct config_node *value;
    yaml_event_t event;

    if (!next_event(builder, &event)) {
        node_free(key);
        return -1;
    }
    value = build(builder, &event, depth + 1);
    yaml_event_delete(&event);
    if (!value || !good) {
        node_free(value);
        node_free(key);
        return value ? 0 : -1;
    }
    if (node_grow(mapping) != 0) {
        node_free(value);
        node_free(key);
        no_memory(builder);
        return -1;
    }
    mapping->keys[mapping->count] = key;
    mapping->items[mapping->count++] = value;
    return 0;
}

static int add_item(struct builder *builder, struct config_node *sequence, struct config_node *item)
{
    if (node_grow(sequence) != 0) {
        node_free(item);
        no_memory(builder);
        return -1;
    }
    sequence->items[sequence->count++] = item;
    return 0;
}

/* Fills a sequence or a mapping up to its end event. -1 when the rest of the file cannot be read. */
static int build_children(struct builder *builder, struct config_node *node, yaml_event_type_t end, unsigned depth)
{
    for (;;) {
        struct config_node *child;
        yaml_event_t event;
        bool done;

        if (!next_event(builder, &event))
            return -1;
        done = event.type == end;
        child = NULL;
        if (!done && node->kind == CONFIG_MAPPING && event.type == YAML_SCALAR_EVENT)
            child = build_scalar(builder, &event); /* a key: variables are for values */
        else if (!done)
            child = build(builder, &event, depth + 1);
        yaml_event_delete(&event);
        if (done)
            return 0;
        if (!child)
            return -1;
        if ((node->kind == CONFIG_MAPPING ? add_pair(builder, node, child, depth) : add_item(builder, node, child)) !=
            0)
            return -1;
    }
}

static struct config_node *build_collection(struct builder *builder, const yaml_event_t *event, unsigned depth)
{
    bool mapping = event->type == YAML_MAPPING_START_EVENT;
    struct config_node *node = node_new(mapping ? CONFIG_MAPPING : CONFIG_SEQUENCE, &event->start_mark);

    if (!node)
        return no_memory(builder);
    if (depth >= DEPTH_MAX) {
        config_fault(builder->config, node, "more than %d lists and mappings inside each other", DEPTH_MAX);
        node_free(node);
        return NULL;
    }
    if (mapping)
        refuse_decoration(builder, node, event->data.mapping_start.anchor, event->data.mapping_start.tag);
    else
        refuse_decoration(builder, node, event->data.sequence_start.anchor, event->data.sequence_start.tag);
    if (build_children(builder, node, mapping ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT, depth) != 0) {
        node_free(node);
        return NULL;
    }
    return node;
}

/* The node that begins with an event; NULL after a fault that nothing can be read after. */
static struct config_node *build(struct builder *builder, const yaml_event_t *event, unsigned depth)
{
    struct config_node *node;

    switch (event->type) {
    case YAML_SCALAR_EVENT:
        node = build_scalar(builder, event);
        if (node)
            expand(builder->config, node);
        return node;
    case YAML_ALIAS_EVENT:
        return build_alias(builder, event);
    default:
        return build_collection(builder, event, depth);
    }
}

/* From after the start of the stream to its end. */
static struct config_node *build_document(struct builder *builder)
{
    struct config_node *root = NULL;
    yaml_event_t event;

    while (next_event(builder, &event)) {
        yaml_event_type_t type = event.type;
        struct config_node at = {.line = (unsigned)event.start_mark.line + 1,
                                 .column = (unsigned)event.start_mark.column + 1};

        if (type == YAML_DOCUMENT_START_EVENT && root)
            config_fault(builder->config, &at, "a second document begins here; a config file holds one");
        else if (type != YAML_STREAM_START_EVENT && type != YAML_STREAM_END_EVENT &&
                 type != YAML_DOCUMENT_START_EVENT && type != YAML_DOCUMENT_END_EVENT)
            root = build(builder, &event, 0);
        else if (type == YAML_STREAM_END_EVENT && !root)
            config_fault(builder->config, NULL, "the file is empty: it needs at least 'pipeline:'");
        else if (type != YAML_STREAM_END_EVENT) {
            yaml_event_delete(&event);
            continue;
        }
        yaml_event_delete(&event);
        if (type == YAML_STREAM_END_EVENT || type == YAML_DOCUMENT_START_EVENT || !root)
            return root;
    }
    node_free(root);
    return NULL;
}

/* ---- Files ---- */

/* Tells the first place that is not text in UTF-8. Control characters are not allowed in YAML (section 5.1). */
static bool is_text(struct config *config, const char *bytes, size_t size)
{
    struct config_node at = {.line = 1, .column = 1};
    uint32_t code_point;

    for (size_t i = 0, length; i < size; i += length) {
        length = utf8_character(bytes + i, size - i, &code_point);
        if (length == 0) {
            config_fault(config, &at, "byte 0x%02x is not UTF-8: save the file as UTF-8", (unsigned char)bytes[i]);
            return false;
        }
        if ((code_point < 0x20 && bytes[i] != '\n' && bytes[i] != '\r' && bytes[i] != '\t') || code_point == 0x7f) {
            config_fault(config, &at, "control character 0x%02x: this is not a text file", (unsigned)code_point);
            return false;
        }
        at.column = bytes[i] == '\n' ? 1 : at.column + 1;
        at.line += bytes[i] == '\n';
    }
    return true;
}

/* The absolute folder of a file, not resolving links: paths are relative to where the file was named. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t size = slash ? (size_t)(slash - path) : 0;
    char *here, *folder = NULL;

    if (path[0] == '/')
        return strndup(path, size ? size : 1);
    here = getcwd(NULL, 0);
    if (!here)
        return NULL;
    if (asprintf(&folder, "%s%s%.*s", here, size ? "/" : "", (int)size, path) < 0)
        folder = NULL;
    free(here);
    return folder;
}

static struct config *config_new(const char *path, FILE *errors)
{
    struct config *config = calloc(1, sizeof *config);

    if (!config)
        return NULL;
    config->errors = errors;
    config->path = strdup(path);
    config->folder = folder_of(path);
    if (config->path && config->folder)
        return config;
    config_free(config);
    return NULL;
}

static void parse(struct config *config, const char *bytes, size_t size)
{
    struct builder builder = {.config = config, .bytes = bytes, .size = size};

    if (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
        builder.bytes += 3;
        builder.size -= 3;
    }
    if (!is_text(config, builder.bytes, builder.size))
        return;
    if (!yaml_parser_initialize(&builder.parser)) {
        no_memory(&builder);
        return;
    }
    yaml_parser_set_encoding(&builder.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&builder.parser, (const unsigned char *)builder.bytes, builder.size);
    config->root = build_document(&builder);
    yaml_parser_delete(&builder.parser);
}

struct config *config_parse(const char *path, const char *bytes, size_t size, FILE *errors)
{
    struct config *config = config_new(path, errors);

    if (config)
        parse(config, bytes, size);
    return config;
}

/* All bytes of a file, or NULL after a fault. */
static char *read_all(struct config *config, int fd, size_t *size)
{
    size_t capacity = 16384;
    char *bytes = NULL;

    *size = 0;
    for (ssize_t got = 1; got > 0; *size += got > 0 ? (size_t)got : 0) {
        if (*size == capacity || !bytes) {
            char *more = realloc(bytes, bytes ? (capacity *= 2) : capacity);

            if (!more || *size > FILE_MAX) {
                config_fault(config, NULL, more ? "larger than 4 MiB: this is no config file" : "memory is out");
                free(more ? more : bytes);
                return NULL;
            }
            bytes = more;
        }
        do
            got = read(fd, bytes + *size, capacity - *size);
        while (got < 0 && errno == EINTR);
        if (got < 0) {
            config_fault(config, NULL, "cannot be read: %s", strerror(errno));
            free(bytes);
            return NULL;
        }
    }
    return bytes;
}

struct config *config_read(const char *path, FILE *errors)
{
    struct config *config = config_new(path, errors);
    size_t size = 0;
    char *bytes;
    int fd;

    if (!config)
        return NULL;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        config_fault(config, NULL, "cannot be opened: %s", strerror(errno));
        return config;
    }
    bytes = read_all(config, fd, &size);
    close(fd);
    if (bytes)
        parse(config, bytes, size);
    free(bytes);
    return config;
}

void config_free(struct config *config)
{
    if (!config)
        return;
    node_free(config->root);
    free(config->path);
    free(config->folder);
    free(config);
}
