/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Which certificate is kept for a name.
 */
#ifndef ACME_INDEX_H
#define ACME_INDEX_H

#include <hopgate/types.h>

struct acme_job;
struct acme_index_entry;

/* Zeroed at first. */
struct acme_index {
    struct acme_index_entry **buckets;
    size_t bucket_count, count;
};

/* `name`, canonical, lives as long as the entry. The first of several jobs for a name stays. False: out of memory. */
bool acme_index_add(struct acme_index *index, const char *name, struct acme_job *job);
void acme_index_remove(struct acme_index *index, const char *name, const struct acme_job *job);
/* For that name, or for the wildcard in the place of its first label. */
struct acme_job *acme_index_find(const struct acme_index *index, struct hg_text name);
void acme_index_free(struct acme_index *index);

#endif
