# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

EXTRA_DIST += plugins/codec_json/README.md
codec_json_sources = \
	plugins/codec_json/codec_json.c \
	plugins/codec_json/decode.c \
	plugins/codec_json/encode.c \
	plugins/codec_json/json_text.c \
	plugins/codec_json/format.h

plugin_LTLIBRARIES += codec_json.la
codec_json_la_SOURCES = $(codec_json_sources)
codec_json_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(JANSSON_CFLAGS)
codec_json_la_CFLAGS = $(PLUGIN_CFLAGS)
codec_json_la_LDFLAGS = $(PLUGIN_LDFLAGS)
codec_json_la_LIBADD = plugins/lib/codec/libcodec.la $(JANSSON_LIBS)

dist_man_MANS += plugins/codec_json/hopgate-codec_json.5

# The same code with a name other than hopgate_plugin(), so that tests can link several plugins.
check_LTLIBRARIES += plugins/codec_json/libcodec_json.la
plugins_codec_json_libcodec_json_la_SOURCES = $(codec_json_sources)
plugins_codec_json_libcodec_json_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(JANSSON_CFLAGS) -Dhopgate_plugin=codec_json_plugin
plugins_codec_json_libcodec_json_la_LIBADD = plugins/lib/codec/libcodec.la

if HAVE_CHECK
check_PROGRAMS += plugins/codec_json/test_codec_json
TESTS += plugins/codec_json/test_codec_json
plugins_codec_json_test_codec_json_SOURCES = plugins/codec_json/test_codec_json.c
plugins_codec_json_test_codec_json_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
plugins_codec_json_test_codec_json_CFLAGS = $(UNIT_CFLAGS)
plugins_codec_json_test_codec_json_LDADD = tests/unit/libcodec_driver.la tests/unit/libfake_host.la \
	plugins/codec_json/libcodec_json.la $(JANSSON_LIBS) $(CHECK_LIBS)
endif
