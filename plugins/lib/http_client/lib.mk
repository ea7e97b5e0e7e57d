# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

EXTRA_DIST += plugins/lib/http_client/README.md
# Requests to HTTPS servers from a worker's loop, for the plugin `acme`.
noinst_LTLIBRARIES += plugins/lib/http_client/libhttp_client.la
plugins_lib_http_client_libhttp_client_la_SOURCES = \
	plugins/lib/http_client/response_fields.c \
	plugins/lib/http_client/http_client.c plugins/lib/http_client/http_client.h \
	plugins/lib/http_client/trusted_cas.c plugins/lib/http_client/trusted_cas.h
plugins_lib_http_client_libhttp_client_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(GNUTLS_CFLAGS) $(CURL_CFLAGS)
plugins_lib_http_client_libhttp_client_la_CFLAGS = $(PLUGIN_CFLAGS)

if HAVE_CHECK
check_PROGRAMS += plugins/lib/http_client/test_http_client
TESTS += plugins/lib/http_client/test_http_client
plugins_lib_http_client_test_http_client_SOURCES = plugins/lib/http_client/test_http_client.c
plugins_lib_http_client_test_http_client_CPPFLAGS = $(core_libcore_la_CPPFLAGS) $(GNUTLS_CFLAGS)
plugins_lib_http_client_test_http_client_CFLAGS = $(UNIT_CFLAGS)
plugins_lib_http_client_test_http_client_LDADD = plugins/lib/http_client/libhttp_client.la $(UNIT_LDADD) $(GNUTLS_LIBS) $(CURL_LIBS) -lpthread
endif
