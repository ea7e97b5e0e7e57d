/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/store_file/two_stores.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct test_store one, two;
struct test_answer test_answer;

/* ---- Setup ---- */

void test_store_start(struct test_store *handle, const char *path)
{
    const struct fixture_part part = {hopgate_plugin(), &handle->config};

    if (path != handle->path)
        snprintf(handle->path, sizeof handle->path, "%s", path);
    handle->config.path = handle->path;
    handle->ops = hopgate_plugin()->offers[0].ops;
    handle->fixture = fixture_new(PIPELINE_GATEWAY, &part, 1);
    fixture_start(handle->fixture);
}

void test_store_stop(struct test_store *handle)
{
    if (handle->fixture)
        fixture_free(handle->fixture);
    handle->fixture = NULL;
}

void test_set_up(void)
{
    char path[] = "/tmp/hopgate-store-XXXXXX";

    ck_assert_ptr_nonnull(mkdtemp(path));
    test_store_start(&one, path);
    test_store_start(&two, path);
}

static int remove_one(const char *path, const struct stat *state, int type, struct FTW *at)
{
    (void)state;
    (void)type;
    (void)at;
    return remove(path);
}

void test_tear_down(void)
{
    test_store_stop(&one);
    test_store_stop(&two);
    nftw(one.path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(test_answer.value);
    test_answer.value = NULL;
}

/* ---- Operations ---- */

static bool answered;

static void append(struct hg_text text, const char *end)
{
    size_t more = text.size + strlen(end);

    test_answer.value = realloc(test_answer.value, test_answer.size + more + 1);
    ck_assert_ptr_nonnull(test_answer.value);
    if (text.size)
        memcpy(test_answer.value + test_answer.size, text.data, text.size);
    strcpy(test_answer.value + test_answer.size + text.size, end);
    test_answer.size += more;
}

static void keep(void *arg, const struct hg_store_answer *answer)
{
    (void)arg;
    free(test_answer.value);
    test_answer = (struct test_answer){
        .status = answer->status, .revision = answer->revision, .fence = answer->fence, .remaining = answer->remaining};
    snprintf(test_answer.error, sizeof test_answer.error, "%s", answer->error);
    ck_assert_int_eq(answer->status == HG_STORE_OK, !*answer->error);
    append(answer->value, "");
    append(answer->owner, "");
    for (size_t i = 0; i < answer->count; i++)
        append(answer->entries[i].key, " ");
    if (answer->count)
        test_answer.revision = answer->entries[0].revision;
    answered = true;
}

static bool is_answered(void *arg)
{
    (void)arg;
    return answered;
}

static struct test_answer *await(struct test_store *handle, const struct hg_store_request *request)
{
    ck_assert_ptr_nonnull(request);
    ck_assert(fixture_run(handle->fixture, is_answered, NULL, 30000));
    answered = false;
    return &test_answer;
}

struct test_answer *test_get(struct test_store *handle, const char *key)
{
    return await(handle, handle->ops->get(fixture_worker(handle->fixture, 0), hg_text(key), keep, NULL));
}

static struct test_answer *put(struct test_store *handle, const char *key, struct hg_text value,
                               const struct hg_store_condition *condition)
{
    return await(handle,
                 handle->ops->put(fixture_worker(handle->fixture, 0), hg_text(key), value, condition, keep, NULL));
}

struct test_answer *test_put(struct test_store *handle, const char *key, const char *value, uint64_t revision)
{
    return put(handle, key, hg_text(value), &(struct hg_store_condition){.revision = revision});
}

struct test_answer *test_put_bytes(struct test_store *handle, const char *key, const char *value, size_t size)
{
    return put(handle, key, (struct hg_text){value, size}, &(struct hg_store_condition){.revision = HG_STORE_ANY});
}

struct test_answer *test_put_guarded(struct test_store *handle, const char *key, const char *value, const char *lease,
                                     uint64_t fence)
{
    return put(handle, key, hg_text(value),
               &(struct hg_store_condition){.revision = HG_STORE_ANY, .lease = hg_text(lease), .fence = fence});
}

uint64_t test_put_ok(struct test_store *handle, const char *key, const char *value, uint64_t revision)
{
    const struct test_answer *answer = test_put(handle, key, value, revision);

    ck_assert_msg(answer->status == HG_STORE_OK, "%s", answer->error);
    return answer->revision;
}

struct test_answer *test_remove(struct test_store *handle, const char *key, uint64_t revision)
{
    const struct hg_store_condition condition = {.revision = revision};

    return await(handle, handle->ops->remove(fixture_worker(handle->fixture, 0), hg_text(key), &condition, keep, NULL));
}

struct test_answer *test_list(struct test_store *handle, const char *prefix)
{
    return await(handle, handle->ops->list(fixture_worker(handle->fixture, 0), hg_text(prefix), keep, NULL));
}

struct test_answer *test_acquire(struct test_store *handle, const char *lease, unsigned milliseconds)
{
    return await(handle, handle->ops->acquire(fixture_worker(handle->fixture, 0), hg_text(lease),
                                              HG_TEXT("host name/1"), milliseconds * HG_MILLISECOND, keep, NULL));
}

struct test_answer *test_renew(struct test_store *handle, const char *lease, uint64_t fence, unsigned milliseconds)
{
    return await(handle, handle->ops->renew(fixture_worker(handle->fixture, 0), hg_text(lease), fence,
                                            milliseconds * HG_MILLISECOND, keep, NULL));
}

struct test_answer *test_release(struct test_store *handle, const char *lease, uint64_t fence)
{
    return await(handle, handle->ops->release(fixture_worker(handle->fixture, 0), hg_text(lease), fence, keep, NULL));
}

unsigned test_count(const struct test_store *handle, const char *directory)
{
    const struct dirent *item;
    unsigned count = 0;
    char path[128];
    DIR *names;

    snprintf(path, sizeof path, "%s/%s", handle->path, directory);
    names = opendir(path);
    while (names && (item = readdir(names)))
        count += item->d_name[0] != '.';
    if (names)
        closedir(names);
    return count;
}
