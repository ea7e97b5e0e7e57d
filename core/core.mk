# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# All of core/ but main(), so that the unit tests can link what they test.
noinst_LTLIBRARIES += core/libcore.la
core_libcore_la_SOURCES = \
	core/buffer.c core/buffer.h \
	core/cli.c core/cli.h core/cli_plugins.c core/cli_run.c \
	core/config.c core/config.h \
	core/describe.c core/describe.h \
	core/exchange.c core/exchange.h core/exchange_private.h core/exchange_report.c \
	core/host.c \
	core/listen.c core/listen.h \
	core/log.c core/log.h \
	core/message.c core/message.h \
	core/option_table.c \
	core/option_values.c core/option_values.h \
	core/options.c core/options.h \
	core/pipeline.c core/pipeline.h \
	core/pipeline_check.c core/pipeline_check.h \
	core/plugin.c core/plugin.h \
	core/plugin_check.c core/plugin_check.h \
	core/resolve.c core/resolve.h \
	core/run.c core/run.h \
	core/settings.c core/settings.h \
	core/suggest.c core/suggest.h \
	core/utf8.c core/utf8.h \
	core/worker.c core/worker.h
core_libcore_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(CARES_CFLAGS) $(JANSSON_CFLAGS) $(YAML_CFLAGS) $(GNUTLS_CFLAGS)

# What whoever links libcore.la needs besides.
CORE_LIBS = $(EV_LIBS) $(CARES_LIBS) $(JANSSON_LIBS) $(YAML_LIBS) $(GNUTLS_LIBS) -lpthread

bin_PROGRAMS += hopgate
hopgate_SOURCES = core/main.c
hopgate_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
hopgate_LDADD = core/libcore.la $(CORE_LIBS)
