/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A kernel that can be made to refuse: sendmmsg() of the test program, which watches what is sent, and setsockopt().
 */
#ifndef PLUGINS_DTLS_TESTS_KERNEL_H
#define PLUGINS_DTLS_TESTS_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kernel {
    /* What to do. */
    int error;        /* what sendmmsg() fails with … */
    unsigned times;   /* … so often, … */
    unsigned after;   /* … after so many calls that work, */
    bool only_pieces; /* only when there is a message for the kernel to cut */
    size_t mtu; /* datagrams larger than this fail with EMSGSIZE, pieces with larger segments with EINVAL; 0: none */
    int buffer_max;  /* the largest buffer that a socket gets, as without privileges; 0: no such limit */
    uint8_t capture; /* keep datagrams that begin with this byte; 0: none */

    /* What was done. */
    unsigned calls;    /* that sent something */
    unsigned messages; /* datagrams and pieces */
    unsigned pieces;
    uint8_t captured[8][2048]; /* the first ones */
    size_t captured_size[8], captured_count;
};

extern struct kernel kernel;

#endif
