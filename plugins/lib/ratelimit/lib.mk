# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

EXTRA_DIST += plugins/lib/ratelimit/README.md
# Dividing the processor among the sources of handshakes: a limit for each, and turns. For the plugins `dtls`, `http` and
# `tls`.
noinst_LTLIBRARIES += plugins/lib/ratelimit/libratelimit.la
plugins_lib_ratelimit_libratelimit_la_SOURCES = \
	plugins/lib/ratelimit/ratelimit.c plugins/lib/ratelimit/ratelimit.h \
	plugins/lib/ratelimit/source_counts.c plugins/lib/ratelimit/source_counts.h \
	plugins/lib/ratelimit/signing_queue.c plugins/lib/ratelimit/signing_queue.h
plugins_lib_ratelimit_libratelimit_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
plugins_lib_ratelimit_libratelimit_la_CFLAGS = $(PLUGIN_CFLAGS)

if HAVE_CHECK
check_PROGRAMS += plugins/lib/ratelimit/test_ratelimit
TESTS += plugins/lib/ratelimit/test_ratelimit
plugins_lib_ratelimit_test_ratelimit_SOURCES = \
	plugins/lib/ratelimit/test_ratelimit.c tests/unit/fake_host.c tests/unit/fake_host.h
plugins_lib_ratelimit_test_ratelimit_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
plugins_lib_ratelimit_test_ratelimit_CFLAGS = $(UNIT_CFLAGS)
plugins_lib_ratelimit_test_ratelimit_LDADD = plugins/lib/ratelimit/libratelimit.la $(UNIT_LDADD)

check_PROGRAMS += plugins/lib/ratelimit/test_signing_queue
TESTS += plugins/lib/ratelimit/test_signing_queue
plugins_lib_ratelimit_test_signing_queue_SOURCES = \
	plugins/lib/ratelimit/test_signing_queue.c tests/unit/clock.c tests/unit/clock.h tests/unit/fake_host.c tests/unit/fake_host.h
plugins_lib_ratelimit_test_signing_queue_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
plugins_lib_ratelimit_test_signing_queue_CFLAGS = $(UNIT_CFLAGS)
plugins_lib_ratelimit_test_signing_queue_LDADD = plugins/lib/ratelimit/libratelimit.la $(UNIT_LDADD)
endif
