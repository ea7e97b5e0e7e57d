# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

EXTRA_DIST += plugins/lib/x509/README.md
# Keys and certificates: for the plugins `acme`, `acme_tlsalpn01` and `tls_files`.
noinst_LTLIBRARIES += plugins/lib/x509/libx509.la
plugins_lib_x509_libx509_la_SOURCES = \
	plugins/lib/x509/certificate.c \
	plugins/lib/x509/x509.c plugins/lib/x509/x509.h
plugins_lib_x509_libx509_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(GNUTLS_CFLAGS)
plugins_lib_x509_libx509_la_CFLAGS = $(PLUGIN_CFLAGS)

if HAVE_CHECK
check_PROGRAMS += plugins/lib/x509/test_x509
TESTS += plugins/lib/x509/test_x509
plugins_lib_x509_test_x509_SOURCES = plugins/lib/x509/test_x509.c
plugins_lib_x509_test_x509_CPPFLAGS = $(plugins_lib_x509_libx509_la_CPPFLAGS)
plugins_lib_x509_test_x509_CFLAGS = $(UNIT_CFLAGS)
plugins_lib_x509_test_x509_LDADD = plugins/lib/x509/libx509.la $(CHECK_LIBS) $(GNUTLS_LIBS)
endif
