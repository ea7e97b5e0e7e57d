/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The corpus of requests.
 */
#include "plugins/http/tests/cases.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CORPUS_MAX     200
#define CORPUS_THREADS 24
#define SPLITS         512

struct corpus_case {
    char name[128];
    uint8_t bytes[512];
    size_t size;
    unsigned answers; /* 0: must be refused */
};

struct corpus {
    struct bench *bench;
    struct corpus_case cases[CORPUS_MAX];
    size_t count;
    atomic_uint next; /* the next split and case for a thread to take */
};

static void add_case(struct corpus *corpus, const json_t *object)
{
    struct corpus_case *added = &corpus->cases[corpus->count];
    const json_t *text = json_object_get(object, "bytes");
    const uint8_t *utf8 = (const uint8_t *)json_string_value(text), *end = utf8 + json_string_length(text);

    if (strcmp(json_string_value(json_object_get(object, "kind")), "request") != 0 ||
        json_is_false(json_object_get(object, "firm")))
        return;
    ck_assert_uint_lt(corpus->count, CORPUS_MAX);
    snprintf(added->name, sizeof added->name, "%s", json_string_value(json_object_get(object, "name")));
    while (utf8 < end) {
        uint8_t byte = *utf8++;

        if (byte >= 0x80)
            byte = (uint8_t)((byte & 3) << 6 | (*utf8++ & 63));
        added->bytes[added->size++] = byte;
        ck_assert_uint_lt(added->size, sizeof added->bytes);
    }
    if (!strncmp(json_string_value(json_object_get(object, "expect")), "accept", 6))
        added->answers = strstr(added->name, "pipelined") ? 2 : 1;
    corpus->count++;
}

static void check_refused(const struct corpus_case *wanted, size_t split, const char *got)
{
    static const char *const statuses[] = {"400", "414", "431", "501", "505"};

    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (!strncmp(got, "HTTP/1.1 ", 9) && !strncmp(got + 9, statuses[i], 3))
            return;
    ck_abort_msg("%s, split at %zu, was not refused: %s", wanted->name, split, got);
}

static void try_case(struct corpus *corpus, const struct corpus_case *wanted, size_t split)
{
    struct user user;
    const char *at;

    user_open(&user, corpus->bench->plain_port);
    user_send(&user, wanted->bytes, split);
    if (split < wanted->size) {
        usleep(3000); /* so that the edge reads it separately */
        user_send(&user, wanted->bytes + split, wanted->size - split);
    }
    if (!wanted->answers) {
        user_receive_all(&user);
        check_refused(wanted, split, user.got);
    }
    for (unsigned i = 0; i < wanted->answers; i++) {
        at = user.got;
        while (!(at = strstr(user.got, "\r\n\r\nok")))
            ck_assert_msg(user_receive(&user, 10000), "%s, split at %zu: %s", wanted->name, split, user.got);
        memmove(user.got, at + 6, strlen(at + 6) + 1);
        user.size = strlen(user.got);
    }
    user_close(&user);
}

static void *try_cases(void *arg)
{
    struct corpus *corpus = arg;
    unsigned all = (unsigned)corpus->count * SPLITS, next;

    while ((next = atomic_fetch_add(&corpus->next, 1)) < all) {
        const struct corpus_case *wanted = &corpus->cases[next / SPLITS];

        if (next % SPLITS <= wanted->size)
            try_case(corpus, wanted, next % SPLITS);
    }
    return NULL;
}

static struct corpus *corpus_of_test;

static void try_corpus(struct bench *bench)
{
    pthread_t threads[CORPUS_THREADS];

    (void)bench;
    for (int i = 0; i < CORPUS_THREADS; i++)
        pthread_create(&threads[i], NULL, try_cases, corpus_of_test);
    for (int i = 0; i < CORPUS_THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void add_cases(struct corpus *corpus, const char *path)
{
    FILE *file = fopen(path, "r");
    char line[8192];

    ck_assert_msg(file != NULL, "no corpus at %s", path);
    while (fgets(line, sizeof line, file)) {
        json_t *object = json_loads(line, JSON_ALLOW_NUL, NULL);

        ck_assert_ptr_nonnull(object);
        add_case(corpus, object);
        json_decref(object);
    }
    fclose(file);
}

/* Everything that must be refused is, and never reaches the origin, however it is split; everything else is
 * answered. */
START_TEST(test_corpus)
{
    struct bench bench;
    struct corpus *corpus = calloc(1, sizeof *corpus);
    unsigned answers = 0;

    add_cases(corpus, CORPUS "http1.jsonl");
    add_cases(corpus, CORPUS "cases.jsonl");
    ck_assert_uint_ge(corpus->count, 104);
    for (size_t i = 0; i < corpus->count; i++)
        answers += corpus->cases[i].answers * (unsigned)(corpus->cases[i].size + 1);
    bench_init(&bench);
    corpus->bench = &bench;
    corpus_of_test = corpus;
    bench_run(&bench, try_corpus);
    ck_assert_uint_eq(bench.seen.heads, answers);
    bench_free(&bench);
    free(corpus);
}
END_TEST

TCase *corpus_tests(void)
{
    TCase *tests = new_case("corpus", 120);

    tcase_add_test(tests, test_corpus);
    return tests;
}
