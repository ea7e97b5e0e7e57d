# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

http_sources = \
	plugins/http/connection.c \
	plugins/http/error.c \
	plugins/http/forwarded.c \
	plugins/http/http.c \
	plugins/http/http.h \
	plugins/http/listener.c \
	plugins/http/request.c \
	plugins/http/response.c \
	plugins/http/tls.c

plugin_LTLIBRARIES += http.la
http_la_SOURCES = $(http_sources)
http_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(GNUTLS_CFLAGS)
http_la_CFLAGS = $(PLUGIN_CFLAGS)
http_la_LDFLAGS = $(PLUGIN_LDFLAGS)
http_la_LIBADD = plugins/http1/libhttp1.la $(GNUTLS_LIBS)
