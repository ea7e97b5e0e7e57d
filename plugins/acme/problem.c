/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/problem.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "urn:ietf:params:acme:error:"

const char *acme_problem_type(const json_t *problem)
{
    const char *type = json_string_value(json_object_get(problem, "type"));

    if (!type)
        return "";
    return strncmp(type, PREFIX, sizeof PREFIX - 1) ? type : type + sizeof PREFIX - 1;
}

const char *acme_problem_kind(const char *type, int status)
{
    /* RFC 8555 section 6.7, RFC 9773 section 7.4, draft-ietf-acme-profiles. */
    static const char kinds[] =
        " accountDoesNotExist alreadyReplaced alreadyRevoked badCSR badNonce badPublicKey badRevocationReason "
        "badSignatureAlgorithm caa compound connection dns externalAccountRequired incorrectResponse invalidContact "
        "invalidProfile malformed orderNotReady rateLimited rejectedIdentifier serverInternal tls unauthorized "
        "unsupportedContact unsupportedIdentifier userActionRequired ";
    char word[70];

    snprintf(word, sizeof word, " %s ", type);
    return *type && !strchr(type, ' ') && strstr(kinds, word) ? type : status ? "other" : "unreachable";
}

/* Appends text from outside, without control characters. */
static void append(char *text, size_t size, const char *format, ...)
{
    size_t used = strlen(text);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
    for (; text[used]; used++)
        if (iscntrl((unsigned char)text[used]))
            text[used] = ' ';
}

static void append_one(const json_t *problem, char *text, size_t size)
{
    const char *type = acme_problem_type(problem);
    const char *detail = json_string_value(json_object_get(problem, "detail"));

    append(text, size, "%s%s%s", type, *type && detail ? ": " : "", detail ? detail : "");
}

void acme_problem_print(const json_t *problem, char *text, size_t size)
{
    const json_t *others = json_object_get(problem, "subproblems");

    *text = 0;
    append_one(problem, text, size);
    for (size_t i = 0; i < json_array_size(others); i++) {
        const json_t *other = json_array_get(others, i);
        const char *name = json_string_value(json_object_get(json_object_get(other, "identifier"), "value"));

        append(text, size, "; %s%s", name ? name : "", name ? ": " : "");
        append_one(other, text, size);
    }
    if (!*text)
        append(text, size, "a problem without a description");
}
