/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/auth_token/token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Enough for 100,000 clients; a larger file must be something else. */
#define FILE_MAX ((off_t)16 << 20)

bool tokens_is_name(struct hg_text text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";

    if (!text.size || text.size > HG_IDENTITY_MAX)
        return false;
    for (size_t i = 0; i < text.size; i++)
        if (!memchr(allowed, text.data[i], sizeof allowed - 1))
            return false;
    return true;
}

void tokens_hash(struct hg_text text, uint8_t hash[SHA256_SIZE])
{
    /* Fails only if GnuTLS has no SHA-256, in which case there is no TLS either. */
    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, text.data ? text.data : "", text.size, hash) < 0)
        abort();
}

/* ---- Reading ---- */

/* A file while it is being read. */
struct parser {
    struct tokens *tokens;
    const char *path;
    tokens_fault fault;
    void *arg;
    size_t line;
    size_t faults;
    size_t service_count; /* in tokens->services, including terminators */
};

__attribute__((format(printf, 2, 3))) static void report(struct parser *parser, const char *format, ...)
{
    char what[512], text[5000];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    if (parser->line)
        snprintf(text, sizeof text, "%s:%zu: %s", parser->path, parser->line, what);
    else
        snprintf(text, sizeof text, "%s: %s", parser->path, what);
    parser->fault(parser->arg, text);
    parser->faults++;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool parse_hash(const char *text, uint8_t hash[SHA256_SIZE])
{
    if (strlen(text) != 2 * SHA256_SIZE)
        return false;
    for (size_t i = 0; i < SHA256_SIZE; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        hash[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static char *trim(char *text)
{
    char *end;

    text += strspn(text, " \t");
    end = text + strlen(text);
    while (end > text && strchr(" \t\r", end[-1]))
        *--end = 0;
    return text;
}

/* Splits "a,b" into strings and appends them to the lists. */
static void parse_services(struct parser *parser, char *text, struct tokens_entry *entry)
{
    const char **lists = parser->tokens->services;

    entry->services = lists + parser->service_count;
    for (char *rest = text, *name; (name = strsep(&rest, ","));) {
        name = trim(name);
        if (!tokens_is_name(hg_text(name)))
            report(parser, "\"%s\" is not a service name: 1 to %d letters, digits, '-', '.' and '_'", name,
                   HG_IDENTITY_MAX);
        lists[parser->service_count++] = name;
    }
    lists[parser->service_count++] = NULL;
}

static void parse_line(struct parser *parser, char *line)
{
    struct tokens_entry *entry = &parser->tokens->entries[parser->tokens->count];
    char *id = trim(line), *hash, *services;

    if (!*id || *id == '#')
        return;
    hash = strchr(id, ':');
    services = hash ? strchr(hash + 1, ':') : NULL;
    if (hash)
        *hash++ = 0;
    if (services)
        *services++ = 0;
    id = trim(id);
    *entry = (struct tokens_entry){.id = id, .line = parser->line};
    if (!tokens_is_name(hg_text(id)))
        report(parser, "\"%.140s\" is not a client id: 1 to %d letters, digits, '-', '.' and '_'", id, HG_IDENTITY_MAX);
    if (!hash)
        report(parser, "no token; expected ID:SHA256 or ID:SHA256:SERVICE,SERVICE as printed by `hopgate token`");
    else if (!parse_hash(trim(hash), entry->key + SHA256_SIZE))
        report(
            parser,
            "the token of \"%.140s\" is not 64 hexadecimal digits; expected its SHA-256, as printed by `hopgate token`",
            id);
    tokens_hash(hg_text(id), entry->key);
    if (services)
        parse_services(parser, services, entry);
    parser->tokens->count++;
}

static int compare_keys(const void *a, const void *b)
{
    const struct tokens_entry *const *left = a, *const *right = b;
    int order = memcmp((*left)->key, (*right)->key, sizeof(*left)->key);

    return order ? order : (*left)->line < (*right)->line ? -1 : 1;
}

/* Several tokens for one id allow changing them one after the other; the same one twice is a mistake. */
static void sort(struct parser *parser)
{
    struct tokens *tokens = parser->tokens;
    const struct tokens_entry **sorted = calloc(tokens->count + 1, sizeof(const struct tokens_entry *));

    tokens->sorted = sorted;
    if (!sorted) {
        report(parser, "out of memory");
        return;
    }
    for (size_t i = 0; i < tokens->count; i++)
        sorted[i] = &tokens->entries[i];
    qsort(sorted, tokens->count, sizeof(const struct tokens_entry *), compare_keys);
    for (size_t i = 1; i < tokens->count; i++)
        if (!memcmp(sorted[i - 1]->key, sorted[i]->key, sizeof sorted[i]->key)) {
            parser->line = sorted[i]->line;
            report(parser, "duplicate token of \"%s\", first given on line %zu", sorted[i]->id, sorted[i - 1]->line);
        }
}

static size_t count_bytes(const char *text, size_t size, char byte)
{
    size_t count = 0;

    for (size_t i = 0; i < size; i++)
        count += text[i] == byte;
    return count;
}

static void parse(struct parser *parser, size_t size)
{
    struct tokens *tokens = parser->tokens;
    const size_t lines = count_bytes(tokens->text, size, '\n') + 1;

    if (memchr(tokens->text, 0, size)) {
        report(parser, "not a text file: it contains NUL bytes");
        return;
    }
    tokens->entries = calloc(lines, sizeof *tokens->entries);
    /* At most one name for each comma and line, and one terminator for each line. */
    tokens->services = calloc(count_bytes(tokens->text, size, ',') + 2 * lines, sizeof *tokens->services);
    if (!tokens->entries || !tokens->services) {
        report(parser, "out of memory");
        return;
    }
    for (char *rest = tokens->text, *line; (line = strsep(&rest, "\n"));) {
        parser->line++;
        parse_line(parser, line);
    }
    if (!parser->faults)
        sort(parser);
}

/* Reads an open file into tokens->text. Returns its size, or -1 after reporting an error. */
static ssize_t slurp(struct parser *parser, int fd)
{
    struct tokens *tokens = parser->tokens;
    size_t size = 0;

    if (fstat(fd, &tokens->file)) {
        report(parser, "%s", strerror(errno));
        return -1;
    }
    if (!S_ISREG(tokens->file.st_mode) || tokens->file.st_size > FILE_MAX) {
        report(parser, "not a regular file of up to 16 MiB");
        return -1;
    }
    tokens->text = malloc((size_t)tokens->file.st_size + 1);
    while (tokens->text && size < (size_t)tokens->file.st_size) {
        ssize_t got = read(fd, tokens->text + size, (size_t)tokens->file.st_size - size);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            report(parser, "%s", strerror(errno));
            return -1;
        }
        if (!got)
            break;
        size += (size_t)got;
    }
    if (!tokens->text) {
        report(parser, "out of memory");
        return -1;
    }
    tokens->text[size] = 0;
    return (ssize_t)size;
}

static void tokens_release(struct hg_buffer *owner)
{
    struct tokens *tokens = (struct tokens *)owner;

    free(tokens->entries);
    free(tokens->sorted);
    free(tokens->services);
    free(tokens->text);
    free(tokens);
}

struct tokens *tokens_load(const char *path, tokens_fault fault, void *arg)
{
    struct parser parser = {.path = path, .fault = fault, .arg = arg, .tokens = calloc(1, sizeof *parser.tokens)};
    ssize_t size = -1;
    int fd;

    if (!parser.tokens) {
        report(&parser, "out of memory");
        return NULL;
    }
    atomic_init(&parser.tokens->owner.refs, 1);
    parser.tokens->owner.release = tokens_release;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        report(&parser, "%s", strerror(errno));
    } else {
        size = slurp(&parser, fd);
        close(fd);
    }
    if (size >= 0)
        parse(&parser, (size_t)size);
    if (parser.faults) {
        hg_buffer_unref(&parser.tokens->owner);
        return NULL;
    }
    return parser.tokens;
}

bool tokens_differ(const struct stat *then, const char *path)
{
    struct stat now;

    if (stat(path, &now))
        memset(&now, 0, sizeof now);
    return now.st_size != then->st_size || now.st_ino != then->st_ino || now.st_dev != then->st_dev ||
           now.st_ctim.tv_sec != then->st_ctim.tv_sec || now.st_ctim.tv_nsec != then->st_ctim.tv_nsec;
}

const struct tokens_entry *tokens_find(const struct tokens *tokens, struct hg_text id, struct hg_text token)
{
    const struct tokens_entry *found = NULL;
    uint8_t key[2 * SHA256_SIZE];

    tokens_hash(id, key);
    tokens_hash(token, key + SHA256_SIZE);
    for (size_t i = 0; i < tokens->count; i++)
        if (!gnutls_memcmp(tokens->entries[i].key, key, sizeof key))
            found = &tokens->entries[i];
    return found;
}

static int compare_key(const void *key, const void *element)
{
    const struct tokens_entry *const *entry = element;

    return memcmp(key, (*entry)->key, sizeof(*entry)->key);
}

const struct tokens_entry *tokens_find_again(const struct tokens *tokens, const struct tokens_entry *entry)
{
    const struct tokens_entry *const *found =
        bsearch(entry->key, tokens->sorted, tokens->count, sizeof(const struct tokens_entry *), compare_key);

    return found ? *found : NULL;
}
