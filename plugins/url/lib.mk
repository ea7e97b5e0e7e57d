# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# URLs of local services: route checks them, origin connects to them.
noinst_LTLIBRARIES += plugins/url/liburl.la
plugins_url_liburl_la_SOURCES = plugins/url/url.c plugins/url/url.h
plugins_url_liburl_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
plugins_url_liburl_la_CFLAGS = $(PLUGIN_CFLAGS)
