# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# A host for plugins under test.
check_LTLIBRARIES += tests/unit/libfake_host.la
tests_unit_libfake_host_la_SOURCES = tests/unit/fake_host.c tests/unit/fake_host.h
tests_unit_libfake_host_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_libfake_host_la_LIBADD = core/libcore.la

check_LTLIBRARIES += tests/unit/libcodec_driver.la
tests_unit_libcodec_driver_la_SOURCES = tests/unit/codec_driver.c tests/unit/codec_driver.h
tests_unit_libcodec_driver_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)

if HAVE_CHECK
check_PROGRAMS += tests/unit/test_codecs
TESTS += tests/unit/test_codecs
tests_unit_test_codecs_SOURCES = tests/unit/test_codecs.c
tests_unit_test_codecs_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_codecs_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_codecs_LDADD = tests/unit/libcodec_driver.la tests/unit/libfake_host.la \
	plugins/codec_binary/libcodec_binary.la plugins/codec_json/libcodec_json.la $(JANSSON_LIBS) $(CHECK_LIBS)
endif

# Shared by the unit tests: a worker without a config file, a .so or a second process.
check_LTLIBRARIES += tests/unit/libworker_fixture.la
tests_unit_libworker_fixture_la_SOURCES = tests/unit/core_host.h tests/unit/http_edge.h tests/unit/worker_fixture.c tests/unit/worker_fixture.h tests/unit/run_suite.h tests/unit/slowness.h
tests_unit_libworker_fixture_la_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
tests_unit_libworker_fixture_la_CFLAGS = $(UNIT_CFLAGS)
UNIT_LDADD = tests/unit/libworker_fixture.la core/libcore.la $(CORE_LIBS) $(CHECK_LIBS)

if HAVE_CHECK
check_PROGRAMS += tests/unit/test_exchange
TESTS += tests/unit/test_exchange
tests_unit_test_exchange_SOURCES = tests/unit/scripted_stages.c tests/unit/scripted_stages.h tests/unit/test_exchange.c
tests_unit_test_exchange_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
tests_unit_test_exchange_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_exchange_LDADD = $(UNIT_LDADD)

check_PROGRAMS += tests/unit/test_metrics
TESTS += tests/unit/test_metrics
tests_unit_test_metrics_SOURCES = tests/unit/scripted_stages.c tests/unit/scripted_stages.h tests/unit/test_metrics.c
tests_unit_test_metrics_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
tests_unit_test_metrics_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_metrics_LDADD = $(UNIT_LDADD)

check_PROGRAMS += tests/unit/test_worker
TESTS += tests/unit/test_worker
tests_unit_test_worker_SOURCES = tests/unit/scripted_stages.c tests/unit/scripted_stages.h tests/unit/test_worker.c
tests_unit_test_worker_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
tests_unit_test_worker_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_worker_LDADD = $(UNIT_LDADD)

testbed_sources = tests/unit/clock.c tests/unit/clock.h tests/unit/testbed.c tests/unit/testbed.h tests/unit/testbed_cases.c \
	tests/unit/testbed_cases.h tests/unit/memory_transport.c tests/unit/memory_transport.h

check_PROGRAMS += tests/unit/test_sessions
TESTS += tests/unit/test_sessions
tests_unit_test_sessions_SOURCES = tests/unit/test_sessions.c $(testbed_sources)
tests_unit_test_sessions_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
tests_unit_test_sessions_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_sessions_LDADD = plugins/codec_binary/libcodec_binary.la $(UNIT_LDADD)

check_PROGRAMS += tests/unit/test_identity
TESTS += tests/unit/test_identity
tests_unit_test_identity_SOURCES = tests/unit/test_identity.c $(testbed_sources)
tests_unit_test_identity_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
tests_unit_test_identity_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_identity_LDADD = plugins/codec_binary/libcodec_binary.la $(UNIT_LDADD)

check_PROGRAMS += tests/unit/test_hostile_peers
TESTS += tests/unit/test_hostile_peers
tests_unit_test_hostile_peers_SOURCES = tests/unit/test_hostile_peers.c $(testbed_sources)
tests_unit_test_hostile_peers_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
tests_unit_test_hostile_peers_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_hostile_peers_LDADD = plugins/codec_binary/libcodec_binary.la $(UNIT_LDADD)

check_PROGRAMS += tests/unit/test_two_transports
TESTS += tests/unit/test_two_transports
tests_unit_test_two_transports_SOURCES = tests/unit/test_two_transports.c $(testbed_sources)
tests_unit_test_two_transports_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
tests_unit_test_two_transports_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_two_transports_LDADD = plugins/codec_binary/libcodec_binary.la $(UNIT_LDADD)

check_PROGRAMS += tests/unit/test_resume
TESTS += tests/unit/test_resume
tests_unit_test_resume_SOURCES = tests/unit/test_resume.c $(testbed_sources)
tests_unit_test_resume_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
tests_unit_test_resume_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_resume_LDADD = plugins/codec_binary/libcodec_binary.la $(UNIT_LDADD)

check_PROGRAMS += tests/unit/test_gateways
TESTS += tests/unit/test_gateways
tests_unit_test_gateways_SOURCES = tests/unit/test_gateways.c $(testbed_sources)
tests_unit_test_gateways_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
tests_unit_test_gateways_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_gateways_LDADD = plugins/codec_binary/libcodec_binary.la $(UNIT_LDADD)

check_PROGRAMS += tests/unit/test_processes
TESTS += tests/unit/test_processes
tests_unit_test_processes_SOURCES = tests/unit/test_processes.c $(testbed_sources)
tests_unit_test_processes_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
tests_unit_test_processes_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_processes_LDADD = plugins/codec_binary/libcodec_binary.la $(UNIT_LDADD)

check_PROGRAMS += tests/unit/test_storm
TESTS += tests/unit/test_storm
tests_unit_test_storm_SOURCES = tests/unit/test_storm.c tests/sim/random.h $(testbed_sources)
tests_unit_test_storm_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
tests_unit_test_storm_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_storm_LDADD = plugins/codec_binary/libcodec_binary.la $(UNIT_LDADD)

check_PROGRAMS += tests/unit/test_control tests/unit/test_multimap
TESTS += tests/unit/test_control tests/unit/test_multimap
tests_unit_test_control_SOURCES = tests/unit/test_control.c
tests_unit_test_control_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
tests_unit_test_control_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_control_LDADD = $(UNIT_LDADD)
tests_unit_test_multimap_SOURCES = tests/unit/test_multimap.c
tests_unit_test_multimap_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
tests_unit_test_multimap_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_multimap_LDADD = $(UNIT_LDADD)
endif

# Everything before a worker runs: config files, option tables, plugins, pipelines.
if HAVE_CHECK
check_PROGRAMS += tests/unit/test_config
TESTS += tests/unit/test_config
tests_unit_test_config_SOURCES = tests/unit/test_config.c
tests_unit_test_config_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
tests_unit_test_config_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_config_LDADD = core/libcore.la $(CORE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_message
TESTS += tests/unit/test_message
tests_unit_test_message_SOURCES = tests/unit/test_message.c
tests_unit_test_message_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
tests_unit_test_message_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_message_LDADD = core/libcore.la $(CORE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_only
TESTS += tests/unit/test_only
tests_unit_test_only_SOURCES = tests/unit/test_only.c
tests_unit_test_only_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
tests_unit_test_only_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_only_LDADD = core/libcore.la $(CORE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_log
TESTS += tests/unit/test_log
tests_unit_test_log_SOURCES = tests/unit/clock.c tests/unit/clock.h tests/unit/test_log.c
tests_unit_test_log_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
tests_unit_test_log_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_log_LDADD = core/libcore.la $(CORE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_options
TESTS += tests/unit/test_options
tests_unit_test_options_SOURCES = tests/unit/test_options.c
tests_unit_test_options_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
tests_unit_test_options_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_options_LDADD = core/libcore.la $(CORE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_pipeline
TESTS += tests/unit/test_pipeline
tests_unit_test_pipeline_SOURCES = tests/unit/test_pipeline.c
tests_unit_test_pipeline_CPPFLAGS = $(core_libcore_la_CPPFLAGS) \
	-DTEST_PLUGINS='"$(abs_top_builddir)/tests/unit/plugins/.libs"'
tests_unit_test_pipeline_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_pipeline_LDADD = core/libcore.la $(CORE_LIBS) $(CHECK_LIBS)
EXTRA_tests_unit_test_pipeline_DEPENDENCIES = $(test_plugins)
endif

# Plugins to load in tests; -rpath makes libtool build a module although nothing is installed.
test_plugins = tests/unit/plugins/many.la tests/unit/plugins/foreign.la tests/unit/plugins/crash.la
TEST_PLUGIN_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
check_LTLIBRARIES += $(test_plugins)
tests_unit_plugins_many_la_SOURCES = tests/unit/plugins/many.c
tests_unit_plugins_many_la_CFLAGS = $(PLUGIN_CFLAGS)
tests_unit_plugins_many_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
tests_unit_plugins_crash_la_SOURCES = tests/unit/plugins/crash.c
tests_unit_plugins_crash_la_CFLAGS = $(PLUGIN_CFLAGS)
tests_unit_plugins_crash_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
tests_unit_plugins_foreign_la_SOURCES = tests/unit/plugins/foreign.c
tests_unit_plugins_foreign_la_CFLAGS = $(PLUGIN_CFLAGS)
tests_unit_plugins_foreign_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
