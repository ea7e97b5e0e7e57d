/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * One value as a file: a line that tells revision, size and SHA-256, then the bytes of the value as they are. Tools
 * that read PEM skip what stands before "-----BEGIN", so they read such a file too.
 */
#ifndef PLUGINS_STORE_FILE_VALUE_FILE_H
#define PLUGINS_STORE_FILE_VALUE_FILE_H

#include <hopgate/store.h>

enum value_file_state {
    VALUE_GOOD,
    VALUE_ABSENT,
    VALUE_DAMAGED,    /* `fault` tells how */
    VALUE_UNREADABLE, /* `error` is the errno */
};

struct value_file {
    uint8_t *bytes; /* of the file */
    size_t size;
    struct hg_text value; /* the part of them behind the line */
    uint64_t revision;
    const char *fault;
    int error;
};

/* Reads the file of that path in `folder`. To be followed by value_file_free(), whatever the state. */
enum value_file_state value_file_read(int directory, const char *path, struct value_file *file);
/* Wipes what was read. */
void value_file_free(struct value_file *file);

/* The revision that the file tells, without a look at the value; 0: none. */
uint64_t value_file_revision(int directory, const char *path);

/* Writes the whole file and syncs it. 0, or -1 with errno. */
int value_file_write(int fd, uint64_t revision, struct hg_text value);

#endif
