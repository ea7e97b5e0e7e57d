/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The interfaces between the parts of the plugin.
 */
#ifndef PLUGINS_AUTH_TOKEN_AUTH_TOKEN_H
#define PLUGINS_AUTH_TOKEN_AUTH_TOKEN_H

#include "plugins/auth_token/token_file.h"

#include <hopgate/host.h>

struct config {
    const char *file;  /* gateway */
    const char *id;    /* client */
    const char *token; /* client */
};

/* ---- verify.c: which clients are admitted; unused on a client ---- */

/* As in struct hg_plugin. */
int gateway_start(struct hg_worker *worker);
void gateway_stop(struct hg_worker *worker);
void gateway_reread(struct hg_worker *worker);

/* As in struct hg_identity_ops. */
enum hg_verify gateway_verify(struct hg_worker *provider, const json_t *credentials, struct hg_text peer,
                              struct hg_verification *verification);
void gateway_watch(struct hg_worker *provider, void (*changed)(void *arg), void *arg);
int gateway_review(struct hg_worker *provider, struct hg_identity *identity, const char **reason);

#endif
