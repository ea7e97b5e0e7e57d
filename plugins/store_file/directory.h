/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The store's folder, as one thread sees it: every function may block.
 *
 *   .lock        is locked while something is written (write_lock.h); readers need no lock, since every change is a
 * rename .tmp         files that are being written; what a process that was killed has left is removed under the lock
 *   .leases      a file for each lease (lease.c)
 *   .quarantine  what was damaged
 *   all others   values: the path is the key (key_path.c), the content as in value_file.c
 */
#ifndef PLUGINS_STORE_FILE_DIRECTORY_H
#define PLUGINS_STORE_FILE_DIRECTORY_H

#include "plugins/store_file/key_path.h"
#include "plugins/store_file/request.h"

#include <hopgate/host.h>

#define LEASES_DIRECTORY ".leases"

#define LEASE_PATH_SIZE (KEY_PATH_SIZE + sizeof LEASES_DIRECTORY)

struct held; /* a lease of this process */

/* A lease that a process on another machine has held … */
struct seen {
    char path[LEASE_PATH_SIZE];
    uint64_t fence, until;
    uint64_t since; /* … in this way since then, by this machine's CLOCK_BOOTTIME */
};

struct directory {
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
void directory_init(struct directory *directory, const struct hg_instance *instance, const char *path);
/* Gives up the leases that are held. */
void directory_close(struct directory *directory);

/* Does what is asked for and fills in the answer. */
void directory_do(struct directory *directory, struct hg_store_request *request);

/* The folder's descriptor, to look into; -1 with errno. */
int directory_root(struct directory *directory);

/* ---- For lease.c ---- */

/* Takes the lock, so that nobody else writes. False: the request has failed. To be followed by directory_unlock(). */
bool directory_lock(struct directory *directory, struct hg_store_request *request);
void directory_unlock(const struct directory *directory);
/* Whether nobody has taken the lock away; else the request has failed. To be asked before each change. */
bool directory_is_locked(const struct directory *directory, struct hg_store_request *request);
/* Lets the request fail by errno, as one that would have written. */
void directory_cannot_write(struct directory *directory, struct hg_store_request *request, const char *what);
/* Makes the folders that lead to a path. 0, or -1 with errno. */
int directory_make_parents(const struct directory *directory, const char *path);
/* Syncs the folder that a path is in. 0, or -1 with errno. */
int directory_sync_parent(const struct directory *directory, const char *path);
/* A number that grows with each call: the time, unless the clock was set back. */
uint64_t directory_next_number(uint64_t previous);

/* ---- lease.c ---- */

void lease_acquire(struct directory *directory, struct hg_store_request *request);
void lease_renew(struct directory *directory, struct hg_store_request *request);
void lease_release(struct directory *directory, struct hg_store_request *request);
/* Whether the request's lease is held with its fence; else the request has failed. Under the lock. */
bool lease_guards(struct directory *directory, struct hg_store_request *request);
void lease_drop_all(struct directory *directory);

#endif
