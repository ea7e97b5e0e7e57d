/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Accepting connections.
 */
#include "plugins/http/http.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>

/* A listening socket in one worker. */
struct acceptor {
    struct edge *edge;
    int fd;
    bool tls;
    struct hg_io *io;
};

/* So many are accepted in one go, before those that are there get their turn. */
#define BATCH 64

/* How long accepting pauses when the process is out of descriptors: some will be closed meanwhile. */
#define SHORTAGE_PAUSE (100 * HG_MILLISECOND)

/* How often that is told. */
#define SHORTAGE_SILENCE (60 * HG_SECOND)

/* At most: an address has an IPv4 and an IPv6 socket. */
#define FDS_MAX 2

static bool has_room(const struct edge *edge)
{
    return edge->connection_count < (size_t)edge->config->max_connections;
}

static void watch(struct edge *edge, bool on)
{
    for (size_t i = 0; i < edge->acceptor_count; i++)
        if (edge->acceptors[i].io)
            hg_io_set(edge->worker->host, edge->acceptors[i].io, on ? HG_READ : 0);
}

void listener_room(struct edge *edge)
{
    if (!edge->draining && !edge->short_of_descriptors && has_room(edge))
        watch(edge, true);
}

static void shortage_over(void *arg)
{
    struct edge *edge = arg;

    edge->short_of_descriptors = false;
    listener_room(edge);
}

static void shortage(struct edge *edge, int error)
{
    hg_time now = hg_now(edge->worker);

    /* Not each time: a shortage would fill the log. */
    if (!edge->shortage_told || now - edge->shortage_told > SHORTAGE_SILENCE) {
        hg_log(edge->worker->instance, HG_LOG_WARNING, "cannot accept connections for the moment: %s", strerror(error));
        edge->shortage_told = now;
    }
    edge->short_of_descriptors = true;
    watch(edge, false);
    hg_timer_set(edge->worker->host, edge->accept_timer, SHORTAGE_PAUSE);
}

static void on_connection(void *arg, int events)
{
    struct acceptor *acceptor = arg;
    struct edge *edge = acceptor->edge;

    (void)events;
    for (int i = 0; i < BATCH; i++) {
        struct sockaddr_storage address;
        socklen_t size = sizeof address;
        int fd;

        if (!has_room(edge)) {
            watch(edge, false);
            return;
        }
        fd = accept4(acceptor->fd, (struct sockaddr *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            /* Everything else is about a connection that is gone already, or nothing is left (accept(2)). */
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                shortage(edge, errno);
            else if (errno != EAGAIN)
                continue;
            return;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        ++*edge->accepted;
        connection_open(edge, fd, (struct sockaddr *)&address, acceptor->tls);
    }
}

static int add_acceptor(struct edge *edge, int fd, bool tls)
{
    struct acceptor *acceptor = &edge->acceptors[edge->acceptor_count];

    *acceptor = (struct acceptor){.edge = edge, .fd = fd, .tls = tls};
    acceptor->io = hg_io_new(edge->worker, fd, on_connection, acceptor);
    if (!acceptor->io)
        return -1;
    edge->acceptor_count++;
    return 0;
}

int listener_start(struct edge *edge)
{
    const struct hg_list *list = &edge->config->listen;
    const struct hg_address *addresses = list->items;

    edge->accept_timer = hg_timer_new(edge->worker, shortage_over, edge);
    edge->acceptors = calloc(FDS_MAX * list->count, sizeof *edge->acceptors);
    if (!edge->acceptors || !edge->accept_timer)
        return -1;
    for (size_t i = 0; i < list->count; i++) {
        int fds[FDS_MAX];
        size_t count = hg_listener_fds(edge->worker, edge->http->listeners[i], fds, FDS_MAX);

        for (size_t j = 0; j < count; j++)
            if (add_acceptor(edge, fds[j], addresses[i].words & LISTEN_TLS))
                return -1;
    }
    watch(edge, true);
    return 0;
}

void listener_stop(struct edge *edge)
{
    watch(edge, false);
    hg_timer_stop(edge->worker->host, edge->accept_timer);
}

void listener_free(struct edge *edge)
{
    for (size_t i = 0; i < edge->acceptor_count; i++)
        hg_io_free(edge->worker->host, edge->acceptors[i].io);
    free(edge->acceptors);
    hg_timer_free(edge->worker->host, edge->accept_timer);
}
