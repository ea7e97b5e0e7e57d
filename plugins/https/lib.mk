# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# Calls to HTTPS servers on a worker's loop: acme uses them.
noinst_LTLIBRARIES += plugins/https/libhttps.la
plugins_https_libhttps_la_SOURCES = \
	plugins/https/header.c \
	plugins/https/https.c plugins/https/https.h \
	plugins/https/trust.c plugins/https/trust.h
plugins_https_libhttps_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(GNUTLS_CFLAGS) $(CURL_CFLAGS)
plugins_https_libhttps_la_CFLAGS = $(PLUGIN_CFLAGS)

if HAVE_CHECK
check_PROGRAMS += plugins/https/test_https
TESTS += plugins/https/test_https
plugins_https_test_https_SOURCES = plugins/https/test_https.c
plugins_https_test_https_CPPFLAGS = $(core_libcore_la_CPPFLAGS) $(GNUTLS_CFLAGS)
plugins_https_test_https_CFLAGS = $(UNIT_CFLAGS)
plugins_https_test_https_LDADD = plugins/https/libhttps.la $(UNIT_LDADD) $(GNUTLS_LIBS) $(CURL_LIBS) -lpthread
endif
