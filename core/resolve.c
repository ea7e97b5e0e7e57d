/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/resolve.h"

#include "core/log.h"
#include "core/worker.h"

#include <ares.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

/* Addresses of one name that are handed on. */
#define MOST_ADDRESSES 16

struct resolver {
    struct worker *worker;
    ares_channel channel;
    struct hg_timer *timer; /* c-ares' next time-out */
    struct watched_socket *sockets;
};

struct watched_socket {
    struct watched_socket *next;
    struct resolver *resolver;
    struct hg_io *io;
    ares_socket_t fd;
};

/* A lookup, from resolve_start() until its callback has been called. */
struct hg_resolution {
    struct worker *worker;
    hg_resolved callback; /* NULL: cancelled */
    void *arg;
    uint16_t port;
    const char *error;
    size_t count;
    struct hg_sockaddr addresses[MOST_ADDRESSES];
};

/* ---- c-ares on the worker's loop ---- */

static void arm_timer(struct resolver *resolver)
{
    struct timeval bound = {5, 0}, room, *delay = ares_timeout(resolver->channel, &bound, &room);

    hg_timer_set(&worker_host, resolver->timer,
                 (hg_time)delay->tv_sec * HG_SECOND + (hg_time)delay->tv_usec * HG_MICROSECOND);
}

static void on_timer(void *arg)
{
    struct resolver *resolver = arg;

    ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    if (resolver->sockets)
        arm_timer(resolver);
}

static void on_socket(void *arg, int events)
{
    struct watched_socket *watched = arg;
    struct resolver *resolver = watched->resolver;
    ares_socket_t fd = watched->fd;

    ares_process_fd(resolver->channel, events & HG_READ ? fd : ARES_SOCKET_BAD,
                    events & HG_WRITE ? fd : ARES_SOCKET_BAD);
}

static void forget_socket(struct watched_socket **at)
{
    struct watched_socket *watched = *at;

    *at = watched->next;
    hg_io_free(&worker_host, watched->io);
    free(watched);
}

/* c-ares opens and closes its sockets by itself and tells what it wants to know of them. */
static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct resolver *resolver = arg;
    struct watched_socket **at = &resolver->sockets, *watched;

    while (*at && (*at)->fd != fd)
        at = &(*at)->next;
    if (!readable && !writable) {
        if (*at)
            forget_socket(at);
        return;
    }
    if (!*at) {
        watched = calloc(1, sizeof *watched);
        if (!watched)
            return; /* the lookup ends by its time-out */
        watched->resolver = resolver;
        watched->fd = fd;
        watched->io = hg_io_new(&resolver->worker->core, fd, on_socket, watched);
        if (!watched->io) {
            free(watched);
            return;
        }
        *at = watched;
    }
    hg_io_set(&worker_host, (*at)->io, (readable ? HG_READ : 0) | (writable ? HG_WRITE : 0));
}

static struct resolver *resolver_new(struct worker *worker)
{
    struct ares_options options = {.timeout = 2000, .tries = 3};
    struct resolver *resolver = calloc(1, sizeof *resolver);

    if (!resolver)
        return NULL;
    resolver->worker = worker;
    options.sock_state_cb = on_socket_state;
    options.sock_state_cb_data = resolver;
    resolver->timer = hg_timer_new(&worker->core, on_timer, resolver);
    if (!resolver->timer || ares_library_init(ARES_LIB_INIT_ALL) ||
        ares_init_options(&resolver->channel, &options, ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES)) {
        hg_timer_free(&worker_host, resolver->timer);
        free(resolver);
        return NULL;
    }
    return resolver;
}

void resolver_free(struct resolver *resolver)
{
    if (!resolver)
        return;
    ares_destroy(resolver->channel); /* calls on_found() with ARES_EDESTRUCTION for each lookup */
    while (resolver->sockets)
        forget_socket(&resolver->sockets);
    hg_timer_free(&worker_host, resolver->timer);
    ares_library_cleanup();
    free(resolver);
}

/* ---- Lookups ---- */

static void answer(struct hg_resolution *resolution)
{
    if (resolution->callback)
        resolution->callback(resolution->arg, resolution->addresses, resolution->count, resolution->error);
    free(resolution);
}

static void on_posted_answer(void *arg)
{
    answer(arg);
}

static void add_address(struct hg_resolution *resolution, const struct sockaddr *address, socklen_t size)
{
    struct hg_sockaddr *to;

    if (resolution->count == MOST_ADDRESSES || size > sizeof to->address)
        return;
    to = &resolution->addresses[resolution->count++];
    memcpy(&to->address, address, size);
    to->size = size;
    if (to->address.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&to->address)->sin6_port = htons(resolution->port);
    else
        ((struct sockaddr_in *)&to->address)->sin_port = htons(resolution->port);
}

static void on_found(void *arg, int status, int timeouts, struct ares_addrinfo *found)
{
    struct hg_resolution *resolution = arg;

    (void)timeouts;
    if (status == ARES_EDESTRUCTION)
        resolution->callback = NULL;
    for (const struct ares_addrinfo_node *node = found ? found->nodes : NULL; node; node = node->ai_next)
        if (node->ai_family == AF_INET || node->ai_family == AF_INET6)
            add_address(resolution, node->ai_addr, node->ai_addrlen);
    ares_freeaddrinfo(found);
    if (!resolution->count)
        resolution->error = status == ARES_SUCCESS ? "the name has no address" : ares_strerror(status);
    /* Within resolve_start() when the answer was in the hosts file: never call back from there. */
    worker_post(&resolution->worker->core, on_posted_answer, resolution);
}

static bool take_literal(struct hg_resolution *resolution, const char *host)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_in v4 = {.sin_family = AF_INET};

    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1)
        add_address(resolution, (struct sockaddr *)&v4, sizeof v4);
    else if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1)
        add_address(resolution, (struct sockaddr *)&v6, sizeof v6);
    return resolution->count > 0;
}

struct hg_resolution *resolve_start(struct hg_worker *instance, const char *host, uint16_t port, hg_resolved callback,
                                    void *arg)
{
    static const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct worker *worker = worker_of(instance);
    struct hg_resolution *resolution = calloc(1, sizeof *resolution);

    if (!resolution)
        return NULL;
    resolution->worker = worker;
    resolution->callback = callback;
    resolution->arg = arg;
    resolution->port = port;
    if (take_literal(resolution, host)) {
        worker_post(instance, on_posted_answer, resolution);
        return resolution;
    }
    if (!worker->resolver)
        worker->resolver = resolver_new(worker);
    if (!worker->resolver) {
        free(resolution);
        return NULL;
    }
    ares_getaddrinfo(worker->resolver->channel, host, NULL, &hints, on_found, resolution);
    if (worker->resolver->sockets)
        arm_timer(worker->resolver);
    return resolution;
}

void resolve_cancel(struct hg_resolution *resolution)
{
    resolution->callback = NULL;
}
