/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The lock of whoever writes: a file of the store's folder, locked by flock(), which the kernel drops when the process
 * dies. It is held for a few fsync() calls. A process that is stopped, or hangs in the disk, in the middle of that
 * would stop all others for as long: so after a while it is taken away, by another file in its place. Whoever holds it
 * asks write_lock_is_ours() before each change of the folder that others see, when all that may take long has been
 * done.
 */
#ifndef PLUGINS_STORE_FILE_WRITE_LOCK_H
#define PLUGINS_STORE_FILE_WRITE_LOCK_H

#include <stdbool.h>

#define LOCK_FILE ".lock"

/* How long it may be held. */
#define LOCK_SECONDS 10

/* `*fd` is that of the lock's file in the folder `root`, or -1: opened when needed, and the caller's to close.
 * 0, or -1 with errno. `*taken_away`: it was, from a process that hangs. */
int write_lock_take(int root, int *fd, bool *taken_away);
void write_lock_give(int fd);

/* Whether it was not taken away from this process, which hung. */
bool write_lock_is_ours(int root, int fd);

#endif
