# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

EXTRA_DIST += plugins/codec_binary/README.md
codec_binary_sources = \
	plugins/codec_binary/codec_binary.c \
	plugins/codec_binary/decode.c \
	plugins/codec_binary/encode.c \
	plugins/codec_binary/field_names.c \
	plugins/codec_binary/format.h

plugin_LTLIBRARIES += codec_binary.la
codec_binary_la_SOURCES = $(codec_binary_sources)
codec_binary_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
codec_binary_la_CFLAGS = $(PLUGIN_CFLAGS)
codec_binary_la_LDFLAGS = $(PLUGIN_LDFLAGS)
codec_binary_la_LIBADD = plugins/lib/codec/libcodec.la

dist_man_MANS += plugins/codec_binary/hopgate-codec_binary.5

# The same code with a name other than hopgate_plugin(), so that tests can link several plugins.
check_LTLIBRARIES += plugins/codec_binary/libcodec_binary.la
plugins_codec_binary_libcodec_binary_la_SOURCES = $(codec_binary_sources)
plugins_codec_binary_libcodec_binary_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) -Dhopgate_plugin=codec_binary_plugin
plugins_codec_binary_libcodec_binary_la_LIBADD = plugins/lib/codec/libcodec.la

if HAVE_CHECK
check_PROGRAMS += plugins/codec_binary/test_codec_binary
TESTS += plugins/codec_binary/test_codec_binary
plugins_codec_binary_test_codec_binary_SOURCES = plugins/codec_binary/test_codec_binary.c
plugins_codec_binary_test_codec_binary_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
plugins_codec_binary_test_codec_binary_CFLAGS = $(UNIT_CFLAGS)
plugins_codec_binary_test_codec_binary_LDADD = tests/unit/libcodec_driver.la tests/unit/libfake_host.la \
	plugins/codec_binary/libcodec_binary.la $(JANSSON_LIBS) $(CHECK_LIBS)
endif
