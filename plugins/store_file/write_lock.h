/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The lock for writers: a file in the store's folder, locked with flock(), which the kernel releases when the process
 * dies. It is held for a few fsync() calls. A process that is stopped or hangs on disk I/O in the middle of that would
 * block all others, so after a while the lock is taken away by replacing the file. Before each change of the folder
 * that others can see, and after everything that may take long, the holder calls write_lock_is_ours().
 */
#ifndef PLUGINS_STORE_FILE_WRITE_LOCK_H
#define PLUGINS_STORE_FILE_WRITE_LOCK_H

#include <stdbool.h>

#define LOCK_FILE ".lock"

/* How long it may be held. */
#define LOCK_SECONDS 10

/* `*fd` is the descriptor of the lock's file in the folder `root`, or -1: it is opened when needed, and the caller
 * closes it. Returns 0, or -1 with errno. `*taken_away`: it was taken from a process that hangs. */
int write_lock_take(int root, int *fd, bool *taken_away);
void write_lock_give(int fd);

/* Whether it was not taken away from this process because it hung. */
bool write_lock_is_ours(int root, int fd);

#endif
