# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

EXTRA_DIST += core/README.md core/base/README.md core/cli/README.md core/config/README.md core/exchange/README.md \
	core/loop/README.md core/pipeline/README.md core/plugin/README.md core/session/README.md core/worker/README.md

# The core is linked only into programs, which export no functions, so calls between its files need not be interposable.
CORE_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden

# All of core/ except main(), for the unit tests to link with.
noinst_LTLIBRARIES += core/libcore.la
core_libcore_la_SOURCES = \
	core/base/backoff.c core/base/backoff.h core/base/buffer.c core/base/buffer.h core/base/cold.h core/base/fatal.c core/base/fatal.h core/base/failure.c \
	core/base/failure.h core/base/log.c core/base/log.h core/base/log_limit.c core/base/log_line.c \
	core/base/log_private.h core/base/message.c core/base/message.h core/base/multimap.c core/base/multimap.h \
	core/base/socket_address.c core/base/socket_address.h \
	core/base/suggest.c core/base/suggest.h core/base/user_errors.c core/base/user_errors.h core/base/utf8.c \
	core/base/utf8.h \
	core/loop/loop.c core/loop/loop.h core/loop/network_change.c core/loop/network_change.h core/loop/resolve.c \
	core/loop/resolve.h core/loop/trim.c core/loop/trim.h \
	core/config/describe.c core/config/describe.h core/config/document.c core/config/document.h \
	core/config/document_private.h core/config/networks.c core/config/networks.h core/config/only.c \
	core/config/only.h core/config/option_address.c core/config/option_file.c core/config/option_network.c \
	core/config/option_private.h core/config/option_table.c core/config/option_values.c core/config/option_values.h \
	core/config/options.c core/config/options.h core/config/privileges.c core/config/privileges.h \
	core/config/settings.c core/config/settings.h core/config/variable.c core/config/yaml.c \
	core/plugin/descriptor_check.c core/plugin/descriptor_check.h core/plugin/plugin.c core/plugin/plugin.h \
	core/pipeline/gateway_list.c core/pipeline/gateway_list.h core/pipeline/listen.c core/pipeline/listen.h \
	core/pipeline/pipeline.c core/pipeline/pipeline.h core/pipeline/pipeline_check.c core/pipeline/pipeline_check.h \
	core/pipeline/start_order.c core/pipeline/start_order.h \
	core/exchange/exchange.c core/exchange/exchange.h core/exchange/exchange_breach.c \
	core/exchange/exchange_credit.c core/exchange/exchange_emit.c core/exchange/exchange_end.c \
	core/exchange/exchange_private.h core/exchange/exchange_queue.c core/exchange/exchange_report.c \
	core/exchange/exchange_run.c \
	core/session/accept.c core/session/accept.h core/session/client.c core/session/client.h \
	core/session/control_message.c core/session/control_message.h core/session/dial_plan.c core/session/dialer.c \
	core/session/dialer.h core/session/dialer_private.h core/session/dispatch.c core/session/dispatch.h \
	core/session/exchange_stream.c core/session/exchange_stream.h core/session/exchange_stream_private.h \
	core/session/exchange_stream_receive.c core/session/exchange_stream_send.c core/session/failover.c \
	core/session/failover.h core/session/flush_queue.c core/session/flush_queue.h core/session/gateway.c \
	core/session/gateway.h core/session/identity_review.c core/session/identity_review.h \
	core/session/incoming_exchange.c core/session/incoming_exchange.h core/session/link.c core/session/link.h \
	core/session/link_flush.c core/session/link_flush.h core/session/link_receive.c core/session/link_silence.c \
	core/session/link_silence.h core/session/open_message.c core/session/open_message.h core/session/resume_queue.c \
	core/session/resume_queue.h core/session/resume_timeout.c core/session/resume_timeout.h \
	core/session/rival_processes.c core/session/rival_processes.h core/session/session.c core/session/session.h \
	core/session/session_choice.c core/session/session_choice.h core/session/session_events.c \
	core/session/session_events.h core/session/session_lookup.c core/session/session_lookup.h \
	core/session/session_parameters.c core/session/session_parameters.h core/session/session_table.c \
	core/session/session_table.h core/session/stream_error.c core/session/stream_error.h \
	core/session/transport_race.c core/session/transport_return.c \
	core/worker/host.c core/worker/metrics.c core/worker/metrics.h core/worker/worker.c core/worker/worker.h \
	core/cli/cli.c core/cli/cli.h core/cli/cli_command.c core/cli/cli_plugins.c core/cli/cli_run.c core/cli/examine.c \
	core/cli/run.c core/cli/run.h
core_libcore_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(CARES_CFLAGS) $(JANSSON_CFLAGS) $(YAML_CFLAGS) $(GNUTLS_CFLAGS)
core_libcore_la_CFLAGS = $(CORE_CFLAGS)
core_libcore_la_LIBADD = core/tunnel/libtunnel.la

# PLUGINDIR is compiled in, so the object must be rebuilt when --prefix, and thus the Makefile, changes. (The variable is
# needed because automake would take a rule that names the object as a replacement for its own.)
object_with_plugindir = core/plugin/libcore_la-plugin.lo
$(object_with_plugindir): Makefile

# Libraries that programs with libcore.la also need.
CORE_LIBS = $(EV_LIBS) $(CARES_LIBS) $(JANSSON_LIBS) $(YAML_LIBS) $(GNUTLS_LIBS) -lpthread

bin_PROGRAMS += hopgate
hopgate_SOURCES = core/cli/main.c
hopgate_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
hopgate_LDADD = core/libcore.la $(CORE_LIBS)
