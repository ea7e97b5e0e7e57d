/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/tls/tests/cases.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

static ssize_t push(gnutls_transport_ptr_t context, const void *data, size_t size)
{
    struct raw *raw = context;
    ssize_t sent;

    if (raw->sent < raw->split && size > raw->split - raw->sent)
        size = raw->split - raw->sent;
    sent = send(raw->fd, data, size, MSG_NOSIGNAL);
    if (sent > 0)
        raw->sent += (size_t)sent;
    /* The gateway must see the first part separately. */
    if (raw->split && raw->sent == raw->split)
        for (int i = 0; i < 3; i++)
            test_turn(&pair);
    return sent;
}

static ssize_t pull(gnutls_transport_ptr_t context, void *data, size_t size)
{
    return recv(((struct raw *)context)->fd, data, size, 0);
}

void raw_connect(struct raw *raw)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(pair.port)};

    raw->session = NULL;
    raw->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_ge(raw->fd, 0);
    ck_assert(connect(raw->fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EINPROGRESS);
    setsockopt(raw->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    test_run(&pair, 2);
}

int raw_handshake(struct raw *raw, const char *protocol)
{
    const gnutls_datum_t alpn = {(unsigned char *)(uintptr_t)protocol, protocol ? (unsigned)strlen(protocol) : 0};
    int result;

    raw->sent = 0;
    ck_assert_int_eq(gnutls_certificate_allocate_credentials(&raw->credentials), 0);
    ck_assert_int_eq(gnutls_init(&raw->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL), 0);
    gnutls_set_default_priority(raw->session);
    gnutls_credentials_set(raw->session, GNUTLS_CRD_CERTIFICATE, raw->credentials);
    gnutls_server_name_set(raw->session, GNUTLS_NAME_DNS, "gate.test", 9);
    if (protocol)
        gnutls_alpn_set_protocols(raw->session, &alpn, 1, 0);
    gnutls_transport_set_ptr(raw->session, raw);
    gnutls_transport_set_push_function(raw->session, push);
    gnutls_transport_set_pull_function(raw->session, pull);
    for (int i = 0; i < 5000; i++) {
        result = gnutls_handshake(raw->session);
        if (result == 0 || gnutls_error_is_fatal(result))
            return result;
        test_turn(&pair);
    }
    return result;
}

struct hg_link *raw_link(struct raw *raw)
{
    char byte;

    pair.accepted = NULL;
    raw->split = 0;
    raw_connect(raw);
    ck_assert_int_eq(raw_handshake(raw, TLSCOMMON_ALPN), 0);
    test_wait(&pair, pair.accepted && pair.accepted->up, 2000);
    ck_assert(pair.accepted && pair.accepted->up);
    /* Read the tickets, as unread bytes would turn a close into a reset. */
    while (recv(raw->fd, &byte, 1, MSG_PEEK) == 1)
        ck_assert_int_eq(gnutls_record_recv(raw->session, &byte, 1), GNUTLS_E_AGAIN);
    return pair.accepted;
}

void raw_send(struct raw *raw, const void *data, size_t size)
{
    ck_assert_int_eq(gnutls_record_send(raw->session, data, size), (ssize_t)size);
}

void raw_close(struct raw *raw)
{
    if (raw->session) {
        gnutls_deinit(raw->session);
        gnutls_certificate_free_credentials(raw->credentials);
    }
    close(raw->fd);
}
