# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# How the handshakes of all sources share the processor: a limit for each, and turns. For the plugins `dtls`, `http` and
# `tls`.
noinst_LTLIBRARIES += plugins/ratelimit/libratelimit.la
plugins_ratelimit_libratelimit_la_SOURCES = \
	plugins/ratelimit/ratelimit.c plugins/ratelimit/ratelimit.h \
	plugins/ratelimit/shares.c plugins/ratelimit/shares.h \
	plugins/ratelimit/turns.c plugins/ratelimit/turns.h
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

check_PROGRAMS += plugins/ratelimit/test_turns
TESTS += plugins/ratelimit/test_turns
plugins_ratelimit_test_turns_SOURCES = \
	plugins/ratelimit/test_turns.c tests/unit/clock.c tests/unit/clock.h tests/unit/fake_host.c tests/unit/fake_host.h
plugins_ratelimit_test_turns_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
plugins_ratelimit_test_turns_CFLAGS = $(UNIT_CFLAGS)
plugins_ratelimit_test_turns_LDADD = plugins/ratelimit/libratelimit.la $(UNIT_LDADD)
endif
