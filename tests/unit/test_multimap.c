/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Which sessions a client has, and how long it waits before it reconnects.
 */
#include "core/base/backoff.h"
#include "core/base/multimap.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/slowness.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- The map ---- */

static struct multimap_node *add(struct multimap *map, const char *id)
{
    struct multimap_node *node = calloc(1, sizeof *node);

    node->key = hg_text(id);
    ck_assert_int_eq(multimap_add(map, node), 0);
    return node;
}

static void take_out(struct multimap *map, struct multimap_node *node)
{
    multimap_remove(map, node);
    free(node);
}

START_TEST(the_newest_comes_first)
{
    struct multimap map = {0};
    struct multimap_node *first, *other, *second, *third;

    ck_assert_ptr_null(multimap_newest(&map, HG_TEXT("a")));
    first = add(&map, "a");
    other = add(&map, "b");
    second = add(&map, "a");
    third = add(&map, "a");
    ck_assert_ptr_eq(multimap_newest(&map, HG_TEXT("a")), third);
    ck_assert_ptr_eq(multimap_older(third), second);
    ck_assert_ptr_eq(multimap_older(second), first);
    ck_assert_ptr_null(multimap_older(first));
    ck_assert_ptr_eq(multimap_newest(&map, HG_TEXT("b")), other);
    ck_assert_ptr_null(multimap_older(other));
    ck_assert_ptr_null(multimap_newest(&map, HG_TEXT("aa")));
    ck_assert_ptr_null(multimap_newest(&map, HG_TEXT("")));
    take_out(&map, second);
    ck_assert_ptr_eq(multimap_older(third), first);
    take_out(&map, third);
    ck_assert_ptr_eq(multimap_newest(&map, HG_TEXT("a")), first);
    take_out(&map, first);
    ck_assert_ptr_null(multimap_newest(&map, HG_TEXT("a")));
    take_out(&map, other);
    ck_assert_uint_eq(map.count, 0);
    multimap_free(&map);
}
END_TEST

#define CLIENTS 1000

START_TEST(growing_keeps_all_nodes_in_order)
{
    static struct multimap_node nodes[3][CLIENTS];
    static char ids[CLIENTS][16];
    struct multimap map = {0};

    for (size_t round = 0; round < 3; round++)
        for (size_t i = 0; i < CLIENTS; i++) {
            snprintf(ids[i], sizeof ids[i], "client-%zu", i);
            nodes[round][i].key = hg_text(ids[i]);
            ck_assert_int_eq(multimap_add(&map, &nodes[round][i]), 0);
        }
    ck_assert_uint_eq(map.count, 3 * CLIENTS);
    for (size_t i = 0; i < CLIENTS; i++) {
        struct multimap_node *node = multimap_newest(&map, hg_text(ids[i]));

        for (size_t round = 3; round-- > 0; node = multimap_older(node))
            if (node != &nodes[round][i])
                ck_abort_msg("client %zu: the order is wrong", i);
    }
    for (size_t round = 0; round < 3; round++)
        for (size_t i = 0; i < CLIENTS; i++)
            multimap_remove(&map, &nodes[round][i]);
    ck_assert_uint_eq(map.count, 0);
    multimap_free(&map);
}
END_TEST

/* A client with very many sessions must not slow down the gateway: if any operation had to walk through all of them,
 * this would take minutes, not milliseconds. */
START_TEST(one_client_may_have_many)
{
    const size_t many = repetitions(400000);
    struct multimap_node *nodes = calloc(many, sizeof *nodes);
    struct multimap map = {0};
    size_t refused = 0;

    ck_assert_ptr_nonnull(nodes);
    for (size_t i = 0; i < many; i++) {
        nodes[i].key = HG_TEXT("a");
        /* Check records every assertion in a file, which would take most of the time. */
        refused += multimap_add(&map, &nodes[i]) != 0;
    }
    ck_assert_uint_eq(refused, 0);
    ck_assert_ptr_eq(multimap_newest(&map, HG_TEXT("a")), &nodes[many - 1]);
    for (size_t i = 0; i < many; i++)
        multimap_remove(&map, &nodes[i]);
    ck_assert_uint_eq(map.count, 0);
    multimap_free(&map);
    free(nodes);
}
END_TEST

/* ---- Backoff ---- */

START_TEST(the_first_try_is_made_at_once)
{
    struct backoff backoff = {0};

    ck_assert_uint_eq(backoff_next(&backoff, 12345), 0);
    ck_assert_uint_gt(backoff_next(&backoff, 0), 0);
}
END_TEST

START_TEST(waits_grow_within_their_jitter_up_to_the_cap)
{
    hg_time longest = BACKOFF_FIRST;

    for (uint64_t random = 0; random < 64; random++) {
        struct backoff backoff = {0};

        longest = BACKOFF_FIRST;
        backoff_next(&backoff, random);
        for (unsigned i = 0; i < 40; i++) {
            hg_time wait = backoff_next(&backoff, random * UINT64_C(0x9e3779b97f4a7c15));

            ck_assert_uint_le(wait, longest);
            ck_assert_uint_ge(wait, longest / 2);
            longest = longest + longest / 2 < BACKOFF_SOON ? longest + longest / 2 : BACKOFF_SOON;
        }
    }
    ck_assert_uint_eq(longest, BACKOFF_SOON);
}
END_TEST

START_TEST(an_absent_gateway_is_tried_less_often)
{
    struct backoff backoff = {0};
    hg_time soon = 0;

    for (unsigned i = 0; i < BACKOFF_TRIES; i++) {
        hg_time wait = backoff_next(&backoff, 0);

        ck_assert_uint_le(wait, BACKOFF_SOON);
        soon += wait - wait / 4; /* the average */
    }
    ck_assert_uint_gt(soon, 570 * HG_SECOND);
    ck_assert_uint_eq(backoff_next(&backoff, 0), BACKOFF_CAP);
}
END_TEST

START_TEST(a_refusing_gateway_is_tried_less_often)
{
    struct backoff backoff = {0};

    for (unsigned i = 0; i < 20; i++) {
        backoff_refused(&backoff);
        backoff_next(&backoff, 0);
    }
    backoff_refused(&backoff);
    ck_assert_uint_eq(backoff_next(&backoff, 0), BACKOFF_CAP);
    ck_assert_uint_eq(backoff_next(&backoff, 0), BACKOFF_SOON);
}
END_TEST

START_TEST(clients_do_not_come_back_all_at_once)
{
    bool early = false, late = false;

    for (uint64_t random = 0; random < 1000; random++) {
        struct backoff backoff = {.failures = 1};
        hg_time wait = backoff_next(&backoff, random * UINT64_C(0x9e3779b97f4a7c15));

        early |= wait < BACKOFF_FIRST * 5 / 8;
        late |= wait > BACKOFF_FIRST * 7 / 8;
    }
    ck_assert(early && late);
}
END_TEST

START_TEST(only_a_stable_link_resets_the_backoff)
{
    struct backoff backoff = {0};

    for (unsigned i = 0; i < 10; i++)
        backoff_next(&backoff, 0);
    backoff_link_ended(&backoff, BACKOFF_STABLE - 1);
    ck_assert_uint_gt(backoff_next(&backoff, 0), BACKOFF_FIRST);
    backoff_link_ended(&backoff, BACKOFF_STABLE);
    ck_assert_uint_eq(backoff_next(&backoff, 0), 0);
    ck_assert_uint_eq(backoff_next(&backoff, 0), BACKOFF_FIRST);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("map");
    TCase *map = tcase_create("map"), *backoff = tcase_create("backoff");

    tcase_add_test(map, the_newest_comes_first);
    tcase_add_test(map, growing_keeps_all_nodes_in_order);
    tcase_add_test(map, one_client_may_have_many);
    tcase_set_timeout(map, 20);
    tcase_add_test(backoff, the_first_try_is_made_at_once);
    tcase_add_test(backoff, waits_grow_within_their_jitter_up_to_the_cap);
    tcase_add_test(backoff, an_absent_gateway_is_tried_less_often);
    tcase_add_test(backoff, a_refusing_gateway_is_tried_less_often);
    tcase_add_test(backoff, clients_do_not_come_back_all_at_once);
    tcase_add_test(backoff, only_a_stable_link_resets_the_backoff);
    suite_add_tcase(suite, map);
    suite_add_tcase(suite, backoff);
    return run_suite(suite);
}
