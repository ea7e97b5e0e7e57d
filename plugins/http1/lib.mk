# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# HTTP/1 for the plugins `http` and `origin`; linked into each of them.
noinst_LTLIBRARIES += plugins/http1/libhttp1.la
plugins_http1_libhttp1_la_SOURCES = \
	plugins/http1/body.c \
	plugins/http1/fields.c \
	plugins/http1/http1.h \
	plugins/http1/internal.h \
	plugins/http1/parse.c \
	plugins/http1/scan.c \
	plugins/http1/target.c \
	plugins/http1/write.c
plugins_http1_libhttp1_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
plugins_http1_libhttp1_la_CFLAGS = $(PLUGIN_CFLAGS)
plugins_http1_libhttp1_la_LIBADD = $(HTTP_PARSER_LIBS)

if HAVE_CHECK
check_PROGRAMS += plugins/http1/test_http1
TESTS += plugins/http1/test_http1
plugins_http1_test_http1_SOURCES = \
	plugins/http1/tests/cases.h \
	plugins/http1/tests/corpus.c \
	plugins/http1/tests/main.c \
	plugins/http1/tests/reader.c \
	plugins/http1/tests/requests.c \
	plugins/http1/tests/responses.c \
	plugins/http1/tests/writing.c
plugins_http1_test_http1_CPPFLAGS = $(core_libcore_la_CPPFLAGS) -DCORPUS='"$(abs_top_srcdir)/tests/corpus/"'
plugins_http1_test_http1_CFLAGS = $(UNIT_CFLAGS)
plugins_http1_test_http1_LDADD = plugins/http1/libhttp1.la $(UNIT_LDADD)
endif
