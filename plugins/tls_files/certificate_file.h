/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A certificate chain with its key, read from two files.
 */
#ifndef PLUGINS_TLS_FILES_CERTIFICATE_FILE_H
#define PLUGINS_TLS_FILES_CERTIFICATE_FILE_H

#include <hopgate/certificates.h>
#include <sys/stat.h>
#include <time.h>

/* Where a pair comes from. */
struct pair_files {
    const char *cert, *key;
};

/* How the files looked, to see later whether they have changed. */
struct pair_state {
    struct stat cert, key;
};

/* A name that the certificate is for. */
struct pair_name {
    bool is_address;     /* `text` is 4 or 16 bytes of an address */
    struct hg_text text; /* owned */
};

/* A pair in memory. Does not change; counted as `certificate` is. */
struct pair {
    struct hg_certificate certificate; /* first, so that one is the other */
    struct pair_name *names;
    size_t name_count;
    time_t begins, ends;
};

/* How well a pair fits a server name. */
enum pair_fit {
    PAIR_NO_FIT = 0,
    PAIR_WILDCARD = 1,
    PAIR_EXACT = 2,
};

/* Is told each fault; `member` is "cert" or "key", whichever file it lies in. */
typedef void (*pair_fault)(void *arg, const char *member, const char *text);

/* Reads and checks a pair; whether it is valid at this time is left to pair_time_fault(). NULL after at least one fault
 * was told. The result has a count of one. */
struct pair *pair_load(const struct pair_files *files, pair_fault fault, void *arg);
void pair_unref(struct pair *pair);

/* Looks at the files; what is not there is all zero. */
void pair_look(const struct pair_files *files, struct pair_state *state);
bool pair_state_equal(const struct pair_state *a, const struct pair_state *b);

/* Writes why the pair is not valid at that time. False when it is. */
bool pair_time_fault(const struct pair *pair, time_t now, char *text, size_t capacity);

/* `server_name` in lower case: a name or the literal of an address. */
enum pair_fit pair_fits(const struct pair *pair, struct hg_text server_name);

#endif
