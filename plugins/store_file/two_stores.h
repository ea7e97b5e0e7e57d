/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Two stores on one folder, like those of two processes, and operations that wait for their answer.
 */
#ifndef PLUGINS_STORE_FILE_TWO_STORES_H
#define PLUGINS_STORE_FILE_TWO_STORES_H

#include "plugins/store_file/key_path.h"
#include "tests/unit/worker_fixture.h"

#include <check.h>
#include <hopgate/store.h>
#include <sys/stat.h>

/* As in store_file.c. */
struct test_config {
    const char *path;
};

struct test_store {
    struct fixture *fixture;
    const struct hg_store_ops *ops;
    struct test_config config;
    char path[64];
};

extern struct test_store one, two;

/* A copy of the last answer. */
struct test_answer {
    enum hg_store_status status;
    char error[1024];
    char *value; /* get; list: the keys, each followed by a space; acquire: the owner. Terminated by NUL */
    size_t size;
    uint64_t revision; /* list: of the first one */
    uint64_t fence;
    hg_time remaining;
};
extern struct test_answer test_answer;

/* For each test: a new folder with both stores started on it. */
void test_set_up(void);
void test_tear_down(void);
void test_store_start(struct test_store *handle, const char *path);
void test_store_stop(struct test_store *handle);

/* Each waits for the answer and returns a pointer to test_answer. */
struct test_answer *test_get(struct test_store *handle, const char *key);
struct test_answer *test_put(struct test_store *handle, const char *key, const char *value, uint64_t revision);
struct test_answer *test_put_bytes(struct test_store *handle, const char *key, const char *value, size_t size);
struct test_answer *test_put_guarded(struct test_store *handle, const char *key, const char *value, const char *lease,
                                     uint64_t fence);
uint64_t test_put_ok(struct test_store *handle, const char *key, const char *value, uint64_t revision);
struct test_answer *test_remove(struct test_store *handle, const char *key, uint64_t revision);
struct test_answer *test_list(struct test_store *handle, const char *prefix);
struct test_answer *test_acquire(struct test_store *handle, const char *lease, unsigned milliseconds);
struct test_answer *test_renew(struct test_store *handle, const char *lease, uint64_t fence, unsigned milliseconds);
struct test_answer *test_release(struct test_store *handle, const char *lease, uint64_t fence);

/* The number of names in a subfolder of the store's. */
unsigned test_count(const struct test_store *handle, const char *directory);

/* Failures: test_faults.c. */
TCase *test_fault_cases(void);

#endif
