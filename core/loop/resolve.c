/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/loop/resolve.h"

#include "core/base/fatal.h"
#include "core/base/log.h"
#include "core/loop/loop.h"

#include <ares.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The most addresses returned for a name. */
#define MOST_ADDRESSES 16

/* The most rounds of a lookup if no server answers, and how long to wait for each server in the first one. The wait
 * doubles with each round. */
#define ROUNDS      3
#define FIRST_ROUND 1000 /* ms */

/* How long after it was created a channel accepts lookups. */
#define CHANNEL_FRESH HG_SECOND

struct resolver {
    struct loop *loop;
    struct channel *channels;
};

/* c-ares reads resolv.conf when a channel is created and never again, and keeps a socket, bound to the local address of
 * that moment, while any lookup on the channel is pending. But a laptop changes networks, or boots before it has one.
 * So a channel is only shared by lookups that begin at about the same time, and each round without an answer is
 * repeated on a new channel. That is easier to get right than watching a file that may be replaced, be reached through
 * changing symbolic links or not exist yet, and it also helps if the file never changes (127.0.0.53, 8.8.8.8). */
struct channel {
    struct channel *next;
    struct resolver *resolver;
    ares_channel ares;
    struct hg_timer *timer; /* c-ares' next time-out */
    struct watched_socket *sockets;
    hg_time made;
    unsigned round;
    size_t lookups; /* lookups still using it */
};

struct watched_socket {
    struct watched_socket *next;
    struct channel *channel;
    struct hg_io *io;
    ares_socket_t fd;
};

/* A lookup, from resolve_start() until its callback has been called. */
struct hg_resolution {
    struct hg_call answer; /* posted at the end of a round */
    struct loop *loop;
    const char *plugin;   /* the owner of the callback; NULL: the core */
    hg_resolved callback; /* NULL: cancelled */
    void *arg;
    char *host;
    struct channel *channel; /* NULL: none needed */
    unsigned round;
    bool unanswered; /* no server has answered in this round */
    uint16_t port;
    const char *error;
    size_t count;
    struct hg_sockaddr addresses[MOST_ADDRESSES];
};

/* ---- c-ares on the loop ---- */

static void arm_timer(struct channel *channel)
{
    struct timeval bound = {5, 0}, room, *delay = ares_timeout(channel->ares, &bound, &room);

    loop_timer_set(channel->timer, (hg_time)delay->tv_sec * HG_SECOND + (hg_time)delay->tv_usec * HG_MICROSECOND);
}

static void on_timer(void *arg)
{
    struct channel *channel = arg;

    ares_process_fd(channel->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    if (channel->sockets)
        arm_timer(channel);
}

static void on_socket(void *arg, int events)
{
    const struct watched_socket *watched = arg;
    ares_socket_t fd = watched->fd;

    ares_process_fd(watched->channel->ares, events & HG_READ ? fd : ARES_SOCKET_BAD,
                    events & HG_WRITE ? fd : ARES_SOCKET_BAD);
}

static void forget_socket(struct watched_socket **at)
{
    struct watched_socket *watched = *at;

    *at = watched->next;
    loop_io_free(watched->io);
    free(watched);
}

/* c-ares opens and closes its sockets itself and reports the events to watch them for. */
static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct channel *channel = arg;
    struct watched_socket **at = &channel->sockets, *watched;

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
            return; /* the lookup will time out */
        watched->channel = channel;
        watched->fd = fd;
        watched->io = loop_io_new(channel->resolver->loop, NULL, fd, on_socket, watched);
        if (!watched->io) {
            free(watched);
            return;
        }
        *at = watched;
    }
    loop_io_set((*at)->io, (readable ? HG_READ : 0) | (writable ? HG_WRITE : 0));
}

static struct channel *channel_new(struct resolver *resolver, unsigned round)
{
    struct ares_options options = {.timeout = FIRST_ROUND << round, .tries = 1};
    struct channel *channel = calloc(1, sizeof *channel);

    if (!channel)
        return NULL;
    options.sock_state_cb = on_socket_state;
    options.sock_state_cb_data = channel;
    channel->timer = loop_timer_new(resolver->loop, NULL, on_timer, channel);
    if (!channel->timer ||
        ares_init_options(&channel->ares, &options, ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES)) {
        if (channel->timer)
            loop_timer_free(channel->timer);
        free(channel);
        return NULL;
    }
    channel->resolver = resolver;
    channel->made = loop_now(resolver->loop);
    channel->round = round;
    channel->next = resolver->channels;
    resolver->channels = channel;
    return channel;
}

/* Must not be called from a callback of c-ares. */
static void channel_free(struct channel *channel)
{
    struct channel **at = &channel->resolver->channels;

    while (*at != channel)
        at = &(*at)->next;
    *at = channel->next;
    ares_destroy(channel->ares); /* calls on_found() with ARES_EDESTRUCTION for each pending lookup */
    while (channel->sockets)
        forget_socket(&channel->sockets);
    loop_timer_free(channel->timer);
    free(channel);
}

/* Returns a channel for a round that begins now. NULL when out of memory. */
static struct channel *fresh_channel(struct resolver *resolver, unsigned round)
{
    struct channel *channel = resolver->channels;
    hg_time now = loop_now(resolver->loop);

    while (channel && (channel->round != round || now - channel->made >= CHANNEL_FRESH))
        channel = channel->next;
    return channel ? channel : channel_new(resolver, round);
}

static struct resolver *resolver_of(struct loop *loop)
{
    struct resolver *resolver = loop->resolver;

    if (resolver)
        return resolver;
    resolver = calloc(1, sizeof *resolver);
    if (!resolver || ares_library_init(ARES_LIB_INIT_ALL)) {
        free(resolver);
        return NULL;
    }
    resolver->loop = loop;
    loop->resolver = resolver;
    return resolver;
}

void resolver_stop(struct loop *loop)
{
    struct resolver *resolver = loop->resolver;

    if (!resolver)
        return;
    loop->resolver = NULL; /* answers posted before or after this end their lookups */
    while (resolver->channels)
        channel_free(resolver->channels);
    ares_library_cleanup();
    free(resolver);
}

/* ---- Lookups ---- */

static int ask(struct hg_resolution *resolution);

static void answer(struct hg_resolution *resolution)
{
    if (resolution->callback)
        CALL_PLUGIN(resolution->plugin, "resolved",
                    resolution->callback(resolution->arg, resolution->addresses, resolution->count, resolution->error));
    free(resolution->host);
    free(resolution);
}

/* The end of a round, or of a lookup that needed none. */
static void on_posted_answer(void *arg)
{
    struct hg_resolution *resolution = arg;
    struct channel *channel = resolution->channel;
    bool goes_on = resolution->callback && resolution->unanswered && resolution->round + 1 < ROUNDS;

    if (channel && !resolution->loop->resolver) {
        resolution->callback = NULL;
        goes_on = false;
    } else if (channel && !--channel->lookups) {
        channel_free(channel);
    }
    if (goes_on) {
        resolution->round++;
        if (ask(resolution) == 0)
            return;
        resolution->error = "out of memory";
    }
    answer(resolution);
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

    for (const struct ares_addrinfo_node *node = found ? found->nodes : NULL; node; node = node->ai_next)
        if (node->ai_family == AF_INET || node->ai_family == AF_INET6)
            add_address(resolution, node->ai_addr, node->ai_addrlen);
    ares_freeaddrinfo(found);
    if (!resolution->count)
        resolution->error = status == ARES_SUCCESS ? "the name has no address" : ares_strerror(status);
    /* If the query could not even be sent, fail at once; the caller may try again when it likes. */
    resolution->unanswered =
        !resolution->count && timeouts > 0 && (status == ARES_ETIMEOUT || status == ARES_ECONNREFUSED);
    /* An answer from the hosts file arrives within resolve_start(), which must not call back. */
    loop_post(resolution->loop, NULL, &resolution->answer);
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

/* Begins a round. Returns -1 when out of memory. */
static int ask(struct hg_resolution *resolution)
{
    static const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct resolver *resolver = resolver_of(resolution->loop);
    struct channel *channel = resolver ? fresh_channel(resolver, resolution->round) : NULL;

    resolution->channel = channel;
    if (!channel)
        return -1;
    channel->lookups++;
    ares_getaddrinfo(channel->ares, resolution->host, NULL, &hints, on_found, resolution);
    if (channel->sockets)
        arm_timer(channel);
    return 0;
}

struct hg_resolution *resolve_start(struct loop *loop, const char *plugin, const char *host, uint16_t port,
                                    hg_resolved callback, void *arg)
{
    struct hg_resolution *resolution = calloc(1, sizeof *resolution);

    if (!resolution)
        return NULL;
    resolution->loop = loop;
    resolution->plugin = plugin;
    resolution->callback = callback;
    resolution->arg = arg;
    resolution->answer = (struct hg_call){.callback = on_posted_answer, .arg = resolution};
    resolution->port = port;
    if (take_literal(resolution, host)) {
        loop_post(loop, NULL, &resolution->answer);
        return resolution;
    }
    resolution->host = strdup(host);
    if (!resolution->host || ask(resolution)) {
        free(resolution->host);
        free(resolution);
        return NULL;
    }
    return resolution;
}

void resolve_cancel(struct hg_resolution *resolution)
{
    resolution->callback = NULL;
}
