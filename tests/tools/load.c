/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * load: many users at once. GET requests with keep-alive over TCP or TLS, one outstanding on each connection, every
 * response checked; the result is one JSON object.
 *
 *   load [--connections N] [--requests N] [--rate N --seconds N] [--sha256 HEX] [--ca FILE] [--connect HOST:PORT] URL
 *
 * Without --rate, each connection sends its next request as soon as the previous one is answered, --requests in total.
 * With it, requests are sent at that rate for --seconds, however long the answers take, on the connection that has been
 * idle longest, so that none exceeds the time in which a server expects its first request. If none is idle, a request
 * waits, and this is part of its measured time. A connection that the server closes between two requests is reopened.
 * The exit status is 0 even if requests failed: see the object.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_SIZE 65536
#define HEAD_SIZE 8192

enum state {
    CLOSED,
    CONNECTING,
    HANDSHAKING,
    IDLE,
    SENDING,
    READING_HEAD,
    READING_BODY,
};

enum framing {
    BY_LENGTH,
    BY_CHUNKS,
    BY_CLOSE,
};

struct user {
    enum state state;
    int fd;
    uint32_t events;
    gnutls_session_t tls;
    uint64_t began; /* when the current request should have been sent */
    size_t sent;
    char head[HEAD_SIZE + 1];
    size_t head_size;
    enum framing framing;
    uint64_t left; /* of the body, or of the chunk */
    char line[32]; /* of the chunk framing */
    size_t line_size;
    bool in_chunk, last_chunk, close_after, reused;
    gnutls_hash_hd_t hash;
};

struct load {
    int epoll;
    struct user *users;
    unsigned long connections, requests, rate, seconds;
    struct sockaddr_in address;
    bool tls;
    char host[256], path[4096], request[8192];
    size_t request_size;
    const char *sha256;
    gnutls_certificate_credentials_t credentials;
    unsigned long begun, done, failed;
    uint64_t bytes, started, *times;
    char why[160];      /* the first failure */
    struct user **idle; /* a ring of users without a request */
    unsigned long idle_first, idle_count;
};

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void die(const char *what, const char *detail)
{
    fprintf(stderr, "load: %s: %s\n", what, detail);
    exit(2);
}

static void watch(struct load *load, struct user *user, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = user};

    if (user->events != events && epoll_ctl(load->epoll, EPOLL_CTL_MOD, user->fd, &event) != 0)
        die("epoll_ctl", strerror(errno));
    user->events = events;
}

static void user_close(struct user *user)
{
    if (user->tls)
        gnutls_deinit(user->tls);
    user->tls = NULL;
    if (user->fd >= 0)
        close(user->fd);
    user->fd = -1;
    user->state = CLOSED;
    user->reused = false;
}

static void user_connect(struct load *load, struct user *user)
{
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = user};
    int one = 1;

    user->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (user->fd < 0 || epoll_ctl(load->epoll, EPOLL_CTL_ADD, user->fd, &event) != 0)
        die("socket", strerror(errno));
    user->events = EPOLLOUT;
    setsockopt(user->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(user->fd, (const struct sockaddr *)&load->address, sizeof(load->address)) != 0 && errno != EINPROGRESS)
        die("connect", strerror(errno));
    user->state = CONNECTING;
    if (!load->tls)
        return;
    gnutls_init(&user->tls, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
    gnutls_set_default_priority(user->tls);
    gnutls_credentials_set(user->tls, GNUTLS_CRD_CERTIFICATE, load->credentials);
    gnutls_server_name_set(user->tls, GNUTLS_NAME_DNS, load->host, strlen(load->host));
    gnutls_session_set_verify_cert(user->tls, load->host, 0);
    gnutls_transport_set_int(user->tls, user->fd);
}

static ssize_t user_read(struct user *user, void *bytes, size_t size)
{
    ssize_t got;

    if (!user->tls)
        return recv(user->fd, bytes, size, 0);
    do
        got = gnutls_record_recv(user->tls, bytes, size);
    while (got == GNUTLS_E_INTERRUPTED || got == GNUTLS_E_REHANDSHAKE);
    if (got >= 0)
        return got;
    errno = got == GNUTLS_E_AGAIN ? EAGAIN : ECONNRESET;
    return -1;
}

static ssize_t user_write(struct user *user, const void *bytes, size_t size)
{
    ssize_t sent;

    if (!user->tls)
        return send(user->fd, bytes, size, MSG_NOSIGNAL);
    sent = gnutls_record_send(user->tls, bytes, size);
    if (sent >= 0)
        return sent;
    errno = sent == GNUTLS_E_AGAIN || sent == GNUTLS_E_INTERRUPTED ? EAGAIN : ECONNRESET;
    return -1;
}

static struct user **idle_at(struct load *load, unsigned long place)
{
    return &load->idle[(load->idle_first + place) % load->connections];
}

static void become_idle(struct load *load, struct user *user)
{
    user->state = IDLE;
    watch(load, user, EPOLLIN);
    *idle_at(load, load->idle_count++) = user;
}

/* The current request has ended. */
static void finish(struct load *load, struct user *user, const char *failure)
{
    if (failure) {
        if (!load->failed++)
            snprintf(load->why, sizeof(load->why), "%s", failure);
    } else {
        load->times[load->done++] = now_ns() - user->began;
    }
    if (user->hash) {
        gnutls_hash_deinit(user->hash, NULL);
        user->hash = NULL;
    }
    if (failure || user->close_after) {
        user_close(user);
        user_connect(load, user);
        return;
    }
    user->reused = true;
    become_idle(load, user);
}

static void send_rest(struct load *load, struct user *user)
{
    ssize_t sent = user_write(user, load->request + user->sent, load->request_size - user->sent);

    if (sent < 0 && errno != EAGAIN) {
        finish(load, user, "the connection broke while the request was sent");
        return;
    }
    user->sent += sent > 0 ? (size_t)sent : 0;
    if (user->sent == load->request_size)
        user->state = READING_HEAD;
    watch(load, user, user->sent == load->request_size ? EPOLLIN : EPOLLOUT);
}

static void begin(struct load *load, struct user *user, uint64_t due)
{
    user->began = due;
    user->sent = user->head_size = user->line_size = 0;
    user->in_chunk = user->last_chunk = user->close_after = false;
    user->state = SENDING;
    if (load->sha256 && gnutls_hash_init(&user->hash, GNUTLS_DIG_SHA256) != 0)
        die("hash", "out of memory");
    load->begun++;
    send_rest(load, user);
}

static void body_complete(struct load *load, struct user *user)
{
    uint8_t digest[32];
    char hex[65];

    if (!load->sha256) {
        finish(load, user, NULL);
        return;
    }
    gnutls_hash_deinit(user->hash, digest);
    user->hash = NULL;
    for (size_t i = 0; i < sizeof(digest); i++)
        sprintf(hex + 2 * i, "%02x", digest[i]);
    finish(load, user, strcmp(hex, load->sha256) == 0 ? NULL : "the body has another SHA-256");
}

static void body_bytes(struct load *load, struct user *user, const char *bytes, size_t size)
{
    load->bytes += size;
    if (user->hash)
        gnutls_hash(user->hash, bytes, size);
}

/* A line of chunk framing is complete. False: it is invalid. */
static bool chunk_line(struct user *user)
{
    char *end;

    user->line[user->line_size] = '\0';
    if (user->last_chunk)
        return true;
    if (user->line_size == 0) /* the line break after a chunk */
        return user->in_chunk ? (user->in_chunk = false, true) : false;
    user->left = strtoull(user->line, &end, 16);
    user->last_chunk = user->left == 0;
    user->in_chunk = true;
    return end != user->line;
}

/* Reads chunks; returns whether the request has ended, successfully or not. */
static bool take_chunks(struct load *load, struct user *user, const char *bytes, size_t size)
{
    while (size) {
        if (user->left && !user->last_chunk) {
            size_t part = user->left < size ? (size_t)user->left : size;

            body_bytes(load, user, bytes, part);
            user->left -= part;
            bytes += part;
            size -= part;
            continue;
        }
        size--;
        if (*bytes++ != '\n') {
            if (bytes[-1] != '\r' && user->line_size < sizeof(user->line) - 1)
                user->line[user->line_size++] = bytes[-1];
            continue;
        }
        if (user->last_chunk && user->line_size == 0) {
            body_complete(load, user);
            return true;
        }
        if (!chunk_line(user)) {
            finish(load, user, "bad chunk framing");
            return true;
        }
        user->line_size = 0;
    }
    return false;
}

static bool take_body(struct load *load, struct user *user, const char *bytes, size_t size)
{
    if (user->framing == BY_CHUNKS)
        return take_chunks(load, user, bytes, size);
    if (user->framing == BY_LENGTH && size > user->left) {
        finish(load, user, "more bytes than Content-Length");
        return true;
    }
    body_bytes(load, user, bytes, size);
    if (user->framing == BY_LENGTH && (user->left -= size) == 0) {
        body_complete(load, user);
        return true;
    }
    return false;
}

static const char *field(const char *head, const char *name)
{
    size_t size = strlen(name);

    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, size) == 0 && line[2 + size] == ':')
            return line + 3 + size + strspn(line + 3 + size, " \t");
    return NULL;
}

static bool take_head(struct load *load, struct user *user, const char *bytes, size_t size)
{
    size_t before = user->head_size, part = size < HEAD_SIZE - before ? size : HEAD_SIZE - before;
    const char *end, *value;

    memcpy(user->head + before, bytes, part);
    user->head_size += part;
    user->head[user->head_size] = '\0';
    end = strstr(user->head, "\r\n\r\n");
    if (!end) {
        if (user->head_size == HEAD_SIZE) {
            finish(load, user, "a response head of more than 8 KiB");
            return true;
        }
        return false;
    }
    part = (size_t)(end - user->head) + 4 - before;
    user->head[before + part] = '\0';
    if (strncmp(user->head, "HTTP/1.1 200", 12) != 0) {
        char failure[64];

        snprintf(failure, sizeof(failure), "answered \"%.*s\"", (int)strcspn(user->head, "\r"), user->head);
        finish(load, user, failure);
        return true;
    }
    value = field(user->head, "Connection");
    user->close_after = value && strncasecmp(value, "close", 5) == 0;
    user->framing = BY_CLOSE;
    if ((value = field(user->head, "Transfer-Encoding")))
        user->framing = BY_CHUNKS;
    else if ((value = field(user->head, "Content-Length")))
        user->framing = BY_LENGTH;
    user->left = user->framing == BY_LENGTH ? strtoull(value, NULL, 10) : 0;
    user->state = READING_BODY;
    if (user->framing == BY_LENGTH && user->left == 0) {
        body_complete(load, user);
        return true;
    }
    return size > part && take_body(load, user, bytes + part, size - part);
}

static void user_ended(struct load *load, struct user *user)
{
    if (user->state == READING_BODY && user->framing == BY_CLOSE) {
        user->close_after = true;
        body_complete(load, user);
    } else if (user->state == READING_HEAD && user->head_size == 0 && user->reused) {
        /* Closed between two requests, as HTTP allows (RFC 9112 section 9.3.1): this request has not failed. */
        load->begun--;
        if (user->hash)
            gnutls_hash_deinit(user->hash, NULL);
        user->hash = NULL;
        user_close(user);
        user_connect(load, user);
    } else {
        finish(load, user, "the connection was closed before the response was complete");
    }
}

static void read_response(struct load *load, struct user *user)
{
    static char bytes[READ_SIZE];

    do {
        ssize_t got = user_read(user, bytes, sizeof(bytes));

        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            user_ended(load, user);
            return;
        }
        if (user->state == READING_HEAD ? take_head(load, user, bytes, (size_t)got)
                                        : take_body(load, user, bytes, (size_t)got))
            return;
    } while (user->tls && gnutls_record_check_pending(user->tls));
}

static void handshake(struct load *load, struct user *user)
{
    int result = gnutls_handshake(user->tls);

    if (result == GNUTLS_E_SUCCESS)
        become_idle(load, user);
    else if (gnutls_error_is_fatal(result))
        die("handshake", gnutls_strerror(result));
    else
        watch(load, user, gnutls_record_get_direction(user->tls) ? EPOLLOUT : EPOLLIN);
}

/* Something has arrived on a connection without a request: a session ticket, or its end. */
static void idle_event(struct load *load, struct user *user)
{
    char byte;
    ssize_t got = user_read(user, &byte, 1);

    if (got < 0 && errno == EAGAIN)
        return;
    for (unsigned long i = 0; i < load->idle_count; i++)
        if (*idle_at(load, i) == user)
            *idle_at(load, i) = *idle_at(load, --load->idle_count);
    user_close(user);
    user_connect(load, user);
}

static void user_event(struct load *load, struct user *user)
{
    int error = 0;
    socklen_t size = sizeof(error);

    switch (user->state) {
    case CONNECTING:
        if (getsockopt(user->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error)
            die("connect", strerror(error));
        if (!user->tls) {
            become_idle(load, user);
            break;
        }
        user->state = HANDSHAKING;
        handshake(load, user);
        break;
    case HANDSHAKING:
        handshake(load, user);
        break;
    case IDLE:
        idle_event(load, user);
        break;
    case SENDING:
        send_rest(load, user);
        break;
    case READING_HEAD:
    case READING_BODY:
        read_response(load, user);
        break;
    case CLOSED:
        break;
    }
}

/* Assigns pending requests to idle connections. Returns the milliseconds until the next one; -1: the next answer comes
 * first. */
static int begin_due(struct load *load)
{
    uint64_t now = now_ns();
    struct user *user;

    while (load->idle_count && load->begun < load->requests) {
        uint64_t due = load->rate ? load->started + load->begun * 1000000000u / load->rate : now;

        if (due > now)
            return (int)((due - now) / 1000000) + 1;
        user = *idle_at(load, 0);
        load->idle_first++;
        load->idle_count--;
        begin(load, user, due);
    }
    return -1;
}

static void run(struct load *load)
{
    struct epoll_event events[256];

    /* The clock starts when all are connected, so that handshakes are not measured. */
    for (unsigned long i = 0; i < load->connections; i++) {
        load->users[i].fd = -1;
        user_connect(load, &load->users[i]);
    }
    while (load->idle_count < load->connections) {
        int count = epoll_wait(load->epoll, events, 256, 20000);

        if (count == 0)
            die("connect", "not all connections were there after 20 s");
        for (int i = 0; i < count; i++)
            user_event(load, events[i].data.ptr);
    }
    load->started = now_ns();
    while (load->done + load->failed < load->requests) {
        int wait = begin_due(load), count = epoll_wait(load->epoll, events, 256, wait < 0 ? 60000 : wait);

        if (count == 0 && wait < 0)
            die("stuck", "nothing has come for 60 s");
        for (int i = 0; i < count; i++)
            user_event(load, events[i].data.ptr);
    }
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static double percentile(const struct load *load, double share)
{
    return load->done ? (double)load->times[(unsigned long)(share * (double)(load->done - 1))] / 1e6 : 0;
}

static void report(struct load *load)
{
    double seconds = (double)(now_ns() - load->started) / 1e9;

    qsort(load->times, load->done, sizeof(*load->times), compare);
    printf("{\"requests\": %lu, \"failed\": %lu, \"why\": \"", load->done, load->failed);
    for (const char *c = load->why; *c; c++)
        printf(*c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    printf("\", \"seconds\": %.4f, \"per_second\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f, "
           "\"bytes\": %llu}\n",
           seconds, (double)load->done / seconds, percentile(load, 0.5), percentile(load, 0.99), percentile(load, 1),
           (unsigned long long)load->bytes);
}

/* "https://host:port/path", and where to connect if not to that. */
static void set_target(struct load *load, const char *url, const char *connect_to)
{
    char host_port[256], address[256];
    unsigned port;

    load->tls = strncmp(url, "https://", 8) == 0;
    if (sscanf(strstr(url, "://") ? strstr(url, "://") + 3 : url, "%255[^/]%4095s", host_port, load->path) != 2)
        die("url", url);
    sscanf(host_port, "%255[^:]", load->host);
    if (sscanf(connect_to ? connect_to : host_port, "%255[^:]:%u", address, &port) != 2)
        die("no address and port in", connect_to ? connect_to : host_port);
    load->address.sin_family = AF_INET;
    load->address.sin_port = htons((uint16_t)port);
    if (inet_pton(AF_INET, address, &load->address.sin_addr) != 1)
        die("not an IPv4 address", address);
    load->request_size =
        (size_t)snprintf(load->request, sizeof(load->request),
                         "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: load\r\n\r\n", load->path, host_port);
}

int main(int argc, char **argv)
{
    static struct load load = {.connections = 1, .requests = 1};
    const char *ca = NULL, *connect_to = NULL;
    struct rlimit limit;
    int i;

    for (i = 1; i + 1 < argc - 1; i += 2) {
        const char *value = argv[i + 1];

        if (strcmp(argv[i], "--connections") == 0)
            load.connections = strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--requests") == 0)
            load.requests = strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--rate") == 0)
            load.rate = strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--seconds") == 0)
            load.seconds = strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--sha256") == 0)
            load.sha256 = value;
        else if (strcmp(argv[i], "--ca") == 0)
            ca = value;
        else if (strcmp(argv[i], "--connect") == 0)
            connect_to = value;
        else
            die("unknown option", argv[i]);
    }
    if (i != argc - 1)
        die("usage", "load [OPTION VALUE]... URL");
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    set_target(&load, argv[i], connect_to);
    if (load.rate)
        load.requests = load.rate * load.seconds;
    gnutls_certificate_allocate_credentials(&load.credentials);
    if (ca && gnutls_certificate_set_x509_trust_file(load.credentials, ca, GNUTLS_X509_FMT_PEM) < 1)
        die("no certificate in", ca);
    load.users = calloc(load.connections, sizeof(*load.users));
    load.idle = calloc(load.connections, sizeof(struct user *));
    load.times = calloc(load.requests, sizeof(*load.times));
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!load.users || !load.idle || !load.times || load.epoll < 0)
        die("start", strerror(errno));
    run(&load);
    report(&load);
    return 0;
}
