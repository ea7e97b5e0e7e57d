# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

plugin_LTLIBRARIES += acme_http01.la
acme_http01_la_SOURCES = plugins/acme_http01/acme_http01.c
acme_http01_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(GNUTLS_CFLAGS)
acme_http01_la_CFLAGS = $(PLUGIN_CFLAGS)
acme_http01_la_LDFLAGS = $(PLUGIN_LDFLAGS)

dist_man_MANS += plugins/acme_http01/hopgate-acme_http01.5

if HAVE_CHECK
check_PROGRAMS += plugins/acme_http01/test_acme_http01
TESTS += plugins/acme_http01/test_acme_http01
plugins_acme_http01_test_acme_http01_SOURCES = \
	plugins/acme_http01/acme_http01.c plugins/acme_http01/test_acme_http01.c
plugins_acme_http01_test_acme_http01_CPPFLAGS = $(core_libcore_la_CPPFLAGS) $(GNUTLS_CFLAGS)
plugins_acme_http01_test_acme_http01_CFLAGS = $(UNIT_CFLAGS)
plugins_acme_http01_test_acme_http01_LDADD = plugins/tls/libtest_edge.la plugins/lib/accept/libaccept.la plugins/lib/ratelimit/libratelimit.la \
	plugins/lib/tlscommon/libtlscommon.la $(UNIT_LDADD)
endif
