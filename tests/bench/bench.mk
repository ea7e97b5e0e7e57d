# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

EXTRA_DIST += tests/bench/bench.py tests/bench/idle.py tests/bench/tunnel.py tests/bench/wan.py

if HAVE_CHECK
# The tunnel over real links, without exchanges.
check_LTLIBRARIES += tests/bench/libtunnel_driver.la
tests_bench_libtunnel_driver_la_SOURCES = tests/bench/tunnel_driver.c tests/bench/tunnel_driver.h
tests_bench_libtunnel_driver_la_CPPFLAGS = $(DTLS_TEST_CPPFLAGS)
tests_bench_libtunnel_driver_la_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += tests/bench/tunnel_bench
tests_bench_tunnel_bench_SOURCES = \
	tests/bench/gnutls_baseline.c tests/bench/gnutls_baseline.h \
	tests/bench/measurement.c tests/bench/measurement.h \
	tests/bench/tunnel_bench.c
tests_bench_tunnel_bench_CPPFLAGS = $(DTLS_TEST_CPPFLAGS)
tests_bench_tunnel_bench_CFLAGS = $(UNIT_CFLAGS)
tests_bench_tunnel_bench_LDADD = tests/bench/libtunnel_driver.la $(DTLS_TEST_LDADD)

check_PROGRAMS += tests/bench/crowd
tests_bench_crowd_SOURCES = tests/bench/crowd.c
tests_bench_crowd_CPPFLAGS = $(DTLS_TEST_CPPFLAGS)
tests_bench_crowd_CFLAGS = $(UNIT_CFLAGS)
tests_bench_crowd_LDADD = tests/bench/libtunnel_driver.la $(DTLS_TEST_LDADD)
endif

# make bench: prints tables, and writes bench.json and bench-tunnel.json to the build folder.
# make bench-wan: long and lossy paths, as root; takes about ten minutes. make bench-idle: many idle sessions, and a flood.
bench: all-am tests/tools/origin tests/tools/load tests/bench/tunnel_bench
	@$(AM_TESTS_ENVIRONMENT) $(PYTHON) $(top_srcdir)/tests/bench/bench.py bench.json
	@echo
	@$(AM_TESTS_ENVIRONMENT) exec $(PYTHON) $(top_srcdir)/tests/bench/tunnel.py bench-tunnel.json
bench-wan: all-am tests/tools/origin tests/tools/load tests/tools/relay
	@$(AM_TESTS_ENVIRONMENT) exec $(PYTHON) $(top_srcdir)/tests/bench/wan.py bench-wan.json
bench-idle: all-am tests/bench/crowd
	@$(AM_TESTS_ENVIRONMENT) exec $(PYTHON) $(top_srcdir)/tests/bench/idle.py bench-idle.json
.PHONY: bench bench-wan bench-idle
