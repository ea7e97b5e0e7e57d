/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The tunnel over real links of plugins/dtls, driven as core/session/link.c drives it, but without exchanges and
 * codecs: for what is measured of the tunnel alone, and for more sessions in one process than a client of hopgate has.
 */
#ifndef TESTS_BENCH_TUNNEL_DRIVER_H
#define TESTS_BENCH_TUNNEL_DRIVER_H

#include "core/tunnel/tunnel.h"
#include "tests/unit/transport_pair.h"

struct driver;

/* A link that is up, with its tunnel. */
struct driver_link {
    struct driver *driver;
    struct hg_link *link; /* link->user leads back */
    struct tn_link *tn;
    struct hg_timer *timer;
    bool blocked; /* the transport takes no more for now */
    uint8_t *refused;
    bool refused_probe;
    size_t refused_size;
    uint64_t refused_number;
    void *user;
};

/* What the user of this file does with them. */
struct driver_user {
    void (*up)(struct driver_link *link);
    /* CONTROL bytes have come. May be NULL. */
    void (*control)(struct driver_link *link);
    /* Something happened to a stream of the link's session. */
    void (*event)(struct driver_link *link, const struct tn_event *event);
    /* The link is gone, or was never up (`link` is NULL); it is freed after this. */
    void (*down)(struct driver *driver, struct driver_link *link, const char *reason);
};

struct driver {
    struct test_pair pair; /* first, so that one is the other */
    const struct driver_user *user;
    struct tn_params params; /* of every link; may be changed before the first one */
    void (*pair_up)(struct hg_link *link, void *handle, const struct hg_link_info *info);
    void (*pair_down)(struct hg_link *link, const char *reason);
    uint8_t packet[TN_PACKET_MAX];
};

/* Like test_pair_init(); test_pair_start(), test_connect() and test_pair_free() follow as there. */
void driver_init(struct driver *driver, const struct driver_user *user, const struct test_certificate *ca,
                 const struct test_certificate *leaf);

/* Takes events, sends what there is to send, sets the timer. Due after a change from outside of the callbacks. */
void driver_flush(struct driver_link *link);

/* Ends the link from this side. */
void driver_close(struct driver_link *link);

#endif
