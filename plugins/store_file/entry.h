/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * One value as a file: a line that tells revision, size and SHA-256, then the bytes of the value as they are. Tools
 * that read PEM skip what stands before "-----BEGIN", so they read such a file too.
 */
#ifndef PLUGINS_STORE_FILE_ENTRY_H
#define PLUGINS_STORE_FILE_ENTRY_H

#include <hopgate/store.h>

enum entry_state {
    ENTRY_GOOD,
    ENTRY_ABSENT,
    ENTRY_DAMAGED,    /* `fault` tells how */
    ENTRY_UNREADABLE, /* `error` is the errno */
};

struct entry {
    uint8_t *bytes; /* of the file */
    size_t size;
    struct hg_text value; /* the part of them behind the line */
    uint64_t revision;
    const char *fault;
    int error;
};

/* Reads the file of that path in `folder`. To be followed by entry_free(), whatever the state. */
enum entry_state entry_read(int folder, const char *path, struct entry *entry);
/* Wipes what was read. */
void entry_free(struct entry *entry);

/* The revision that the file tells, without a look at the value; 0: none. */
uint64_t entry_revision(int folder, const char *path);

/* Writes the whole file and syncs it. 0, or -1 with errno. */
int entry_write(int fd, uint64_t revision, struct hg_text value);

#endif
