/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Accepting TCP connections in one worker: in batches, within the user's limits, and with a pause when the process has
 * run out of descriptors.
 */
#ifndef PLUGINS_LIB_ACCEPT_ACCEPT_H
#define PLUGINS_LIB_ACCEPT_ACCEPT_H

#include <hopgate/host.h>

struct accept;

/* The owner of the connections. */
struct accept_user {
    /* Whether it can take another one now. */
    bool (*has_room)(void *arg);
    /* A connection has arrived at the listener with that index. The descriptor, non-blocking and without Nagle's delay,
     * now belongs to the user. */
    void (*connection)(void *arg, int fd, const struct sockaddr *address, size_t listener);
};

/* Starts accepting on `count` listeners. Returns NULL when out of memory. `user` must outlive the result. */
struct accept *accept_start(struct hg_worker *worker, struct hg_listener *const *listeners, size_t count,
                            const struct accept_user *user, void *arg);
/* There is room again. */
void accept_room(struct accept *accept);
/* Stops accepting on the listener with that index, for good. */
void accept_stop(struct accept *accept, size_t listener);
/* NULL is allowed. */
void accept_free(struct accept *accept);

/* An address and port, as "192.0.2.1:443" or "[2001:db8::1]:443". */
#define ACCEPT_PEER_SIZE 64
/* Prints it; an IPv4 peer of an IPv6 socket is printed as IPv4. Returns the size of the address alone. */
size_t accept_print_peer(char text[ACCEPT_PEER_SIZE], const struct sockaddr *address);

#endif
