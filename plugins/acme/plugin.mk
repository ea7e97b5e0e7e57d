# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

acme_parts = \
	plugins/acme/base64url.c plugins/acme/base64url.h \
	plugins/acme/options.c plugins/acme/options.h \
	plugins/acme/name.c plugins/acme/name.h \
	plugins/acme/pair.c plugins/acme/pair.h

plugin_LTLIBRARIES += acme.la
acme_la_SOURCES = plugins/acme/acme.c $(acme_parts)
acme_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(GNUTLS_CFLAGS) $(JANSSON_CFLAGS)
acme_la_CFLAGS = $(PLUGIN_CFLAGS)
acme_la_LDFLAGS = $(PLUGIN_LDFLAGS)
acme_la_LIBADD = $(GNUTLS_LIBS) $(JANSSON_LIBS)

dist_man_MANS += plugins/acme/hopgate-acme.5

if HAVE_CHECK
check_PROGRAMS += plugins/acme/test_acme
TESTS += plugins/acme/test_acme
plugins_acme_test_acme_SOURCES = \
	plugins/acme/tests/cases.h \
	plugins/acme/tests/main.c \
	plugins/acme/tests/parts.c \
	$(acme_parts)
plugins_acme_test_acme_CPPFLAGS = $(acme_la_CPPFLAGS)
plugins_acme_test_acme_CFLAGS = $(UNIT_CFLAGS)
plugins_acme_test_acme_LDADD = tests/unit/libfake_host.la $(CHECK_LIBS) $(GNUTLS_LIBS) $(JANSSON_LIBS)
endif
