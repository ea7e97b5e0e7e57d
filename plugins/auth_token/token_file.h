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

/* The allowed length of a token; those created here have 64 characters. As the file contains a fast hash of it,
 * guessing must be impossible even with the file: 128 random bits are 22 characters of base64, or 32 hexadecimal
 * digits. */
#define AUTH_TOKEN_MIN 22
#define AUTH_TOKEN_MAX 512
#define SHA256_SIZE    32

/* The content of a file in memory. Immutable, with reference counting by `owner`, so that sessions can refer to it
 * after a newer one has replaced it. */
struct tokens {
    struct hg_buffer owner; /* first, so that pointers to both can be cast */
    struct tokens_entry *entries;
    const struct tokens_entry **sorted; /* sorted by key */
    size_t count;
    struct stat file;      /* the file it was read from */
    char *text;            /* the file, split into strings */
    const char **services; /* all lists of services, each terminated by NULL */
};

/* One line: the SHA-256 of the id and of the token, next to each other, so that one constant-time comparison covers
 * both. */
struct tokens_entry {
    uint8_t key[2 * SHA256_SIZE];
    const char *id;
    const char *const *services; /* NULL: all */
    size_t line;
};

/* Called for each error, with the file and the line. */
typedef void (*tokens_fault)(void *arg, const char *text);

/* Reads a file. Returns NULL after reporting at least one error. The result has a reference count of one. */
struct tokens *tokens_load(const char *path, tokens_fault fault, void *arg);
/* Whether the file at the path is no longer the one that was read, or is missing. */
bool tokens_differ(const struct stat *then, const char *path);
/* The entry with that id and token, or NULL. Takes the same time whether the id exists or not. */
const struct tokens_entry *tokens_find(const struct tokens *tokens, struct hg_text id, struct hg_text token);
/* The entry with the same key as one from an older file, or NULL. */
const struct tokens_entry *tokens_find_again(const struct tokens *tokens, const struct tokens_entry *entry);

/* A valid id or name of a service: 1 to HG_IDENTITY_MAX letters, digits, '-', '.' and '_'. */
bool tokens_is_name(struct hg_text text);
/* The SHA-256 of a text, in binary. */
void tokens_hash(struct hg_text text, uint8_t hash[SHA256_SIZE]);

/* `hopgate token NAME [--service SERVICE]...` */
int auth_token_command(int argc, char **argv);

#endif
