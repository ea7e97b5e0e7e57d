# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# URLs of local services: route checks them, origin connects to them.
noinst_LTLIBRARIES += plugins/lib/url/liburl.la
plugins_lib_url_liburl_la_SOURCES = plugins/lib/url/map.c plugins/lib/url/map.h plugins/lib/url/url.c plugins/lib/url/url.h
plugins_lib_url_liburl_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
plugins_lib_url_liburl_la_CFLAGS = $(PLUGIN_CFLAGS)

if HAVE_CHECK
check_PROGRAMS += plugins/lib/url/test_map
TESTS += plugins/lib/url/test_map
plugins_lib_url_test_map_SOURCES = plugins/lib/url/test_map.c
plugins_lib_url_test_map_CPPFLAGS = $(plugins_lib_url_liburl_la_CPPFLAGS)
plugins_lib_url_test_map_CFLAGS = $(UNIT_CFLAGS)
plugins_lib_url_test_map_LDADD = plugins/lib/url/liburl.la core/libcore.la $(CHECK_LIBS)
endif
