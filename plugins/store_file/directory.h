/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The store's folder, as used by one thread; every function may block.
 *
 *   .lock        locked during writes (write_lock.h); readers need no lock, since every change is a rename
 *   .tmp         files being written; leftovers of a killed process are removed under the lock
 *   .leases      a file for each lease (lease.c)
 *   .quarantine  damaged files
 *   all others   values: the path is the key (key_path.c), the content is described in value_file.h
 */
#ifndef PLUGINS_STORE_FILE_DIRECTORY_H
#define PLUGINS_STORE_FILE_DIRECTORY_H

#include "plugins/store_file/key_path.h"
#include "plugins/store_file/request.h"

#include <hopgate/host.h>

#define LEASES_DIRECTORY ".leases"

#define LEASE_PATH_SIZE (KEY_PATH_SIZE + sizeof LEASES_DIRECTORY)

struct held; /* a lease held by this process */

/* A lease of a process on another machine … */
struct seen {
    char path[LEASE_PATH_SIZE];
    uint64_t fence, until;
    uint64_t since; /* … unchanged since then, by this machine's CLOCK_BOOTTIME */
};

struct directory {
    const struct hg_instance *instance; /* for the log */
    const char *path;
    int root, lock;    /* descriptors; -1: not open */
    unsigned openings; /* of the root, which may be removed and recreated */
    bool cleaned;      /* .tmp has been cleaned */
    bool failing;      /* the last write failed, and this was logged */
    uint64_t temporary;
    char boot[48]; /* identifies this boot of the machine */
    struct held *held;
    struct seen seen;
};

/* Opens nothing yet: errors are reported by each operation, and may be fixed in the meantime. */
void directory_init(struct directory *directory, const struct hg_instance *instance, const char *path);
/* Releases all leases held. */
void directory_close(struct directory *directory);

/* Executes a request and fills in the answer. */
void directory_do(struct directory *directory, struct hg_store_request *request);

/* The folder's descriptor, for reading; -1 with errno. */
int directory_root(struct directory *directory);

/* ---- For lease.c ---- */

/* Takes the lock, so that nobody else can write. False: the request has failed. Otherwise, directory_unlock() must
 * follow. */
bool directory_lock(struct directory *directory, struct hg_store_request *request);
void directory_unlock(const struct directory *directory);
/* Whether the lock was not taken away; otherwise, the request has failed. To be called before each change. */
bool directory_is_locked(const struct directory *directory, struct hg_store_request *request);
/* Fails a request that writes, according to errno. */
void directory_cannot_write(struct directory *directory, struct hg_store_request *request, const char *what);
/* Creates the folders of a path. Returns 0, or -1 with errno. */
int directory_make_parents(const struct directory *directory, const char *path);
/* Syncs the folder that contains a path. Returns 0, or -1 with errno. */
int directory_sync_parent(const struct directory *directory, const char *path);
/* A number that increases with each call: the time, unless the clock was set back. */
uint64_t directory_next_number(uint64_t previous);

/* ---- lease.c ---- */

void lease_acquire(struct directory *directory, struct hg_store_request *request);
void lease_renew(struct directory *directory, struct hg_store_request *request);
void lease_release(struct directory *directory, struct hg_store_request *request);
/* Whether the request's lease is held with its fence; otherwise, the request has failed. Requires the lock. */
bool lease_guards(struct directory *directory, struct hg_store_request *request);
void lease_drop_all(struct directory *directory);

#endif
