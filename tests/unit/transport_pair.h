/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * For tests and benchmarks of a transport: the plugin at both ends, over real sockets on loopback, in one real worker;
 * with links that only record what is reported to them, and certificates made on the spot.
 *
 * It is compiled for each transport, with TEST_TRANSPORT as the name of a header that defines
 *   TEST_NAME            the plugin's name
 *   TEST_CONFIG          the type of its config struct, with the usual options
 *   TEST_INSTANCE        the type of its instance->state, with `setup`
 *   TEST_CONFIG_DEFAULTS initializers of further members of the config
 *   TEST_SET_MTU         a statement that limits its packets, if that is possible
 */
#ifndef TESTS_UNIT_TRANSPORT_PAIR_H
#define TESTS_UNIT_TRANSPORT_PAIR_H

#include TEST_TRANSPORT
#include "tests/unit/slowness.h"
#include "tests/unit/worker_fixture.h"

#include <gnutls/x509.h>
#include <hopgate/certificates.h>
#include <hopgate/transport.h>

/* The test's version of the core's half of a link. */
struct hg_link {
    struct test_pair *pair;
    struct hg_worker *transport;
    struct hg_link *next;
    bool accepted; /* by the gateway */
    bool up, down;
    bool close_at_batch_end;
    bool checks_numbers; /* packets must be numbered from 0, without gaps */
    void *handle;
    void *user;    /* for code that replaces the functions in pair->host */
    hg_time begun; /* when connect() was called or the gateway accepted it */
    char peer[80], security[96], reason[400];
    size_t max_packet, probe_max, overhead; /* the last two: only if there is ops->probe() */
    unsigned limit_changes, probe_changes, writable, batches, checks, renewals;
    uint64_t packets, bytes;
    uint64_t last_number;
    uint8_t last[16384];
    size_t last_size;
};

struct test_certificate {
    gnutls_x509_crt_t certificate;
    gnutls_x509_privkey_t key;
};

/* The answers of the provider of certificates. */
struct test_provider {
    struct hg_certificate *certificate; /* NULL: none */
    bool later;                         /* parks the handshake until test_pair_answer() */
    hg_certificate_done done;
    void *arg;
    unsigned asked, cancelled;
    char server_name[64];
};

struct test_pair {
    struct hg_host host; /* first, so that a worker's host points here; worker_host, but with its own links */
    struct fixture *fixture;
    struct hg_worker *gateway, *client; /* NULL: not present */
    TEST_CONFIG gateway_config, client_config;
    struct hg_address listen, connect; /* what the configs point to */
    struct fixture_part edge; /* above, if it has a plugin; the gateway then has no listener, but the given port */
    struct test_provider provider;
    struct hg_link *accepted; /* by the gateway, newest first */
    struct hg_link *links;    /* all */
    unsigned resolve_count;   /* overrides lookups: use this many of `resolve` */
    struct hg_sockaddr resolve[4];
    const char *resolve_error; /* such a lookup fails with this instead … */
    bool resolve_later;        /* … or never ends */
    hg_resolved resolved;      /* NULL: no such lookup is pending */
    struct hg_call resolving;
    void *resolved_arg;
    struct test_pair *beside; /* its loop runs whenever this one does */
    bool refuse_links;
    uint16_t port;
    char ca_path[64];
};

/* The operations under test. */
const struct hg_transport_ops *test_ops(void);

/* A certificate for `name`, valid between these times in seconds from now, signed by `ca`; if that is NULL, a
 * self-signed authority. */
struct test_certificate test_certificate_new(const char *name, const struct test_certificate *ca, long from, long to);
void test_certificate_free(struct test_certificate *certificate);
/* The form in which the capability returns it. */
struct hg_certificate *test_certificate_offer(const struct test_certificate *leaf);

/* Creates both ends, or only one. `port` 0: any. Options in the configs may be changed before test_pair_start(). The CA
 * is written to a temporary file. */
void test_pair_init(struct test_pair *pair, const struct test_certificate *ca, const struct test_certificate *leaf);
void test_pair_start(struct test_pair *pair, bool gateway, bool client, uint16_t port);
void test_pair_free(struct test_pair *pair);

/* Begins to open a link; the test fails if that fails. */
struct hg_link *test_connect(struct test_pair *pair);
/* The same to another of the gateways in the client's config. */
struct hg_link *test_connect_to(struct test_pair *pair, size_t gateway);
/* Opens a link and waits until it is up at both ends. */
struct hg_link *test_connect_up(struct test_pair *pair);
void test_pair_answer(struct test_pair *pair, struct hg_certificate *certificate);

/* Runs the loop until the condition is true or the time is over. */
#define test_wait(pair, condition, milliseconds)                                                                       \
    do {                                                                                                               \
        hg_time test_end = test_clock() + (milliseconds)*slowness() * HG_MILLISECOND;                                  \
        while (!(condition) && test_clock() < test_end)                                                                \
            test_turn(pair);                                                                                           \
    } while (0)
/* Runs the loop for that long. */
void test_run(struct test_pair *pair, unsigned milliseconds);
void test_turn(struct test_pair *pair);
hg_time test_clock(void);

/* Sends one packet and flushes. Returns the number that the transport announced. */
uint64_t test_send(struct hg_link *link, const void *packet, size_t size);
void test_close(struct hg_link *link, bool graceful);

#endif
