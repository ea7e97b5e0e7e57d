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

/* The files of a pair. */
struct pair_files {
    const char *cert, *key;
};

/* The state of the files, to detect later whether they have changed. */
struct pair_state {
    struct stat cert, key;
};

/* A name that the certificate is valid for. */
struct pair_name {
    bool is_address;     /* `text` is the 4 or 16 bytes of an address */
    struct hg_text text; /* owned */
};

/* A pair in memory. Immutable; the reference count is that of `certificate`. */
struct pair {
    struct hg_certificate certificate; /* first, so that pointers to both can be cast */
    struct pair_name *names;
    size_t name_count;
    time_t begins, ends;
};

/* How well a pair matches a server name. */
enum pair_fit {
    PAIR_NO_FIT = 0,
    PAIR_WILDCARD = 1,
    PAIR_EXACT = 2,
};

/* Called for each error; `member` is "cert" or "key", for the file that has it. */
typedef void (*pair_fault)(void *arg, const char *member, const char *text);

/* Loads and checks a pair, except for its period of validity: see pair_time_fault(). Returns NULL after reporting at
 * least one error. The result has a reference count of one. */
struct pair *pair_load(const struct pair_files *files, pair_fault fault, void *arg);
void pair_unref(struct pair *pair);

/* Gets the state of the files; that of a missing file is all zero. */
void pair_look(const struct pair_files *files, struct pair_state *state);
bool pair_state_equal(const struct pair_state *a, const struct pair_state *b);

/* Writes why the pair is not valid at that time. False if it is. */
bool pair_time_fault(const struct pair *pair, time_t now, char *text, size_t capacity);

/* `server_name` is in lower case: a name or an address literal. */
enum pair_fit pair_fits(const struct pair *pair, struct hg_text server_name);

#endif
