/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The gateway's file of tokens: reading, checking, looking up.
 */
#ifndef PLUGINS_AUTH_TOKEN_TOKEN_FILE_H
#define PLUGINS_AUTH_TOKEN_TOKEN_FILE_H

#include <hopgate/buffer.h>
#include <hopgate/identity.h>
#include <sys/stat.h>

/* What a token may have; those made here have 64 characters. The file has a fast hash of it, so whoever has seen that
 * must not be able to guess: 128 random bits are 22 characters of base64, 32 of hexadecimal digits. */
#define AUTH_TOKEN_MIN 22
#define AUTH_TOKEN_MAX 512
#define SHA256_SIZE    32

/* A file's content in memory. Does not change; counted by `owner`, so that sessions may show what it holds after a
 * newer one has taken its place. */
struct tokens {
    struct hg_buffer owner; /* first, so that one is the other */
    struct tokens_entry *entries;
    const struct tokens_entry **sorted; /* by key */
    size_t count;
    struct stat file;      /* what it was read from */
    char *text;            /* the file, cut into strings */
    const char **services; /* all lists of services, each ended by NULL */
};

/* One line: the SHA-256 of the id and of the token, side by side, so that one comparison in constant time is for both.
 */
struct tokens_entry {
    uint8_t key[2 * SHA256_SIZE];
    const char *id;
    const char *const *services; /* NULL: all */
    size_t line;
};

/* Is told each fault, with the file and the line. */
typedef void (*tokens_fault)(void *arg, const char *text);

/* Reads a file. NULL after at least one fault was told. The result has a count of one. */
struct tokens *tokens_load(const char *path, tokens_fault fault, void *arg);
/* Whether what stands at the path now is not what was read. Also when it is gone. */
bool tokens_differ(const struct stat *then, const char *path);
/* The entry of that id and token, or NULL. Takes as long whether the id is there or not. */
const struct tokens_entry *tokens_find(const struct tokens *tokens, struct hg_text id, struct hg_text token);
/* The entry that has the key of one of an older file, or NULL. */
const struct tokens_entry *tokens_find_again(const struct tokens *tokens, const struct tokens_entry *entry);

/* An id or the name of a service: 1 to HG_IDENTITY_MAX letters, digits, '-', '.' and '_'. */
bool tokens_is_name(struct hg_text text);
/* The SHA-256 of a text, in binary. */
void tokens_hash(struct hg_text text, uint8_t hash[SHA256_SIZE]);

/* `hopgate token NAME [--service SERVICE]...` */
int auth_token_command(int argc, char **argv);

#endif
