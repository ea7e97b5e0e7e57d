/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The system calls of the plugin, counted and sometimes cut short.
 */
#ifndef PLUGINS_ORIGIN_TESTS_CALLS_H
#define PLUGINS_ORIGIN_TESTS_CALLS_H

#include <stdbool.h>
#include <stdint.h>

/* Zeroed before each test. */
struct calls {
    unsigned seed;  /* not 0: each call moves a random, mostly small number of bytes */
    bool one_byte;  /* each call moves one byte */
    int fail_sends; /* this many sends fail with EPIPE */
    unsigned sends, receives, looks;
    unsigned watches; /* libev's epoll_ctl() */
    uint64_t received;
};
extern struct calls calls;

#endif
