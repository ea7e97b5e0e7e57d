/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * `hopgate token NAME [--service SERVICE]...`: creates a client's token.
 */
#include "plugins/auth_token/token_file.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>

/* The exit status for invalid arguments. */
#define EXIT_USAGE 2

/* 256 bits cannot be guessed, so a plain hash is enough, and no slow one such as scrypt is needed. */
#define TOKEN_SIZE 32

static int usage(const char *what, const char *word)
{
    fprintf(stderr, "hopgate token: ");
    fprintf(stderr, what, word);
    fprintf(stderr, "\nusage: hopgate token NAME [--service SERVICE]...\n");
    return EXIT_USAGE;
}

static void to_hex(const uint8_t *bytes, size_t size, char *text)
{
    for (size_t i = 0; i < size; i++)
        sprintf(text + 2 * i, "%02x", bytes[i]);
}

static int print_token(const char *name, char **services, size_t service_count)
{
    char secret[2 * TOKEN_SIZE + 1], hashed[2 * SHA256_SIZE + 1];
    uint8_t token[TOKEN_SIZE], hash[SHA256_SIZE];
    bool failed;

    if (gnutls_rnd(GNUTLS_RND_KEY, token, sizeof token) < 0) {
        fprintf(stderr, "hopgate token: cannot get random numbers from the system\n");
        return EXIT_FAILURE;
    }
    to_hex(token, sizeof token, secret);
    tokens_hash(hg_text(secret), hash);
    to_hex(hash, sizeof hash, hashed);
    printf("secret: %s\nline: %s:%s", secret, name, hashed);
    for (size_t i = 0; i < service_count; i++)
        printf("%c%s", i ? ',' : ':', services[i]);
    failed = printf("\n") < 0 || fflush(stdout) || ferror(stdout);
    gnutls_memset(token, 0, sizeof token);
    gnutls_memset(secret, 0, sizeof secret);
    if (failed)
        fprintf(stderr, "hopgate token: cannot write to standard output\n");
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int auth_token_command(int argc, char **argv)
{
    char **services = calloc((size_t)argc + 1, sizeof *services);
    const char *name = NULL;
    size_t service_count = 0;
    int result = -1;

    if (!services)
        return EXIT_FAILURE;
    for (int i = 1; i < argc && result < 0; i++) {
        if (!strcmp(argv[i], "--service") && i + 1 < argc) {
            services[service_count++] = argv[++i];
        } else if (!strncmp(argv[i], "--service=", 10)) {
            services[service_count++] = argv[i] + 10;
        } else if (!strcmp(argv[i], "--service")) {
            result = usage("option '%s' requires an argument", argv[i]);
        } else if (argv[i][0] == '-') {
            result = usage("unknown option '%s'", argv[i]);
        } else if (name) {
            result = usage("unexpected argument '%s'", argv[i]);
        } else {
            name = argv[i];
        }
    }
    if (result < 0 && !name)
        result = usage("the %s of a client is required", "NAME");
    if (result < 0 && !tokens_is_name(hg_text(name)))
        result = usage("'%s' is not a client id: 1 to 128 letters, digits, '-', '.' and '_'", name);
    for (size_t i = 0; i < service_count && result < 0; i++)
        if (!tokens_is_name(hg_text(services[i])))
            result = usage("'%s' is not a service name: 1 to 128 letters, digits, '-', '.' and '_'", services[i]);
    if (result < 0)
        result = print_token(name, services, service_count);
    free(services);
    return result;
}
