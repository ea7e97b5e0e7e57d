# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# What the plugins that speak TLS or DTLS share; linked into each of them.
noinst_LTLIBRARIES += plugins/tlscommon/libtlscommon.la
plugins_tlscommon_libtlscommon_la_SOURCES = \
	plugins/tlscommon/certificate.c plugins/tlscommon/certificate.h \
	plugins/tlscommon/connect.c plugins/tlscommon/connect.h \
	plugins/tlscommon/hello.c plugins/tlscommon/hello.h \
	plugins/tlscommon/input.c plugins/tlscommon/input.h \
	plugins/tlscommon/peer.c plugins/tlscommon/peer.h \
	plugins/tlscommon/setup.c plugins/tlscommon/setup.h
plugins_tlscommon_libtlscommon_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(GNUTLS_CFLAGS)
plugins_tlscommon_libtlscommon_la_CFLAGS = $(PLUGIN_CFLAGS)
