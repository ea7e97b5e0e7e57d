/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * ${NAME} in the values of config files.
 */
#include "core/config/document_private.h"

#include <stdlib.h>
#include <string.h>

/* The length of a variable's name at `text`: [A-Za-z_][A-Za-z0-9_]* */
static size_t variable_name(const char *text, size_t size)
{
    size_t length = 0;

    while (length < size &&
           (text[length] == '_' || (text[length] >= 'A' && text[length] <= 'Z') ||
            (text[length] >= 'a' && text[length] <= 'z') || (length > 0 && text[length] >= '0' && text[length] <= '9')))
        length++;
    return length;
}

/* Writes the value of the variable whose "${" is at `text`; returns the length of "${NAME}", or 0 after an error. */
static size_t expand_variable(struct config *config, const struct config_node *node, const char *text, size_t size,
                              FILE *out)
{
    size_t length = variable_name(text + 2, size - 2);
    const char *value;
    char *name;

    if (length == 0 || length + 2 == size || text[length + 2] != '}') {
        config_fault(config, node,
                     "'${' must be followed by a name and '}', as in ${NAME}; use '$${' for a literal '${'");
        return 0;
    }
    name = strndup(text + 2, length);
    if (!name) {
        config_fault(config, node, "out of memory");
        return 0;
    }
    value = getenv(name);
    if (value)
        fputs(value, out);
    else
        config_fault(config, node, "environment variable %s is not set", name);
    free(name);
    return value ? length + 3 : 0;
}

void config_expand(struct config *config, struct config_node *node)
{
    char *text = NULL;
    size_t size = 0, used = 1;
    FILE *out;

    if (!memmem(node->text, node->size, "${", 2))
        return;
    out = open_memstream(&text, &size);
    if (!out) {
        config_fault(config, node, "out of memory");
        node->faulty = true;
        return;
    }
    for (size_t i = 0; i < node->size && used > 0; i += used) {
        const char *at = node->text + i;
        size_t left = node->size - i;

        used = left >= 3 && memcmp(at, "$${", 3) == 0 ? 3 : 1;
        if (used == 3)
            fputs("${", out);
        else if (left >= 2 && memcmp(at, "${", 2) == 0)
            used = expand_variable(config, node, at, left, out);
        else
            fputc(*at, out);
    }
    node->faulty = used == 0;
    if (fclose(out) != 0) {
        config_fault(config, node, "out of memory");
        node->faulty = true;
        free(text);
        return;
    }
    free(node->text);
    node->text = text;
    node->size = size;
    node->quoted = true; /* an empty variable is an empty text, not a missing value */
}
