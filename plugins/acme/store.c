/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/store.h"

struct acme_key_pair *acme_store_get_pair(struct task *task, struct store *store, const char *kind, const char *name)
{
    const struct hg_store_answer *answer = task_store_get(task, store, kind, name);
    char why[256];

    return answer->status == HG_STORE_OK ? acme_key_pair_read(answer->value, why, sizeof why) : NULL;
}
