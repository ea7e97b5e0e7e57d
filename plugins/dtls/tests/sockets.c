/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Socket settings: marks of datagrams, buffers.
 */
#include "plugins/dtls/tests/cases.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- Marks ---- */

/* Forwards datagrams between client and gateway, marks them, and records the marks they arrived with. */
static struct middle {
    int client, gateway; /* sockets toward each end */
    unsigned passed, marked;
    size_t largest;
} middle;

/* DSCP AF41 and ECT(1): neither end of the tunnel may send these or echo them. */
#define MARKS (34 << 2 | 1)

static int marking_socket(int family)
{
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1, marks = MARKS;
    int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(setsockopt(fd, level, family == AF_INET ? IP_RECVTOS : IPV6_RECVTCLASS, &one, sizeof one), 0);
    ck_assert_int_eq(setsockopt(fd, level, family == AF_INET ? IP_TOS : IPV6_TCLASS, &marks, sizeof marks), 0);
    return fd;
}

/* The TOS or traffic class from a datagram's control message; -1: there is none. */
static int marks_of(struct msghdr *message)
{
    for (struct cmsghdr *item = CMSG_FIRSTHDR(message); item; item = CMSG_NXTHDR(message, item)) {
        if (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_TOS)
            return *CMSG_DATA(item);
        if (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_TCLASS) {
            int class;

            memcpy(&class, CMSG_DATA(item), sizeof class);
            return class;
        }
    }
    return -1;
}

static void pass(int from, int to)
{
    static uint8_t bytes[65536];
    struct sockaddr_storage sender;
    _Alignas(struct cmsghdr) uint8_t control[256];
    ssize_t size;

    for (;;) {
        struct iovec vector = {bytes, sizeof bytes};
        struct msghdr message = {.msg_name = &sender,
                                 .msg_namelen = sizeof sender,
                                 .msg_iov = &vector,
                                 .msg_iovlen = 1,
                                 .msg_control = control,
                                 .msg_controllen = sizeof control};

        size = recvmsg(from, &message, 0);
        if (size <= 0)
            return;
        middle.passed++;
        middle.marked += marks_of(&message) != 0;
        if ((size_t)size > middle.largest)
            middle.largest = (size_t)size;
        if (from == middle.client)
            ck_assert_int_eq(connect(from, (struct sockaddr *)&sender, message.msg_namelen), 0);
        ck_assert_int_eq(send(to, bytes, (size_t)size, 0), size);
    }
}

static void turn(unsigned count)
{
    while (count--) {
        test_turn(&pair);
        pass(middle.client, middle.gateway);
        pass(middle.gateway, middle.client);
    }
}

/* Between the client and the gateway of the pair, which are on `host`. */
static void start_between(const char *host, int family)
{
    struct hg_sockaddr *front = &pair.resolve[0];
    struct sockaddr_storage *address = &front->address;

    memset(&middle, 0, sizeof middle);
    pair.listen.host = host;
    test_pair_start(&pair, true, true, 0);
    memset(front, 0, sizeof *front);
    address->ss_family = (sa_family_t)family;
    front->size = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    ck_assert_int_eq(inet_pton(family, host,
                               family == AF_INET ? (void *)&((struct sockaddr_in *)address)->sin_addr
                                                 : (void *)&((struct sockaddr_in6 *)address)->sin6_addr),
                     1);
    middle.client = marking_socket(family);
    middle.gateway = marking_socket(family);
    ck_assert_int_eq(bind(middle.client, (struct sockaddr *)address, front->size), 0);
    ((struct sockaddr_in *)address)->sin_port = htons(pair.port); /* at the same offset in both */
    ck_assert_int_eq(connect(middle.gateway, (struct sockaddr *)address, front->size), 0);
    ck_assert_int_eq(getsockname(middle.client, (struct sockaddr *)address, &front->size), 0);
    pair.resolve_count = 1;
}

/* ECN is not used (docs/protocol.md section 5), so no packet may claim that it is (RFC 3168 section 5), and the class
 * of service is up to the network. Neither is copied from incoming packets. */
START_TEST(datagrams_carry_no_marks)
{
    static uint8_t packet[1000];
    struct hg_link *link;

    pair.client_config.mtu = pair.gateway_config.mtu = 1500;
    start_between(_i ? "::1" : "127.0.0.1", _i ? AF_INET6 : AF_INET);
    link = test_connect(&pair);
    for (unsigned i = 0; i < 2000 && !(link->up && pair.accepted && pair.accepted->up); i++)
        turn(1);
    ck_assert(link->up && pair.accepted && pair.accepted->up);
    for (unsigned i = 0; i < 20; i++) {
        ck_assert_int_eq(test_ops()->send(link->handle, packet, sizeof packet), 0);
        ck_assert_int_eq(test_ops()->send(pair.accepted->handle, packet, sizeof packet), 0);
    }
    test_ops()->flush(link->handle);
    test_ops()->flush(pair.accepted->handle);
    for (unsigned i = 0; i < 500 && !(link->packets == 20 && pair.accepted->packets == 20); i++)
        turn(1);
    ck_assert_uint_eq(link->packets, 20);
    ck_assert_uint_eq(pair.accepted->packets, 20);
    ck_assert_uint_gt(kernel.pieces, 0);
    ck_assert_uint_ge(middle.passed, 40 + 6);
    ck_assert_uint_gt(middle.largest, 1000);
    ck_assert_uint_eq(middle.marked, 0);
    close(middle.client);
    close(middle.gateway);
}
END_TEST

/* ---- Buffers ---- */

static char reported[1024];

static bool any_level(const struct hg_instance *instance, enum hg_level level)
{
    (void)instance;
    return level <= HG_LOG_WARNING;
}

__attribute__((format(printf, 3, 0))) static void keep_log(const struct hg_instance *instance, enum hg_level level,
                                                           const char *format, va_list arguments)
{
    size_t used = strlen(reported);

    (void)instance;
    (void)level;
    used += (size_t)vsnprintf(reported + used, sizeof reported - used, format, arguments);
    snprintf(reported + used, sizeof reported - used, "\n");
}

/* The client's sockets are created one at a time, so what is logged about them can be observed. */
static void watch_client(struct hg_host *host)
{
    *host = *pair.client->instance->host;
    host->log = keep_log;
    host->log_enabled = any_level;
    pair.client->instance->host = host;
    reported[0] = '\0';
}

START_TEST(small_kernel_buffers_are_logged_once)
{
    struct hg_host host;

    test_pair_start(&pair, true, true, 0);
    watch_client(&host);
    kernel.buffer_max = 200000;
    test_connect_up(&pair);
    test_connect_up(&pair);
    ck_assert_str_eq(reported, "the kernel limits socket buffers to 200000 bytes instead of 4194304; raise "
                               "net.core.rmem_max and net.core.wmem_max (sysctl), or lower socket_buffer\n");
}
END_TEST

START_TEST(kernel_buffers_are_as_configured)
{
    struct hg_host host;
    int size;
    socklen_t length = sizeof size;
    struct hg_link *link;

    pair.client_config.socket_buffer = 150000; /* below any limit */
    kernel.buffer_max = 200000;
    test_pair_start(&pair, true, true, 0);
    watch_client(&host);
    link = test_connect_up(&pair);
    ck_assert_str_eq(reported, "");
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(
            getsockopt(ASSOCIATION(link)->socket->fd, SOL_SOCKET, i ? SO_SNDBUF : SO_RCVBUF, &size, &length), 0);
        ck_assert_int_eq(size, 300000); /* the kernel doubles it: socket(7) */
    }
}
END_TEST

TCase *socket_tests(void)
{
    TCase *tests = dtls_case("sockets", 30);

    tcase_add_loop_test(tests, datagrams_carry_no_marks, 0, 2);
    tcase_add_test(tests, small_kernel_buffers_are_logged_once);
    tcase_add_test(tests, kernel_buffers_are_as_configured);
    return tests;
}
