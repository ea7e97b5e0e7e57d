/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A local service that runs a test's script, in threads of its own with blocking calls.
 */
#ifndef PLUGINS_ORIGIN_TESTS_SERVICE_H
#define PLUGINS_ORIGIN_TESTS_SERVICE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct service;

/* Serves one connection, number `number`, counted from 0; the socket is closed afterwards. */
typedef void (*service_script)(struct service *service, int fd, unsigned number);

struct service {
    service_script script;
    const char *text; /* for the script's use */
    size_t size;
    uint16_t port;
    char url[64];
    int listener;
    pthread_t acceptor;
    pthread_mutex_t lock;
    /* protected by the lock: */
    unsigned accepted, open, most_open;
    char heads[65536]; /* all request heads, in order of arrival */
    uint64_t body_bytes;
    bool may_go;             /* service_go() was called */
    uint64_t closed_by_peer; /* connections that service_wait_close() has seen end */
};

struct service *service_start(service_script script);
/* Waits for all connections to be closed. */
void service_stop(struct service *service);

/* Appends to service->heads. */
void service_note(struct service *service, const char *text);

/* Reads up to the empty line, never more, and records the head. False: closed before that. The head is also copied to
 * `head`, if not NULL, which has 65536 bytes. */
bool service_read_head(struct service *service, int fd, char *head);
/* Reads that many bytes and, if `check`, verifies that they are the pattern from `from` on. False: closed before
 * that. */
bool service_read(struct service *service, int fd, size_t size, uint64_t from, bool check);
/* Reads until `end` arrives; everything is copied to `text`, which has `capacity` bytes. */
bool service_read_until(int fd, const char *end, char *text, size_t capacity);
/* Writes everything. False: the peer has closed. */
bool service_write(int fd, const void *data, size_t size);
bool service_say(int fd, const char *text);
/* Writes that many bytes of the pattern. */
bool service_write_pattern(int fd, size_t size, uint64_t from);
/* Makes close() send a reset. */
void service_reset_on_close(int fd);
/* Waits until the peer closes. */
void service_wait_close(struct service *service, int fd);
void service_sleep(unsigned milliseconds);
/* service_wait_go() waits in a script until the test calls service_go(). */
void service_wait_go(struct service *service);
void service_go(struct service *service);

uint8_t service_pattern(uint64_t at);

#endif
