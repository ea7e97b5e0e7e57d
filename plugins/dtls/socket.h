/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * UDP sockets with batches in both directions. Outgoing datagrams are queued and sent with one system call; runs of
 * datagrams of one size to one peer are passed as one message that the kernel splits (UDP GSO, UDP_SEGMENT in udp(7)).
 * One call receives many datagrams, and such runs arrive as one message (UDP GRO).
 */
#ifndef PLUGINS_DTLS_SOCKET_H
#define PLUGINS_DTLS_SOCKET_H

#include "plugins/dtls/list.h"
#include "plugins/dtls/path.h"

#include <hopgate/host.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* The kernel takes at most 64 segments (UDP_MAX_SEGMENTS) and 65,507 bytes in one message. */
#define DTLS_RUN_SEGMENTS 64
#define DTLS_RUN_BYTES    65000

#define DTLS_SEND_RUNS     64
#define DTLS_SEND_CAPACITY (128 * 1024)

/* Datagrams of one size, the last one possibly shorter, to one peer. */
struct dtls_run {
    void *owner;    /* is notified if sending fails; NULL: nobody is */
    size_t offset;  /* of the first unsent byte, in socket->bytes */
    size_t size;    /* unsent bytes */
    size_t segment; /* of each datagram but the last */
    bool ended;     /* accepts no more datagrams */
    bool plain;     /* send each datagram separately: the kernel refused the whole */
    struct dtls_path path;
};

struct dtls_socket {
    const struct hg_host *host;
    int fd;
    bool connected;
    bool gso;
    bool waiting; /* the kernel's buffer is full; waiting for HG_WRITE */
    struct hg_io *io;
    void (*send_failed)(void *owner, int error, size_t datagram);
    struct dtls_list blocked; /* associations whose packets were refused */
    size_t run_first, run_count;
    size_t used; /* of `bytes` */
    struct dtls_run runs[DTLS_SEND_RUNS];
    uint8_t bytes[DTLS_SEND_CAPACITY];
};

/* Initializes a socket for `fd`, which the caller still owns: sets options and watches for HG_READ. Returns 0, or -1
 * when out of memory. */
int dtls_socket_init(struct dtls_socket *socket, struct hg_worker *worker, int fd, bool connected,
                     hg_io_callback callback, void *arg);
/* Stops watching. Unsent datagrams are dropped. */
void dtls_socket_fini(struct dtls_socket *socket);

/* Asks for kernel buffers of `size` bytes. Returns the smaller of the two actual sizes. */
size_t dtls_socket_set_buffers(int fd, size_t size);

/* Whether there is room for a datagram of `size` bytes. */
bool dtls_socket_has_room(const struct dtls_socket *socket, size_t size);

/* Queues one datagram. With `join`, it is merged with the previous one if that has the same owner and both together
 * have at most `join` bytes. False: no room; it is dropped. */
bool dtls_socket_append(struct dtls_socket *socket, void *owner, const struct dtls_path *path, const void *bytes,
                        size_t size, size_t join);

/* The next datagram starts a new run. */
void dtls_socket_end_run(struct dtls_socket *socket);

/* Sends as much of the queue as the kernel takes. */
void dtls_socket_flush(struct dtls_socket *socket);

/* Queued datagrams of this owner are still sent, but it is no longer notified if that fails. */
void dtls_socket_forget(struct dtls_socket *socket, const void *owner);

/* ---- Receiving ---- */

#define DTLS_RECEIVE_BATCH  16
#define DTLS_RECEIVE_BUFFER 65536

/* Buffers for one batch, shared by all sockets of a worker. */
struct dtls_receiver {
    struct mmsghdr headers[DTLS_RECEIVE_BATCH];
    struct iovec vectors[DTLS_RECEIVE_BATCH];
    struct sockaddr_storage peers[DTLS_RECEIVE_BATCH];
    _Alignas(struct cmsghdr) uint8_t control[DTLS_RECEIVE_BATCH][128];
    uint8_t bytes[DTLS_RECEIVE_BATCH][DTLS_RECEIVE_BUFFER];
};

/* One or more datagrams from one peer. */
struct dtls_arrival {
    struct dtls_path path;
    const uint8_t *bytes;
    size_t size;
    size_t segment; /* of each datagram but the last */
};

/* Reads a batch. Returns the number of arrivals, or -1 with errno. */
int dtls_receiver_read(struct dtls_receiver *receiver, int fd);
/* Gets one of them. False: it is unusable. */
bool dtls_receiver_get(struct dtls_receiver *receiver, int index, struct dtls_arrival *arrival);
/* Takes the next datagram from an arrival. False: there are no more. */
bool dtls_arrival_next(struct dtls_arrival *arrival, const uint8_t **datagram, size_t *size);

#endif
