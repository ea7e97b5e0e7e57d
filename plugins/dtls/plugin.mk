# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

EXTRA_DIST += plugins/dtls/README.md
# A library, so that the tests can drive the parts of the plugin.
noinst_LTLIBRARIES += plugins/dtls/libdtls.la
plugins_dtls_libdtls_la_SOURCES = \
	plugins/dtls/association.c plugins/dtls/association.h \
	plugins/dtls/association_records.c \
	plugins/dtls/certificate.c plugins/dtls/certificate.h \
	plugins/dtls/client.c plugins/dtls/client.h \
	plugins/dtls/cookie.c plugins/dtls/cookie.h \
	plugins/dtls/dtls.c plugins/dtls/dtls.h \
	plugins/dtls/gateway.c plugins/dtls/gateway.h \
	plugins/dtls/client_hello.c plugins/dtls/client_hello.h \
	plugins/dtls/list.h \
	plugins/dtls/path.c plugins/dtls/path.h \
	plugins/dtls/reconnect_hint.c plugins/dtls/reconnect_hint.h \
	plugins/dtls/record_header.c plugins/dtls/record_header.h \
	plugins/dtls/association_file.c plugins/dtls/association_file.h \
	plugins/dtls/socket.c plugins/dtls/socket.h
plugins_dtls_libdtls_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(GNUTLS_CFLAGS)
plugins_dtls_libdtls_la_CFLAGS = $(PLUGIN_CFLAGS)

plugin_LTLIBRARIES += dtls.la
dtls_la_SOURCES =
dtls_la_LDFLAGS = $(PLUGIN_LDFLAGS)
dtls_la_LIBADD = plugins/dtls/libdtls.la plugins/lib/ratelimit/libratelimit.la plugins/lib/tlscommon/libtlscommon.la $(GNUTLS_LIBS)

dist_man_MANS += plugins/dtls/hopgate-dtls.5

if HAVE_CHECK
DTLS_TEST_CPPFLAGS = $(core_libcore_la_CPPFLAGS) -DTEST_TRANSPORT='"plugins/dtls/tests/transport.h"'
check_LTLIBRARIES += plugins/dtls/libtest_pair.la
plugins_dtls_libtest_pair_la_SOURCES = \
	plugins/dtls/tests/transport.h tests/unit/transport_pair.c tests/unit/transport_pair.h
plugins_dtls_libtest_pair_la_CPPFLAGS = $(DTLS_TEST_CPPFLAGS)
plugins_dtls_libtest_pair_la_CFLAGS = $(UNIT_CFLAGS)
DTLS_TEST_LDADD = plugins/dtls/libtest_pair.la plugins/dtls/libdtls.la plugins/lib/ratelimit/libratelimit.la \
	plugins/lib/tlscommon/libtlscommon.la $(UNIT_LDADD)

check_PROGRAMS += tests/unit/test_dtls
TESTS += tests/unit/test_dtls
tests_unit_test_dtls_SOURCES = \
	plugins/dtls/tests/address.c \
	plugins/dtls/tests/cases.h \
	plugins/dtls/tests/config.c \
	plugins/dtls/tests/data.c \
	plugins/dtls/tests/handshake.c \
	plugins/dtls/tests/hostile.c \
	plugins/dtls/tests/kernel.c plugins/dtls/tests/kernel.h \
	plugins/dtls/tests/main.c \
	plugins/dtls/tests/roster.c \
	plugins/dtls/tests/sockets.c \
	plugins/dtls/tests/unit.c \
	tests/unit/transport_cases.c tests/unit/transport_cases.h
tests_unit_test_dtls_CPPFLAGS = $(DTLS_TEST_CPPFLAGS)
tests_unit_test_dtls_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_dtls_LDADD = $(DTLS_TEST_LDADD)

check_PROGRAMS += tests/bench/dtls_bench
tests_bench_dtls_bench_SOURCES = tests/bench/link_bench.c
tests_bench_dtls_bench_CPPFLAGS = $(DTLS_TEST_CPPFLAGS)
tests_bench_dtls_bench_CFLAGS = $(UNIT_CFLAGS)
tests_bench_dtls_bench_LDADD = $(DTLS_TEST_LDADD)
endif
