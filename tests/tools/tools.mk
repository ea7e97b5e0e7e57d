# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# The environment of hopgate in end-to-end tests, demo and benchmark: a service, a crowd of users and a network path.
# Never built with sanitizers, so that they are not the bottleneck.
check_PROGRAMS += tests/tools/origin tests/tools/load tests/tools/relay

tests_tools_origin_SOURCES = tests/tools/origin.c tests/tools/pattern.h
tests_tools_origin_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(GNUTLS_CFLAGS)
tests_tools_origin_CFLAGS = -std=c11 $(WARNING_CFLAGS) -pthread
tests_tools_origin_LDFLAGS =
tests_tools_origin_LDADD = $(GNUTLS_LIBS) -lpthread

tests_tools_load_SOURCES = tests/tools/load.c
tests_tools_load_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(GNUTLS_CFLAGS)
tests_tools_load_CFLAGS = -std=c11 $(WARNING_CFLAGS)
tests_tools_load_LDFLAGS =
tests_tools_load_LDADD = $(GNUTLS_LIBS)

tests_tools_relay_SOURCES = tests/tools/relay.c tests/sim/random.h
tests_tools_relay_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_tools_relay_CFLAGS = -std=c11 $(WARNING_CFLAGS)
tests_tools_relay_LDFLAGS =
tests_tools_relay_LDADD =

# Preloaded into programs, to let days pass or to kill them at a chosen place. These are modules in tests/tools/.libs.
check_LTLIBRARIES += tests/tools/clock.la tests/tools/faultpoint.la
tests_tools_clock_la_SOURCES = tests/tools/clock.c
tests_tools_clock_la_CFLAGS = -std=c11 $(WARNING_CFLAGS)
tests_tools_clock_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere
tests_tools_faultpoint_la_SOURCES = tests/tools/faultpoint.c
tests_tools_faultpoint_la_CFLAGS = -std=c11 $(WARNING_CFLAGS)
tests_tools_faultpoint_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere

# A plugin that breaks the contract.
check_LTLIBRARIES += tests/tools/breach.la
tests_tools_breach_la_SOURCES = tests/tools/breach.c
tests_tools_breach_la_CFLAGS = $(PLUGIN_CFLAGS)
tests_tools_breach_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)

# The example access_log, built here for tests/e2e/access_log.py.
check_LTLIBRARIES += tests/tools/access_log.la
tests_tools_access_log_la_SOURCES = examples/access_log/access_log.c
tests_tools_access_log_la_CFLAGS = $(PLUGIN_CFLAGS)
tests_tools_access_log_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
