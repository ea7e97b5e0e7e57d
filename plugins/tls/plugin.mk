# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

EXTRA_DIST += plugins/tls/README.md
# A library, so that the tests can drive the parts of the plugin.
noinst_LTLIBRARIES += plugins/tls/libtls.la
plugins_tls_libtls_la_SOURCES = \
	plugins/tls/client.c plugins/tls/client.h \
	plugins/tls/connection.c plugins/tls/connection.h \
	plugins/tls/gateway.c plugins/tls/gateway.h \
	plugins/tls/output.c plugins/tls/output.h \
	plugins/tls/packet_framing.c plugins/tls/packet_framing.h \
	plugins/tls/tls.c plugins/tls/tls.h
plugins_tls_libtls_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(GNUTLS_CFLAGS)
plugins_tls_libtls_la_CFLAGS = $(PLUGIN_CFLAGS)

plugin_LTLIBRARIES += tls.la
tls_la_SOURCES =
tls_la_LDFLAGS = $(PLUGIN_LDFLAGS)
tls_la_LIBADD = plugins/tls/libtls.la plugins/lib/accept/libaccept.la plugins/lib/ratelimit/libratelimit.la \
	plugins/lib/tlscommon/libtlscommon.la $(GNUTLS_LIBS)

dist_man_MANS += plugins/tls/hopgate-tls.5

if HAVE_CHECK
TLS_TEST_CPPFLAGS = $(core_libcore_la_CPPFLAGS) -DTEST_TRANSPORT='"plugins/tls/tests/transport.h"'
TLS_TEST_LDADD = plugins/tls/libtls.la plugins/lib/accept/libaccept.la plugins/lib/ratelimit/libratelimit.la \
	plugins/lib/tlscommon/libtlscommon.la $(UNIT_LDADD)

# The complete edge, for connections that come from it.
check_LTLIBRARIES += plugins/tls/libtest_edge.la
plugins_tls_libtest_edge_la_SOURCES = plugins/tls/tests/edge.c $(http_sources)
plugins_tls_libtest_edge_la_CPPFLAGS = $(core_libcore_la_CPPFLAGS) -Dhopgate_plugin=http_plugin
plugins_tls_libtest_edge_la_CFLAGS = $(UNIT_CFLAGS)
plugins_tls_libtest_edge_la_LIBADD = plugins/lib/http1/libhttp1.la

check_PROGRAMS += tests/unit/test_tls
TESTS += tests/unit/test_tls
tests_unit_test_tls_SOURCES = \
	plugins/tls/tests/cases.h \
	plugins/tls/tests/config.c \
	plugins/tls/tests/data.c \
	plugins/tls/tests/handover.c \
	plugins/tls/tests/handshake.c \
	plugins/tls/tests/hostile.c \
	plugins/tls/tests/main.c \
	plugins/tls/tests/raw.c \
	plugins/tls/tests/stream.c \
	plugins/tls/tests/transport.h \
	tests/unit/transport_pair.c tests/unit/transport_pair.h \
	tests/unit/transport_cases.c tests/unit/transport_cases.h
tests_unit_test_tls_CPPFLAGS = $(TLS_TEST_CPPFLAGS)
tests_unit_test_tls_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_tls_LDADD = plugins/tls/libtest_edge.la $(TLS_TEST_LDADD)

check_PROGRAMS += tests/bench/tls_bench
tests_bench_tls_bench_SOURCES = tests/bench/link_bench.c tests/unit/transport_pair.c
tests_bench_tls_bench_CPPFLAGS = $(TLS_TEST_CPPFLAGS)
tests_bench_tls_bench_CFLAGS = $(UNIT_CFLAGS)
tests_bench_tls_bench_LDADD = $(TLS_TEST_LDADD)
endif
