/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What there is to be reached: GnuTLS and the kernel with nothing else, over loopback, AES-128-GCM.
 */
#ifndef TESTS_BENCH_GNUTLS_BASELINE_H
#define TESTS_BENCH_GNUTLS_BASELINE_H

#include <stdbool.h>

/* DTLS 1.2 records of `packet` bytes of content one way, by UDP GSO and GRO. */
void baseline_dtls_bulk(double seconds, unsigned long packet);
/* TLS 1.3 over TCP one way, records of 16 KiB. */
void baseline_tls_bulk(double seconds);
/* 64-byte messages over one TLS connection. What is due at once leaves in one call, either in as few records as can be
 * or as a record for each message. */
void baseline_tls_ping_pong(double seconds, unsigned in_flight, bool record_each);

#endif
