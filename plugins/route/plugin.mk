# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

EXTRA_DIST += plugins/route/README.md
route_sources = \
	plugins/route/rules.c \
	plugins/route/route.c plugins/route/route.h \
	plugins/route/routing_table.c plugins/route/routing_table.h

plugin_LTLIBRARIES += route.la
route_la_SOURCES = $(route_sources)
route_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(JANSSON_CFLAGS)
route_la_CFLAGS = $(PLUGIN_CFLAGS)
route_la_LDFLAGS = $(PLUGIN_LDFLAGS)
route_la_LIBADD = plugins/lib/url/liburl.la

dist_man_MANS += plugins/route/hopgate-route.5

if HAVE_CHECK
check_PROGRAMS += plugins/route/test_route
TESTS += plugins/route/test_route
plugins_route_test_route_SOURCES = plugins/route/test_route.c $(route_sources)
plugins_route_test_route_CPPFLAGS = $(route_la_CPPFLAGS)
plugins_route_test_route_CFLAGS = $(UNIT_CFLAGS)
plugins_route_test_route_LDADD = plugins/lib/url/liburl.la core/libcore.la $(CHECK_LIBS)
endif
