/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/task/store.h"

#include <stdio.h>
#include <stdlib.h>

bool store_open(struct store *store, struct hg_worker *worker, const char *prefix)
{
    struct hg_capability found;

    if (!hg_capability(worker->instance, HG_STORE, HG_STORE_VERSION, &found))
        return false;
    *store = (struct store){.prefix = prefix, .ops = found.ops, .provider = hg_capability_worker(worker, &found)};
    return true;
}

struct key {
    char text[HG_STORE_KEY_MAX + 1];
};

static struct key key_of(const struct store *store, const char *kind, const char *name)
{
    struct key key;

    snprintf(key.text, sizeof key.text, "%s/%s%s%s", store->prefix, kind, *name ? "/" : "", name);
    return key;
}

/* With the lease: a process that has lost it without noticing changes nothing. */
static struct hg_store_condition condition_of(const struct store *store, uint64_t revision)
{
    return (struct hg_store_condition){.revision = revision,
                                       .lease = store->fence ? hg_text(store->lease) : (struct hg_text){0},
                                       .fence = store->fence};
}

void store_text_free(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

/* ---- Answers ---- */

json_t *store_json(const struct hg_store_answer *answer)
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

struct hg_text store_name(struct hg_text key)
{
    const char *slash = key.size ? memrchr(key.data, '/', key.size) : NULL;

    return slash ? (struct hg_text){slash + 1, key.size - (size_t)(slash + 1 - key.data)} : key;
}

bool store_is_kind(const struct store *store, struct hg_text key, const char *kind)
{
    const struct key parent = key_of(store, kind, "");
    const size_t size = strlen(parent.text);

    return key.size > size && !memcmp(key.data, parent.text, size) && key.data[size] == '/';
}

/* ---- In the worker's thread ---- */

static void ignore(void *arg, const struct hg_store_answer *answer)
{
    (void)arg;
    (void)answer;
}

void store_put_json(const struct store *store, const char *kind, const char *name, json_t *value, uint64_t revision)
{
    const struct key key = key_of(store, kind, name);
    const struct hg_store_condition condition = condition_of(store, revision);
    char *text = json_dumps(value, JSON_INDENT(2));

    if (text)
        store->ops->put(store->provider, hg_text(key.text), hg_text(text), &condition, ignore, NULL);
    store_text_free(text);
    json_decref(value);
}

void store_remove(const struct store *store, const char *kind, const char *name, uint64_t revision)
{
    const struct key key = key_of(store, kind, name);
    const struct hg_store_condition condition = condition_of(store, revision);

    store->ops->remove(store->provider, hg_text(key.text), &condition, ignore, NULL);
}

/* ---- In a task ---- */

enum operation { GET, PUT, REMOVE, LIST };

struct call {
    struct task *task;
    const struct store *store;
    enum operation operation;
    struct key key;
    struct hg_text value;
    struct hg_store_condition condition;
    struct hg_store_request *request;
    const struct hg_store_answer *answer;
};

static void on_answer(void *arg, const struct hg_store_answer *answer)
{
    struct call *call = arg;

    call->answer = answer;
    task_resume(call->task);
}

static bool begin(void *arg)
{
    struct call *call = arg;
    const struct hg_store_ops *ops = call->store->ops;
    struct hg_worker *provider = call->store->provider;
    const struct hg_text key = hg_text(call->key.text);

    switch (call->operation) {
    case GET:
        call->request = ops->get(provider, key, on_answer, call);
        break;
    case PUT:
        call->request = ops->put(provider, key, call->value, &call->condition, on_answer, call);
        break;
    case REMOVE:
        call->request = ops->remove(provider, key, &call->condition, on_answer, call);
        break;
    default:
        call->request = ops->list(provider, key, on_answer, call);
    }
    return call->request;
}

static void stop(void *arg)
{
    struct call *call = arg;

    call->store->ops->cancel(call->store->provider, call->request);
}

static const struct hg_store_answer *wait_for(struct task *task, const struct store *store, enum operation operation,
                                              const char *kind, const char *name, struct hg_text value,
                                              uint64_t revision)
{
    static const struct hg_store_answer stopped = {.status = HG_STORE_UNAVAILABLE, .error = "the store has stopped"};
    struct call call = {.task = task,
                        .store = store,
                        .operation = operation,
                        .key = key_of(store, kind, name),
                        .value = value,
                        .condition = condition_of(store, revision)};

    return task_wait(task, begin, stop, &call) ? call.answer : &stopped;
}

const struct hg_store_answer *task_store_get(struct task *task, const struct store *store, const char *kind,
                                             const char *name)
{
    return wait_for(task, store, GET, kind, name, (struct hg_text){0}, HG_STORE_ANY);
}

const struct hg_store_answer *task_store_put(struct task *task, const struct store *store, const char *kind,
                                             const char *name, struct hg_text value, uint64_t revision)
{
    return wait_for(task, store, PUT, kind, name, value, revision);
}

const struct hg_store_answer *task_store_remove(struct task *task, const struct store *store, const char *kind,
                                                const char *name)
{
    return wait_for(task, store, REMOVE, kind, name, (struct hg_text){0}, HG_STORE_ANY);
}

const struct hg_store_answer *task_store_list(struct task *task, const struct store *store, const char *kind)
{
    return wait_for(task, store, LIST, kind, "", (struct hg_text){0}, HG_STORE_ANY);
}

const struct hg_store_answer *task_store_put_json(struct task *task, const struct store *store, const char *kind,
                                                  const char *name, json_t *value, uint64_t revision)
{
    static const struct hg_store_answer no_memory = {.status = HG_STORE_NOT_WRITABLE, .error = "out of memory"};
    char *text = json_dumps(value, JSON_INDENT(2));
    const struct hg_store_answer *answer =
        text ? task_store_put(task, store, kind, name, hg_text(text), revision) : &no_memory;

    store_text_free(text);
    json_decref(value);
    return answer;
}

json_t *task_store_get_json(struct task *task, const struct store *store, const char *kind, const char *name)
{
    return store_json(task_store_get(task, store, kind, name));
}

const char *task_store_each(struct task *task, const struct store *store, const char *kind,
                            bool (*found)(void *arg, const char *name, json_t *value), void *arg)
{
    const struct hg_store_answer *list = task_store_list(task, store, kind);
    bool more = true;
    json_t *names;

    if (list->status != HG_STORE_OK)
        return list->error;
    names = json_array();
    for (size_t i = 0; i < list->count; i++) {
        const struct hg_text name = store_name(list->entries[i].key);

        json_array_append_new(names, json_stringn(name.data, name.size));
    }
    for (size_t i = 0; i < json_array_size(names) && more; i++) {
        const char *name = json_string_value(json_array_get(names, i));
        json_t *value = task_store_get_json(task, store, kind, name);

        more = !value || found(arg, name, value);
        json_decref(value);
    }
    json_decref(names);
    return NULL;
}
