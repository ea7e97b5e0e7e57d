/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/http/tests/cases.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

atomic_bool users_gather;

void user_init(struct user *user)
{
    memset(user, 0, sizeof *user);
    user->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(user->fd, 0);
}

void user_connect(struct user *user, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};

    ck_assert_int_eq(connect(user->fd, (struct sockaddr *)&address, sizeof address), 0);
    setsockopt(user->fd, IPPROTO_TCP, TCP_NODELAY, &(int){!atomic_load(&users_gather)}, sizeof(int));
    user->capacity = 65536;
    user->got = malloc(user->capacity);
    user->got[0] = '\0';
}

void user_open(struct user *user, uint16_t port)
{
    user_init(user);
    user_connect(user, port);
}

void user_open_tls(struct user *user, uint16_t port, const char *priority, const gnutls_datum_t *resume, int expected)
{
    static const char *const alpn[] = {"foo/9", "http/1.1", NULL};

    user_open_alpn(user, port, alpn, priority, resume, expected);
}

void user_open_alpn(struct user *user, uint16_t port, const char *const *protocols, const char *priority,
                    const gnutls_datum_t *resume, int expected)
{
    gnutls_datum_t alpn[4];
    unsigned count = 0;
    int result;

    for (; protocols[count]; count++)
        alpn[count] =
            (gnutls_datum_t){(unsigned char *)(uintptr_t)protocols[count], (unsigned)strlen(protocols[count])};

    user_open(user, port);
    gnutls_certificate_allocate_credentials(&user->credentials);
    ck_assert_int_eq(gnutls_init(&user->tls, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL), 0);
    gnutls_priority_set_direct(user->tls, priority, NULL);
    gnutls_credentials_set(user->tls, GNUTLS_CRD_CERTIFICATE, user->credentials);
    gnutls_server_name_set(user->tls, GNUTLS_NAME_DNS, "LocalHost", 9);
    if (count)
        gnutls_alpn_set_protocols(user->tls, alpn, count, 0);
    if (resume)
        gnutls_session_set_data(user->tls, resume->data, resume->size);
    gnutls_transport_set_int(user->tls, user->fd);
    do
        result = gnutls_handshake(user->tls);
    while (result < 0 && !gnutls_error_is_fatal(result));
    ck_assert_int_eq(result, expected);
}

void user_close(struct user *user)
{
    if (user->tls) {
        gnutls_deinit(user->tls);
        gnutls_certificate_free_credentials(user->credentials);
    }
    close(user->fd);
    free(user->got);
}

/* True as long as the peer accepts it. */
bool user_send(struct user *user, const void *data, size_t size)
{
    while (size) {
        ssize_t sent = user->tls ? gnutls_record_send(user->tls, data, size) : send(user->fd, data, size, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        data = (const char *)data + sent;
        size -= (size_t)sent;
    }
    return true;
}

void user_say(struct user *user, const char *text)
{
    user_send(user, text, strlen(text));
}

/* Receives once, waiting no longer than this. False: nothing arrived, or the peer has closed. */
bool user_receive(struct user *user, int milliseconds)
{
    struct pollfd poll_fd = {.fd = user->fd, .events = POLLIN};
    ssize_t got;

    if (user->at_end)
        return false;
    if (!(user->tls && gnutls_record_check_pending(user->tls)) && poll(&poll_fd, 1, milliseconds) <= 0)
        return false;
    if (user->capacity - user->size < 32768) {
        user->capacity *= 2;
        user->got = realloc(user->got, user->capacity);
    }
    do
        got = user->tls ? gnutls_record_recv(user->tls, user->got + user->size, user->capacity - user->size - 1)
                        : recv(user->fd, user->got + user->size, user->capacity - user->size - 1, 0);
    while (user->tls && (got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED));
    if (got <= 0) {
        user->at_end = true;
        user->broken = got < 0;
        return false;
    }
    user->size += (size_t)got;
    user->got[user->size] = '\0';
    return true;
}

/* Receives until the peer closes. */
void user_receive_all(struct user *user)
{
    while (user_receive(user, 10000))
        ;
    ck_assert_msg(user->at_end, "no end after: %.200s", user->got);
}

/* Receives until the text has arrived; asserts that it does. */
void user_expect(struct user *user, const char *text)
{
    while (!strstr(user->got, text))
        if (!user_receive(user, 10000))
            ck_abort_msg("\"%s\" did not come, but: %s", text, user->got);
}

/* Discards what was received. */
void user_forget(struct user *user)
{
    user->size = 0;
    user->got[0] = '\0';
}

/* One plain connection: sends `input`, then receives until the end. */
void converse(struct bench *bench, struct user *user, const char *input)
{
    user_open(user, bench->plain_port);
    user_say(user, input);
    user_receive_all(user);
}
