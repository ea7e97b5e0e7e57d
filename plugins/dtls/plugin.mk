# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# A library, so that the tests drive what the plugin is made of.
noinst_LTLIBRARIES += plugins/dtls/libdtls.la
plugins_dtls_libdtls_la_SOURCES = \
	plugins/dtls/association.c plugins/dtls/association.h \
	plugins/dtls/certificate.c plugins/dtls/certificate.h \
	plugins/dtls/client.c plugins/dtls/client.h \
	plugins/dtls/cookie.c plugins/dtls/cookie.h \
	plugins/dtls/dtls.c plugins/dtls/dtls.h \
	plugins/dtls/gateway.c plugins/dtls/gateway.h \
	plugins/dtls/list.h \
	plugins/dtls/path.c plugins/dtls/path.h \
	plugins/dtls/record.c plugins/dtls/record.h \
	plugins/dtls/socket.c plugins/dtls/socket.h
plugins_dtls_libdtls_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(GNUTLS_CFLAGS)
plugins_dtls_libdtls_la_CFLAGS = $(PLUGIN_CFLAGS)

plugin_LTLIBRARIES += dtls.la
dtls_la_SOURCES =
dtls_la_LDFLAGS = $(PLUGIN_LDFLAGS)
dtls_la_LIBADD = plugins/dtls/libdtls.la $(GNUTLS_LIBS)
