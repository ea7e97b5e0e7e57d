# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

http_sources = \
	plugins/http/connection.c plugins/http/connection.h \
	plugins/http/discard.c \
	plugins/http/error.c \
	plugins/http/forwarded.c \
	plugins/http/http.c \
	plugins/http/http.h \
	plugins/http/input.c \
	plugins/http/output.c \
	plugins/http/protocol.c plugins/http/protocol.h \
	plugins/http/request.c \
	plugins/http/response.c \
	plugins/http/tls.c plugins/http/tls.h

plugin_LTLIBRARIES += http.la
http_la_SOURCES = $(http_sources)
http_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(GNUTLS_CFLAGS)
http_la_CFLAGS = $(PLUGIN_CFLAGS)
http_la_LDFLAGS = $(PLUGIN_LDFLAGS)
http_la_LIBADD = plugins/lib/accept/libaccept.la plugins/lib/http1/libhttp1.la plugins/lib/ratelimit/libratelimit.la \
	plugins/lib/tlscommon/libtlscommon.la $(GNUTLS_LIBS)

dist_man_MANS += plugins/http/hopgate-http.5

if HAVE_CHECK
check_PROGRAMS += plugins/http/test_http
TESTS += plugins/http/test_http
plugins_http_test_http_SOURCES = \
	plugins/http/tests/answer.c plugins/http/tests/answer.h \
	plugins/http/tests/bench.c \
	plugins/http/tests/bodies.c \
	plugins/http/tests/cases.h \
	plugins/http/tests/connections.c \
	plugins/http/tests/corpus.c \
	plugins/http/tests/early.c \
	plugins/http/tests/errors.c \
	plugins/http/tests/main.c \
	plugins/http/tests/requests.c \
	plugins/http/tests/tls.c \
	plugins/http/tests/transfer.c \
	plugins/http/tests/user.c \
	$(http_sources)
plugins_http_test_http_CPPFLAGS = $(core_libcore_la_CPPFLAGS) -Dhopgate_plugin=http_plugin \
	-DCORPUS='"$(abs_top_srcdir)/tests/corpus/"'
plugins_http_test_http_CFLAGS = $(UNIT_CFLAGS)
plugins_http_test_http_LDADD = plugins/lib/accept/libaccept.la plugins/lib/http1/libhttp1.la plugins/lib/ratelimit/libratelimit.la \
	plugins/lib/tlscommon/libtlscommon.la $(UNIT_LDADD)
endif
