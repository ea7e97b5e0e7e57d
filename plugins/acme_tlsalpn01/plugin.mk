# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

EXTRA_DIST += plugins/acme_tlsalpn01/README.md
acme_tlsalpn01_sources = \
	plugins/acme_tlsalpn01/acme_tlsalpn01.c \
	plugins/acme_tlsalpn01/validation.c plugins/acme_tlsalpn01/validation.h

plugin_LTLIBRARIES += acme_tlsalpn01.la
acme_tlsalpn01_la_SOURCES = $(acme_tlsalpn01_sources)
acme_tlsalpn01_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(GNUTLS_CFLAGS)
acme_tlsalpn01_la_CFLAGS = $(PLUGIN_CFLAGS)
acme_tlsalpn01_la_LDFLAGS = $(PLUGIN_LDFLAGS)
acme_tlsalpn01_la_LIBADD = $(GNUTLS_LIBS)

dist_man_MANS += plugins/acme_tlsalpn01/hopgate-acme_tlsalpn01.5

if HAVE_CHECK
check_PROGRAMS += plugins/acme_tlsalpn01/test_acme_tlsalpn01
TESTS += plugins/acme_tlsalpn01/test_acme_tlsalpn01
plugins_acme_tlsalpn01_test_acme_tlsalpn01_SOURCES = \
	plugins/acme_tlsalpn01/test_acme_tlsalpn01.c $(acme_tlsalpn01_sources)
plugins_acme_tlsalpn01_test_acme_tlsalpn01_CPPFLAGS = $(acme_tlsalpn01_la_CPPFLAGS)
plugins_acme_tlsalpn01_test_acme_tlsalpn01_CFLAGS = $(UNIT_CFLAGS)
plugins_acme_tlsalpn01_test_acme_tlsalpn01_LDADD = tests/unit/libfake_host.la $(CHECK_LIBS) $(GNUTLS_LIBS)
endif
