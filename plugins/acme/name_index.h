/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Finds the certificate for a name.
 */
#ifndef ACME_NAME_INDEX_H
#define ACME_NAME_INDEX_H

#include <hopgate/types.h>

struct acme_certificate;

/* Initially zero. */
struct acme_name_index {
    void *root; /* a tree of tsearch(3) */
};

/* `name` is canonical and lives as long as the entry. Of several certificates for a name, the first is found. False:
 * out of memory. */
bool acme_name_index_add(struct acme_name_index *index, const char *name, struct acme_certificate *certificate);
void acme_name_index_remove(struct acme_name_index *index, const char *name,
                            const struct acme_certificate *certificate);
/* The certificate for this name, or for a wildcard instead of its first label. */
struct acme_certificate *acme_name_index_find(const struct acme_name_index *index, struct hg_text name);
void acme_name_index_free(struct acme_name_index *index);

#endif
