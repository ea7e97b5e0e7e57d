# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# URLs of local services: route checks them, origin connects to them.
noinst_LTLIBRARIES += plugins/url/liburl.la
plugins_url_liburl_la_SOURCES = plugins/url/map.c plugins/url/map.h plugins/url/url.c plugins/url/url.h
plugins_url_liburl_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
plugins_url_liburl_la_CFLAGS = $(PLUGIN_CFLAGS)

if HAVE_CHECK
check_PROGRAMS += plugins/url/test_map
TESTS += plugins/url/test_map
plugins_url_test_map_SOURCES = plugins/url/test_map.c
plugins_url_test_map_CPPFLAGS = $(plugins_url_liburl_la_CPPFLAGS)
plugins_url_test_map_CFLAGS = $(UNIT_CFLAGS)
plugins_url_test_map_LDADD = plugins/url/liburl.la core/libcore.la $(CHECK_LIBS)
endif
