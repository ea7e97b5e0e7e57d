/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Hostile datagrams, ghosts, crowds, and peers that die.
 */
#include "plugins/dtls/tests/cases.h"

#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* A socket of a stranger. */
static int stranger(void)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(pair.port)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&v4, sizeof v4), 0);
    return fd;
}

/* Sends, and lets the gateway answer. Returns the number of bytes that came back. */
static size_t ask(int fd, const void *bytes, size_t size)
{
    uint8_t answer[2048];
    size_t answered = 0;
    ssize_t got;

    ck_assert_int_eq(send(fd, bytes, size, 0), (ssize_t)size);
    fixture_run(pair.fixture, NULL, NULL, 0);
    fixture_run(pair.fixture, NULL, NULL, 0);
    while ((got = recv(fd, answer, sizeof answer, 0)) > 0)
        answered += (size_t)got;
    return answered;
}

/* The messages of a handshake, from both sides: the ClientHello, the HelloVerifyRequest, the ClientHello with its
 * cookie, the gateway's flight … */
static void capture_hellos(void)
{
    kernel.capture = DTLS_RECORD_HANDSHAKE;
    test_connect_up(&pair);
    kernel.capture = 0;
    ck_assert_uint_ge(kernel.captured_count, 3);
}

static size_t random_datagram(uint8_t *bytes, size_t capacity)
{
    static const uint8_t header[] = {22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0};
    size_t size = 1 + (size_t)rand() % (capacity - 1);

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)rand();
    if (rand() % 4 == 0 || size < 16)
        return size;
    /* More realistic: a header of any type and one of the epochs, with a length that may be correct. */
    memcpy(bytes, header, sizeof header);
    bytes[0] = (uint8_t)(20 + rand() % 4);
    bytes[4] = (uint8_t)(rand() % 3);
    if (rand() % 4) {
        bytes[11] = (uint8_t)((size - 13) >> 8);
        bytes[12] = (uint8_t)(size - 13);
    }
    return size;
}

START_TEST(random_datagrams_create_no_state)
{
    uint8_t bytes[1600];
    size_t in = 0, out = 0, before;
    int fd;

    test_pair_start(&pair, true, true, 0);
    test_connect_up(&pair);
    fd = stranger();
    srand(1);
    ask(fd, bytes, random_datagram(bytes, sizeof bytes));
    before = mallinfo2().uordblks;
    for (unsigned i = 0; i < repetitions(20000); i++) {
        size_t size = random_datagram(bytes, sizeof bytes), answered = ask(fd, bytes, size);

        ck_assert_uint_le(answered, size);
        in += size;
        out += answered;
    }
    ck_assert_uint_le(mallinfo2().uordblks, before + 1024);
    ck_assert_uint_lt(out, in / 10);
    ck_assert_uint_eq(COUNTER(pair.gateway, handshakes), 1);
    ck_assert_uint_eq(COUNTER(pair.gateway, handshakes_failed), 0);
    ck_assert_uint_gt(COUNTER(pair.gateway, dropped), repetitions(1000));
    test_connect_up(&pair);
    close(fd);
}
END_TEST

START_TEST(hellos_without_a_cookie_create_no_state)
{
    uint8_t hello[2048];
    size_t size, answered, before;
    const unsigned hellos = repetitions(5000);
    uint64_t cookies;
    int fd;

    test_pair_start(&pair, true, true, 0);
    capture_hellos();
    fd = stranger();
    size = kernel.captured_size[0];
    memcpy(hello, kernel.captured[0], size);
    answered = ask(fd, hello, size);
    ck_assert_uint_gt(answered, 0);
    before = mallinfo2().uordblks;
    cookies = COUNTER(pair.gateway, cookies);
    for (unsigned i = 0; i < hellos; i++) {
        /* The first hello, the second, whose cookie is for another address, and one with a random cookie. */
        unsigned which = i % 3 ? 2 : 0;

        size = kernel.captured_size[which];
        memcpy(hello, kernel.captured[which], size);
        if (i % 3 == 2)
            hello[DTLS_RECORD_HEADER + 12 + 2 + 32 + 1 + 1 + rand() % 16] ^= (uint8_t)(1 + rand() % 255);
        answered = ask(fd, hello, size);
        ck_assert_uint_gt(answered, 0);
        ck_assert_uint_le(answered, size / 2);
    }
    ck_assert_uint_le(mallinfo2().uordblks, before + 1024);
    ck_assert_uint_eq(COUNTER(pair.gateway, cookies), cookies + hellos);
    ck_assert_uint_eq(COUNTER(pair.gateway, handshakes), 1);
    test_connect_up(&pair);
    close(fd);
}
END_TEST

/* Every prefix of a hello, and the hello with each byte changed: nothing may break, whatever the parser makes of
 * them. */
START_TEST(mangled_hellos_do_no_harm)
{
    struct hg_link *link;
    uint8_t hello[2048];
    size_t size;
    int fd;

    pair.client_config.bind = (struct hg_address){.host = "127.0.0.1", .port = 0};
    pair.gateway_config.handshake_timeout = 200 * HG_MILLISECOND;
    test_pair_start(&pair, true, true, 0);
    capture_hellos();
    link = pair.links->accepted ? pair.links->next : pair.links;
    size = kernel.captured_size[2];
    /* From the address that the cookie is for. */
    fd = ASSOCIATION(link)->socket->fd;
    for (size_t i = 1; i < size; i++) {
        memcpy(hello, kernel.captured[2], size);
        ck_assert_int_gt(send(fd, hello, i, 0), 0);
        hello[i] ^= (uint8_t)(1 + rand() % 255);
        ck_assert_int_gt(send(fd, hello, size, 0), 0);
        test_turn(&pair);
    }
    test_run(&pair, 500);
    ck_assert(!link->down);
    test_connect_up(&pair);
}
END_TEST

START_TEST(a_live_association_survives_its_own_address)
{
    struct hg_link *link, *gateway;
    uint8_t bytes[1600];
    int fd;

    test_pair_start(&pair, true, true, 0);
    kernel.capture = DTLS_RECORD_HANDSHAKE;
    link = test_connect_up(&pair);
    gateway = pair.accepted;
    fd = ASSOCIATION(link)->socket->fd;
    srand(3);
    for (unsigned i = 0; i < repetitions(3000); i++) {
        size_t size = random_datagram(bytes, sizeof bytes);

        if (i % 10 == 0) /* a copy of a message of its own handshake */
            ck_assert_int_gt(send(fd, kernel.captured[i / 10 % kernel.captured_count],
                                  kernel.captured_size[i / 10 % kernel.captured_count], 0),
                             0);
        else
            ck_assert_int_gt(send(fd, bytes, size, 0), 0);
        fixture_run(pair.fixture, NULL, NULL, 0);
    }
    test_run(&pair, 20);
    ck_assert(!link->down && !gateway->down);
    test_send(link, "alive", 5);
    test_send(gateway, "alive", 5);
    test_wait(&pair, gateway->packets == 1 && link->packets == 1, 1000);
    ck_assert_uint_eq(gateway->packets, 1);
    ck_assert_uint_eq(link->packets, 1);
}
END_TEST

/* The same for the gateway's side: the client must not believe what anyone can forge. */
START_TEST(forged_alerts_do_not_end_a_link)
{
    static const uint8_t alert[] = {21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 10};
    struct hg_link *link, *gateway;
    int fds[2];
    const struct dtls_instance *instance;

    test_pair_start(&pair, true, true, 0);
    link = test_connect_up(&pair);
    gateway = pair.accepted;
    instance = pair.gateway->instance->state;
    hg_listener_fds(pair.gateway, instance->setup.listeners[0], fds, 2);
    for (unsigned i = 0; i < 400; i++) {
        const struct dtls_path *path = &ASSOCIATION(gateway)->path;

        /* For half of the time the link is idle; then the client sends, and the gateway answers. */
        ck_assert_int_gt(sendto(fds[0], alert, sizeof alert, 0, &path->peer.any, dtls_path_peer_size(path)), 0);
        if (i >= 200 && i % 10 == 0) {
            test_send(link, "ping", 4);
            test_send(gateway, "pong", 4);
        }
        test_run(&pair, 8);
    }
    ck_assert_msg(!link->down && !gateway->down, "%s", link->reason);
    ck_assert_uint_eq(link->packets, 20);
    /* One counts if something was sent since the previous one; while the link was idle, only its handshake was. */
    ck_assert_uint_ge(link->checks, 1);
    ck_assert_uint_le(link->checks, 21);
}
END_TEST

START_TEST(a_ghost_does_not_block_new_links)
{
    struct hg_link *link, *ghost, *begun;
    struct sockaddr_in v4;
    socklen_t size = sizeof v4;

    pair.client_config.bind = (struct hg_address){.host = "127.0.0.1", .port = 0};
    pair.gateway_config.handshake_timeout = 500 * HG_MILLISECOND;
    test_pair_start(&pair, true, true, 0);
    link = test_connect_up(&pair);
    ghost = pair.accepted;
    ck_assert_int_eq(getsockname(ASSOCIATION(link)->socket->fd, (struct sockaddr *)&v4, &size), 0);
    ((struct dtls_instance *)pair.client->instance->state)->bind_address.v4.sin_port = v4.sin_port;
    test_close(link, false); /* dies silently */

    /* Another one from the same address that stops in the middle of its handshake. */
    kernel.capture = DTLS_RECORD_HANDSHAKE;
    kernel.captured_count = 0;
    begun = test_connect(&pair);
    test_wait(&pair, kernel.captured_count >= 4, 1000); /* hello, cookie, hello, the gateway's flight */
    test_ops()->cancel(pair.client, begun);
    begun->down = true;
    test_run(&pair, 800);
    ck_assert_uint_eq(COUNTER(pair.gateway, handshakes_failed), 1);
    ck_assert(!ghost->down);

    /* A complete one gets its own packets; it is up to the core to detect that the ghost is dead. */
    pair.accepted = NULL;
    link = test_connect_up(&pair);
    ck_assert(!ghost->down);
    test_send(link, "new", 3);
    test_wait(&pair, pair.accepted->packets == 1, 1000);
    ck_assert_uint_eq(pair.accepted->packets, 1);
    test_close(ghost, false);
    test_send(link, "newer", 5);
    test_wait(&pair, pair.accepted->packets == 2, 1000);
    ck_assert_uint_eq(pair.accepted->packets, 2);
}
END_TEST

/* What the links of one end have received, or how many are down. */
static uint64_t total(bool accepted, bool down)
{
    uint64_t sum = 0;

    for (struct hg_link *link = pair.links; link; link = link->next)
        if (link->accepted == accepted)
            sum += down ? link->down : link->packets;
    return sum;
}

/* A NAT that gives all its clients one address and port, and sends answers to the one that sent last. Runs until it is
 * killed. */
static void run_nat(int inside, int outside)
{
    static uint8_t datagram[65536];
    struct pollfd fds[2] = {{.fd = inside, .events = POLLIN}, {.fd = outside, .events = POLLIN}};
    struct sockaddr_in last = {0};
    socklen_t size = sizeof last;
    ssize_t got;

    while (poll(fds, 2, -1) > 0) {
        while ((got = recvfrom(inside, datagram, sizeof datagram, 0, (struct sockaddr *)&last, &size)) > 0)
            send(outside, datagram, (size_t)got, 0);
        while ((got = recv(outside, datagram, sizeof datagram, 0)) > 0)
            sendto(inside, datagram, (size_t)got, 0, (struct sockaddr *)&last, sizeof last);
    }
}

/* Starts one in front of the gateway; from now on, clients connect to it. */
static pid_t start_nat(void)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof v4;
    int inside = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), outside = stranger();
    pid_t child;

    ck_assert_int_eq(bind(inside, (struct sockaddr *)&v4, sizeof v4), 0);
    ck_assert_int_eq(getsockname(inside, (struct sockaddr *)&v4, &size), 0);
    child = fork();
    if (child == 0) {
        run_nat(inside, outside);
        _exit(0);
    }
    close(inside);
    close(outside);
    pair.connect.port = ntohs(v4.sin_port);
    return child;
}

/* Someone else at the address of a link, for example behind the same NAT, completes handshakes, but achieves nothing
 * more. */
START_TEST(a_stranger_at_its_address_does_not_end_a_link)
{
    struct hg_link *link, *gateway;
    pid_t nat;

    test_pair_start(&pair, true, true, 0);
    nat = start_nat();
    link = test_connect_up(&pair);
    gateway = pair.accepted;
    for (unsigned i = 1; i <= 3; i++) {
        struct hg_link *newcomer;

        pair.accepted = NULL;
        newcomer = test_connect_up(&pair);
        test_send(newcomer, "other", 5);
        test_wait(&pair, pair.accepted->packets == 1, 1000);
        ck_assert_uint_eq(pair.accepted->packets, 1);
        test_send(link, "mine", 4);
        test_wait(&pair, gateway->packets == i, 1000);
        ck_assert_uint_eq(gateway->packets, i);
        ck_assert_mem_eq(gateway->last, "mine", 4);
    }
    ck_assert(!gateway->down && !link->down);
    ck_assert_uint_eq(total(true, true), 2); /* of the strangers, only the newest is left */
    ck_assert_uint_eq(ASSOCIATION(gateway)->forgeries, 0);
    kill(nat, SIGKILL);
    waitpid(nat, NULL, 0);
}
END_TEST

START_TEST(handshakes_are_bounded)
{
    pair.gateway_config.max_handshakes = 8; /* a quarter of them for one address */
    pair.provider.later = true;
    test_pair_start(&pair, true, true, 0);
    for (unsigned i = 0; i < 8; i++)
        test_connect(&pair);
    test_wait(&pair, COUNTER(pair.gateway, refused) >= 6, 1000);
    ck_assert_uint_eq(pair.provider.asked, 2);
    ck_assert_uint_ge(COUNTER(pair.gateway, refused), 6);
    /* Another one gets its turn when one of those has finished. */
    pair.provider.later = false;
    test_pair_answer(&pair, hg_certificate_ref(pair.provider.certificate));
    test_wait(&pair, COUNTER(pair.client, handshakes) >= 3, 4000);
    ck_assert_uint_ge(COUNTER(pair.client, handshakes), 3);
}
END_TEST

/* Those that exceed the rate leave no state and get their turn by retrying. */
START_TEST(handshakes_of_a_source_are_limited)
{
    struct hg_link *links[5];
    uint64_t *limited;

    pair.gateway_config.ratelimit = (struct ratelimit_config){.rate = 1, .burst = 3};
    test_pair_start(&pair, true, true, 0);
    limited = hg_counter(pair.gateway, "handshakes_limited", "");
    for (unsigned i = 0; i < 5; i++)
        links[i] = test_connect(&pair);
    test_wait(&pair, *limited >= 2, 1000);
    ck_assert_uint_eq(*limited, 2);
    test_wait(&pair, COUNTER(pair.client, handshakes) == 3, 1000);
    ck_assert_uint_eq(pair.provider.asked, 3);
    test_wait(&pair, COUNTER(pair.client, handshakes) == 5, 10000);
    ck_assert_uint_eq(COUNTER(pair.client, handshakes), 5);
    for (unsigned i = 0; i < 5; i++)
        ck_assert_msg(links[i]->up, "%s", links[i]->reason);
    ck_assert_uint_eq(COUNTER(pair.gateway, refused), 0);
}
END_TEST

START_TEST(a_thousand_associations_share_a_socket)
{
    const unsigned count = repetitions(1000);
    struct hg_link *links[1000];
    struct rlimit limit;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    test_pair_start(&pair, true, true, 0);
    for (unsigned i = 0; i < count; i++)
        links[i] = test_connect_up(&pair);
    for (unsigned i = 0; i < count; i++)
        test_send(links[i], &i, sizeof i);
    test_wait(&pair, total(true, false) == count, 10000);
    for (struct hg_link *link = pair.links; link; link = link->next) {
        if (!link->accepted)
            continue;
        ck_assert_uint_eq(link->packets, 1);
        test_send(link, link->last, link->last_size); /* back to its sender */
    }
    test_wait(&pair, total(false, false) == count, 10000);
    for (unsigned i = 0; i < count; i++) {
        ck_assert_uint_eq(links[i]->packets, 1);
        ck_assert_mem_eq(links[i]->last, &i, sizeof i);
    }
    for (unsigned i = 0; i < count; i += 2)
        test_close(links[i], true);
    test_wait(&pair, total(true, true) == count / 2, 10000);
    ck_assert_uint_eq(total(true, true), count / 2);
}
END_TEST

/* Sends every 50 ms, as the tunnel's probes do, until the link is down. */
static hg_time time_until_down(struct hg_link *link)
{
    hg_time begun = test_clock();

    while (!link->down && test_clock() - begun < slowness() * 8 * HG_SECOND) {
        test_send(link, "anybody there?", 14);
        test_run(&pair, 50);
    }
    return test_clock() - begun;
}

START_TEST(a_gateway_that_is_gone_is_noticed)
{
    struct hg_link *link;
    hg_time time;

    start_other(true, false, 0);
    test_pair_start(&pair, false, true, other.port);
    link = test_connect_up(&pair);
    stop_other(); /* its links close silently */
    time = time_until_down(link);
    ck_assert_msg(link->down, "still up");
    ck_assert_str_eq(link->reason, "the gateway's UDP port is closed");
    ck_assert_uint_ge(time, 900 * HG_MILLISECOND);
    ck_assert_uint_lt(time, slowness() * 2 * HG_SECOND);
}
END_TEST

START_TEST(a_restarted_gateway_is_noticed)
{
    struct hg_link *link;
    uint16_t port;
    hg_time time;

    start_other(true, false, 0);
    port = other.port;
    test_pair_start(&pair, false, true, port);
    link = test_connect_up(&pair);
    stop_other();
    start_other(true, false, port);
    test_run(&pair, 100);
    ck_assert(!link->down);
    time = time_until_down(link);
    ck_assert_msg(link->down, "still up");
    ck_assert_str_eq(link->reason, "the gateway no longer knows this association");
    ck_assert_uint_lt(time, slowness() * 2 * HG_SECOND);
    test_connect_up(&pair);
}
END_TEST

/* A tool that knows nothing about hopgate completes a handshake. */
START_TEST(other_tools_can_shake_hands)
{
    static const char *const commands[] = {
        "exec gnutls-cli --udp --insecure -p %u --sni-hostname gate.test 127.0.0.1 </dev/null >/dev/null 2>&1",
        "exec gnutls-cli --udp --insecure -p %u --alpn hopgate/1 127.0.0.1 </dev/null >/dev/null 2>&1",
        "exec openssl s_client -dtls1_2 -connect 127.0.0.1:%u -servername gate.test </dev/null >/dev/null 2>&1",
    };
    char command[256];
    pid_t child;
    int status;

    test_pair_start(&pair, true, false, 0);
    snprintf(command, sizeof command, commands[_i], pair.port);
    child = fork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    ck_assert_int_gt(child, 0);
    test_wait(&pair, pair.accepted && pair.accepted->down, 5000);
    test_wait(&pair, waitpid(child, &status, WNOHANG) == child, 5000);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: %x", command, status);
    ck_assert(pair.accepted && pair.accepted->up && pair.accepted->down);
    ck_assert_str_eq(pair.accepted->reason, "closed by the peer");
}
END_TEST

START_TEST(another_protocol_is_refused)
{
    char command[256];
    int status;

    test_pair_start(&pair, true, false, 0);
    snprintf(command, sizeof command,
             "gnutls-cli --udp --insecure -p %u --alpn h2 127.0.0.1 </dev/null >/dev/null 2>&1 &", pair.port);
    status = system(command);
    ck_assert_int_eq(status, 0);
    test_wait(&pair, COUNTER(pair.gateway, handshakes_failed) == 1, 3000);
    ck_assert_uint_eq(COUNTER(pair.gateway, handshakes_failed), 1);
    ck_assert_ptr_null(pair.accepted);
}
END_TEST

/* A session that has lost its link finishes over another one; the core decides whom to refuse when `open` arrives. */
START_TEST(a_draining_gateway_still_accepts_links)
{
    void (*drain)(struct hg_worker *) = hopgate_plugin()->worker_drain;

    test_pair_start(&pair, true, true, 0);
    test_connect_up(&pair);
    if (drain)
        drain(pair.gateway);
    test_send(test_connect_up(&pair), "still here", 10);
    test_wait(&pair, pair.accepted->packets == 1, 1000);
    ck_assert_uint_eq(pair.accepted->packets, 1);
}
END_TEST

TCase *hostile_tests(void)
{
    TCase *tests = dtls_case("hostile", 60);

    tcase_add_test(tests, random_datagrams_create_no_state);
    tcase_add_test(tests, hellos_without_a_cookie_create_no_state);
    tcase_add_test(tests, mangled_hellos_do_no_harm);
    tcase_add_test(tests, a_live_association_survives_its_own_address);
    tcase_add_test(tests, forged_alerts_do_not_end_a_link);
    tcase_add_test(tests, a_ghost_does_not_block_new_links);
    tcase_add_test(tests, a_stranger_at_its_address_does_not_end_a_link);
    tcase_add_test(tests, handshakes_are_bounded);
    tcase_add_test(tests, handshakes_of_a_source_are_limited);
    tcase_add_test(tests, a_thousand_associations_share_a_socket);
    tcase_add_test(tests, a_gateway_that_is_gone_is_noticed);
    tcase_add_test(tests, a_restarted_gateway_is_noticed);
    tcase_add_loop_test(tests, other_tools_can_shake_hands, 0, 3);
    tcase_add_test(tests, another_protocol_is_refused);
    tcase_add_test(tests, a_draining_gateway_still_accepts_links);
    return tests;
}
