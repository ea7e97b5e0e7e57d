# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

EXTRA_DIST += plugins/tls_files/README.md
tls_files_sources = \
	plugins/tls_files/certificate_file.c plugins/tls_files/certificate_file.h \
	plugins/tls_files/tls_files.c

plugin_LTLIBRARIES += tls_files.la
tls_files_la_SOURCES = $(tls_files_sources)
tls_files_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(GNUTLS_CFLAGS)
tls_files_la_CFLAGS = $(PLUGIN_CFLAGS)
tls_files_la_LDFLAGS = $(PLUGIN_LDFLAGS)
tls_files_la_LIBADD = plugins/lib/x509/libx509.la $(GNUTLS_LIBS)

dist_man_MANS += plugins/tls_files/hopgate-tls_files.5

if HAVE_CHECK
check_PROGRAMS += plugins/tls_files/test_tls_files
TESTS += plugins/tls_files/test_tls_files
plugins_tls_files_test_tls_files_SOURCES = plugins/tls_files/test_tls_files.c $(tls_files_sources)
plugins_tls_files_test_tls_files_CPPFLAGS = $(tls_files_la_CPPFLAGS)
plugins_tls_files_test_tls_files_CFLAGS = $(UNIT_CFLAGS)
plugins_tls_files_test_tls_files_LDADD = plugins/lib/x509/libx509.la tests/unit/libfake_host.la $(CHECK_LIBS) $(GNUTLS_LIBS)
endif
