/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/revocation.h"

#include "plugins/acme/account.h"
#include "plugins/lib/jose/base64url.h"
#include "plugins/lib/x509/x509.h"

#include <gnutls/abstract.h>
#include <stdio.h>
#include <stdlib.h>

/* `key`: to sign with; NULL: the account's. */
static bool ask(struct acme_client *client, const struct acme_key_pair *pair, gnutls_x509_privkey_t key)
{
    const gnutls_pcert_st *leaf = &pair->certificate.chain[0];
    char *der = jose_base64url(leaf->cert.data, leaf->cert.size);
    const bool revoked =
        acme_client_ask_json(client, (struct acme_query){.resource = "revokeCert", .key = key, .about_account = true},
                             der ? json_pack("{s:s}", "certificate", der) : NULL);

    free(der);
    return revoked || !strcmp(client->failure.type, "alreadyRevoked");
}

static bool ask_by_own_key(struct acme_client *client, const struct acme_key_pair *pair)
{
    gnutls_x509_privkey_t key = NULL;
    bool revoked;

    if (gnutls_privkey_export_x509(pair->certificate.key, &key) < 0)
        return acme_client_fail(client, ACME_LOCAL, "", "cannot use the certificate's key");
    revoked = ask(client, pair, key);
    gnutls_x509_privkey_deinit(key);
    return revoked;
}

bool acme_revoke(struct task *task, struct store *store, struct https *https, const char *directory,
                 const struct acme_key_pair *pair, char *error, size_t size)
{
    struct acme_authority authority;
    struct acme_client client;
    bool revoked = false, account;

    acme_authority_init(&authority, directory);
    acme_client_init(&client, task, https, &authority);
    account = acme_account_load(&client, store);
    if (account)
        revoked = ask(&client, pair, NULL);
    if (!revoked && (!account || acme_failure_is_refusal(&client.failure)))
        revoked = ask_by_own_key(&client, pair);
    snprintf(error, size, "%s", client.failure.error);
    acme_client_end(&client);
    acme_authority_end(&authority);
    return revoked;
}
