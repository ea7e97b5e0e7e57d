/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/name_index.h"

#include "plugins/acme/name.h"

#include <search.h>
#include <stdlib.h>

struct indexed {
    struct hg_text name;
    struct acme_certificate *certificate;
};

static int compare(const void *a, const void *b)
{
    const struct indexed *one = a, *other = b;
    const size_t size = one->name.size < other->name.size ? one->name.size : other->name.size;
    const int order = size ? memcmp(one->name.data, other->name.data, size) : 0;

    return order ? order : (one->name.size > other->name.size) - (one->name.size < other->name.size);
}

static struct indexed *find(const struct acme_name_index *index, struct hg_text name)
{
    struct indexed *const *found = tfind(&(struct indexed){.name = name}, &index->root, compare);

    return found ? *found : NULL;
}

bool acme_name_index_add(struct acme_name_index *index, const char *name, struct acme_certificate *certificate)
{
    struct indexed *entry;

    if (find(index, hg_text(name)))
        return true;
    entry = calloc(1, sizeof *entry);
    if (!entry)
        return false;
    *entry = (struct indexed){.name = hg_text(name), .certificate = certificate};
    if (tsearch(entry, &index->root, compare))
        return true;
    free(entry);
    return false;
}

void acme_name_index_remove(struct acme_name_index *index, const char *name, const struct acme_certificate *certificate)
{
    struct indexed *entry = find(index, hg_text(name));

    if (!entry || entry->certificate != certificate)
        return;
    tdelete(entry, &index->root, compare);
    free(entry);
}

struct acme_certificate *acme_name_index_find(const struct acme_name_index *index, struct hg_text name)
{
    const struct indexed *entry = find(index, name);
    const char *dot = name.size ? memchr(name.data, '.', name.size) : NULL;
    char wildcard[ACME_NAME_MAX + 2] = "*";
    size_t rest;

    if (entry || !dot || dot == name.data)
        return entry ? entry->certificate : NULL;
    rest = name.size - (size_t)(dot - name.data);
    if (rest > ACME_NAME_MAX)
        return NULL;
    memcpy(wildcard + 1, dot, rest);
    entry = find(index, (struct hg_text){wildcard, rest + 1});
    return entry ? entry->certificate : NULL;
}

void acme_name_index_free(struct acme_name_index *index)
{
    tdestroy(index->root, free);
    index->root = NULL;
}
