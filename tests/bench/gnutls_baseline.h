/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The upper bound: only GnuTLS and the kernel, over loopback, AES-128-GCM.
 */
#ifndef TESTS_BENCH_GNUTLS_BASELINE_H
#define TESTS_BENCH_GNUTLS_BASELINE_H

#include <stdbool.h>

/* DTLS 1.2 records of `packet` bytes of content one way, by UDP GSO and GRO. */
void baseline_dtls_bulk(double seconds, unsigned long packet);
/* TLS 1.3 over TCP one way, records of 16 KiB. */
void baseline_tls_bulk(double seconds);
/* 64-byte messages over one TLS connection. Those to be sent at the same time are sent in one call, either in as few
 * records as possible or with one record per message. */
void baseline_tls_ping_pong(double seconds, unsigned in_flight, bool record_each);

#endif
