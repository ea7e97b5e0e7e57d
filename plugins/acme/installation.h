/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Putting a pair into the store, in the place of the one that is there.
 *
 * The pair that was there stays beside it, one for each certificate: should the new one be found damaged, there is
 * still something to serve. It is copied before the new one takes its place, and each of the two changes is one value,
 * so whenever the process dies there is a whole pair at the certificate's place. What is there and is no pair is put
 * aside for a person.
 */
#ifndef ACME_INSTALLATION_H
#define ACME_INSTALLATION_H

#include "plugins/acme/vault.h"

struct acme_installation;

/* Installs `pem`, key and chain, for the certificate `id`; both live as long as the installation. `discard`: what is
 * there must not be served any more, so it is not kept. `done` is called with what became of the new pair, never within
 * the call. NULL: out of memory or the store has stopped. */
struct acme_installation *acme_install(struct acme_vault *vault, const char *id, const char *pem, bool discard,
                                       hg_store_done done, void *arg);
/* Also after `done`. NULL is allowed. */
void acme_installation_free(struct acme_installation *installation);

#endif
