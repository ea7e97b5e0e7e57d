/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * How a gateway records its associations, and how it asks their clients to reconnect.
 */
#include "plugins/dtls/tests/cases.h"

#include "plugins/dtls/reconnect_hint.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64], file[128];
static int bound; /* the socket that the roster is for */

static int open_socket(void)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&v4, sizeof v4), 0);
    return fd;
}

static struct dtls_path path_of(int fd)
{
    struct sockaddr_in v4;
    socklen_t size = sizeof v4;
    struct dtls_path path;

    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&v4, &size), 0);
    dtls_path_init(&path, (struct sockaddr *)&v4);
    return path;
}

static struct dtls_path path_number(uint16_t number)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000201), .sin_port = htons(number)};
    struct dtls_path path;

    dtls_path_init(&path, (struct sockaddr *)&v4);
    return path;
}

static void set_up(void)
{
    char text[DTLS_PATH_TEXT];
    struct dtls_path path;

    strcpy(folder, "/tmp/hopgate-roster-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    setenv("RUNTIME_DIRECTORY", folder, 1);
    bound = open_socket();
    path = path_of(bound);
    snprintf(file, sizeof file, "%s/dtls-%s", folder, dtls_path_print(&path, text));
    test_pair_start(&pair, true, true, 0);
}

static void tear_down(void)
{
    unlink(file);
    close(bound);
    setenv("RUNTIME_DIRECTORY", "/dev/null/none", 1);
    /* The gateway of this test removes its file, which leaves the folder empty. */
    test_pair_free(&pair);
    memset(&pair, 0, sizeof pair);
    ck_assert_int_eq(rmdir(folder), 0);
}

static const struct hg_instance *instance(void)
{
    return pair.gateway->instance;
}

/* Runs a process that records these paths, releases the first ones, and is killed. */
static void keep_and_die(const struct dtls_path *paths, unsigned count, unsigned given_back)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        struct dtls_roster *roster = dtls_roster_open(instance(), bound);
        uint32_t places[8];

        for (unsigned i = 0; i < count; i++)
            places[i] = dtls_roster_add(roster, &paths[i]);
        for (unsigned i = 0; i < given_back; i++)
            dtls_roster_remove(roster, places[i]);
        _exit(roster ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The same with paths 1 to 5. */
static void keep_five_and_die(unsigned given_back)
{
    struct dtls_path paths[5];

    for (uint16_t i = 0; i < 5; i++)
        paths[i] = path_number((uint16_t)(i + 1));
    keep_and_die(paths, 5, given_back);
}

/* How many are found; each must have one of the given numbers. */
static size_t found_between(const struct dtls_roster *roster, uint16_t from, uint16_t to)
{
    size_t count;
    const struct dtls_roster_entry *found = dtls_roster_found(roster, &count);

    for (size_t i = 0; i < count; i++) {
        uint16_t number = ntohs(found[i].path.peer.v4.sin_port);

        ck_assert(number >= from && number <= to);
    }
    return count;
}

START_TEST(it_outlives_its_process)
{
    struct dtls_roster *roster;
    struct dtls_path path = path_number(50);
    struct stat state;

    keep_five_and_die(2);
    ck_assert_int_eq(stat(file, &state), 0);
    ck_assert_uint_eq(state.st_mode & 0777, 0600);
    roster = dtls_roster_open(instance(), bound);
    ck_assert_uint_eq(found_between(roster, 3, 5), 3);
    /* What was found is kept until dtls_roster_settle(), alongside new entries. */
    dtls_roster_add(roster, &path);
    ck_assert_ptr_null(dtls_roster_open(instance(), bound)); /* only one process can own it */
    dtls_roster_settle(roster);
    ck_assert_uint_eq(found_between(roster, 0, 0), 0);
    dtls_roster_close(roster);
    ck_assert_int_ne(stat(file, &state), 0);
}
END_TEST

START_TEST(it_does_not_grow_with_time)
{
    struct dtls_roster *roster = dtls_roster_open(instance(), bound);
    struct dtls_path path = path_number(1);
    struct stat state;

    for (unsigned i = 0; i < 1000; i++)
        dtls_roster_remove(roster, dtls_roster_add(roster, &path));
    ck_assert_int_eq(stat(file, &state), 0);
    ck_assert_int_eq(state.st_size, 128);
    for (unsigned i = 0; i < DTLS_ROSTER_MAX; i++)
        ck_assert_uint_ne(dtls_roster_add(roster, &path), DTLS_ROSTER_NONE);
    ck_assert_uint_eq(dtls_roster_add(roster, &path), DTLS_ROSTER_NONE);
    dtls_roster_close(roster);
}
END_TEST

static void overwrite(off_t offset, const void *bytes, size_t size)
{
    int fd = open(file, O_WRONLY | O_CLOEXEC);

    ck_assert_int_eq(pwrite(fd, bytes, size, offset), (ssize_t)size);
    close(fd);
}

/* A broken record costs one client its hint, a broken file all of them, and nothing else is affected. */
START_TEST(broken_records_are_ignored)
{
    struct dtls_roster *roster;
    struct dtls_path path = path_number(50);

    keep_five_and_die(0);
    if (_i == 0)
        overwrite(64 + 4, "x", 1); /* in the first path */
    else if (_i == 1)
        overwrite(3, "x", 1);
    else if (_i == 2)
        ck_assert_int_eq(truncate(file, 64 + 2 * 64 + 17), 0);
    else if (_i == 3)
        ck_assert_int_eq(truncate(file, 17), 0);
    else
        ck_assert_int_eq(truncate(file, 1 << 30), 0);
    roster = dtls_roster_open(instance(), bound);
    ck_assert_ptr_nonnull(roster);
    ck_assert_uint_eq(found_between(roster, 1, 5), _i == 0 ? 4 : _i == 2 ? 2 : 0);
    ck_assert_uint_ne(dtls_roster_add(roster, &path), DTLS_ROSTER_NONE);
    dtls_roster_close(roster);
}
END_TEST

START_TEST(without_a_folder_nothing_is_kept)
{
    setenv("RUNTIME_DIRECTORY", "/dev/null/none", 1);
    ck_assert_ptr_null(dtls_roster_open(instance(), bound));
    ck_assert_uint_eq(dtls_roster_add(NULL, &(struct dtls_path){0}), DTLS_ROSTER_NONE);
}
END_TEST

/* The size of the file of the gateway under test. */
static off_t size_of_gateways_file(void)
{
    char name[128];
    struct stat state;

    snprintf(name, sizeof name, "%s/dtls-127.0.0.1:%u", folder, pair.port);
    ck_assert_int_eq(stat(name, &state), 0);
    return state.st_size;
}

START_TEST(a_gateway_records_its_associations)
{
    ck_assert_int_eq(size_of_gateways_file(), 64);
    test_connect_up(&pair);
    ck_assert_int_eq(size_of_gateways_file(), 128);
    test_close(test_connect_up(&pair), true);
    test_wait(&pair, pair.accepted->down, 1000);
    test_connect_up(&pair);
    ck_assert_int_eq(size_of_gateways_file(), 192); /* the place was reused */
}
END_TEST

static void ignore(void *arg, int events)
{
    (void)arg;
    (void)events;
}

/* Everyone in the roster gets the hint twice, and is then forgotten. */
START_TEST(clients_are_asked_to_reconnect)
{
    int clients[3];
    struct dtls_path paths[3];
    struct dtls_roster *roster;
    struct dtls_socket *socket = malloc(sizeof *socket);
    struct dtls_recall *recall;
    unsigned hints = 0;
    size_t left = 1;

    for (unsigned i = 0; i < 3; i++) {
        clients[i] = open_socket();
        paths[i] = path_of(clients[i]);
    }
    keep_and_die(paths, 3, 0);
    roster = dtls_roster_open(instance(), bound);
    ck_assert_int_eq(dtls_socket_init(socket, pair.gateway, bound, false, ignore, NULL), 0);
    recall = dtls_recall_start(pair.gateway, socket, roster);
    ck_assert_ptr_nonnull(recall);
    test_wait(&pair, (dtls_roster_found(roster, &left), left == 0), 2000);
    ck_assert_uint_eq(left, 0);
    for (unsigned i = 0; i < 3; i++) {
        uint8_t record[64];

        while (recv(clients[i], record, sizeof record, 0) == DTLS_RECALL_SIZE)
            hints++;
        close(clients[i]);
    }
    ck_assert_uint_eq(hints, 6);
    dtls_recall_free(recall);
    dtls_socket_fini(socket);
    free(socket);
    dtls_roster_close(roster);
    ck_assert_ptr_null(dtls_recall_start(pair.gateway, NULL, NULL));
}
END_TEST

/* A client that gets it does not trust it, but has the core check the link. */
START_TEST(a_hint_makes_the_client_check)
{
    struct dtls_instance *state = (struct dtls_instance *)pair.gateway->instance->state;
    static const uint8_t alert[] = {21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 10};
    struct hg_link *link = test_connect_up(&pair);
    const struct dtls_path *path = &ASSOCIATION(pair.accepted)->path;
    int listening;

    hg_listener_fds(pair.gateway, state->setup.listeners[0], &listening, 1);
    test_send(link, "something", 9);
    ck_assert_int_gt(sendto(listening, alert, sizeof alert, 0, &path->peer.any, dtls_path_peer_size(path)), 0);
    test_wait(&pair, link->checks > 0, 1000);
    ck_assert_uint_eq(link->checks, 1);
    ck_assert(!link->down);
}
END_TEST

TCase *roster_tests(void)
{
    TCase *tests = dtls_case("roster", 60);

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, it_outlives_its_process);
    tcase_add_test(tests, it_does_not_grow_with_time);
    tcase_add_loop_test(tests, broken_records_are_ignored, 0, 5);
    tcase_add_test(tests, without_a_folder_nothing_is_kept);
    tcase_add_test(tests, a_gateway_records_its_associations);
    tcase_add_test(tests, clients_are_asked_to_reconnect);
    tcase_add_test(tests, a_hint_makes_the_client_check);
    return tests;
}
