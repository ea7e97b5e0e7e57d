/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/accept/accept.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>

/* A listening socket in one worker. */
struct acceptor {
    struct accept *accept;
    int fd;
    size_t listener;
    bool stopped;
    struct hg_io *io;
};

struct accept {
    struct hg_worker *worker;
    const struct accept_user *user;
    void *arg;
    struct hg_timer *timer; /* ends the pause after a shortage of descriptors */
    bool short_of_descriptors;
    size_t count;
    struct acceptor acceptors[];
};

/* The most connections to accept at once, before the existing ones get their turn. */
#define BATCH 64

/* How long accepting pauses when the process has run out of descriptors; some will be closed by then. */
#define SHORTAGE_PAUSE (100 * HG_MILLISECOND)

/* At most: an address has an IPv4 and an IPv6 socket. */
#define FDS_MAX 2

static void watch(struct accept *accept, bool on)
{
    for (size_t i = 0; i < accept->count; i++)
        if (accept->acceptors[i].io)
            hg_io_set(accept->worker->host, accept->acceptors[i].io, on && !accept->acceptors[i].stopped ? HG_READ : 0);
}

void accept_room(struct accept *accept)
{
    if (!accept->short_of_descriptors && accept->user->has_room(accept->arg))
        watch(accept, true);
}

static void shortage_over(void *arg)
{
    struct accept *accept = arg;

    accept->short_of_descriptors = false;
    accept_room(accept);
}

static void shortage(struct accept *accept, int error)
{
    hg_log_limited(accept->worker->instance, HG_LOG_WARNING, NULL, "cannot accept connections at the moment: %s",
                   strerror(error));
    accept->short_of_descriptors = true;
    watch(accept, false);
    hg_timer_set(accept->worker->host, accept->timer, SHORTAGE_PAUSE);
}

static void on_connection(void *arg, int events)
{
    struct acceptor *acceptor = arg;
    struct accept *accept = acceptor->accept;

    (void)events;
    for (int i = 0; i < BATCH; i++) {
        struct sockaddr_storage address;
        socklen_t size = sizeof address;
        int fd;

        if (!accept->user->has_room(accept->arg)) {
            watch(accept, false);
            return;
        }
        fd = accept4(acceptor->fd, (struct sockaddr *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            /* All other errors concern one connection that has already failed, or the queue is empty (accept(2)). */
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                shortage(accept, errno);
            else if (errno != EAGAIN)
                continue;
            return;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        accept->user->connection(accept->arg, fd, (struct sockaddr *)&address, acceptor->listener);
    }
}

static int add_listener(struct accept *accept, const struct hg_listener *listener, size_t index)
{
    int fds[FDS_MAX];
    size_t count = hg_listener_fds(accept->worker, listener, fds, FDS_MAX);

    for (size_t i = 0; i < count; i++) {
        struct acceptor *acceptor = &accept->acceptors[accept->count];

        *acceptor = (struct acceptor){.accept = accept, .fd = fds[i], .listener = index};
        acceptor->io = hg_io_new(accept->worker, fds[i], on_connection, acceptor);
        if (!acceptor->io)
            return -1;
        accept->count++;
    }
    return 0;
}

struct accept *accept_start(struct hg_worker *worker, struct hg_listener *const *listeners, size_t count,
                            const struct accept_user *user, void *arg)
{
    struct accept *accept = calloc(1, sizeof *accept + FDS_MAX * count * sizeof accept->acceptors[0]);

    if (!accept)
        return NULL;
    accept->worker = worker;
    accept->user = user;
    accept->arg = arg;
    accept->timer = hg_timer_new(worker, shortage_over, accept);
    for (size_t i = 0; i < count; i++) {
        if (!accept->timer || add_listener(accept, listeners[i], i)) {
            accept_free(accept);
            return NULL;
        }
    }
    watch(accept, true);
    return accept;
}

void accept_stop(struct accept *accept, size_t listener)
{
    for (size_t i = 0; i < accept->count; i++) {
        if (accept->acceptors[i].listener != listener)
            continue;
        accept->acceptors[i].stopped = true;
        hg_io_set(accept->worker->host, accept->acceptors[i].io, 0);
    }
}

void accept_free(struct accept *accept)
{
    if (!accept)
        return;
    for (size_t i = 0; i < accept->count; i++)
        hg_io_free(accept->worker->host, accept->acceptors[i].io);
    hg_timer_free(accept->worker->host, accept->timer);
    free(accept);
}

size_t accept_print_peer(char text[ACCEPT_PEER_SIZE], const struct sockaddr *address)
{
    char host[INET6_ADDRSTRLEN] = "";
    unsigned port = 0;
    bool brackets = false;

    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;

        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        port = ntohs(v4->sin_port);
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;

        brackets = !IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
        if (brackets)
            inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        else
            inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, host, sizeof host);
        port = ntohs(v6->sin6_port);
    }
    snprintf(text, ACCEPT_PEER_SIZE, brackets ? "[%s]:%u" : "%s:%u", host, port);
    return strlen(host) + (brackets ? 2 : 0);
}
