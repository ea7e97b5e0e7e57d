/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Builds the tree of nodes from libyaml's events.
 */
#include "core/base/utf8.h"
#include "core/config/document_private.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum {
    YAML_DEPTH_MAX = 32, /* depth of nested lists and mappings */
    KEYS_MAX = 1000,     /* keys in one mapping, since each is compared with all before it */
};

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

static void report_parser_error(struct builder *builder)
{
    const yaml_parser_t *parser = &builder->parser;
    struct config_node at = {.line = (unsigned)parser->problem_mark.line + 1,
                             .column = (unsigned)parser->problem_mark.column + 1};
    const char *context = parser->context ? parser->context : "";
    char byte = byte_at(builder, &parser->problem_mark);

    if (parser->error == YAML_MEMORY_ERROR)
        config_fault(builder->config, NULL, "out of memory");
    else if (strstr(context, "scanning an alias") || strstr(context, "scanning an anchor")) {
        at.line = (unsigned)parser->context_mark.line + 1;
        at.column = (unsigned)parser->context_mark.column + 1;
        config_fault(builder->config, &at,
                     "a value that begins with '*' or '&' must be quoted, as in \"*:443\"; YAML takes it for an alias "
                     "or an anchor");
    } else if (byte == '\t')
        config_fault(builder->config, &at, "tab found; YAML requires spaces here");
    else if (byte == '@' || byte == '`' || byte == '%')
        config_fault(builder->config, &at, "a value that begins with '%c' must be quoted", byte);
    else if (*context && parser->context_mark.line != parser->problem_mark.line)
        config_fault(builder->config, &at, "invalid YAML: %s, %s that began on line %zu", parser->problem, context,
                     parser->context_mark.line + 1);
    else
        config_fault(builder->config, &at, "invalid YAML: %s%s%s", parser->problem ? parser->problem : "unknown",
                     *context ? ", " : "", context);
}

static bool next_event(struct builder *builder, yaml_event_t *event)
{
    if (yaml_parser_parse(&builder->parser, event))
        return true;
    report_parser_error(builder);
    return false;
}

static struct config_node *no_memory(struct builder *builder)
{
    config_fault(builder->config, NULL, "out of memory");
    return NULL;
}

/* An anchor or a tag: reported, and otherwise ignored. */
static void refuse_decoration(struct builder *builder, struct config_node *node, const yaml_char_t *anchor,
                              const yaml_char_t *tag)
{
    if (!anchor && !tag)
        return;
    if (anchor)
        config_fault(builder->config, node,
                     "anchors ('&%s') are not supported; a value that begins with '&' must be quoted",
                     (const char *)anchor);
    else
        config_fault(builder->config, node,
                     "tags ('%s') are not supported; a value that begins with '!' must be quoted", (const char *)tag);
    node->faulty = true;
}

static struct config_node *node_at(enum config_kind kind, const yaml_mark_t *mark)
{
    return config_node_new(kind, (unsigned)mark->line + 1, (unsigned)mark->column + 1);
}

static struct config_node *build_scalar(struct builder *builder, const yaml_event_t *event)
{
    struct config_node *node = node_at(CONFIG_SCALAR, &event->start_mark);

    if (!node)
        return no_memory(builder);
    node->text = malloc(event->data.scalar.length + 1);
    if (!node->text) {
        config_node_free(node);
        return no_memory(builder);
    }
    memcpy(node->text, event->data.scalar.value, event->data.scalar.length);
    node->size = event->data.scalar.length;
    node->text[node->size] = '\0';
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    refuse_decoration(builder, node, event->data.scalar.anchor, event->data.scalar.tag);
    return node;
}

/* An alias: usually meant as text, as in `listen: *:443`. */
static struct config_node *build_alias(struct builder *builder, const yaml_event_t *event)
{
    struct config_node *node = node_at(CONFIG_SCALAR, &event->start_mark);

    if (!node)
        return no_memory(builder);
    node->text = calloc(1, 1);
    if (!node->text) {
        config_node_free(node);
        return no_memory(builder);
    }
    node->quoted = node->faulty = true;
    config_fault(builder->config, node,
                 "'*%s' must be quoted; YAML takes a leading '*' for an alias, which is not supported",
                 (const char *)event->data.alias.anchor);
    return node;
}

static struct config_node *build(struct builder *builder, const yaml_event_t *event, unsigned depth);

/* Reports what is wrong with a key, if anything; a bad key is left out of its mapping. */
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
        config_fault(builder->config, key, "a key must be a word; this one is %s",
                     key->size ? "with a zero byte" : "empty");
        return false;
    }
    if (config_get(mapping, key->text, &first)) {
        config_fault(builder->config, key, "duplicate '%s'; first given on line %u", key->text, first->line);
        return false;
    }
    if (mapping->count >= KEYS_MAX) {
        config_fault(builder->config, key, "more than %d keys in one mapping", KEYS_MAX);
        return false;
    }
    return true;
}

/* Reads the value of `key` and adds both to the mapping, which takes ownership; on failure both are freed. */
static int add_pair(struct builder *builder, struct config_node *mapping, struct config_node *key, unsigned depth)
{
    bool good = key_is_good(builder, mapping, key);
    struct config_node *value;
    yaml_event_t event;

    if (!next_event(builder, &event)) {
        config_node_free(key);
        return -1;
    }
    value = build(builder, &event, depth + 1);
    yaml_event_delete(&event);
    if (!value || !good) {
        config_node_free(value);
        config_node_free(key);
        return value ? 0 : -1;
    }
    if (config_node_grow(mapping) != 0) {
        config_node_free(value);
        config_node_free(key);
        no_memory(builder);
        return -1;
    }
    mapping->keys[mapping->count] = key;
    mapping->items[mapping->count++] = value;
    return 0;
}

static int add_item(struct builder *builder, struct config_node *sequence, struct config_node *item)
{
    if (config_node_grow(sequence) != 0) {
        config_node_free(item);
        no_memory(builder);
        return -1;
    }
    sequence->items[sequence->count++] = item;
    return 0;
}

/* Fills a sequence or a mapping up to its end event. Returns -1 if the rest of the file cannot be read. */
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
            child = build_scalar(builder, &event); /* a key: variables are only expanded in values */
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
    struct config_node *node = node_at(mapping ? CONFIG_MAPPING : CONFIG_SEQUENCE, &event->start_mark);

    if (!node)
        return no_memory(builder);
    if (depth >= YAML_DEPTH_MAX) {
        config_fault(builder->config, node, "lists and mappings are nested more than %d deep", YAML_DEPTH_MAX);
        config_node_free(node);
        return NULL;
    }
    if (mapping)
        refuse_decoration(builder, node, event->data.mapping_start.anchor, event->data.mapping_start.tag);
    else
        refuse_decoration(builder, node, event->data.sequence_start.anchor, event->data.sequence_start.tag);
    if (build_children(builder, node, mapping ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT, depth) != 0) {
        config_node_free(node);
        return NULL;
    }
    return node;
}

/* The node that begins with an event; NULL after an error that makes the rest unreadable. */
static struct config_node *build(struct builder *builder, const yaml_event_t *event, unsigned depth)
{
    struct config_node *node;

    switch (event->type) {
    case YAML_SCALAR_EVENT:
        node = build_scalar(builder, event);
        if (node)
            config_expand(builder->config, node);
        return node;
    case YAML_ALIAS_EVENT:
        return build_alias(builder, event);
    default:
        return build_collection(builder, event, depth);
    }
}

/* Reads from after the start of the stream to its end. */
static struct config_node *build_document(struct builder *builder)
{
    struct config_node *root = NULL;
    yaml_event_t event;

    while (next_event(builder, &event)) {
        yaml_event_type_t type = event.type;
        struct config_node at = {.line = (unsigned)event.start_mark.line + 1,
                                 .column = (unsigned)event.start_mark.column + 1};

        if (type == YAML_DOCUMENT_START_EVENT && root)
            config_fault(builder->config, &at, "a second document begins here; a config file has only one");
        else if (type != YAML_STREAM_START_EVENT && type != YAML_STREAM_END_EVENT &&
                 type != YAML_DOCUMENT_START_EVENT && type != YAML_DOCUMENT_END_EVENT)
            root = build(builder, &event, 0);
        else if (type == YAML_STREAM_END_EVENT && !root)
            config_fault(builder->config, NULL, "the file is empty; 'pipeline:' is required");
        else if (type != YAML_STREAM_END_EVENT) {
            yaml_event_delete(&event);
            continue;
        }
        yaml_event_delete(&event);
        if (type == YAML_STREAM_END_EVENT || type == YAML_DOCUMENT_START_EVENT || !root)
            return root;
    }
    config_node_free(root);
    return NULL;
}

/* Reports the first place that is not UTF-8 text. YAML forbids control characters (section 5.1). */
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
            config_fault(config, &at, "control character 0x%02x: not a text file", (unsigned)code_point);
            return false;
        }
        at.column = bytes[i] == '\n' ? 1 : at.column + 1;
        at.line += bytes[i] == '\n';
    }
    return true;
}

void config_build(struct config *config, const char *bytes, size_t size)
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
