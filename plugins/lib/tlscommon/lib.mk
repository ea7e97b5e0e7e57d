# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

EXTRA_DIST += plugins/lib/tlscommon/README.md
# Shared by the plugins that use TLS or DTLS; linked into each of them.
noinst_LTLIBRARIES += plugins/lib/tlscommon/libtlscommon.la
plugins_lib_tlscommon_libtlscommon_la_SOURCES = \
	plugins/lib/tlscommon/handshake_certificate.c plugins/lib/tlscommon/handshake_certificate.h \
	plugins/lib/tlscommon/gateway_connect.c plugins/lib/tlscommon/gateway_connect.h \
	plugins/lib/tlscommon/client_hello_read.c plugins/lib/tlscommon/client_hello_read.h \
	plugins/lib/tlscommon/tcp_input.c plugins/lib/tlscommon/tcp_input.h \
	plugins/lib/tlscommon/peer_check.c plugins/lib/tlscommon/peer_check.h \
	plugins/lib/tlscommon/tls_setup.c plugins/lib/tlscommon/tls_setup.h
plugins_lib_tlscommon_libtlscommon_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(GNUTLS_CFLAGS)
plugins_lib_tlscommon_libtlscommon_la_CFLAGS = $(PLUGIN_CFLAGS)
