/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/store_file/polling.h"

#include "plugins/store_file/walk.h"

#include <sys/vfs.h>

/* The values are from statfs(2) and linux/magic.h. */
bool polling_is_shared(int root)
{
    static const uint32_t shared[] = {
        0x00006969, /* NFS */
        0xff534d42, /* CIFS */
        0xfe534d42, /* SMB 2 */
        0x65735546, /* FUSE: sshfs, GlusterFS */
        0x00c36400, /* Ceph */
        0x01021997, /* 9P */
        0x01161970, /* GFS2 */
        0x7461636f, /* OCFS2 */
        0x0bd00bd0, /* Lustre */
    };
    struct statfs state;

    if (fstatfs(root, &state))
        return false;
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
        if ((uint32_t)state.f_type == shared[i])
            return true;
    return false;
}

/* Both are sorted by key. */
static void report_differences(const struct hg_store_answer *before, const struct hg_store_answer *now,
                               tree_changed changed, void *arg)
{
    size_t old = 0, new = 0;

    while (old < before->count || new < now->count) {
        const struct hg_store_entry *left = old < before->count ? &before->entries[old] : NULL;
        const struct hg_store_entry *right = new < now->count ? &now->entries[new] : NULL;
        const int order = !left ? 1 : !right ? -1 : strcmp(left->key.data, right->key.data);

        if (order || left->revision != right->revision)
            changed(arg, order < 0 ? left->key : right->key);
        old += order <= 0;
        new += order >= 0;
    }
}

void polling_look(struct polling *polling, int root, tree_changed changed, void *arg)
{
    struct hg_store_request *now = request_new(REQUEST_LIST, HG_TEXT(""), NULL, NULL);

    if (!now)
        return;
    if (walk_values(root, "", now)) {
        request_free(now); /* found by the next look */
        return;
    }
    if (polling->last)
        report_differences(&polling->last->answer, &now->answer, changed, arg);
    polling_end(polling);
    polling->last = now;
}

void polling_end(struct polling *polling)
{
    if (polling->last)
        request_free(polling->last);
    polling->last = NULL;
}
