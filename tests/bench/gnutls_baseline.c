/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "tests/bench/gnutls_baseline.h"

#include "tests/bench/measurement.h"

#include <arpa/inet.h>
#include <gnutls/dtls.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DTLS_PRIORITY "NORMAL:-VERS-ALL:+VERS-DTLS1.2:-CIPHER-ALL:+AES-128-GCM:-KX-ALL:+ECDHE-PSK:+PSK"
#define TLS_PRIORITY  "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:+ECDHE-PSK:+PSK"

#define RECORD_OVERHEAD 37 /* of DTLS 1.2 with AES-GCM */
#define SOCKET_BUFFER   (4 << 20)
#define IN_FLIGHT_BYTES (2 << 20) /* well below the size of the socket's buffer, so that nothing is lost */
#define MESSAGE         64

static uint8_t content[16384], big[65536];

/* The socket and the buffers of a session. */
struct wire {
    int fd;
    bool gathering; /* collect records instead of sending them one by one */
    uint8_t out[2 * 65536];
    size_t used, segment;
    const uint8_t *in; /* the next datagram to read; NULL: read from the socket */
    size_t in_size;
};

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    perror(what);
    exit(1);
}

static ssize_t wire_push(gnutls_transport_ptr_t context, const void *bytes, size_t size)
{
    struct wire *wire = context;

    if (!wire->gathering)
        return send(wire->fd, bytes, size, 0);
    memcpy(wire->out + wire->used, bytes, size);
    wire->used += size;
    wire->segment = size;
    return (ssize_t)size;
}

static ssize_t wire_pull(gnutls_transport_ptr_t context, void *bytes, size_t capacity)
{
    struct wire *wire = context;
    size_t size = wire->in_size < capacity ? wire->in_size : capacity;

    if (!wire->in)
        return recv(wire->fd, bytes, capacity, 0);
    memcpy(bytes, wire->in, size);
    return (ssize_t)size;
}

static int wire_wait(gnutls_transport_ptr_t context, unsigned milliseconds)
{
    struct wire *wire = context;
    struct pollfd fd = {.fd = wire->fd, .events = POLLIN};

    return wire->in ? 1 : poll(&fd, 1, (int)milliseconds);
}

/* Sends what was collected; the kernel splits it into datagrams. */
static void wire_flush(struct wire *wire)
{
    union {
        struct cmsghdr header;
        uint8_t space[CMSG_SPACE(sizeof(uint16_t))];
    } control = {.header = {.cmsg_level = SOL_UDP, .cmsg_type = UDP_SEGMENT, .cmsg_len = CMSG_LEN(sizeof(uint16_t))}};
    uint16_t segment = (uint16_t)wire->segment;
    struct iovec vector = {.iov_base = wire->out, .iov_len = wire->used};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};

    memcpy(CMSG_DATA(&control.header), &segment, sizeof segment);
    if (sendmsg(wire->fd, &message, 0) < 0)
        must(false, "sendmsg");
    wire->used = 0;
}

static int server_key(gnutls_session_t session, const char *user, gnutls_datum_t *key)
{
    (void)session;
    (void)user;
    key->data = gnutls_malloc(16);
    key->size = 16;
    memset(key->data, 7, 16);
    return 0;
}

static gnutls_session_t new_session(unsigned flags, const char *priority)
{
    gnutls_session_t session;
    gnutls_datum_t key = {.data = (unsigned char *)"07070707070707070707070707070707", .size = 32};

    must(gnutls_init(&session, flags) == 0, "gnutls_init");
    must(gnutls_priority_set_direct(session, priority, NULL) == 0, priority);
    if (flags & GNUTLS_SERVER) {
        gnutls_psk_server_credentials_t credentials;

        gnutls_psk_allocate_server_credentials(&credentials);
        gnutls_psk_set_server_credentials_function(credentials, server_key);
        gnutls_credentials_set(session, GNUTLS_CRD_PSK, credentials);
    } else {
        gnutls_psk_client_credentials_t credentials;

        gnutls_psk_allocate_client_credentials(&credentials);
        gnutls_psk_set_client_credentials(credentials, "bench", &key, GNUTLS_PSK_KEY_HEX);
        gnutls_credentials_set(session, GNUTLS_CRD_PSK, credentials);
    }
    return session;
}

static void handshake(gnutls_session_t session)
{
    int result;

    do
        result = gnutls_handshake(session);
    while (result < 0 && !gnutls_error_is_fatal(result));
    if (result < 0) {
        fprintf(stderr, "handshake: %s\n", gnutls_strerror(result));
        exit(1);
    }
}

static int open_socket(int type)
{
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), size = SOCKET_BUFFER, one = 1;

    must(fd >= 0, "socket");
    if (type == SOCK_DGRAM && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (type == SOCK_STREAM)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static struct sockaddr_in loopback(unsigned port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* Binds to any port, which is returned. */
static unsigned bind_any(int fd)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;

    must(bind(fd, (struct sockaddr *)&address, size) == 0, "bind");
    getsockname(fd, (struct sockaddr *)&address, &size);
    return ntohs(address.sin_port);
}

/* ---- DTLS ---- */

static gnutls_session_t dtls_session(struct wire *wire, unsigned flags, unsigned long packet)
{
    gnutls_session_t session = new_session(flags | GNUTLS_DATAGRAM, DTLS_PRIORITY);

    gnutls_transport_set_ptr(session, wire);
    gnutls_transport_set_push_function(session, wire_push);
    gnutls_transport_set_pull_function(session, wire_pull);
    gnutls_transport_set_pull_timeout_function(session, wire_wait);
    gnutls_dtls_set_mtu(session, (unsigned)(packet + RECORD_OVERHEAD));
    handshake(session);
    return session;
}

/* Reads one or more datagrams at once. Returns the size of each but the last. */
static size_t receive_piece(int fd, uint8_t *bytes, size_t capacity, size_t *size)
{
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int))];
    struct iovec vector = {.iov_base = bytes, .iov_len = capacity};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t got = recvmsg(fd, &message, 0);
    int segment = 0;

    must(got > 0, "recvmsg");
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header))
        if (header->cmsg_level == SOL_UDP && header->cmsg_type == UDP_GRO)
            memcpy(&segment, CMSG_DATA(header), sizeof segment);
    *size = (size_t)got;
    return segment ? (size_t)segment : (size_t)got;
}

static void dtls_receiver(struct measurement_shared *shared, const void *arg)
{
    static struct wire wire;
    struct sockaddr_in peer;
    socklen_t peer_size = sizeof peer;
    gnutls_session_t session;
    int one = 1;

    wire.fd = open_socket(SOCK_DGRAM);
    atomic_store(&shared->port, bind_any(wire.fd));
    recvfrom(wire.fd, big, sizeof big, MSG_PEEK, (struct sockaddr *)&peer, &peer_size);
    must(connect(wire.fd, (struct sockaddr *)&peer, peer_size) == 0, "connect");
    session = dtls_session(&wire, GNUTLS_SERVER, *(const unsigned long *)arg);
    setsockopt(wire.fd, SOL_UDP, UDP_GRO, &one, sizeof one);
    for (;;) {
        size_t size, segment = receive_piece(wire.fd, big, sizeof big, &size), got = 0;

        for (size_t at = 0; at < size; at += segment) {
            ssize_t part;

            wire.in = big + at;
            wire.in_size = size - at < segment ? size - at : segment;
            part = gnutls_record_recv(session, content, sizeof content);
            got += part > 0 ? (size_t)part : 0;
        }
        atomic_fetch_add_explicit(&shared->bytes, got, memory_order_relaxed);
    }
}

/* Waits while too much is in flight. Must not wait for lost data. */
static void wait_for_receiver(const struct measurement *measurement, unsigned long long *sent)
{
    static const struct timespec pause = {.tv_nsec = 100000};

    for (int i = 0; *sent - atomic_load(&measurement->shared->bytes) > IN_FLIGHT_BYTES; i++) {
        if (i == 1000)
            *sent = atomic_load(&measurement->shared->bytes);
        nanosleep(&pause, NULL);
    }
}

void baseline_dtls_bulk(double seconds, unsigned long packet)
{
    static struct wire wire;
    struct measurement measurement;
    struct sockaddr_in address;
    gnutls_session_t session;
    unsigned long long sent = 0;
    unsigned long count = 65000 / (packet + RECORD_OVERHEAD);

    if (count > 64)
        count = 64; /* UDP_MAX_SEGMENTS */
    memset(&wire, 0, sizeof wire);
    measurement_start(&measurement, "bare DTLS", seconds, dtls_receiver, &packet);
    wire.fd = open_socket(SOCK_DGRAM);
    address = loopback(atomic_load(&measurement.shared->port));
    must(connect(wire.fd, (struct sockaddr *)&address, sizeof address) == 0, "connect");
    session = dtls_session(&wire, GNUTLS_CLIENT, packet);
    wire.gathering = true;
    while (measurement_goes_on(&measurement)) {
        for (unsigned long i = 0; i < count; i++)
            must(gnutls_record_send(session, content, packet) == (ssize_t)packet, "gnutls_record_send");
        wire_flush(&wire);
        sent += count * packet;
        wait_for_receiver(&measurement, &sent);
    }
    measurement_finish(&measurement, packet, 0);
    gnutls_deinit(session);
    close(wire.fd);
}

/* ---- TLS ---- */

static void tls_attach(gnutls_session_t session, struct wire *wire)
{
    gnutls_transport_set_ptr(session, wire);
    gnutls_transport_set_push_function(session, wire_push);
    gnutls_transport_set_pull_function(session, wire_pull);
    gnutls_transport_set_pull_timeout_function(session, wire_wait);
    handshake(session);
}

static gnutls_session_t tls_accept(struct measurement_shared *shared, struct wire *wire)
{
    int listener = open_socket(SOCK_STREAM), one = 1;
    gnutls_session_t session = new_session(GNUTLS_SERVER, TLS_PRIORITY);
    unsigned port = bind_any(listener);

    must(listen(listener, 1) == 0, "listen");
    atomic_store(&shared->port, port);
    wire->fd = accept(listener, NULL, NULL);
    must(wire->fd >= 0, "accept");
    setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    tls_attach(session, wire);
    return session;
}

static gnutls_session_t tls_connect(const struct measurement *measurement, struct wire *wire)
{
    gnutls_session_t session = new_session(GNUTLS_CLIENT, TLS_PRIORITY);
    struct sockaddr_in address = loopback(atomic_load(&measurement->shared->port));

    memset(wire, 0, sizeof *wire);
    wire->fd = open_socket(SOCK_STREAM);
    must(connect(wire->fd, (struct sockaddr *)&address, sizeof address) == 0, "connect");
    tls_attach(session, wire);
    return session;
}

static void tls_close(gnutls_session_t session, const struct wire *wire)
{
    close(wire->fd);
    gnutls_deinit(session);
}

/* Records of at most `record` bytes, in one call if they fit. */
static void tls_send(gnutls_session_t session, struct wire *wire, size_t size, size_t record)
{
    wire->gathering = true;
    while (size > 0) {
        ssize_t sent = gnutls_record_send(session, content, size < record ? size : record);

        must(sent > 0, "gnutls_record_send");
        size -= (size_t)sent;
        if (size > 0 && wire->used + record + 256 < sizeof wire->out)
            continue;
        for (size_t at = 0; at < wire->used; at += (size_t)sent) {
            sent = send(wire->fd, wire->out + at, wire->used - at, MSG_NOSIGNAL);
            must(sent > 0, "send");
        }
        wire->used = 0;
        sent = 0;
    }
    wire->gathering = false;
}

static void tls_receiver(struct measurement_shared *shared, const void *arg)
{
    static struct wire wire;
    gnutls_session_t session = tls_accept(shared, &wire);
    ssize_t got;

    (void)arg;
    while ((got = gnutls_record_recv(session, content, sizeof content)) > 0)
        atomic_fetch_add_explicit(&shared->bytes, (unsigned long long)got, memory_order_relaxed);
}

/* Reads until it would have to wait; returns the number of bytes. */
static size_t tls_receive(gnutls_session_t session, const struct wire *wire)
{
    struct pollfd fd = {.fd = wire->fd, .events = POLLIN};
    size_t size = 0;

    do {
        ssize_t got = gnutls_record_recv(session, big, sizeof big);

        must(got > 0, "gnutls_record_recv");
        size += (size_t)got;
    } while (gnutls_record_check_pending(session) > 0 || (size < MESSAGE * 512 && poll(&fd, 1, 0) > 0));
    return size;
}

static void tls_echo(struct measurement_shared *shared, const void *arg)
{
    static struct wire wire;
    gnutls_session_t session = tls_accept(shared, &wire);

    for (;;)
        tls_send(session, &wire, tls_receive(session, &wire), *(const size_t *)arg);
}

void baseline_tls_bulk(double seconds)
{
    static struct wire wire;
    struct measurement measurement;
    gnutls_session_t session;

    measurement_start(&measurement, "bare TLS", seconds, tls_receiver, NULL);
    session = tls_connect(&measurement, &wire);
    while (measurement_goes_on(&measurement))
        tls_send(session, &wire, sizeof content, sizeof content);
    measurement_finish(&measurement, sizeof content, 0);
    tls_close(session, &wire);
}

void baseline_tls_ping_pong(double seconds, unsigned in_flight, bool record_each)
{
    static struct wire wire;
    size_t rest = 0, record = record_each ? MESSAGE : sizeof content;
    struct measurement measurement;
    gnutls_session_t session;

    measurement_start(&measurement, record_each ? "bare TLS" : "bare TLS, gathered", seconds, tls_echo, &record);
    session = tls_connect(&measurement, &wire);
    tls_send(session, &wire, (size_t)in_flight * MESSAGE, record);
    while (measurement_goes_on(&measurement)) {
        size_t count;

        rest += tls_receive(session, &wire);
        count = rest / MESSAGE;
        rest %= MESSAGE;
        measurement.rounds += count;
        tls_send(session, &wire, count * MESSAGE, record);
    }
    measurement_finish(&measurement, MESSAGE, in_flight);
    tls_close(session, &wire);
}
