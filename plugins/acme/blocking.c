/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/blocking.h"

#include "plugins/acme/key.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- The store ---- */

enum operation { GET, PUT, REMOVE, LIST };

struct store_call {
    struct acme_task *task;
    struct acme_vault *vault;
    enum operation operation;
    struct acme_vault_path key;
    struct hg_text value;
    struct hg_store_condition condition;
    struct hg_store_request *request;
    struct acme_store_result *result;
};

void acme_store_result_end(struct acme_store_result *result)
{
    if (result->value)
        explicit_bzero(result->value, result->size); /* it may be a key */
    free(result->value);
    for (size_t i = 0; i < result->count; i++)
        free(result->names[i]);
    free(result->names);
}

static void copy_entries(struct acme_store_result *result, const struct hg_store_answer *answer)
{
    result->names = answer->count ? calloc(answer->count, sizeof *result->names) : NULL;
    for (size_t i = 0; result->names && i < answer->count; i++) {
        const struct hg_text name = acme_vault_name(answer->entries[i].key);

        result->names[result->count] = strndup(name.data, name.size);
        result->count += result->names[result->count] != NULL;
    }
}

static void on_store(void *arg, const struct hg_store_answer *answer)
{
    struct store_call *call = arg;
    struct acme_store_result *result = call->result;

    result->status = answer->status;
    result->revision = answer->revision;
    snprintf(result->error, sizeof result->error, "%s", answer->status == HG_STORE_OK ? "" : answer->error);
    if (call->operation == GET && answer->status == HG_STORE_OK) {
        result->value = strndup(answer->value.data ? answer->value.data : "", answer->value.size);
        result->size = answer->value.size;
    }
    copy_entries(result, answer);
    acme_task_resume(call->task);
}

static bool begin_store(void *arg)
{
    struct store_call *call = arg;
    const struct hg_store_ops *ops = call->vault->ops;
    struct hg_worker *provider = call->vault->provider;
    const struct hg_text key = hg_text(call->key.text);

    switch (call->operation) {
    case GET:
        call->request = ops->get(provider, key, on_store, call);
        break;
    case PUT:
        call->request = ops->put(provider, key, call->value, &call->condition, on_store, call);
        break;
    case REMOVE:
        call->request = ops->remove(provider, key, &call->condition, on_store, call);
        break;
    default:
        call->request = ops->list(provider, key, on_store, call);
    }
    return call->request;
}

static void stop_store(void *arg)
{
    struct store_call *call = arg;

    acme_vault_cancel(call->vault, call->request);
}

static struct acme_store_result use_store(struct acme_task *task, struct acme_vault *vault, enum operation operation,
                                          const char *kind, const char *name, struct hg_text value, uint64_t revision)
{
    struct acme_store_result result = {.status = HG_STORE_UNAVAILABLE, .error = "the store has stopped"};
    struct store_call call = {.task = task,
                              .vault = vault,
                              .operation = operation,
                              .key = acme_vault_key(kind, name),
                              .value = value,
                              .condition = acme_vault_condition(vault, revision),
                              .result = &result};

    acme_task_wait(task, begin_store, stop_store, &call);
    return result;
}

struct acme_store_result acme_store_get(struct acme_task *task, struct acme_vault *vault, const char *kind,
                                        const char *name)
{
    return use_store(task, vault, GET, kind, name, (struct hg_text){0}, HG_STORE_ANY);
}

json_t *acme_store_get_json(struct acme_task *task, struct acme_vault *vault, const char *kind, const char *name)
{
    struct acme_store_result result = acme_store_get(task, vault, kind, name);
    json_t *value = result.value ? json_loadb(result.value, result.size, 0, NULL) : NULL;

    acme_store_result_end(&result);
    if (json_is_object(value))
        return value;
    json_decref(value);
    return NULL;
}

struct acme_store_result acme_store_put(struct acme_task *task, struct acme_vault *vault, const char *kind,
                                        const char *name, struct hg_text value, uint64_t revision)
{
    return use_store(task, vault, PUT, kind, name, value, revision);
}

struct acme_store_result acme_store_put_json(struct acme_task *task, struct acme_vault *vault, const char *kind,
                                             const char *name, json_t *value, uint64_t revision)
{
    char *text = json_dumps(value, JSON_INDENT(2));
    struct acme_store_result result = {.status = HG_STORE_NOT_WRITABLE, .error = "out of memory"};

    if (text)
        result = acme_store_put(task, vault, kind, name, hg_text(text), revision);
    acme_secret_free(text);
    json_decref(value);
    return result;
}

struct acme_store_result acme_store_remove(struct acme_task *task, struct acme_vault *vault, const char *kind,
                                           const char *name)
{
    return use_store(task, vault, REMOVE, kind, name, (struct hg_text){0}, HG_STORE_ANY);
}

struct acme_store_result acme_store_list(struct acme_task *task, struct acme_vault *vault, const char *kind)
{
    return use_store(task, vault, LIST, kind, "", (struct hg_text){0}, HG_STORE_ANY);
}

/* ---- HTTPS ---- */

struct https_wait {
    struct acme_task *task;
    struct https *https;
    const struct https_request *request;
    struct https_call *call;
    const struct https_response *response;
};

static void on_response(void *arg, const struct https_response *response)
{
    struct https_wait *wait = arg;

    wait->response = response;
    acme_task_resume(wait->task);
}

static bool begin_https(void *arg)
{
    struct https_wait *wait = arg;

    wait->call = https_send(wait->https, wait->request, on_response, wait);
    return wait->call;
}

static void stop_https(void *arg)
{
    struct https_wait *wait = arg;

    https_cancel(wait->call);
}

const struct https_response *acme_https_send(struct acme_task *task, struct https *https,
                                             const struct https_request *request)
{
    static const struct https_response nothing = {.error = "it was not sent: out of memory, or the gateway stops"};
    struct https_wait wait = {.task = task, .https = https, .request = request};

    return acme_task_wait(task, begin_https, stop_https, &wait) ? wait.response : &nothing;
}

/* ---- Programs ---- */

struct hook_wait {
    struct acme_task *task;
    const struct hook_call *call;
    struct hook *hook;
    const char *error;
};

static void on_hook(void *arg, const char *error)
{
    struct hook_wait *wait = arg;

    wait->error = error;
    acme_task_resume(wait->task);
}

static bool begin_hook(void *arg)
{
    struct hook_wait *wait = arg;

    wait->hook = hook_run(acme_task_worker(wait->task), wait->call, on_hook, wait);
    return wait->hook;
}

static void stop_hook(void *arg)
{
    struct hook_wait *wait = arg;

    hook_cancel(wait->hook);
}

const char *acme_hook_run(struct acme_task *task, const struct hook_call *call)
{
    struct hook_wait wait = {
        .task = task, .call = call, .error = "it was not run: out of memory, or the gateway stops"};

    acme_task_wait(task, begin_hook, stop_hook, &wait);
    return wait.error;
}
