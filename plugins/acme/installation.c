/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/installation.h"

#include "plugins/acme/pair.h"

#include <stdlib.h>

struct acme_installation {
    struct acme_vault *vault;
    const char *id, *pem;
    bool discard;
    hg_store_done done;
    void *arg;
    struct hg_store_request *request;
};

static void on_installed(void *arg, const struct hg_store_answer *answer)
{
    struct acme_installation *installation = arg;

    installation->request = NULL;
    installation->done(installation->arg, answer);
}

static void install(struct acme_installation *installation)
{
    installation->request = acme_vault_put(installation->vault, ACME_CERTIFICATES, installation->id,
                                           hg_text(installation->pem), on_installed, installation);
    if (!installation->request)
        installation->done(installation->arg,
                           &(struct hg_store_answer){.status = HG_STORE_UNAVAILABLE, .error = "the store has stopped"});
}

/* Not to have a spare one is no reason to do without the new one. */
static void on_kept(void *arg, const struct hg_store_answer *answer)
{
    struct acme_installation *installation = arg;

    installation->request = NULL;
    if (answer->status != HG_STORE_OK && answer->status != HG_STORE_NOT_FOUND)
        hg_log(installation->vault->worker->instance, HG_LOG_WARNING, "%s: what was there before cannot be kept: %s",
               installation->id, answer->error);
    install(installation);
}

static void keep(struct acme_installation *installation, struct hg_text there)
{
    struct acme_vault *vault = installation->vault;
    char why[256];
    struct acme_pair *pair = acme_pair_read(there, why, sizeof why);

    if (!pair)
        hg_log(vault->worker->instance, HG_LOG_WARNING, "%s: what the store held (%s) is now acme/%s/%s",
               installation->id, why, ACME_QUARANTINE, installation->id);
    installation->request =
        acme_vault_put(vault, pair ? ACME_PREVIOUS : ACME_QUARANTINE, installation->id, there, on_kept, installation);
    acme_pair_unref(pair);
}

/* Where nothing is there, or it was damaged so that the store itself has put it aside, the pair before that stays. */
static void on_there(void *arg, const struct hg_store_answer *answer)
{
    struct acme_installation *installation = arg;

    installation->request = NULL;
    if (installation->discard)
        installation->request =
            acme_vault_remove(installation->vault, ACME_PREVIOUS, installation->id, on_kept, installation);
    else if (answer->status == HG_STORE_OK && !hg_text_equal(answer->value, hg_text(installation->pem)))
        keep(installation, answer->value);
    if (!installation->request)
        install(installation);
}

struct acme_installation *acme_install(struct acme_vault *vault, const char *id, const char *pem, bool discard,
                                       hg_store_done done, void *arg)
{
    struct acme_installation *installation = calloc(1, sizeof *installation);

    if (!installation)
        return NULL;
    *installation =
        (struct acme_installation){.vault = vault, .id = id, .pem = pem, .discard = discard, .done = done, .arg = arg};
    installation->request = acme_vault_get(vault, ACME_CERTIFICATES, id, on_there, installation);
    if (installation->request)
        return installation;
    free(installation);
    return NULL;
}

void acme_installation_free(struct acme_installation *installation)
{
    if (!installation)
        return;
    acme_vault_cancel(installation->vault, installation->request);
    free(installation);
}
