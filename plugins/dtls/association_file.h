/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The roster of a listening socket: a file with the paths of the associations that are up. It outlives the process, so
 * after a gateway was killed, the next process finds the peers there and can notify them that their associations are
 * lost.
 *
 * The file only helps: without it, clients find out by themselves, but later. It is therefore never synced, nothing
 * waits for it, and what cannot be read is ignored. It is stored in $RUNTIME_DIRECTORY, which systemd sets, or else in
 * /run/hopgate, for root, or $XDG_RUNTIME_DIR/hopgate. It is opened before privileges are dropped.
 */
#ifndef PLUGINS_DTLS_ASSOCIATION_FILE_H
#define PLUGINS_DTLS_ASSOCIATION_FILE_H

#include "plugins/dtls/path.h"

#include <hopgate/host.h>

/* As many associations as a worker can have links; each takes 64 bytes of the file. */
#define DTLS_ROSTER_MAX 65536
/* No place. */
#define DTLS_ROSTER_NONE UINT32_MAX

struct dtls_roster;

/* An association of the previous process. */
struct dtls_roster_entry {
    struct dtls_path path;
    uint32_t place;
};

/* Opens the file for the address that the socket is bound to. NULL: nothing can be kept; errors are logged. */
struct dtls_roster *dtls_roster_open(const struct hg_instance *instance, int socket);
/* All associations have been closed in an orderly way: empties and removes the file. NULL is allowed. */
void dtls_roster_close(struct dtls_roster *roster);

/* What the file held when it was opened. `roster` may be NULL. */
const struct dtls_roster_entry *dtls_roster_found(const struct dtls_roster *roster, size_t *count);
/* Discards what dtls_roster_found() returns. */
void dtls_roster_settle(struct dtls_roster *roster);

/* Records a path and returns its place, or NONE. `roster` may be NULL. */
uint32_t dtls_roster_add(struct dtls_roster *roster, const struct dtls_path *path);
/* Frees a place; NONE is allowed. */
void dtls_roster_remove(struct dtls_roster *roster, uint32_t place);

#endif
