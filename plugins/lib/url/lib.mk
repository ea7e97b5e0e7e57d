# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

EXTRA_DIST += plugins/lib/url/README.md
# URLs of local services: route checks them, origin connects to them.
noinst_LTLIBRARIES += plugins/lib/url/liburl.la
plugins_lib_url_liburl_la_SOURCES = plugins/lib/url/url_rewrite.c plugins/lib/url/url_rewrite.h plugins/lib/url/url.c plugins/lib/url/url.h
plugins_lib_url_liburl_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
plugins_lib_url_liburl_la_CFLAGS = $(PLUGIN_CFLAGS)

if HAVE_CHECK
check_PROGRAMS += plugins/lib/url/test_url_rewrite
TESTS += plugins/lib/url/test_url_rewrite
plugins_lib_url_test_url_rewrite_SOURCES = plugins/lib/url/test_url_rewrite.c
plugins_lib_url_test_url_rewrite_CPPFLAGS = $(plugins_lib_url_liburl_la_CPPFLAGS)
plugins_lib_url_test_url_rewrite_CFLAGS = $(UNIT_CFLAGS)
plugins_lib_url_test_url_rewrite_LDADD = plugins/lib/url/liburl.la core/libcore.la $(CHECK_LIBS)
endif
