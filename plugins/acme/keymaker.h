/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Making keys without holding up the loop: RSA takes up to a second, so it has a thread.
 */
#ifndef ACME_KEYMAKER_H
#define ACME_KEYMAKER_H

#include "plugins/acme/key.h"

#include <hopgate/host.h>

struct acme_keymaker;

/* `key` is the callee's; NULL: it could not be made. */
typedef void (*acme_key_made)(void *arg, gnutls_x509_privkey_t key);

/* Never answers within the call. NULL: out of memory. */
struct acme_keymaker *acme_keymaker_begin(struct hg_worker *worker, enum acme_key_type type, acme_key_made made,
                                          void *arg);
/* `made` will not be called; waits for the thread. NULL is allowed. */
void acme_keymaker_cancel(struct acme_keymaker *maker);

#endif
