# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

EXTRA_DIST += plugins/lib/http1/README.md
# HTTP/1 for the plugins `http` and `origin`; linked into each of them.
noinst_LTLIBRARIES += plugins/lib/http1/libhttp1.la
plugins_lib_http1_libhttp1_la_SOURCES = \
	plugins/lib/http1/body_read.c \
	plugins/lib/http1/framing_fields.c \
	plugins/lib/http1/http1.h \
	plugins/lib/http1/http1_internal.h \
	plugins/lib/http1/head_parse.c \
	plugins/lib/http1/head_syntax.c \
	plugins/lib/http1/request_target.c \
	plugins/lib/http1/message_write.c
plugins_lib_http1_libhttp1_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
plugins_lib_http1_libhttp1_la_CFLAGS = $(PLUGIN_CFLAGS)
plugins_lib_http1_libhttp1_la_LIBADD = $(HTTP_PARSER_LIBS)

if HAVE_CHECK
check_PROGRAMS += plugins/lib/http1/test_http1
TESTS += plugins/lib/http1/test_http1
plugins_lib_http1_test_http1_SOURCES = \
	plugins/lib/http1/tests/cases.h \
	plugins/lib/http1/tests/corpus.c \
	plugins/lib/http1/tests/main.c \
	plugins/lib/http1/tests/reader.c \
	plugins/lib/http1/tests/requests.c \
	plugins/lib/http1/tests/responses.c \
	plugins/lib/http1/tests/writing.c
plugins_lib_http1_test_http1_CPPFLAGS = $(core_libcore_la_CPPFLAGS) -DCORPUS='"$(abs_top_srcdir)/tests/corpus/"'
plugins_lib_http1_test_http1_CFLAGS = $(UNIT_CFLAGS)
plugins_lib_http1_test_http1_LDADD = plugins/lib/http1/libhttp1.la $(UNIT_LDADD)
endif
