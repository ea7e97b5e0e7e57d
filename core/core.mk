# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# All of core/ but main(), so that the unit tests can link what they test.
noinst_LTLIBRARIES += core/libcore.la
core_libcore_la_SOURCES = \
	core/backoff.c core/backoff.h \
	core/buffer.c core/buffer.h \
	core/carriage.c core/carriage.h core/carriage_private.h core/carriage_receive.c core/carriage_send.c \
	core/changes.c core/changes.h \
	core/cli.c core/cli.h core/cli_command.c core/cli_plugins.c core/cli_run.c \
	core/client.c core/client.h \
	core/config.c core/config.h core/config_private.h core/config_variable.c core/config_yaml.c \
	core/connector.c core/connector.h \
	core/control.c core/control.h \
	core/describe.c core/describe.h \
	core/detached.c core/detached.h \
	core/examine.c \
	core/exchange.c core/exchange.h core/exchange_private.h core/exchange_queue.c core/exchange_report.c \
	core/exchange_run.c \
	core/failure.c core/failure.h \
	core/gateway.c core/gateway_exchange.c core/gateway_exchange.h \
	core/gateways.c core/gateways.h \
	core/host.c \
	core/link.c core/link.h \
	core/link_receive.c \
	core/link_send.c \
	core/listen.c core/listen.h \
	core/log.c core/log.h core/log_limit.c core/log_line.c core/log_private.h \
	core/message.c core/message.h \
	core/option_address.c core/option_file.c core/option_private.h core/option_table.c \
	core/option_values.c core/option_values.h \
	core/options.c core/options.h \
	core/pipeline.c core/pipeline.h \
	core/pipeline_check.c core/pipeline_check.h \
	core/plugin.c core/plugin.h \
	core/plugin_check.c core/plugin_check.h \
	core/processes.c core/processes.h \
	core/reason.c core/reason.h \
	core/registry.c core/registry.h \
	core/resolve.c core/resolve.h \
	core/trim.c core/trim.h \
	core/run.c core/run.h \
	core/session.c core/session.h \
	core/sessions.c core/sessions.h \
	core/settings.c core/settings.h \
	core/suggest.c core/suggest.h \
	core/user.c core/user.h \
	core/utf8.c core/utf8.h \
	core/worker.c core/worker.h
core_libcore_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(CARES_CFLAGS) $(JANSSON_CFLAGS) $(YAML_CFLAGS) $(GNUTLS_CFLAGS)
core_libcore_la_LIBADD = core/tunnel/libtunnel.la

# PLUGINDIR is compiled in: another --prefix makes another Makefile. (Through a variable, since automake would take a rule
# that names the object for a replacement of its own.)
object_with_plugindir = core/libcore_la-plugin.lo
$(object_with_plugindir): Makefile

# What whoever links libcore.la needs besides.
CORE_LIBS = $(EV_LIBS) $(CARES_LIBS) $(JANSSON_LIBS) $(YAML_LIBS) $(GNUTLS_LIBS) -lpthread

bin_PROGRAMS += hopgate
hopgate_SOURCES = core/main.c
hopgate_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
hopgate_LDADD = core/libcore.la $(CORE_LIBS)
