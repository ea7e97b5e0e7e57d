# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# Shared by all codecs, whatever their format.
codec_sources = plugins/lib/codec/codec.c plugins/lib/codec/codec.h
noinst_LTLIBRARIES += plugins/lib/codec/libcodec.la
plugins_lib_codec_libcodec_la_SOURCES = $(codec_sources)
plugins_lib_codec_libcodec_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
plugins_lib_codec_libcodec_la_CFLAGS = $(PLUGIN_CFLAGS)
