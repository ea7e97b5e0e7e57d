# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

EXTRA_DIST += plugins/lib/jose/README.md
# JSON signed with a key (JOSE): acme uses it.
noinst_LTLIBRARIES += plugins/lib/jose/libjose.la
plugins_lib_jose_libjose_la_SOURCES = \
	plugins/lib/jose/base64url.c plugins/lib/jose/base64url.h \
	plugins/lib/jose/jose.c plugins/lib/jose/jose.h
plugins_lib_jose_libjose_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(GNUTLS_CFLAGS) $(JANSSON_CFLAGS)
plugins_lib_jose_libjose_la_CFLAGS = $(PLUGIN_CFLAGS)

if HAVE_CHECK
check_PROGRAMS += plugins/lib/jose/test_jose
TESTS += plugins/lib/jose/test_jose
plugins_lib_jose_test_jose_SOURCES = plugins/lib/jose/test_jose.c
plugins_lib_jose_test_jose_CPPFLAGS = $(plugins_lib_jose_libjose_la_CPPFLAGS)
plugins_lib_jose_test_jose_CFLAGS = $(UNIT_CFLAGS)
plugins_lib_jose_test_jose_LDADD = plugins/lib/jose/libjose.la $(CHECK_LIBS) $(GNUTLS_LIBS) $(JANSSON_LIBS)
endif
