/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/config/document.h"

#include "core/base/utf8.h"
#include "core/config/document_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_MAX = 4 << 20, /* largest config file: a larger file is probably the wrong one */
};

/* ---- Reporting errors ---- */

/* A message may quote the file, so line breaks and other control characters are escaped. */
static void print_line(FILE *out, const char *text)
{
    size_t left = strlen(text), length;
    uint32_t code_point;

    for (; left > 0; text += length, left -= length) {
        length = utf8_character(text, left, &code_point);
        if (length == 0 || code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0))
            fprintf(out, "\\x%02x", length ? (unsigned)code_point : (unsigned char)*text);
        else
            fwrite(text, 1, length, out);
        length += length == 0;
    }
    fputc('\n', out);
}

__attribute__((cold, format(printf, 4, 0))) static void report(const struct config *config,
                                                               const struct config_node *at, const char *kind,
                                                               const char *format, va_list arguments)
{
    char *message = NULL;

    if (vasprintf(&message, format, arguments) < 0)
        message = NULL;
    if (at)
        fprintf(config->errors, "%s:%u:%u: %s", config->path, at->line, at->column, kind);
    else
        fprintf(config->errors, "%s: %s", config->path, kind);
    print_line(config->errors, message ? message : "out of memory");
    free(message);
}

void config_vfault(struct config *config, const struct config_node *at, const char *format, va_list arguments)
{
    config->faults++;
    report(config, at, "", format, arguments);
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
    report(config, at, "warning: ", format, arguments);
    va_end(arguments);
}

/* ---- Nodes ---- */

void config_node_free(struct config_node *node)
{
    if (!node)
        return;
    for (size_t i = 0; i < node->count; i++) {
        config_node_free(node->items[i]);
        if (node->keys)
            config_node_free(node->keys[i]);
    }
    free(node->items);
    free(node->keys);
    if (node->text)
        explicit_bzero(node->text, node->size); /* it may be a secret */
    free(node->text);
    free(node);
}

struct config_node *config_node_new(enum config_kind kind, unsigned line, unsigned column)
{
    struct config_node *node = calloc(1, sizeof *node);

    if (!node)
        return NULL;
    node->kind = kind;
    node->line = line;
    node->column = column;
    return node;
}

/* Capacities are powers of two, so `count` alone shows when one is reached. */
int config_node_grow(struct config_node *node)
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

/* ---- Files ---- */

/* The absolute folder of a file, without resolving links: relative paths start at the folder as named. */
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

struct config *config_parse(const char *path, const char *bytes, size_t size, FILE *errors)
{
    struct config *config = config_new(path, errors);

    if (config)
        config_build(config, bytes, size);
    return config;
}

/* Reads the whole file; NULL after an error. */
static char *read_all(struct config *config, int fd, size_t *size)
{
    size_t capacity = 16384;
    char *bytes = NULL;

    *size = 0;
    for (ssize_t got = 1; got > 0; *size += got > 0 ? (size_t)got : 0) {
        if (*size == capacity || !bytes) {
            char *more = realloc(bytes, bytes ? (capacity *= 2) : capacity);

            if (!more) {
                config_fault(config, NULL, "out of memory");
                free(bytes);
                return NULL;
            }
            bytes = more;
        }
        do
            got = read(fd, bytes + *size, capacity - *size);
        while (got < 0 && errno == EINTR);
        if (got < 0 || *size > FILE_MAX) {
            if (got < 0)
                config_fault(config, NULL, "cannot read the file: %s", strerror(errno));
            else
                config_fault(config, NULL, "larger than 4 MiB: not a config file");
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
        config_fault(config, NULL, "cannot open the file: %s", strerror(errno));
        return config;
    }
    bytes = read_all(config, fd, &size);
    close(fd);
    if (bytes)
        config_build(config, bytes, size);
    free(bytes);
    return config;
}

void config_note_file(struct config *config, const struct config_node *at, const char *path, bool again)
{
    size_t size = strlen(path) + 1;
    struct config_file *file = malloc(sizeof *file + size), **end = &config->files;

    if (!file)
        return;
    *file = (struct config_file){.at = at, .again = again};
    memcpy(file->path, path, size);
    while (*end)
        end = &(*end)->next;
    *end = file;
}

void config_free(struct config *config)
{
    if (!config)
        return;
    while (config->files) {
        struct config_file *file = config->files;

        config->files = file->next;
        free(file);
    }
    config_node_free(config->root);
    free(config->path);
    free(config->folder);
    free(config);
}
