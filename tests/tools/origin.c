/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * origin: a local service for tests, which does on demand what real ones do only on bad days. One thread per
 * connection.
 *
 *   origin [--listen ADDRESS] [--port PORT] [--log FILE]    serves; prints "port N" when it is listening
 *          [--buffer BYTES]                                 of the kernel, in each direction of a connection
 *   origin --sha256 N                                       prints the SHA-256 of N bytes of its data
 *
 * It logs "head METHOD TARGET" when a request's head is complete, and "body METHOD TARGET" when its body is. The
 * targets:
 *   /                   "hello\n"
 *   /bytes/N            N bytes with Content-Length          /chunked/N    the same, chunked
 *   /truncated/N        half of N bytes, then the connection is closed
 *   /status/CODE        that status, no body                 /head         the request head, unchanged
 *   /hash               SHA-256 and size of the body         /echo         the body, while it is still arriving
 *   /early              413 before the body is read          /interim      103 before the answer
 *   /trailers           chunked, with trailer fields         /nonsense     an answer that is not HTTP
 *   /silent             never answers                        /stall        a head, then nothing
 *   /deaf               does not read the body, never answers
 *   /dribble/N/MS       N bytes, one every MS milliseconds
 *   /gate/K/N           N bytes, but only when K requests are waiting at this gate
 */
#include "tests/tools/pattern.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BLOCK     65536
#define HEAD_SIZE 65536

/* Shared by all threads. */
struct service {
    int log;
    pthread_mutex_t lock;
    pthread_cond_t gate_opens;
    unsigned long waiting; /* at the gate */
    unsigned long gate;    /* counts how often it has opened */
};

struct connection {
    struct service *service;
    int fd;
    char in[HEAD_SIZE + 1]; /* bytes that have arrived but have not been used yet */
    size_t in_size;
    char head[HEAD_SIZE + 1]; /* the request head, terminated by NUL */
    size_t head_size;
    char method[32], target[8192];
    bool chunked, keep_alive, expects, body_read;
    uint64_t length; /* of a body that is not chunked */
};

static bool send_all(int fd, const void *bytes, size_t size)
{
    const char *at = bytes;

    while (size) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        at += sent;
        size -= (size_t)sent;
    }
    return true;
}

static bool send_text(int fd, const char *text)
{
    return send_all(fd, text, strlen(text));
}

/* Reads more bytes into `in`. False: the connection has ended or there is no room. */
static bool receive(struct connection *connection)
{
    ssize_t got;

    do
        got = recv(connection->fd, connection->in + connection->in_size, HEAD_SIZE - connection->in_size, 0);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return false;
    connection->in_size += (size_t)got;
    connection->in[connection->in_size] = '\0';
    return true;
}

static void consume(struct connection *connection, size_t size)
{
    connection->in_size -= size;
    memmove(connection->in, connection->in + size, connection->in_size + 1);
}

/* The value of a field of the head, or NULL; valid until the next line break. */
static const char *field(const struct connection *connection, const char *name)
{
    size_t size = strlen(name);

    for (const char *line = strstr(connection->head, "\r\n"); line && line[2] != '\r'; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, size) == 0 && line[2 + size] == ':')
            return line + 2 + size + 1 + strspn(line + 2 + size + 1, " \t");
    return NULL;
}

static bool read_head(struct connection *connection)
{
    const char *end, *value;

    while (connection->in[connection->in_size] = '\0', !(end = strstr(connection->in, "\r\n\r\n")))
        if (!receive(connection))
            return false;
    connection->head_size = (size_t)(end - connection->in) + 4;
    memcpy(connection->head, connection->in, connection->head_size);
    connection->head[connection->head_size] = '\0';
    consume(connection, connection->head_size);
    if (sscanf(connection->head, "%31s %8191s", connection->method, connection->target) != 2)
        return false;
    value = field(connection, "Transfer-Encoding");
    connection->chunked = value && strncasecmp(value, "chunked", 7) == 0;
    value = field(connection, "Content-Length");
    connection->length = value ? strtoull(value, NULL, 10) : 0;
    value = field(connection, "Connection");
    connection->keep_alive = !value || strncasecmp(value, "close", 5) != 0;
    connection->expects = field(connection, "Expect") != NULL;
    connection->body_read = false;
    return true;
}

typedef bool (*body_sink)(void *arg, const char *bytes, size_t size);

/* Passes `size` bytes of the body on as they arrive. */
static bool read_part(struct connection *connection, uint64_t size, body_sink sink, void *arg)
{
    while (size) {
        size_t part = connection->in_size < size ? connection->in_size : (size_t)size;

        if (part == 0) {
            if (!receive(connection))
                return false;
            continue;
        }
        if (sink && !sink(arg, connection->in, part))
            return false;
        if (part == connection->in_size)
            connection->in_size = 0;
        else
            consume(connection, part);
        size -= part;
    }
    return true;
}

static bool read_line(struct connection *connection, char *line, size_t capacity)
{
    char *end;
    size_t size;

    while (connection->in[connection->in_size] = '\0', !(end = strstr(connection->in, "\r\n")))
        if (!receive(connection))
            return false;
    size = (size_t)(end - connection->in);
    if (size >= capacity)
        return false;
    memcpy(line, connection->in, size);
    line[size] = '\0';
    consume(connection, size + 2);
    return true;
}

static void note_request(const struct connection *connection, const char *what)
{
    char line[sizeof(connection->method) + sizeof(connection->target) + 16];
    int size = snprintf(line, sizeof(line), "%s %s %s\n", what, connection->method, connection->target);

    if (connection->service->log >= 0 && write(connection->service->log, line, (size_t)size) != size)
        abort();
}

static bool receive_body(struct connection *connection, body_sink sink, void *arg)
{
    char line[1024];

    if (connection->expects && !send_text(connection->fd, "HTTP/1.1 100 Continue\r\n\r\n"))
        return false;
    if (!connection->chunked)
        return read_part(connection, connection->length, sink, arg);
    for (;;) {
        uint64_t size;

        if (!read_line(connection, line, sizeof(line)))
            return false;
        size = strtoull(line, NULL, 16);
        if (size == 0)
            break;
        if (!read_part(connection, size, sink, arg) || !read_line(connection, line, sizeof(line)))
            return false;
    }
    do
        if (!read_line(connection, line, sizeof(line)))
            return false;
    while (line[0]);
    return true;
}

/* Passes the body on, unless that was done before. */
static bool read_body(struct connection *connection, body_sink sink, void *arg)
{
    bool has_body = connection->chunked || connection->length;

    if (connection->body_read)
        return true;
    if (has_body && !receive_body(connection, sink, arg))
        return false;
    connection->body_read = true;
    note_request(connection, "body");
    return true;
}

static bool send_head(struct connection *connection, int status, const char *framing)
{
    char head[512];

    snprintf(head, sizeof(head), "HTTP/1.1 %d Told\r\nContent-Type: application/octet-stream\r\n%s%s\r\n", status,
             framing, connection->keep_alive ? "" : "Connection: close\r\n");
    return send_text(connection->fd, head);
}

static bool answer(struct connection *connection, int status, const char *body, size_t size)
{
    char framing[64];

    snprintf(framing, sizeof(framing), "Content-Length: %zu\r\n", size);
    return send_head(connection, status, framing) &&
           (strcmp(connection->method, "HEAD") == 0 || send_all(connection->fd, body, size));
}

/* Sends `size` bytes of the pattern, as chunks if `chunked`. */
static bool send_pattern(struct connection *connection, uint64_t size, bool chunked)
{
    uint8_t *block = malloc(BLOCK);
    bool good = block != NULL;

    for (uint64_t offset = 0; good && offset < size; offset += BLOCK) {
        size_t part = size - offset < BLOCK ? (size_t)(size - offset) : BLOCK;
        char line[32];

        pattern_fill(block, BLOCK, offset);
        snprintf(line, sizeof(line), "%zx\r\n", part);
        good = (!chunked || send_text(connection->fd, line)) && send_all(connection->fd, block, part) &&
               (!chunked || send_text(connection->fd, "\r\n"));
    }
    free(block);
    return good;
}

static bool answer_pattern(struct connection *connection, uint64_t size)
{
    char framing[64];

    snprintf(framing, sizeof(framing), "Content-Length: %llu\r\n", (unsigned long long)size);
    return send_head(connection, 200, framing) &&
           (strcmp(connection->method, "HEAD") == 0 || send_pattern(connection, size, false));
}

static bool answer_chunked(struct connection *connection, uint64_t size, const char *trailers)
{
    return send_head(connection, 200,
                     *trailers ? "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n"
                               : "Transfer-Encoding: chunked\r\n") &&
           send_pattern(connection, size, true) && send_text(connection->fd, "0\r\n") &&
           send_text(connection->fd, trailers) && send_text(connection->fd, "\r\n");
}

struct hashing {
    gnutls_hash_hd_t hash;
    uint64_t count;
};

static bool hash_part(void *arg, const char *bytes, size_t size)
{
    struct hashing *hashing = arg;

    hashing->count += size;
    return gnutls_hash(hashing->hash, bytes, size) == 0;
}

static void hash_text(gnutls_hash_hd_t hash, char *hex)
{
    uint8_t digest[32];

    gnutls_hash_deinit(hash, digest);
    for (size_t i = 0; i < sizeof(digest); i++)
        sprintf(hex + 2 * i, "%02x", digest[i]);
}

static bool answer_hash(struct connection *connection)
{
    struct hashing hashing = {0};
    char text[128], hex[65];
    bool good;

    if (gnutls_hash_init(&hashing.hash, GNUTLS_DIG_SHA256) != 0)
        return false;
    good = read_body(connection, hash_part, &hashing);
    hash_text(hashing.hash, hex);
    snprintf(text, sizeof(text), "%s %llu\n", hex, (unsigned long long)hashing.count);
    return good && answer(connection, 200, text, strlen(text));
}

static bool echo_part(void *arg, const char *bytes, size_t size)
{
    struct connection *connection = arg;
    char line[32];

    snprintf(line, sizeof(line), "%zx\r\n", size);
    return send_text(connection->fd, line) && send_all(connection->fd, bytes, size) &&
           send_text(connection->fd, "\r\n");
}

static bool answer_echo(struct connection *connection)
{
    return send_head(connection, 200, "Transfer-Encoding: chunked\r\n") &&
           read_body(connection, echo_part, connection) && send_text(connection->fd, "0\r\n\r\n");
}

static void sleep_ms(unsigned long milliseconds)
{
    struct timespec span = {(time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000};

    nanosleep(&span, NULL);
}

static bool answer_dribble(struct connection *connection, unsigned long count, unsigned long milliseconds)
{
    char framing[64];

    snprintf(framing, sizeof(framing), "Content-Length: %lu\r\n", count);
    if (!send_head(connection, 200, framing))
        return false;
    while (count--) {
        if (!send_all(connection->fd, "x", 1))
            return false;
        sleep_ms(milliseconds);
    }
    return true;
}

/* Waits until the peer closes. */
static bool wait_for_close(struct connection *connection)
{
    do
        connection->in_size = 0;
    while (receive(connection));
    return false;
}

static void wait_at_gate(struct service *service, unsigned long count)
{
    unsigned long gate;

    pthread_mutex_lock(&service->lock);
    gate = service->gate;
    if (++service->waiting >= count) {
        service->waiting = 0;
        service->gate++;
        pthread_cond_broadcast(&service->gate_opens);
    }
    while (gate == service->gate)
        pthread_cond_wait(&service->gate_opens, &service->lock);
    pthread_mutex_unlock(&service->lock);
}

/* Serves one request whose head has been read. False: the connection must be closed. */
static bool serve(struct connection *connection)
{
    const char *target = connection->target;
    unsigned long first = 0, second = 0;
    char word[32] = "";

    note_request(connection, "head");
    sscanf(target, "/%31[a-z]/%lu/%lu", word, &first, &second);
    if (strcmp(word, "hash") == 0)
        return answer_hash(connection);
    if (strcmp(word, "echo") == 0)
        return answer_echo(connection);
    if (strcmp(word, "early") == 0) {
        connection->keep_alive = false;
        answer(connection, 413, "too large\n", 10);
        shutdown(connection->fd, SHUT_WR);
        return wait_for_close(connection);
    }
    if (strcmp(word, "deaf") == 0)
        pause();
    if (!read_body(connection, NULL, NULL))
        return false;
    if (strcmp(word, "bytes") == 0)
        return answer_pattern(connection, first);
    if (strcmp(word, "chunked") == 0)
        return answer_chunked(connection, first, "");
    if (strcmp(word, "trailers") == 0)
        return answer_chunked(connection, 1000, "X-Sum: 42\r\nX-Sum: 43\r\n");
    if (strcmp(word, "truncated") == 0) {
        char framing[64];

        snprintf(framing, sizeof(framing), "Content-Length: %lu\r\n", first);
        send_head(connection, 200, framing);
        send_pattern(connection, first / 2, false);
        return false;
    }
    if (strcmp(word, "status") == 0)
        return first == 204 || first == 304 ? send_head(connection, (int)first, "")
                                            : answer(connection, (int)first, "", 0);
    if (strcmp(word, "head") == 0)
        return answer(connection, 200, connection->head, connection->head_size);
    if (strcmp(word, "interim") == 0)
        return send_text(connection->fd, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n") &&
               answer(connection, 200, "hello\n", 6);
    if (strcmp(word, "nonsense") == 0)
        return send_text(connection->fd, "this is not HTTP\r\n\r\n") && false;
    if (strcmp(word, "silent") == 0)
        return wait_for_close(connection);
    if (strcmp(word, "stall") == 0)
        return send_head(connection, 200, "Content-Length: 1000000\r\n") && wait_for_close(connection);
    if (strcmp(word, "dribble") == 0)
        return answer_dribble(connection, first, second);
    if (strcmp(word, "gate") == 0) {
        wait_at_gate(connection->service, first);
        return answer_pattern(connection, second);
    }
    return answer(connection, 200, "hello\n", 6);
}

static void *run_connection(void *arg)
{
    struct connection *connection = arg;

    while (read_head(connection) && serve(connection) && connection->keep_alive)
        ;
    close(connection->fd);
    free(connection);
    return NULL;
}

static int listen_on(const char *address, unsigned port, int buffer)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t size = sizeof(place);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (buffer > 0) {
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    }
    if (inet_pton(AF_INET, address, &place.sin_addr) != 1 ||
        bind(fd, (const struct sockaddr *)&place, sizeof(place)) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, (struct sockaddr *)&place, &size) != 0) {
        perror("origin: listen");
        exit(1);
    }
    printf("port %u\n", ntohs(place.sin_port));
    fflush(stdout);
    return fd;
}

static void accept_for_ever(struct service *service, int listener)
{
    pthread_attr_t small;

    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 256 * 1024);
    pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
    for (;;) {
        struct connection *connection;
        pthread_t thread;
        int one = 1, fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0)
            continue;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        connection = calloc(1, sizeof(*connection));
        if (connection) {
            connection->service = service;
            connection->fd = fd;
        }
        if (!connection || pthread_create(&thread, &small, run_connection, connection) != 0) {
            free(connection);
            close(fd);
        }
    }
}

static int print_sha256(uint64_t size)
{
    uint8_t block[BLOCK];
    gnutls_hash_hd_t hash;
    char hex[65];

    if (gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) != 0)
        return 1;
    for (uint64_t offset = 0; offset < size; offset += BLOCK) {
        pattern_fill(block, BLOCK, offset);
        gnutls_hash(hash, block, size - offset < BLOCK ? (size_t)(size - offset) : BLOCK);
    }
    hash_text(hash, hex);
    puts(hex);
    return 0;
}

int main(int argc, char **argv)
{
    struct service service = {.log = -1, .lock = PTHREAD_MUTEX_INITIALIZER, .gate_opens = PTHREAD_COND_INITIALIZER};
    const char *address = "127.0.0.1";
    unsigned port = 0;
    int buffer = 0;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--sha256") == 0)
            return print_sha256(strtoull(argv[i + 1], NULL, 10));
        if (strcmp(argv[i], "--listen") == 0)
            address = argv[i + 1];
        else if (strcmp(argv[i], "--port") == 0)
            port = (unsigned)atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--buffer") == 0)
            buffer = atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--log") == 0)
            service.log = open(argv[i + 1], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    }
    signal(SIGPIPE, SIG_IGN);
    accept_for_ever(&service, listen_on(address, port, buffer));
    return 0;
}
