/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/origin/tests/calls.h"
#include "plugins/origin/origin.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct calls calls;

static size_t cut(size_t size)
{
    if (calls.one_byte)
        return size ? 1 : 0;
    if (!calls.seed || !size)
        return size;
    if (rand_r(&calls.seed) % 4 == 0)
        return 1 + (size_t)rand_r(&calls.seed) % size;
    return 1 + (size_t)rand_r(&calls.seed) % (size < 20 ? size : 20);
}

/* The service uses read() and send(), so these calls are the plugin's. */
ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct iovec parts[OUTPUT_SLOTS];
    struct msghdr less = {.msg_iov = parts};
    size_t size = 0, left;

    calls.sends++;
    if (calls.fail_sends > 0) {
        calls.fail_sends--;
        errno = EPIPE;
        return -1;
    }
    for (size_t i = 0; i < message->msg_iovlen; i++)
        size += message->msg_iov[i].iov_len;
    left = cut(size);
    for (size_t i = 0; left; i++) {
        parts[i] = message->msg_iov[i];
        if (parts[i].iov_len > left)
            parts[i].iov_len = left;
        left -= parts[i].iov_len;
        less.msg_iovlen = i + 1;
    }
    return syscall(SYS_sendmsg, fd, &less, flags);
}

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    calls.watches++;
    return (int)syscall(SYS_epoll_ctl, epoll, operation, fd, event);
}

ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
    ssize_t got = syscall(SYS_recvfrom, fd, buffer, cut(size), flags, NULL, NULL);

    if (flags & MSG_PEEK) {
        calls.looks++;
        return got;
    }
    calls.receives++;
    calls.received += got > 0 ? (uint64_t)got : 0;
    return got;
}
