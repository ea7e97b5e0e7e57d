# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# Calls to HTTPS servers on a worker's loop: acme uses them.
noinst_LTLIBRARIES += plugins/https/libhttps.la
plugins_https_libhttps_la_SOURCES = plugins/https/header.c plugins/https/https.c plugins/https/https.h
plugins_https_libhttps_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(CURL_CFLAGS)
plugins_https_libhttps_la_CFLAGS = $(PLUGIN_CFLAGS)
