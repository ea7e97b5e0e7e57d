# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
#
# Fuzz targets. `make check` runs each target with its saved inputs (replay_*, any compiler). `make fuzz` uses libFuzzer,
# which is part of clang, to search for new ones for FUZZ_SECONDS each; the results are in build/fuzz/. Both are built from
# the same sources, without libcore.la, so that `make check` fails if a source is missing here.

FUZZ_SECONDS = 30
FUZZ_CLANG = clang
fuzz_codec_sources = tests/fuzz/fuzz_codec.c tests/unit/codec_driver.c tests/unit/fake_host.c core/base/buffer.c core/base/message.c

check_PROGRAMS += tests/fuzz/replay_codec_binary tests/fuzz/replay_codec_json
TESTS += tests/fuzz/replay_codec_binary tests/fuzz/replay_codec_json
fuzz_codec_ldadd = tests/unit/libcodec_driver.la tests/unit/libfake_host.la

tests_fuzz_replay_codec_binary_SOURCES = tests/fuzz/replay.c tests/fuzz/fuzz_codec.c
tests_fuzz_replay_codec_binary_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) -DFUZZ_PLUGIN=codec_binary_plugin \
	-DFUZZ_CORPUS='"codec_binary"'
tests_fuzz_replay_codec_binary_LDADD = $(fuzz_codec_ldadd) plugins/codec_binary/libcodec_binary.la

tests_fuzz_replay_codec_json_SOURCES = tests/fuzz/replay.c tests/fuzz/fuzz_codec.c
tests_fuzz_replay_codec_json_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(JANSSON_CFLAGS) \
	-DFUZZ_PLUGIN=codec_json_plugin -DFUZZ_CORPUS='"codec_json"'
tests_fuzz_replay_codec_json_LDADD = $(fuzz_codec_ldadd) plugins/codec_json/libcodec_json.la $(JANSSON_LIBS)

check_PROGRAMS += tests/fuzz/replay_control
TESTS += tests/fuzz/replay_control
fuzz_control_sources = tests/fuzz/fuzz_control.c core/session/control_message.c
tests_fuzz_replay_control_SOURCES = tests/fuzz/replay.c $(fuzz_control_sources)
tests_fuzz_replay_control_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(JANSSON_CFLAGS) -DFUZZ_CORPUS='"control"'
tests_fuzz_replay_control_LDADD = $(JANSSON_LIBS)

check_PROGRAMS += tests/fuzz/replay_config
TESTS += tests/fuzz/replay_config
fuzz_config_sources = tests/fuzz/fuzz_config.c core/config/document.c core/config/variable.c core/config/yaml.c \
	core/config/networks.c core/config/option_address.c core/config/option_file.c core/config/option_network.c \
	core/config/option_values.c core/config/options.c core/base/suggest.c core/base/utf8.c
tests_fuzz_replay_config_SOURCES = tests/fuzz/replay.c $(fuzz_config_sources)
tests_fuzz_replay_config_CPPFLAGS = $(core_libcore_la_CPPFLAGS) -DFUZZ_CORPUS='"config"'
tests_fuzz_replay_config_LDADD = $(YAML_LIBS)

check_PROGRAMS += tests/fuzz/replay_handshake
TESTS += tests/fuzz/replay_handshake
fuzz_handshake_sources = tests/fuzz/fuzz_handshake.c plugins/dtls/client_hello.c plugins/dtls/record_header.c \
	plugins/lib/tlscommon/client_hello_read.c plugins/tls/packet_framing.c
tests_fuzz_replay_handshake_SOURCES = tests/fuzz/replay.c $(fuzz_handshake_sources)
tests_fuzz_replay_handshake_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(GNUTLS_CFLAGS) -DFUZZ_CORPUS='"handshake"'
tests_fuzz_replay_handshake_LDADD = $(GNUTLS_LIBS)

check_PROGRAMS += tests/fuzz/replay_http1
TESTS += tests/fuzz/replay_http1
fuzz_http1_sources = tests/fuzz/fuzz_http1.c core/base/buffer.c core/base/message.c
tests_fuzz_replay_http1_SOURCES = tests/fuzz/replay.c $(fuzz_http1_sources)
tests_fuzz_replay_http1_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) -DFUZZ_CORPUS='"http1"'
tests_fuzz_replay_http1_LDADD = plugins/lib/http1/libhttp1.la

check_PROGRAMS += tests/fuzz/replay_link
TESTS += tests/fuzz/replay_link
fuzz_link_sources = tests/fuzz/fuzz_link.c core/base/buffer.c
tests_fuzz_replay_link_SOURCES = tests/fuzz/replay.c $(fuzz_link_sources)
tests_fuzz_replay_link_CPPFLAGS = $(core_tunnel_libtunnel_la_CPPFLAGS) -DFUZZ_CORPUS='"link"'
tests_fuzz_replay_link_LDADD = core/tunnel/libtunnel.la

check_PROGRAMS += tests/fuzz/replay_url
TESTS += tests/fuzz/replay_url
fuzz_url_sources = tests/fuzz/fuzz_url.c core/base/message.c
tests_fuzz_replay_url_SOURCES = tests/fuzz/replay.c $(fuzz_url_sources)
tests_fuzz_replay_url_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) -DFUZZ_CORPUS='"url"'
tests_fuzz_replay_url_LDADD = plugins/lib/url/liburl.la

EXTRA_DIST += tests/fuzz/fuzz.sh tests/fuzz/codec_binary tests/fuzz/codec_json tests/fuzz/config tests/fuzz/control \
	tests/fuzz/handshake tests/fuzz/http1 tests/fuzz/link tests/fuzz/url

run_fuzz = HG_SRCDIR='$(top_srcdir)' FUZZ_CLANG='$(FUZZ_CLANG)' FUZZ_SECONDS='$(FUZZ_SECONDS)' \
	$(SHELL) $(top_srcdir)/tests/fuzz/fuzz.sh
fuzz_cppflags = $(DEFS) $(DEFAULT_INCLUDES) $(AM_CPPFLAGS) -I$(top_srcdir)

fuzz-codec_binary:
	$(run_fuzz) codec_binary "$(fuzz_cppflags) -DFUZZ_PLUGIN=codec_binary_plugin -Dhopgate_plugin=codec_binary_plugin" \
	  $(fuzz_codec_sources) $(codec_sources) $(codec_binary_sources)
fuzz-codec_json:
	$(run_fuzz) codec_json "$(fuzz_cppflags) -DFUZZ_PLUGIN=codec_json_plugin -Dhopgate_plugin=codec_json_plugin \
	  $(JANSSON_CFLAGS) $(JANSSON_LIBS)" $(fuzz_codec_sources) $(codec_sources) $(codec_json_sources)
fuzz-control:
	$(run_fuzz) control "$(fuzz_cppflags) $(JANSSON_CFLAGS) $(JANSSON_LIBS)" $(fuzz_control_sources)
fuzz-config:
	$(run_fuzz) config "$(fuzz_cppflags) $(YAML_CFLAGS) $(YAML_LIBS)" $(fuzz_config_sources)
fuzz-handshake:
	$(run_fuzz) handshake "$(fuzz_cppflags) $(GNUTLS_CFLAGS) $(GNUTLS_LIBS)" $(fuzz_handshake_sources)
fuzz-http1:
	$(run_fuzz) http1 "$(fuzz_cppflags)" $(fuzz_http1_sources) $(plugins_lib_http1_libhttp1_la_SOURCES)
fuzz-link:
	$(run_fuzz) link "$(fuzz_cppflags) $(core_tunnel_libtunnel_la_LIBADD)" $(fuzz_link_sources) $(core_tunnel_libtunnel_la_SOURCES)
fuzz-url:
	$(run_fuzz) url "$(fuzz_cppflags)" $(fuzz_url_sources) $(plugins_lib_url_liburl_la_SOURCES)
fuzz: fuzz-codec_binary fuzz-codec_json fuzz-config fuzz-control fuzz-handshake fuzz-http1 fuzz-link fuzz-url
clean-local: clean-fuzz
clean-fuzz:
	rm -rf fuzz
.PHONY: fuzz fuzz-codec_binary fuzz-codec_json fuzz-config fuzz-control fuzz-handshake fuzz-http1 fuzz-link fuzz-url clean-fuzz
