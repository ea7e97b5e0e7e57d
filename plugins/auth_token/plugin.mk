# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

EXTRA_DIST += plugins/auth_token/README.md
auth_token_sources = \
	plugins/auth_token/auth_token.c plugins/auth_token/auth_token.h \
	plugins/auth_token/token_command.c \
	plugins/auth_token/verify.c \
	plugins/auth_token/token_file.c plugins/auth_token/token_file.h \
	plugins/auth_token/file_watch.c plugins/auth_token/file_watch.h

plugin_LTLIBRARIES += auth_token.la
auth_token_la_SOURCES = $(auth_token_sources)
auth_token_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(GNUTLS_CFLAGS) $(JANSSON_CFLAGS)
auth_token_la_CFLAGS = $(PLUGIN_CFLAGS)
auth_token_la_LDFLAGS = $(PLUGIN_LDFLAGS)
auth_token_la_LIBADD = $(GNUTLS_LIBS) $(JANSSON_LIBS)

dist_man_MANS += plugins/auth_token/hopgate-auth_token.5

if HAVE_CHECK
check_PROGRAMS += plugins/auth_token/test_auth_token
TESTS += plugins/auth_token/test_auth_token
plugins_auth_token_test_auth_token_SOURCES = plugins/auth_token/test_auth_token.c $(auth_token_sources)
plugins_auth_token_test_auth_token_CPPFLAGS = $(auth_token_la_CPPFLAGS)
plugins_auth_token_test_auth_token_CFLAGS = $(UNIT_CFLAGS)
plugins_auth_token_test_auth_token_LDADD = tests/unit/libfake_host.la $(CHECK_LIBS) $(GNUTLS_LIBS) $(JANSSON_LIBS)
endif
