/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/tests/fake_store.h"

#include <hopgate/host.h>
#include <stdlib.h>

#define LATENCY HG_MILLISECOND

enum operation {
    OPERATION_GET,
    OPERATION_PUT,
    OPERATION_REMOVE,
    OPERATION_LIST,
    OPERATION_ACQUIRE,
    OPERATION_RENEW,
    OPERATION_RELEASE,
};

struct hg_store_request {
    struct fake_store *store;
    struct hg_store_request *next, **place;
    enum operation operation;
    char *key, *value;
    size_t size;
    uint64_t revision, fence;
    char *lease;
    hg_time time_to_live;
    hg_store_done done;
    void *arg;
    struct hg_timer *timer;
};

struct hg_store_watch {
    struct fake_store *store;
    struct hg_store_watch *next, **place;
    char *prefix;
    hg_store_changed changed;
    void *arg;
};

/* ---- Values ---- */

static char *copy(struct hg_text text)
{
    char *copied = malloc(text.size + 1);

    memcpy(copied, text.size ? text.data : "", text.size);
    copied[text.size] = 0;
    return copied;
}

static struct fake_value **value_place(struct fake_store *store, const char *key)
{
    struct fake_value **place = &store->values;

    while (*place && strcmp((*place)->key, key) < 0)
        place = &(*place)->next;
    return place;
}

static struct fake_value *value_of(const struct fake_store *store, const char *key)
{
    struct fake_value *value = *value_place((struct fake_store *)(uintptr_t)store, key);

    return value && !strcmp(value->key, key) ? value : NULL;
}

static void drop(struct fake_store *store, const char *key)
{
    struct fake_value **place = value_place(store, key), *value = value_of(store, key);

    if (!value)
        return;
    *place = value->next;
    free(value->key);
    free(value->value);
    free(value);
}

static void set(struct fake_store *store, const char *key, const char *value, size_t size)
{
    struct fake_value **place, *made = calloc(1, sizeof *made);

    drop(store, key);
    place = value_place(store, key);
    *made = (struct fake_value){.next = *place,
                                .key = strdup(key),
                                .value = copy((struct hg_text){value, size}),
                                .size = size,
                                .revision = ++store->revisions};
    *place = made;
}

static bool is_below(const char *key, const char *prefix)
{
    const size_t size = strlen(prefix);

    return !size || (!strncmp(key, prefix, size) && key[size] == '/');
}

static void notify(struct fake_store *store, const char *key)
{
    for (struct hg_store_watch *watch = store->watches, *next; watch; watch = next) {
        next = watch->next;
        if (is_below(key, watch->prefix))
            watch->changed(watch->arg, hg_text(key));
    }
}

void fake_store_overflow(struct fake_store *store)
{
    for (struct hg_store_watch *watch = store->watches, *next; watch; watch = next) {
        next = watch->next;
        watch->changed(watch->arg, HG_TEXT(""));
    }
}

const char *fake_store_text(const struct fake_store *store, const char *key)
{
    const struct fake_value *value = value_of(store, key);

    return value ? value->value : NULL;
}

static const struct fake_value *first_below(const struct fake_store *store, const char *prefix)
{
    const struct fake_value *value = store->values;

    while (value && !is_below(value->key, prefix))
        value = value->next;
    return value;
}

const char *fake_store_first(const struct fake_store *store, const char *prefix)
{
    const struct fake_value *value = first_below(store, prefix);

    return value ? value->value : NULL;
}

const char *fake_store_key(const struct fake_store *store, const char *prefix)
{
    const struct fake_value *value = first_below(store, prefix);

    return value ? value->key : NULL;
}

void fake_store_slip(struct fake_store *store, const char *key, const char *value)
{
    set(store, key, value, strlen(value));
}

void fake_store_set(struct fake_store *store, const char *key, const char *value)
{
    fake_store_slip(store, key, value);
    notify(store, key);
}

/* ---- Completing operations ---- */

static struct fake_lease *lease_of(struct fake_store *store, const char *name)
{
    struct fake_lease *lease = store->leases;

    while (lease && strcmp(lease->name, name) != 0)
        lease = lease->next;
    if (lease)
        return lease;
    lease = calloc(1, sizeof *lease);
    *lease = (struct fake_lease){.next = store->leases, .name = strdup(name)};
    store->leases = lease;
    return lease;
}

void fake_store_steal(struct fake_store *store, const char *lease, hg_time time)
{
    struct fake_lease *stolen = lease_of(store, lease);

    stolen->fence++;
    stolen->until = store->host->now + time;
}

bool fake_store_is_held(struct fake_store *store, const char *lease)
{
    return lease_of(store, lease)->until > store->host->now;
}

static bool holds(struct fake_store *store, const char *name, uint64_t fence)
{
    const struct fake_lease *lease = lease_of(store, name);

    return lease->fence == fence && lease->until > store->host->now;
}

static bool may_write(const struct hg_store_request *request, struct hg_store_answer *answer)
{
    struct fake_store *store = request->store;
    const struct fake_value *value = value_of(store, request->key);

    if (request->lease && store->closed) {
        *answer = (struct hg_store_answer){.status = HG_STORE_NOT_WRITABLE, .error = "Read-only file system"};
        return false;
    }
    if (request->lease && !holds(store, request->lease, request->fence)) {
        *answer = (struct hg_store_answer){.status = HG_STORE_CONFLICT, .error = "the lease is lost"};
        return false;
    }
    if (request->revision != HG_STORE_ANY && request->revision != (value ? value->revision : HG_STORE_ABSENT)) {
        *answer = (struct hg_store_answer){.status = HG_STORE_CONFLICT, .error = "it has changed"};
        return false;
    }
    if (store->unwritable && !strncmp(request->key, store->unwritable, strlen(store->unwritable))) {
        *answer = (struct hg_store_answer){.status = HG_STORE_NOT_WRITABLE, .error = "No space left on device"};
        return false;
    }
    return true;
}

/* False: the process has died. */
static bool change(struct hg_store_request *request, struct hg_store_answer *answer)
{
    struct fake_store *store = request->store;
    const bool dies = ++store->changes == store->death.change;
    const bool is_there = value_of(store, request->key);

    if (dies && !store->death.done) {
        store->dead = store->host->stopped = true;
        return false;
    }
    if (!may_write(request, answer))
        return true;
    if (request->operation == OPERATION_PUT) {
        set(store, request->key, request->value, request->size);
        answer->revision = store->revisions;
    } else if (is_there) {
        drop(store, request->key);
    } else {
        *answer = (struct hg_store_answer){.status = HG_STORE_NOT_FOUND, .error = "there is no such value"};
    }
    store->dead = store->host->stopped = dies;
    return !dies;
}

static void read_value(const struct hg_store_request *request, struct hg_store_answer *answer)
{
    const struct fake_value *value = value_of(request->store, request->key);

    if (value)
        *answer =
            (struct hg_store_answer){.error = "", .revision = value->revision, .value = {value->value, value->size}};
    else
        *answer = (struct hg_store_answer){.status = HG_STORE_NOT_FOUND, .error = "there is no such value"};
}

static void lease(const struct hg_store_request *request, struct hg_store_answer *answer)
{
    struct fake_store *store = request->store;
    struct fake_lease *lease = lease_of(store, request->key);
    const bool held = lease->until > store->host->now;

    if (store->closed) {
        *answer = (struct hg_store_answer){.status = HG_STORE_NOT_WRITABLE, .error = "Read-only file system"};
        return;
    }
    if (request->operation == OPERATION_ACQUIRE ? held : !holds(store, request->key, request->fence)) {
        *answer = (struct hg_store_answer){.status = HG_STORE_CONFLICT,
                                           .error = "somebody holds it",
                                           .owner = HG_TEXT("other/1"),
                                           .remaining = held ? lease->until - store->host->now : 0};
        return;
    }
    if (request->operation == OPERATION_ACQUIRE)
        lease->fence++;
    lease->until = request->operation == OPERATION_RELEASE ? 0 : store->host->now + request->time_to_live;
    answer->fence = lease->fence;
}

static void request_free(struct hg_store_request *request)
{
    *request->place = request->next;
    if (request->next)
        request->next->place = request->place;
    hg_timer_free(request->store->host->worker.host, request->timer);
    free(request->key);
    free(request->value);
    free(request->lease);
    free(request);
}

static void answer_list(const struct hg_store_request *request)
{
    struct hg_store_entry entries[64];
    size_t count = 0;

    for (const struct fake_value *value = request->store->values; value && count < 64; value = value->next)
        if (is_below(value->key, request->key))
            entries[count++] = (struct hg_store_entry){hg_text(value->key), value->revision};
    request->done(request->arg, &(struct hg_store_answer){.error = "", .entries = entries, .count = count});
}

static void on_time(void *arg)
{
    struct hg_store_request *request = arg;
    struct fake_store *store = request->store;
    struct hg_store_answer answer = {.error = ""};
    char *changed = NULL;

    switch (request->operation) {
    case OPERATION_GET:
        read_value(request, &answer);
        break;
    case OPERATION_PUT:
    case OPERATION_REMOVE:
        if (!change(request, &answer))
            return;
        changed = answer.status == HG_STORE_OK ? strdup(request->key) : NULL;
        break;
    case OPERATION_LIST:
        answer_list(request);
        request_free(request);
        return;
    default:
        lease(request, &answer);
    }
    request->done(request->arg, &answer);
    request_free(request);
    if (changed)
        notify(store, changed);
    free(changed);
}

/* ---- Beginning operations ---- */

static struct hg_store_request *begin(struct hg_worker *provider, struct hg_store_request what, struct hg_text key,
                                      hg_store_done done, void *arg)
{
    struct fake_store *store = provider->state;
    struct hg_store_request *request;

    if (store->dead) {
        free(what.lease);
        free(what.value);
        return NULL;
    }
    request = calloc(1, sizeof *request);
    *request = what;
    request->store = store;
    request->key = copy(key);
    request->done = done;
    request->arg = arg;
    request->timer = hg_timer_new(&store->host->worker, on_time, request);
    request->next = store->requests;
    request->place = &store->requests;
    if (request->next)
        request->next->place = &request->next;
    store->requests = request;
    hg_timer_set(store->host->worker.host, request->timer, LATENCY);
    return request;
}

static struct hg_store_request *get(struct hg_worker *provider, struct hg_text key, hg_store_done done, void *arg)
{
    return begin(provider, (struct hg_store_request){.operation = OPERATION_GET}, key, done, arg);
}

static struct hg_store_request conditional(enum operation operation, const struct hg_store_condition *condition)
{
    return (struct hg_store_request){.operation = operation,
                                     .revision = condition->revision,
                                     .fence = condition->fence,
                                     .lease = condition->lease.size ? copy(condition->lease) : NULL};
}

static struct hg_store_request *put(struct hg_worker *provider, struct hg_text key, struct hg_text value,
                                    const struct hg_store_condition *condition, hg_store_done done, void *arg)
{
    struct hg_store_request what = conditional(OPERATION_PUT, condition);

    what.value = copy(value);
    what.size = value.size;
    return begin(provider, what, key, done, arg);
}

static struct hg_store_request *remove_value(struct hg_worker *provider, struct hg_text key,
                                             const struct hg_store_condition *condition, hg_store_done done, void *arg)
{
    return begin(provider, conditional(OPERATION_REMOVE, condition), key, done, arg);
}

static struct hg_store_request *list(struct hg_worker *provider, struct hg_text prefix, hg_store_done done, void *arg)
{
    return begin(provider, (struct hg_store_request){.operation = OPERATION_LIST}, prefix, done, arg);
}

static struct hg_store_request *acquire(struct hg_worker *provider, struct hg_text name, struct hg_text owner,
                                        hg_time time_to_live, hg_store_done done, void *arg)
{
    (void)owner;
    return begin(provider, (struct hg_store_request){.operation = OPERATION_ACQUIRE, .time_to_live = time_to_live},
                 name, done, arg);
}

static struct hg_store_request *renew(struct hg_worker *provider, struct hg_text name, uint64_t fence,
                                      hg_time time_to_live, hg_store_done done, void *arg)
{
    return begin(provider,
                 (struct hg_store_request){.operation = OPERATION_RENEW, .fence = fence, .time_to_live = time_to_live},
                 name, done, arg);
}

static struct hg_store_request *release(struct hg_worker *provider, struct hg_text name, uint64_t fence,
                                        hg_store_done done, void *arg)
{
    return begin(provider, (struct hg_store_request){.operation = OPERATION_RELEASE, .fence = fence}, name, done, arg);
}

/* A cancelled operation is completed nevertheless, as in any store. */
static void ignore(void *arg, const struct hg_store_answer *answer)
{
    (void)arg;
    (void)answer;
}

static void cancel(struct hg_worker *provider, struct hg_store_request *request)
{
    (void)provider;
    request->done = ignore;
}

static struct hg_store_watch *watch(struct hg_worker *provider, struct hg_text prefix, hg_store_changed changed,
                                    void *arg)
{
    struct fake_store *store = provider->state;
    struct hg_store_watch *watch = calloc(1, sizeof *watch);

    *watch = (struct hg_store_watch){.store = store,
                                     .next = store->watches,
                                     .place = &store->watches,
                                     .prefix = copy(prefix),
                                     .changed = changed,
                                     .arg = arg};
    if (watch->next)
        watch->next->place = &watch->next;
    store->watches = watch;
    return watch;
}

static void unwatch(struct hg_worker *provider, struct hg_store_watch *watch)
{
    (void)provider;
    *watch->place = watch->next;
    if (watch->next)
        watch->next->place = watch->place;
    free(watch->prefix);
    free(watch);
}

static hg_time delay(struct hg_worker *provider)
{
    return ((struct fake_store *)provider->state)->delay;
}

const struct hg_store_ops fake_store_ops = {
    .get = get,
    .put = put,
    .remove = remove_value,
    .list = list,
    .acquire = acquire,
    .renew = renew,
    .release = release,
    .cancel = cancel,
    .watch = watch,
    .unwatch = unwatch,
    .delay = delay,
};

/* ---- Life ---- */

void fake_store_init(struct fake_store *store, struct fake_host *host)
{
    *store = (struct fake_store){.host = host};
}

void fake_store_restart(struct fake_store *store)
{
    while (store->requests)
        request_free(store->requests);
    while (store->watches)
        unwatch(NULL, store->watches);
    for (struct fake_lease *lease = store->leases; lease; lease = lease->next)
        lease->until = 0;
    store->death = (struct fake_death){0};
    store->changes = 0;
    store->dead = false;
}

void fake_store_free(struct fake_store *store)
{
    fake_store_restart(store);
    while (store->values)
        drop(store, store->values->key);
    while (store->leases) {
        struct fake_lease *lease = store->leases;

        store->leases = lease->next;
        free(lease->name);
        free(lease);
    }
}
