/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The tunnel over real links of plugins/dtls, driven in the same way as by core/session/link.c, but without exchanges
 * and codecs: to measure the tunnel alone, and to have more sessions in one process than a client of hopgate has.
 */
#ifndef TESTS_BENCH_TUNNEL_DRIVER_H
#define TESTS_BENCH_TUNNEL_DRIVER_H

#include "core/tunnel/tunnel.h"
#include "tests/unit/transport_pair.h"

struct driver;

/* A link that is up, with its tunnel. */
struct driver_link {
    struct driver *driver;
    struct hg_link *link; /* link->user points back */
    struct tn_link *tn;
    struct hg_timer *timer;
    bool blocked; /* the transport accepts no packets at the moment */
    uint8_t *refused;
    bool refused_probe;
    size_t refused_size;
    uint64_t refused_number;
    void *user;
};

/* Callbacks of the user of this file. */
struct driver_user {
    void (*up)(struct driver_link *link);
    /* CONTROL bytes have arrived. May be NULL. */
    void (*control)(struct driver_link *link);
    /* Something happened to a stream of the link's session. */
    void (*event)(struct driver_link *link, const struct tn_event *event);
    /* The link is down, or never came up (`link` is NULL); it is freed after this. */
    void (*down)(struct driver *driver, struct driver_link *link, const char *reason);
};

struct driver {
    struct test_pair pair; /* first, so that pointers to both can be cast */
    const struct driver_user *user;
    struct tn_params params; /* for every link; may be changed before the first one */
    void (*pair_up)(struct hg_link *link, void *handle, const struct hg_link_info *info);
    void (*pair_down)(struct hg_link *link, const char *reason);
    uint8_t packet[TN_PACKET_MAX];
};

/* Like test_pair_init(); then test_pair_start(), test_connect() and test_pair_free() are used as usual. */
void driver_init(struct driver *driver, const struct driver_user *user, const struct test_certificate *ca,
                 const struct test_certificate *leaf);

/* Handles events, sends pending packets, sets the timer. To be called after a change that was not made in a
 * callback. */
void driver_flush(struct driver_link *link);

/* Ends the link from this side. */
void driver_close(struct driver_link *link);

#endif
