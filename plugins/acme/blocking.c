/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/blocking.h"

/* ---- The store ---- */

enum operation { GET, PUT, REMOVE, LIST };

struct store_call {
    struct task *task;
    struct acme_store *store;
    enum operation operation;
    struct acme_store_path key;
    struct hg_text value;
    struct hg_store_condition condition;
    struct hg_store_request *request;
    const struct hg_store_answer *answer;
};

static void on_store(void *arg, const struct hg_store_answer *answer)
{
    struct store_call *call = arg;

    call->answer = answer;
    task_resume(call->task);
}

static bool begin_store(void *arg)
{
    struct store_call *call = arg;
    const struct hg_store_ops *ops = call->store->ops;
    struct hg_worker *provider = call->store->provider;
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

    acme_store_cancel(call->store, call->request);
}

static const struct hg_store_answer *use_store(struct task *task, struct acme_store *store, enum operation operation,
                                               const char *kind, const char *name, struct hg_text value,
                                               uint64_t revision)
{
    static const struct hg_store_answer stopped = {.status = HG_STORE_UNAVAILABLE, .error = "the store has stopped"};
    struct store_call call = {.task = task,
                              .store = store,
                              .operation = operation,
                              .key = acme_store_key(kind, name),
                              .value = value,
                              .condition = acme_store_condition(store, revision)};

    return task_wait(task, begin_store, stop_store, &call) ? call.answer : &stopped;
}

const struct hg_store_answer *acme_blocking_get(struct task *task, struct acme_store *store, const char *kind,
                                                const char *name)
{
    return use_store(task, store, GET, kind, name, (struct hg_text){0}, HG_STORE_ANY);
}

const struct hg_store_answer *acme_blocking_put(struct task *task, struct acme_store *store, const char *kind,
                                                const char *name, struct hg_text value, uint64_t revision)
{
    return use_store(task, store, PUT, kind, name, value, revision);
}

const struct hg_store_answer *acme_blocking_put_json(struct task *task, struct acme_store *store, const char *kind,
                                                     const char *name, json_t *value, uint64_t revision)
{
    static const struct hg_store_answer no_memory = {.status = HG_STORE_NOT_WRITABLE, .error = "out of memory"};
    char *text = json_dumps(value, JSON_INDENT(2));
    const struct hg_store_answer *answer =
        text ? acme_blocking_put(task, store, kind, name, hg_text(text), revision) : &no_memory;

    acme_secret_free(text);
    json_decref(value);
    return answer;
}

const struct hg_store_answer *acme_blocking_remove(struct task *task, struct acme_store *store, const char *kind,
                                                   const char *name)
{
    return use_store(task, store, REMOVE, kind, name, (struct hg_text){0}, HG_STORE_ANY);
}

json_t *acme_blocking_get_json(struct task *task, struct acme_store *store, const char *kind, const char *name)
{
    return acme_store_json(acme_blocking_get(task, store, kind, name));
}

struct acme_key_pair *acme_blocking_get_pair(struct task *task, struct acme_store *store, const char *kind,
                                             const char *name)
{
    const struct hg_store_answer *answer = acme_blocking_get(task, store, kind, name);
    char why[256];

    return answer->status == HG_STORE_OK ? acme_key_pair_read(answer->value, why, sizeof why) : NULL;
}

const struct hg_store_answer *acme_blocking_list(struct task *task, struct acme_store *store, const char *kind)
{
    return use_store(task, store, LIST, kind, "", (struct hg_text){0}, HG_STORE_ANY);
}

const char *acme_blocking_each(struct task *task, struct acme_store *store, const char *kind,
                               bool (*found)(void *arg, const char *name, json_t *value), void *arg)
{
    const struct hg_store_answer *list = acme_blocking_list(task, store, kind);
    bool more = true;
    json_t *names;

    if (list->status != HG_STORE_OK)
        return list->error;
    names = json_array();
    for (size_t i = 0; i < list->count; i++) {
        const struct hg_text name = acme_store_name(list->entries[i].key);

        json_array_append_new(names, json_stringn(name.data, name.size));
    }
    for (size_t i = 0; i < json_array_size(names) && more; i++) {
        const char *name = json_string_value(json_array_get(names, i));
        json_t *value = acme_blocking_get_json(task, store, kind, name);

        more = !value || found(arg, name, value);
        json_decref(value);
    }
    json_decref(names);
    return NULL;
}

/* ---- HTTPS ---- */

struct https_wait {
    struct task *task;
    struct https *https;
    const struct https_request *request;
    struct https_call *call;
    const struct https_response *response;
};

static void on_response(void *arg, const struct https_response *response)
{
    struct https_wait *wait = arg;

    wait->response = response;
    task_resume(wait->task);
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

const struct https_response *acme_blocking_https(struct task *task, struct https *https,
                                                 const struct https_request *request)
{
    static const struct https_response nothing = {.error = "not sent: out of memory, or the gateway is stopping"};
    struct https_wait wait = {.task = task, .https = https, .request = request};

    return task_wait(task, begin_https, stop_https, &wait) ? wait.response : &nothing;
}

/* ---- Programs ---- */

struct hook_wait {
    struct task *task;
    const struct hook_call *call;
    struct hook *hook;
    const char *error;
};

static void on_hook(void *arg, const char *error)
{
    struct hook_wait *wait = arg;

    wait->error = error;
    task_resume(wait->task);
}

static bool begin_hook(void *arg)
{
    struct hook_wait *wait = arg;

    wait->hook = hook_run(task_worker(wait->task), wait->call, on_hook, wait);
    return wait->hook;
}

static void stop_hook(void *arg)
{
    struct hook_wait *wait = arg;

    hook_cancel(wait->hook);
}

const char *acme_blocking_hook(struct task *task, const struct hook_call *call)
{
    struct hook_wait wait = {.task = task, .call = call, .error = "not run: out of memory, or the gateway is stopping"};

    task_wait(task, begin_hook, stop_hook, &wait);
    return wait.error;
}
