/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/vault.h"

#include "plugins/acme/key.h"

#include <stdio.h>
#include <stdlib.h>

bool acme_vault_open(struct acme_vault *vault, struct hg_worker *worker)
{
    struct hg_capability store;

    if (!hg_capability(worker->instance, HG_STORE, HG_STORE_VERSION, &store))
        return false;
    *vault = (struct acme_vault){.worker = worker, .ops = store.ops, .provider = hg_capability_worker(worker, &store)};
    return true;
}

struct acme_vault_path acme_vault_key(const char *kind, const char *name)
{
    struct acme_vault_path key;

    snprintf(key.text, sizeof key.text, "acme/%s%s%s", kind, *name ? "/" : "", name);
    return key;
}

struct hg_store_request *acme_vault_get(struct acme_vault *vault, const char *kind, const char *name,
                                        hg_store_done done, void *arg)
{
    const struct acme_vault_path key = acme_vault_key(kind, name);

    return vault->ops->get(vault->provider, hg_text(key.text), done, arg);
}

/* A node that lost the lease without noticing changes nothing. */
struct hg_store_condition acme_vault_condition(const struct acme_vault *vault, uint64_t revision)
{
    return (struct hg_store_condition){.revision = revision,
                                       .lease = vault->fence ? hg_text(vault->lease) : (struct hg_text){0},
                                       .fence = vault->fence};
}

struct hg_store_request *acme_vault_put(struct acme_vault *vault, const char *kind, const char *name,
                                        struct hg_text value, hg_store_done done, void *arg)
{
    const struct acme_vault_path key = acme_vault_key(kind, name);
    const struct hg_store_condition condition = acme_vault_condition(vault, HG_STORE_ANY);

    return vault->ops->put(vault->provider, hg_text(key.text), value, &condition, done, arg);
}

struct hg_store_request *acme_vault_put_json(struct acme_vault *vault, const char *kind, const char *name,
                                             json_t *value, hg_store_done done, void *arg)
{
    char *text = json_dumps(value, JSON_INDENT(2));
    struct hg_store_request *request = text ? acme_vault_put(vault, kind, name, hg_text(text), done, arg) : NULL;

    acme_secret_free(text);
    json_decref(value);
    return request;
}

struct hg_store_request *acme_vault_remove_if(struct acme_vault *vault, const char *kind, const char *name,
                                              uint64_t revision, hg_store_done done, void *arg)
{
    const struct acme_vault_path key = acme_vault_key(kind, name);
    const struct hg_store_condition condition = acme_vault_condition(vault, revision);

    return vault->ops->remove(vault->provider, hg_text(key.text), &condition, done, arg);
}

struct hg_store_request *acme_vault_remove(struct acme_vault *vault, const char *kind, const char *name,
                                           hg_store_done done, void *arg)
{
    return acme_vault_remove_if(vault, kind, name, HG_STORE_ANY, done, arg);
}

struct hg_store_request *acme_vault_list(struct acme_vault *vault, const char *kind, hg_store_done done, void *arg)
{
    const struct acme_vault_path key = acme_vault_key(kind, "");

    return vault->ops->list(vault->provider, hg_text(key.text), done, arg);
}

void acme_vault_cancel(struct acme_vault *vault, struct hg_store_request *request)
{
    if (request)
        vault->ops->cancel(vault->provider, request);
}

json_t *acme_vault_json(const struct hg_store_answer *answer)
{
    json_t *value;

    if (answer->status != HG_STORE_OK)
        return NULL;
    value = json_loadb(answer->value.data, answer->value.size, 0, NULL);
    if (json_is_object(value))
        return value;
    json_decref(value);
    return NULL;
}

struct hg_text acme_vault_name(struct hg_text key)
{
    const char *slash = key.size ? memrchr(key.data, '/', key.size) : NULL;

    return slash ? (struct hg_text){slash + 1, key.size - (size_t)(slash + 1 - key.data)} : key;
}
