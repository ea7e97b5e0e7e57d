/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/pipeline/listen.h"

#include "core/base/log.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Connections waiting to be accepted; the kernel limits this to net.core.somaxconn. */
#define BACKLOG 4096

/* "*" needs a socket for each address family, since a dual-stack socket would show IPv4 peers as mapped IPv6 addresses.
 * So does a name with one address of each. More are refused, as plugins may rely on at most two (hg_listener_fds()).
 */
#define MOST_FDS 2

struct hg_listener {
    struct hg_listener *next;
    int fds[MOST_FDS];
    size_t count;
    char name[300]; /* "[::1]:443/tcp" */
};

/* hg_config_error() or hg_config_warning(). */
typedef __attribute__((format(printf, 3, 4))) int (*reporter)(const struct hg_instance *instance, const char *option,
                                                              const char *format, ...);

static void report_bind_error(reporter report, const struct hg_instance *instance, const char *option,
                              const struct hg_address *address, int error)
{
    switch (error) {
    case EADDRINUSE:
        report(instance, option, "%s:%u is in use: stop the other program or choose another port", address->host,
               address->port);
        break;
    case EACCES:
        report(instance, option,
               "not permitted to listen on %s:%u: start hopgate as root with `user:` set, or grant it "
               "CAP_NET_BIND_SERVICE",
               address->host, address->port);
        break;
    case EADDRNOTAVAIL:
        report(instance, option, "%s is not an address of this machine; use one that is, or *", address->host);
        break;
    case E2BIG:
        report(instance, option, "%s has more than %d addresses; list the addresses to listen on, or use *",
               address->host, MOST_FDS);
        break;
    default:
        report(instance, option, "cannot listen on %s:%u: %s", address->host, address->port, strerror(error));
    }
}

/* Opens and binds a socket; returns -1 with errno set on failure. */
static int open_socket(const struct addrinfo *info, int socket_type)
{
    int fd = socket(info->ai_family, socket_type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, error;

    if (fd < 0)
        return -1;
    if (info->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    /* Not for UDP, where it would let another program share the port without an error. */
    if (socket_type == SOCK_STREAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && (socket_type != SOCK_STREAM || listen(fd, BACKLOG) == 0))
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

static uint16_t bound_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;

    if (getsockname(fd, (struct sockaddr *)&address, &size))
        return 0;
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

/* The hosts file may contain the same line twice. */
static bool is_repeated(const struct addrinfo *list, const struct addrinfo *info)
{
    while (list != info &&
           (list->ai_addrlen != info->ai_addrlen || memcmp(list->ai_addr, info->ai_addr, info->ai_addrlen)))
        list = list->ai_next;
    return list != info;
}

/* Binds every address of the host. For "*" it is not an error if the machine has no IPv6. E2BIG: too many addresses. */
static int bind_all(struct hg_listener *listener, const struct addrinfo *list, bool any, int socket_type)
{
    int error = EADDRNOTAVAIL;

    for (const struct addrinfo *info = list; info; info = info->ai_next) {
        int fd;

        if (is_repeated(list, info))
            continue;
        errno = E2BIG;
        fd = listener->count < MOST_FDS ? open_socket(info, socket_type) : -1;
        if (fd >= 0) {
            listener->fds[listener->count++] = fd;
            continue;
        }
        if (any && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
            continue;
        error = errno;
        while (listener->count)
            close(listener->fds[--listener->count]);
        return error;
    }
    return listener->count ? 0 : error;
}

void listen_check(struct hg_instance *instance, const char *option, const struct hg_address *address)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV | AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    char port[8];
    int fd, error, on = 1;

    snprintf(port, sizeof port, "%u", address->port);
    if (getaddrinfo(strcmp(address->host, "*") ? address->host : "0.0.0.0", port, &hints, &list))
        return;
    fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        error = bind(fd, list->ai_addr, list->ai_addrlen) ? errno : 0;
        if (error == EACCES || error == EADDRNOTAVAIL)
            report_bind_error(hg_config_warning, instance, option, address, error);
        close(fd);
    }
    freeaddrinfo(list);
}

struct hg_listener *listen_bind(struct hg_instance *public, const char *option, const struct hg_address *address,
                                int socket_type)
{
    struct instance *instance = (struct instance *)public;
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = socket_type}, *list;
    bool any = !strcmp(address->host, "*");
    struct hg_listener *listener, **end = &instance->listeners;
    char port[8];
    int error;

    snprintf(port, sizeof port, "%u", address->port);
    error = getaddrinfo(any ? NULL : address->host, port, &hints, &list);
    if (error) {
        hg_config_error(public, option, "cannot listen on %s: %s", address->host, gai_strerror(error));
        return NULL;
    }
    listener = calloc(1, sizeof *listener);
    error = listener ? bind_all(listener, list, any, socket_type) : ENOMEM;
    freeaddrinfo(list);
    if (error) {
        report_bind_error(hg_config_error, public, option, address, error);
        free(listener);
        return NULL;
    }
    while (*end)
        end = &(*end)->next;
    *end = listener;
    snprintf(listener->name, sizeof listener->name, "%s%s%s:%u/%s", strchr(address->host, ':') ? "[" : "",
             address->host, strchr(address->host, ':') ? "]" : "", bound_port(listener->fds[0]),
             socket_type == SOCK_STREAM ? "tcp" : "udp");
    return listener;
}

void listen_log(const struct instance *instance)
{
    for (const struct hg_listener *listener = instance->listeners; listener; listener = listener->next)
        log_line(HG_LOG_INFO, instance->public.name, "listening on %s", listener->name);
}

size_t listen_sockets(const struct hg_listener *listener, int *fds, size_t capacity)
{
    for (size_t i = 0; i < listener->count && i < capacity; i++)
        fds[i] = listener->fds[i];
    return listener->count;
}

size_t listen_fds(struct hg_worker *worker, const struct hg_listener *listener, int *fds, size_t capacity)
{
    (void)worker; /* there is only one worker so far: it gets all of them */
    listen_sockets(listener, fds, capacity);
    return listener->count < capacity ? listener->count : capacity;
}

void listen_close(struct instance *instance)
{
    while (instance->listeners) {
        struct hg_listener *listener = instance->listeners;

        instance->listeners = listener->next;
        while (listener->count)
            close(listener->fds[--listener->count]);
        free(listener);
    }
}
