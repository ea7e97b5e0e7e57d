# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

plugin_LTLIBRARIES += acme_tlsalpn01.la
acme_tlsalpn01_la_SOURCES = plugins/acme_tlsalpn01/acme_tlsalpn01.c
acme_tlsalpn01_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(GNUTLS_CFLAGS)
acme_tlsalpn01_la_CFLAGS = $(PLUGIN_CFLAGS)
acme_tlsalpn01_la_LDFLAGS = $(PLUGIN_LDFLAGS)
acme_tlsalpn01_la_LIBADD = plugins/lib/x509/libx509.la $(GNUTLS_LIBS)

dist_man_MANS += plugins/acme_tlsalpn01/hopgate-acme_tlsalpn01.5

if HAVE_CHECK
check_PROGRAMS += plugins/acme_tlsalpn01/test_acme_tlsalpn01
TESTS += plugins/acme_tlsalpn01/test_acme_tlsalpn01
plugins_acme_tlsalpn01_test_acme_tlsalpn01_SOURCES = \
	plugins/acme_tlsalpn01/test_acme_tlsalpn01.c plugins/acme_tlsalpn01/acme_tlsalpn01.c
plugins_acme_tlsalpn01_test_acme_tlsalpn01_CPPFLAGS = $(acme_tlsalpn01_la_CPPFLAGS)
plugins_acme_tlsalpn01_test_acme_tlsalpn01_CFLAGS = $(UNIT_CFLAGS)
plugins_acme_tlsalpn01_test_acme_tlsalpn01_LDADD = plugins/lib/x509/libx509.la tests/unit/libfake_host.la $(CHECK_LIBS) $(GNUTLS_LIBS)
endif
