/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Withdrawing challenges that leave something behind: a TXT record of dns-01 is in the store from before it is
 * presented until it has been removed, so that whatever happens in between, somebody removes it.
 */
#ifndef ACME_CLEANUP_H
#define ACME_CLEANUP_H

#include "plugins/acme/challenge.h"

struct acme_cleanups {
    struct acme_vault *vault;
    const struct acme_solvers *solvers;
    struct acme_cleanup *first;    /* those that go on */
    struct hg_store_request *list; /* of what is left over */
    hg_callback done;              /* when none of that goes on; NULL: nobody waits */
    void *arg;
};

/* Has the program remove a TXT record. If that fails, it is tried once more at the next start. */
void acme_cleanup_begin(struct acme_cleanups *cleanups, const struct hg_challenge *challenge);

/* Whether a record is being removed: presented meanwhile it would be gone a moment later. */
bool acme_cleanup_goes_on(const struct acme_cleanups *cleanups, struct hg_text token);

/* Withdraws the challenges that the store holds: an attempt that has ended without a word has left them. `done` is
 * called after that. False: out of memory or the store has stopped, and it is not. */
bool acme_cleanup_left_over(struct acme_cleanups *cleanups, hg_callback done, void *arg);
/* `done` will not be called. */
void acme_cleanup_forsake(struct acme_cleanups *cleanups);

/* Kills the programs that run; what they were to remove stays in the store. */
void acme_cleanups_end(struct acme_cleanups *cleanups);

#endif
