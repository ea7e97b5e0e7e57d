/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/store_file/value_file.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAGIC      "hopgate-store 1 revision="
#define MAGIC_SIZE (sizeof MAGIC - 1)
#define HASH_SIZE  32
/* Longer than any such line. */
#define LINE_SIZE 160

/* Writes the line that precedes a value; returns its length. */
static size_t make_line(char line[LINE_SIZE], uint64_t revision, struct hg_text value)
{
    uint8_t hash[HASH_SIZE] = {0};
    int size;

    gnutls_hash_fast(GNUTLS_DIG_SHA256, value.size ? value.data : "", value.size, hash);
    size = snprintf(line, LINE_SIZE, MAGIC "%" PRIu64 " size=%zu sha256=", revision, value.size);
    for (size_t i = 0; i < HASH_SIZE; i++)
        size += snprintf(line + size, LINE_SIZE - (size_t)size, "%02x", hash[i]);
    size += snprintf(line + size, LINE_SIZE - (size_t)size, "\n");
    return (size_t)size;
}

/* The number after the magic word; 0: there is none. */
static uint64_t read_revision(const uint8_t *bytes, size_t size)
{
    uint64_t revision = 0;

    if (size < MAGIC_SIZE || memcmp(bytes, MAGIC, MAGIC_SIZE) != 0)
        return 0;
    for (size_t i = MAGIC_SIZE; i < size && bytes[i] >= '0' && bytes[i] <= '9'; i++)
        revision = revision * 10 + (uint64_t)(bytes[i] - '0');
    return revision;
}

/* What is wrong; NULL: nothing. */
static const char *check(struct value_file *file)
{
    const uint8_t *end = file->size ? memchr(file->bytes, '\n', file->size < LINE_SIZE ? file->size : LINE_SIZE) : NULL;
    char line[LINE_SIZE];
    size_t size;

    if (!file->size)
        return "it is empty";
    file->revision = read_revision(file->bytes, file->size);
    if (!end || !file->revision)
        return "its first line is not from this store";
    size = (size_t)(end - file->bytes) + 1;
    file->value = (struct hg_text){(const char *)file->bytes + size, file->size - size};
    if (make_line(line, file->revision, file->value) != size || memcmp(line, file->bytes, size) != 0)
        return "its content does not match its first line: truncated, damaged or edited by hand";
    return NULL;
}

/* Reads the whole file, at most one byte more than allowed. Returns 0, or -1 with errno. */
static int read_all(int fd, struct value_file *file, size_t capacity)
{
    while (file->size < capacity) {
        ssize_t got = read(fd, file->bytes + file->size, capacity - file->size);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (!got)
            break;
        file->size += (size_t)got;
    }
    return 0;
}

static enum value_file_state unreadable(struct value_file *file, int error)
{
    file->error = error;
    return error == ENOENT || error == ENOTDIR ? VALUE_ABSENT : VALUE_UNREADABLE;
}

static enum value_file_state damaged(struct value_file *file, const char *fault)
{
    file->fault = fault;
    return VALUE_DAMAGED;
}

static enum value_file_state read_open(int fd, struct value_file *file)
{
    struct stat state;
    const char *fault;

    if (fstat(fd, &state))
        return unreadable(file, errno);
    if (S_ISDIR(state.st_mode))
        return VALUE_ABSENT;
    if (!S_ISREG(state.st_mode))
        return damaged(file, "it is not a regular file");
    if (state.st_size > HG_STORE_VALUE_MAX + LINE_SIZE)
        return damaged(file, "it is too large");
    file->bytes = malloc((size_t)state.st_size + 1);
    if (!file->bytes)
        return unreadable(file, ENOMEM);
    if (read_all(fd, file, (size_t)state.st_size))
        return unreadable(file, errno);
    fault = check(file);
    return fault ? damaged(file, fault) : VALUE_GOOD;
}

enum value_file_state value_file_read(int directory, const char *path, struct value_file *file)
{
    int fd = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    enum value_file_state state;

    memset(file, 0, sizeof *file);
    if (fd < 0)
        return errno == ELOOP ? damaged(file, "it is a symbolic link") : unreadable(file, errno);
    state = read_open(fd, file);
    close(fd);
    return state;
}

void value_file_free(struct value_file *file)
{
    if (file->bytes)
        gnutls_memset(file->bytes, 0, file->size);
    free(file->bytes);
    memset(file, 0, sizeof *file);
}

uint64_t value_file_revision(int directory, const char *path)
{
    int fd = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    uint8_t line[LINE_SIZE];
    ssize_t got = fd < 0 ? -1 : read(fd, line, sizeof line);

    if (fd >= 0)
        close(fd);
    return got > 0 ? read_revision(line, (size_t)got) : 0;
}

int value_file_write(int fd, uint64_t revision, struct hg_text value)
{
    char line[LINE_SIZE];
    struct iovec parts[] = {{line, make_line(line, revision, value)}, {(void *)(uintptr_t)value.data, value.size}};
    struct iovec *part = parts;

    while (part < parts + 2) {
        ssize_t put = writev(fd, part, (int)(parts + 2 - part));

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        for (; part < parts + 2 && (size_t)put >= part->iov_len; part++)
            put -= (ssize_t)part->iov_len;
        if (part < parts + 2) {
            part->iov_base = (char *)part->iov_base + put;
            part->iov_len -= (size_t)put;
        }
    }
    return fsync(fd);
}
