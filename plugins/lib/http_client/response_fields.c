/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The fields of a response; separate from libcurl, so that tests can use responses of their own.
 */
#include "plugins/lib/http_client/http_client.h"

struct hg_text https_header(const struct https_response *response, const char *name, unsigned index)
{
    const size_t name_size = strlen(name);
    const char *line = response->headers.data, *end = line ? line + response->headers.size : NULL;

    while (line && line < end) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const char *stop = newline ? newline : end, *value = line + name_size + 1;

        if ((size_t)(stop - line) > name_size && line[name_size] == ':' && !strncasecmp(line, name, name_size) &&
            !index--) {
            while (value < stop && (*value == ' ' || *value == '\t'))
                value++;
            while (stop > value && (stop[-1] == '\r' || stop[-1] == ' ' || stop[-1] == '\t'))
                stop--;
            return (struct hg_text){value, (size_t)(stop - value)};
        }
        line = newline ? newline + 1 : end;
    }
    return (struct hg_text){0};
}
