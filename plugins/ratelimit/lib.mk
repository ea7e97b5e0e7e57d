# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# A limit for the handshakes of each source, for the plugins `dtls` and `tls`.
noinst_LTLIBRARIES += plugins/ratelimit/libratelimit.la
plugins_ratelimit_libratelimit_la_SOURCES = plugins/ratelimit/ratelimit.c plugins/ratelimit/ratelimit.h
plugins_ratelimit_libratelimit_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
plugins_ratelimit_libratelimit_la_CFLAGS = $(PLUGIN_CFLAGS)

if HAVE_CHECK
check_PROGRAMS += plugins/ratelimit/test_ratelimit
TESTS += plugins/ratelimit/test_ratelimit
plugins_ratelimit_test_ratelimit_SOURCES = \
	plugins/ratelimit/test_ratelimit.c tests/unit/fake_host.c tests/unit/fake_host.h
plugins_ratelimit_test_ratelimit_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
plugins_ratelimit_test_ratelimit_CFLAGS = $(UNIT_CFLAGS)
plugins_ratelimit_test_ratelimit_LDADD = plugins/ratelimit/libratelimit.la $(UNIT_LDADD)
endif
