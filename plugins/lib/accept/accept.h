/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Accepting TCP connections in one worker: in batches, within the user's bounds, and with patience when the process is
 * out of descriptors.
 */
#ifndef PLUGINS_LIB_ACCEPT_ACCEPT_H
#define PLUGINS_LIB_ACCEPT_ACCEPT_H

#include <hopgate/host.h>

struct accept;

/* Whose connections they are. */
struct accept_user {
    /* Whether one more is welcome now. */
    bool (*has_room)(void *arg);
    /* One has come to the listener of that index. The descriptor, non-blocking and without Nagle's delay, is the
     * user's. */
    void (*connection)(void *arg, int fd, const struct sockaddr *address, size_t listener);
};

/* Starts accepting at `count` listeners. NULL when out of memory. `user` must live as long as the result. */
struct accept *accept_start(struct hg_worker *worker, struct hg_listener *const *listeners, size_t count,
                            const struct accept_user *user, void *arg);
/* There is room again. */
void accept_room(struct accept *accept);
/* Accepts no more at the listener of that index, for good. */
void accept_stop(struct accept *accept, size_t listener);
/* NULL is allowed. */
void accept_free(struct accept *accept);

/* An address with its port, as "192.0.2.1:443" or "[2001:db8::1]:443". */
#define ACCEPT_PEER_SIZE 64
/* Prints it; an IPv4 peer of an IPv6 socket is printed as the IPv4 peer it is. Returns the size of the address alone.
 */
size_t accept_print_peer(char text[ACCEPT_PEER_SIZE], const struct sockaddr *address);

#endif
