/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/dtls/tests/kernel.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

struct kernel kernel;

/* The size of the segments that the kernel is to split a message into; 0: none. */
static size_t segment_of(struct msghdr *message)
{
    for (struct cmsghdr *item = CMSG_FIRSTHDR(message); item; item = CMSG_NXTHDR(message, item)) {
        if (item->cmsg_level == IPPROTO_UDP) {
            uint16_t segment;

            memcpy(&segment, CMSG_DATA(item), sizeof segment);
            return segment;
        }
    }
    return 0;
}

static void capture(const struct iovec *vector)
{
    if (!kernel.capture || *(uint8_t *)vector->iov_base != kernel.capture || kernel.captured_count == 8 ||
        vector->iov_len > sizeof kernel.captured[0])
        return;
    memcpy(kernel.captured[kernel.captured_count], vector->iov_base, vector->iov_len);
    kernel.captured_size[kernel.captured_count++] = vector->iov_len;
}

/* The error to fail the first message with; 0: none. */
static int refuse(struct msghdr *first, bool any_piece)
{
    size_t segment = segment_of(first);

    if (kernel.times > 0 && (!kernel.only_pieces || any_piece)) {
        if (kernel.after > 0) {
            kernel.after--;
            return 0;
        }
        kernel.times--;
        return kernel.error;
    }
    if (kernel.mtu && (segment ? segment : first->msg_iov->iov_len) > kernel.mtu)
        return segment ? EINVAL : EMSGSIZE;
    return 0;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
    if (kernel.buffer_max && level == SOL_SOCKET && (name == SO_RCVBUFFORCE || name == SO_SNDBUFFORCE)) {
        errno = EPERM;
        return -1;
    }
    if (kernel.buffer_max && level == SOL_SOCKET && (name == SO_RCVBUF || name == SO_SNDBUF) &&
        *(const int *)value > kernel.buffer_max)
        value = &kernel.buffer_max;
    return (int)syscall(SYS_setsockopt, fd, level, name, value, size);
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    unsigned fitting = 0;
    bool any_piece = false;
    int error;

    for (unsigned i = 0; i < count; i++)
        any_piece = any_piece || segment_of(&messages[i].msg_hdr) > 0;
    error = refuse(&messages[0].msg_hdr, any_piece);
    if (error) {
        errno = error;
        return -1;
    }
    while (fitting < count &&
           (!kernel.mtu || messages[fitting].msg_hdr.msg_iov->iov_len <= kernel.mtu ||
            (segment_of(&messages[fitting].msg_hdr) > 0 && segment_of(&messages[fitting].msg_hdr) <= kernel.mtu))) {
        kernel.pieces += segment_of(&messages[fitting].msg_hdr) > 0;
        capture(messages[fitting++].msg_hdr.msg_iov);
    }
    kernel.calls++;
    kernel.messages += fitting;
    return (int)syscall(SYS_sendmmsg, fd, messages, fitting, flags);
}
