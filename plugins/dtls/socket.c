/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/dtls/socket.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

/* Also in <linux/udp.h>, which conflicts with <netinet/udp.h>. */
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

/* ---- Options ---- */

static void set_option(int fd, int level, int name, int value)
{
    /* These are all optional improvements, so errors are ignored. */
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

static size_t set_buffer(int fd, int force, int name, size_t size)
{
    int value = (int)size;
    socklen_t value_size = sizeof value;

    /* The *FORCE options may exceed net.core.[rw]mem_max and need CAP_NET_ADMIN. */
    if (setsockopt(fd, SOL_SOCKET, force, &value, sizeof value) < 0)
        set_option(fd, SOL_SOCKET, name, value);
    if (getsockopt(fd, SOL_SOCKET, name, &value, &value_size) < 0 || value < 0)
        return 0;
    return (size_t)value / 2; /* the kernel doubles it for its own needs: socket(7) */
}

size_t dtls_socket_set_buffers(int fd, size_t size)
{
    size_t receive = set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, size);
    size_t send = set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, size);

    return receive < send ? receive : send;
}

int dtls_socket_init(struct dtls_socket *socket, struct hg_worker *worker, int fd, bool connected,
                     hg_io_callback callback, void *arg)
{
    int family = AF_INET, segment = 0;
    socklen_t size = sizeof family;

    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
    /* Never fragment: a datagram that the interface does not take is refused (EMSGSIZE). What routers report is only a
     * hint, which anyone can forge, so the kernel must not refuse probes because of it (RFC 8899 section 4.6). */
    set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
    if (family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
    if (!connected && family == AF_INET)
        set_option(fd, IPPROTO_IP, IP_PKTINFO, 1);
    if (!connected && family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    set_option(fd, IPPROTO_UDP, UDP_GRO, 1);
    size = sizeof segment;
    socket->gso = getsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, &size) == 0;

    socket->host = worker->host;
    socket->fd = fd;
    socket->connected = connected;
    socket->waiting = false;
    socket->send_failed = NULL;
    socket->run_first = socket->run_count = socket->used = 0;
    dtls_list_init(&socket->blocked);
    socket->io = hg_io_new(worker, fd, callback, arg);
    if (!socket->io)
        return -1;
    hg_io_set(socket->host, socket->io, HG_READ);
    return 0;
}

void dtls_socket_fini(struct dtls_socket *socket)
{
    hg_io_free(socket->host, socket->io);
    socket->io = NULL;
    socket->run_count = 0;
}

/* ---- Sending ---- */

bool dtls_socket_has_room(const struct dtls_socket *socket, size_t size)
{
    return socket->run_first + socket->run_count < DTLS_SEND_RUNS && size <= DTLS_SEND_CAPACITY - socket->used;
}

static struct dtls_run *last_run(struct dtls_socket *socket)
{
    return socket->run_count ? &socket->runs[socket->run_first + socket->run_count - 1] : NULL;
}

/* Whether the kernel can send the run and one more datagram in one call. */
static bool run_takes(const struct dtls_socket *socket, const struct dtls_run *run, const void *owner, size_t size)
{
    return socket->gso && !run->plain && !run->ended && owner && run->owner == owner && size <= run->segment &&
           run->size % run->segment == 0 && run->size / run->segment < DTLS_RUN_SEGMENTS &&
           run->size + size <= DTLS_RUN_BYTES;
}

bool dtls_socket_append(struct dtls_socket *socket, void *owner, const struct dtls_path *path, const void *bytes,
                        size_t size, size_t join)
{
    struct dtls_run *run = last_run(socket);

    if (size == 0 || !socket->io || !dtls_socket_has_room(socket, size))
        return false;
    if (run && owner && run->owner == owner && run->size == run->segment && run->size + size <= join)
        run->segment += size;
    else if (!run || !run_takes(socket, run, owner, size)) {
        run = &socket->runs[socket->run_first + socket->run_count++];
        *run = (struct dtls_run){.owner = owner, .offset = socket->used, .segment = size, .path = *path};
    }
    memcpy(socket->bytes + socket->used, bytes, size);
    socket->used += size;
    run->size += size;
    return true;
}

void dtls_socket_end_run(struct dtls_socket *socket)
{
    if (socket->run_count > 0)
        last_run(socket)->ended = true;
}

void dtls_socket_forget(struct dtls_socket *socket, const void *owner)
{
    for (size_t i = 0; i < socket->run_count; i++) {
        struct dtls_run *run = &socket->runs[socket->run_first + i];

        if (run->owner == owner)
            run->owner = NULL;
    }
}

/* Control messages: the source address, and how the kernel splits the message. */
struct control {
    _Alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(uint16_t))];
};

/* Messages for the kernel, built from the first runs. */
struct messages {
    unsigned count;
    struct mmsghdr headers[DTLS_SEND_RUNS];
    struct iovec vectors[DTLS_SEND_RUNS];
    struct control control[DTLS_SEND_RUNS];
};

static void *add_control(struct msghdr *header, struct control *control, int level, int type, size_t size)
{
    struct cmsghdr *item = (struct cmsghdr *)(void *)(control->bytes + header->msg_controllen);

    item->cmsg_level = level;
    item->cmsg_type = type;
    item->cmsg_len = CMSG_LEN(size);
    header->msg_control = control->bytes;
    header->msg_controllen += CMSG_SPACE(size);
    return CMSG_DATA(item);
}

/* Adds the source address of the datagram. */
static void add_source(struct msghdr *header, struct control *control, const struct dtls_path *path)
{
    if (path->peer.any.sa_family == AF_INET) {
        struct in_pktinfo info = {.ipi_ifindex = 0};

        memcpy(&info.ipi_spec_dst, &path->local, sizeof info.ipi_spec_dst);
        memcpy(add_control(header, control, IPPROTO_IP, IP_PKTINFO, sizeof info), &info, sizeof info);
    } else {
        struct in6_pktinfo info = {.ipi6_addr = path->local, .ipi6_ifindex = path->interface};

        memcpy(add_control(header, control, IPPROTO_IPV6, IPV6_PKTINFO, sizeof info), &info, sizeof info);
    }
}

static void add_message(struct messages *messages, const struct dtls_socket *socket, struct dtls_run *run,
                        size_t offset, size_t size)
{
    struct mmsghdr *message = &messages->headers[messages->count];
    struct control *control = &messages->control[messages->count];
    struct iovec *vector = &messages->vectors[messages->count];

    memset(message, 0, sizeof *message);
    memset(control, 0, sizeof *control);
    vector->iov_base = (void *)(uintptr_t)(socket->bytes + offset);
    vector->iov_len = size;
    message->msg_hdr.msg_iov = vector;
    message->msg_hdr.msg_iovlen = 1;
    if (!socket->connected) {
        message->msg_hdr.msg_name = &run->path.peer;
        message->msg_hdr.msg_namelen = dtls_path_peer_size(&run->path);
        if (!IN6_IS_ADDR_UNSPECIFIED(&run->path.local))
            add_source(&message->msg_hdr, control, &run->path);
    }
    if (size > run->segment) {
        uint16_t segment = (uint16_t)run->segment;

        memcpy(add_control(&message->msg_hdr, control, IPPROTO_UDP, UDP_SEGMENT, sizeof segment), &segment,
               sizeof segment);
    }
    messages->count++;
}

static void gather(struct dtls_socket *socket, struct messages *messages)
{
    messages->count = 0;
    for (size_t i = 0; i < socket->run_count; i++) {
        struct dtls_run *run = &socket->runs[socket->run_first + i];
        size_t step = run->plain ? run->segment : run->size;

        for (size_t at = 0; at < run->size; at += step) {
            if (messages->count == DTLS_SEND_RUNS)
                return;
            add_message(messages, socket, run, run->offset + at, run->size - at < step ? run->size - at : step);
        }
    }
}

/* Removes the first message. */
static void drop_message(struct dtls_socket *socket)
{
    struct dtls_run *run = &socket->runs[socket->run_first];
    size_t size = run->plain && run->segment < run->size ? run->segment : run->size;

    run->offset += size;
    run->size -= size;
    if (run->size > 0)
        return;
    socket->run_first++;
    if (--socket->run_count == 0)
        socket->run_first = socket->used = 0;
}

/* Handles the failure to send the first message. False: the kernel's buffer is full. */
static bool send_failed(struct dtls_socket *socket, int error)
{
    struct dtls_run *run = &socket->runs[socket->run_first];
    void *owner = run->owner;
    size_t datagram = run->size < run->segment ? run->size : run->segment;

    if (error == EAGAIN || error == EWOULDBLOCK)
        return false;
    if (error == EINTR)
        return true;
    /* EIO: the device does not support it. EINVAL is also returned for segments larger than the route's MTU, which then
     * yield EMSGSIZE below. */
    if ((error == EIO || error == EINVAL) && !run->plain && run->size > run->segment) {
        socket->gso = false;
        run->plain = true;
        return true;
    }
    if (error == EMSGSIZE && run->plain)
        socket->gso = true;
    /* Any other error counts as a datagram lost on the way, which the upper layers recover from. */
    drop_message(socket);
    if (owner && socket->send_failed)
        socket->send_failed(owner, error, datagram);
    return true;
}

void dtls_socket_flush(struct dtls_socket *socket)
{
    struct messages messages;
    bool waiting = false;

    while (socket->run_count > 0 && !waiting) {
        int sent;

        gather(socket, &messages);
        sent = sendmmsg(socket->fd, messages.headers, messages.count, 0);
        if (sent < 0)
            waiting = !send_failed(socket, errno);
        for (int i = 0; i < sent; i++)
            drop_message(socket);
    }
    if (waiting != socket->waiting) {
        socket->waiting = waiting;
        hg_io_set(socket->host, socket->io, waiting ? HG_READ | HG_WRITE : HG_READ);
    }
}

/* ---- Receiving ---- */

int dtls_receiver_read(struct dtls_receiver *receiver, int fd)
{
    for (int i = 0; i < DTLS_RECEIVE_BATCH; i++) {
        struct msghdr *header = &receiver->headers[i].msg_hdr;

        receiver->vectors[i] = (struct iovec){receiver->bytes[i], DTLS_RECEIVE_BUFFER};
        *header = (struct msghdr){.msg_name = &receiver->peers[i],
                                  .msg_namelen = sizeof receiver->peers[i],
                                  .msg_iov = &receiver->vectors[i],
                                  .msg_iovlen = 1,
                                  .msg_control = receiver->control[i],
                                  .msg_controllen = sizeof receiver->control[i]};
    }
    return recvmmsg(fd, receiver->headers, DTLS_RECEIVE_BATCH, MSG_DONTWAIT, NULL);
}

static void read_control(struct msghdr *header, struct dtls_arrival *arrival)
{
    for (struct cmsghdr *item = CMSG_FIRSTHDR(header); item; item = CMSG_NXTHDR(header, item)) {
        if (item->cmsg_level == IPPROTO_UDP && item->cmsg_type == UDP_GRO) {
            int segment;

            memcpy(&segment, CMSG_DATA(item), sizeof segment);
            if (segment > 0)
                arrival->segment = (size_t)segment;
        } else if (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;

            memcpy(&info, CMSG_DATA(item), sizeof info);
            memcpy(&arrival->path.local, &info.ipi_spec_dst, sizeof info.ipi_spec_dst);
        } else if (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;

            memcpy(&info, CMSG_DATA(item), sizeof info);
            arrival->path.local = info.ipi6_addr;
            if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
                arrival->path.interface = info.ipi6_ifindex;
        }
    }
}

bool dtls_receiver_get(struct dtls_receiver *receiver, int index, struct dtls_arrival *arrival)
{
    struct msghdr *header = &receiver->headers[index].msg_hdr;
    const struct sockaddr *peer = header->msg_name;

    if ((header->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || header->msg_namelen < sizeof(struct sockaddr_in) ||
        (peer->sa_family != AF_INET && peer->sa_family != AF_INET6))
        return false;
    dtls_path_init(&arrival->path, peer);
    arrival->bytes = receiver->bytes[index];
    arrival->size = arrival->segment = receiver->headers[index].msg_len;
    read_control(header, arrival);
    return arrival->size > 0;
}

bool dtls_arrival_next(struct dtls_arrival *arrival, const uint8_t **datagram, size_t *size)
{
    if (arrival->size == 0)
        return false;
    *datagram = arrival->bytes;
    *size = arrival->size < arrival->segment ? arrival->size : arrival->segment;
    arrival->bytes += *size;
    arrival->size -= *size;
    return true;
}
