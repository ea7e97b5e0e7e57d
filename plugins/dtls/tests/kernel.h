/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A kernel that refuses on demand: replaces sendmmsg(), also recording what is sent, and setsockopt() in the test
 * program.
 */
#ifndef PLUGINS_DTLS_TESTS_KERNEL_H
#define PLUGINS_DTLS_TESTS_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kernel {
    /* Input: */
    int error;        /* sendmmsg() fails with this error … */
    unsigned times;   /* … this many times … */
    unsigned after;   /* … after this many successful calls */
    bool only_pieces; /* only if there is a message for the kernel to split */
    size_t mtu;       /* larger datagrams fail with EMSGSIZE, larger segments with EINVAL; 0: no limit */
    int buffer_max;   /* the largest buffer that a socket gets, as without privileges; 0: no limit */
    uint8_t capture;  /* save datagrams that start with this byte; 0: none */

    /* Output: */
    unsigned calls;    /* that sent something */
    unsigned messages; /* datagrams and pieces */
    unsigned pieces;
    uint8_t captured[8][2048]; /* the first ones */
    size_t captured_size[8], captured_count;
};

extern struct kernel kernel;

#endif
