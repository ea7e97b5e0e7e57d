/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/origin/tests/service.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct served {
    struct service *service;
    int fd;
    unsigned number;
};

static void *serve(void *arg)
{
    struct served *served = arg;
    struct service *service = served->service;

    service->script(service, served->fd, served->number);
    close(served->fd);
    pthread_mutex_lock(&service->lock);
    service->open--;
    pthread_mutex_unlock(&service->lock);
    free(served);
    return NULL;
}

static void *accept_all(void *arg)
{
    struct service *service = arg;
    const int on = 1;

    for (;;) {
        int fd = accept(service->listener, NULL, NULL);
        struct served *served;
        pthread_t thread;

        if (fd < 0)
            return NULL;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        served = malloc(sizeof *served);
        pthread_mutex_lock(&service->lock);
        *served = (struct served){service, fd, service->accepted++};
        if (++service->open > service->most_open)
            service->most_open = service->open;
        pthread_mutex_unlock(&service->lock);
        if (pthread_create(&thread, NULL, serve, served))
            abort();
        pthread_detach(thread);
    }
}

struct service *service_start(service_script script)
{
    struct service *service = calloc(1, sizeof *service);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;

    service->script = script;
    pthread_mutex_init(&service->lock, NULL);
    service->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(service->listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(service->listener, 512), 0);
    ck_assert_int_eq(getsockname(service->listener, (struct sockaddr *)&address, &size), 0);
    service->port = ntohs(address.sin_port);
    snprintf(service->url, sizeof service->url, "http://127.0.0.1:%u", service->port);
    ck_assert_int_eq(pthread_create(&service->acceptor, NULL, accept_all, service), 0);
    return service;
}

void service_stop(struct service *service)
{
    bool open = true;

    shutdown(service->listener, SHUT_RDWR);
    pthread_join(service->acceptor, NULL);
    close(service->listener);
    for (int i = 0; open && i < 5000; i++) {
        pthread_mutex_lock(&service->lock);
        open = service->open > 0;
        pthread_mutex_unlock(&service->lock);
        if (open)
            service_sleep(1);
    }
    ck_assert_msg(!open, "a connection to the service was never closed");
    pthread_mutex_destroy(&service->lock);
    free(service);
}

bool service_read_until(int fd, const char *end, char *text, size_t capacity)
{
    size_t size = 0, end_size = strlen(end);

    for (;;) {
        if (size + 1 >= capacity || read(fd, text + size, 1) != 1)
            return false;
        text[++size] = '\0';
        if (size >= end_size && memcmp(text + size - end_size, end, end_size) == 0)
            return true;
    }
}

void service_note(struct service *service, const char *text)
{
    pthread_mutex_lock(&service->lock);
    if (strlen(service->heads) + strlen(text) < sizeof service->heads)
        strcat(service->heads, text);
    pthread_mutex_unlock(&service->lock);
}

bool service_read_head(struct service *service, int fd, char *head)
{
    char text[65536];

    if (!service_read_until(fd, "\r\n\r\n", text, sizeof text))
        return false;
    service_note(service, text);
    if (head)
        strcpy(head, text);
    return true;
}

uint8_t service_pattern(uint64_t at)
{
    return (uint8_t)(at * 2654435761u >> 9);
}

bool service_read(struct service *service, int fd, size_t size, uint64_t from, bool check)
{
    uint8_t bytes[65536];

    while (size) {
        ssize_t got = read(fd, bytes, size < sizeof bytes ? size : sizeof bytes);

        if (got <= 0)
            return false;
        for (ssize_t i = 0; check && i < got; i++)
            if (bytes[i] != service_pattern(from + (uint64_t)i)) {
                fprintf(stderr, "the service has received a wrong byte %llu\n", (unsigned long long)from + i);
                abort();
            }
        from += (uint64_t)got;
        size -= (size_t)got;
        pthread_mutex_lock(&service->lock);
        service->body_bytes += (uint64_t)got;
        pthread_mutex_unlock(&service->lock);
    }
    return true;
}

bool service_write(int fd, const void *data, size_t size)
{
    const uint8_t *at = data;

    while (size) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        at += sent;
        size -= (size_t)sent;
    }
    return true;
}

bool service_say(int fd, const char *text)
{
    return service_write(fd, text, strlen(text));
}

bool service_write_pattern(int fd, size_t size, uint64_t from)
{
    uint8_t bytes[65536];

    while (size) {
        size_t now = size < sizeof bytes ? size : sizeof bytes;

        for (size_t i = 0; i < now; i++)
            bytes[i] = service_pattern(from + i);
        if (!service_write(fd, bytes, now))
            return false;
        from += now;
        size -= now;
    }
    return true;
}

void service_reset_on_close(int fd)
{
    const struct linger linger = {1, 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

void service_wait_close(struct service *service, int fd)
{
    char byte;

    while (read(fd, &byte, 1) == 1)
        ;
    pthread_mutex_lock(&service->lock);
    service->closed_by_peer++;
    pthread_mutex_unlock(&service->lock);
}

void service_go(struct service *service)
{
    pthread_mutex_lock(&service->lock);
    service->may_go = true;
    pthread_mutex_unlock(&service->lock);
}

void service_wait_go(struct service *service)
{
    for (bool may_go = false; !may_go; service_sleep(1)) {
        pthread_mutex_lock(&service->lock);
        may_go = service->may_go;
        pthread_mutex_unlock(&service->lock);
    }
}

void service_sleep(unsigned milliseconds)
{
    const struct timespec span = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};

    nanosleep(&span, NULL);
}
