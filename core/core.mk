# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# All of core/ but main(), so that the unit tests can link what they test.
noinst_LTLIBRARIES += core/libcore.la
core_libcore_la_SOURCES = \
	core/buffer.c core/buffer.h \
	core/exchange.c core/exchange.h core/exchange_private.h core/exchange_report.c \
	core/host.c \
	core/listen.c core/listen.h \
	core/message.c core/message.h \
	core/resolve.c core/resolve.h \
	core/run.c core/run.h \
	core/worker.c core/worker.h
core_libcore_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(CARES_CFLAGS) $(JANSSON_CFLAGS) $(YAML_CFLAGS) $(GNUTLS_CFLAGS)

# What whoever links libcore.la needs besides.
CORE_LIBS = $(EV_LIBS) $(CARES_LIBS) $(JANSSON_LIBS) $(YAML_LIBS) $(GNUTLS_LIBS) -lpthread

bin_PROGRAMS += hopgate
hopgate_SOURCES = core/main.c
hopgate_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
hopgate_LDADD = core/libcore.la $(CORE_LIBS)
