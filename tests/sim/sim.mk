# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# The tunnel on a simulated network.
check_PROGRAMS += tests/sim/sim
tests_sim_sim_SOURCES = \
	tests/sim/app.c \
	tests/sim/bench.c \
	tests/sim/bottleneck.c tests/sim/bottleneck.h \
	tests/sim/endpoint.c \
	tests/sim/main.c \
	tests/sim/network.c tests/sim/network.h \
	tests/sim/random.h \
	tests/sim/scenario.c \
	tests/sim/sim.c tests/sim/sim.h
tests_sim_sim_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_sim_sim_LDADD = core/tunnel/libtunnel.la core/libcore.la
TESTS += tests/sim/sim
