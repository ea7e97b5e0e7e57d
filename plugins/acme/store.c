/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/store.h"

#include <stdio.h>
#include <stdlib.h>

bool acme_store_open(struct acme_store *store, struct hg_worker *worker)
{
    struct hg_capability found;

    if (!hg_capability(worker->instance, HG_STORE, HG_STORE_VERSION, &found))
        return false;
    *store = (struct acme_store){.worker = worker, .ops = found.ops, .provider = hg_capability_worker(worker, &found)};
    return true;
}

struct acme_store_path acme_store_key(const char *kind, const char *name)
{
    struct acme_store_path key;

    snprintf(key.text, sizeof key.text, "acme/%s%s%s", kind, *name ? "/" : "", name);
    return key;
}

struct hg_store_request *acme_store_get(struct acme_store *store, const char *kind, const char *name,
                                        hg_store_done done, void *arg)
{
    const struct acme_store_path key = acme_store_key(kind, name);

    return store->ops->get(store->provider, hg_text(key.text), done, arg);
}

/* A node that lost the lease without noticing changes nothing. */
struct hg_store_condition acme_store_condition(const struct acme_store *store, uint64_t revision)
{
    return (struct hg_store_condition){.revision = revision,
                                       .lease = store->fence ? hg_text(store->lease) : (struct hg_text){0},
                                       .fence = store->fence};
}

void acme_secret_free(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

struct hg_store_request *acme_store_put(struct acme_store *store, const char *kind, const char *name,
                                        struct hg_text value, hg_store_done done, void *arg)
{
    const struct acme_store_path key = acme_store_key(kind, name);
    const struct hg_store_condition condition = acme_store_condition(store, HG_STORE_ANY);

    return store->ops->put(store->provider, hg_text(key.text), value, &condition, done, arg);
}

struct hg_store_request *acme_store_put_json(struct acme_store *store, const char *kind, const char *name,
                                             json_t *value, hg_store_done done, void *arg)
{
    char *text = json_dumps(value, JSON_INDENT(2));
    struct hg_store_request *request = text ? acme_store_put(store, kind, name, hg_text(text), done, arg) : NULL;

    acme_secret_free(text);
    json_decref(value);
    return request;
}

struct hg_store_request *acme_store_remove_if(struct acme_store *store, const char *kind, const char *name,
                                              uint64_t revision, hg_store_done done, void *arg)
{
    const struct acme_store_path key = acme_store_key(kind, name);
    const struct hg_store_condition condition = acme_store_condition(store, revision);

    return store->ops->remove(store->provider, hg_text(key.text), &condition, done, arg);
}

struct hg_store_request *acme_store_remove(struct acme_store *store, const char *kind, const char *name,
                                           hg_store_done done, void *arg)
{
    return acme_store_remove_if(store, kind, name, HG_STORE_ANY, done, arg);
}

void acme_store_cancel(struct acme_store *store, struct hg_store_request *request)
{
    if (request)
        store->ops->cancel(store->provider, request);
}

json_t *acme_store_json(const struct hg_store_answer *answer)
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

struct hg_text acme_store_name(struct hg_text key)
{
    const char *slash = key.size ? memrchr(key.data, '/', key.size) : NULL;

    return slash ? (struct hg_text){slash + 1, key.size - (size_t)(slash + 1 - key.data)} : key;
}
