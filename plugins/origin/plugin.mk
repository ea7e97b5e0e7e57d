# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

origin_sources = \
	plugins/origin/connection.c \
	plugins/origin/location_rewrite.c \
	plugins/origin/origin.c plugins/origin/origin.h \
	plugins/origin/output.c \
	plugins/origin/connection_pool.c \
	plugins/origin/request.c \
	plugins/origin/response.c \
	plugins/origin/rule.c

plugin_LTLIBRARIES += origin.la
origin_la_SOURCES = $(origin_sources)
origin_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
origin_la_CFLAGS = $(PLUGIN_CFLAGS)
origin_la_LDFLAGS = $(PLUGIN_LDFLAGS)
origin_la_LIBADD = plugins/lib/http1/libhttp1.la plugins/lib/url/liburl.la

dist_man_MANS += plugins/origin/hopgate-origin.5

if HAVE_CHECK
check_PROGRAMS += plugins/origin/test_origin
TESTS += plugins/origin/test_origin
plugins_origin_test_origin_SOURCES = \
	plugins/origin/tests/bodies.c \
	plugins/origin/tests/calls.c plugins/origin/tests/calls.h \
	plugins/origin/tests/cases.h \
	plugins/origin/tests/connections.c \
	plugins/origin/tests/kept.c \
	plugins/origin/tests/main.c \
	plugins/origin/tests/owned.c \
	plugins/origin/tests/pool.c \
	plugins/origin/tests/requests.c \
	plugins/origin/tests/responses.c \
	plugins/origin/tests/rules.c \
	plugins/origin/tests/scripts.c \
	plugins/origin/tests/service.c plugins/origin/tests/service.h \
	plugins/origin/tests/timing.c \
	plugins/origin/tests/user.c \
	$(origin_sources)
plugins_origin_test_origin_CPPFLAGS = $(core_libcore_la_CPPFLAGS) \
	-DCORPUS='"$(abs_top_srcdir)/tests/corpus/"'
# tests/calls.c replaces the plain functions, not the checking ones of FORTIFY_SOURCE.
plugins_origin_test_origin_CFLAGS = $(UNIT_CFLAGS) -U_FORTIFY_SOURCE
plugins_origin_test_origin_LDADD = $(origin_la_LIBADD) $(UNIT_LDADD)
endif
