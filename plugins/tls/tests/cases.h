/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Shared by the tests of the transport, in addition to tests/unit/transport_cases.h.
 */
#ifndef PLUGINS_TLS_TESTS_CASES_H
#define PLUGINS_TLS_TESTS_CASES_H

#include "tests/unit/transport_cases.h"

#include <check.h>

/* The transport's half of a link. */
#define CONNECTION(link) ((struct tls_connection *)(link)->handle)

/* A hand-made peer: a TCP socket with its own GnuTLS session. */
struct raw {
    int fd;
    gnutls_session_t session; /* NULL: none yet */
    gnutls_certificate_credentials_t credentials;
    size_t split; /* the first bytes are sent in two parts, split here; 0: not */
    size_t sent;
};

/* Connects to the gateway of the pair. */
void raw_connect(struct raw *raw);
/* Performs a handshake as a client that offers the protocol, if any; returns the result of GnuTLS. */
int raw_handshake(struct raw *raw, const char *protocol);
/* Connects, performs a handshake and waits for the gateway's link, which is returned. */
struct hg_link *raw_link(struct raw *raw);
void raw_send(struct raw *raw, const void *data, size_t size);
void raw_close(struct raw *raw);

/* An edge that listens for TLS on a port of 127.0.0.1. */
struct fixture_part edge_part(uint16_t port);
uint64_t edge_handed_over(struct fixture *fixture);
void edge_drain(struct fixture *fixture);

TCase *stream_tests(void);
TCase *config_tests(void);
TCase *handshake_tests(void);
TCase *data_tests(void);
TCase *hostile_tests(void);
TCase *edge_tests(void);

#endif
