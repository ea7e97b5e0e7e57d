# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# What the plugins that speak TLS or DTLS share; linked into each of them.
noinst_LTLIBRARIES += plugins/lib/tlscommon/libtlscommon.la
plugins_lib_tlscommon_libtlscommon_la_SOURCES = \
	plugins/lib/tlscommon/certificate.c plugins/lib/tlscommon/certificate.h \
	plugins/lib/tlscommon/connect.c plugins/lib/tlscommon/connect.h \
	plugins/lib/tlscommon/hello.c plugins/lib/tlscommon/hello.h \
	plugins/lib/tlscommon/input.c plugins/lib/tlscommon/input.h \
	plugins/lib/tlscommon/peer.c plugins/lib/tlscommon/peer.h \
	plugins/lib/tlscommon/setup.c plugins/lib/tlscommon/setup.h
plugins_lib_tlscommon_libtlscommon_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(GNUTLS_CFLAGS)
plugins_lib_tlscommon_libtlscommon_la_CFLAGS = $(PLUGIN_CFLAGS)
