/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The store's folder, as one thread sees it: every function may block.
 *
 *   .lock        is locked while something is written (lock.h); readers need no lock, since every change is a rename
 *   .tmp         files that are being written; what a process that was killed has left is removed under the lock
 *   .leases      a file for each lease (lease.c)
 *   .quarantine  what was damaged
 *   all others   values: the path is the key (name.c), the content as in entry.c
 */
#ifndef PLUGINS_STORE_FILE_FOLDER_H
#define PLUGINS_STORE_FILE_FOLDER_H

#include "plugins/store_file/name.h"
#include "plugins/store_file/request.h"

#include <hopgate/host.h>

#define FOLDER_LEASES ".leases"

#define LEASE_PATH_SIZE (NAME_PATH_SIZE + sizeof FOLDER_LEASES)

struct held; /* a lease of this process */

/* A lease that a process on another machine has held … */
struct seen {
    char path[LEASE_PATH_SIZE];
    uint64_t fence, until;
    uint64_t since; /* … in this way since then, by this machine's CLOCK_BOOTTIME */
};

struct folder {
    const struct hg_instance *instance; /* who it is in the log */
    const char *path;
    int root, lock;    /* descriptors; -1: not open */
    unsigned openings; /* of the root: it may be removed and made anew */
    bool cleaned;      /* .tmp */
    bool failing;      /* writing failed the last time, and the log says so */
    uint64_t temporary;
    char boot[48]; /* which start of the machine this is */
    struct held *held;
    struct seen seen;
};

/* Opens nothing yet: what is wrong then is told by each operation, and may be right the next time. */
void folder_init(struct folder *folder, const struct hg_instance *instance, const char *path);
/* Gives up the leases that are held. */
void folder_close(struct folder *folder);

/* Does what is asked for and fills in the answer. */
void folder_do(struct folder *folder, struct hg_store_request *request);

/* The folder's descriptor, to look into; -1 with errno. */
int folder_root(struct folder *folder);

/* ---- For lease.c ---- */

/* Takes the lock, so that nobody else writes. False: the request has failed. To be followed by folder_unlock(). */
bool folder_lock(struct folder *folder, struct hg_store_request *request);
void folder_unlock(const struct folder *folder);
/* Whether nobody has taken the lock away; else the request has failed. To be asked before each change. */
bool folder_is_locked(const struct folder *folder, struct hg_store_request *request);
/* Lets the request fail by errno, as one that would have written. */
void folder_cannot_write(struct folder *folder, struct hg_store_request *request, const char *what);
/* Makes the folders that lead to a path. 0, or -1 with errno. */
int folder_make_parents(const struct folder *folder, const char *path);
/* Syncs the folder that a path is in. 0, or -1 with errno. */
int folder_sync_parent(const struct folder *folder, const char *path);
/* A number that grows with each call: the time, unless the clock was set back. */
uint64_t folder_next_number(uint64_t previous);

/* ---- lease.c ---- */

void lease_acquire(struct folder *folder, struct hg_store_request *request);
void lease_renew(struct folder *folder, struct hg_store_request *request);
void lease_release(struct folder *folder, struct hg_store_request *request);
/* Whether the request's lease is held with its fence; else the request has failed. Under the lock. */
bool lease_guards(struct folder *folder, struct hg_store_request *request);
void lease_drop_all(struct folder *folder);

#endif
