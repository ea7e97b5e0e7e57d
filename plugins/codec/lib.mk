# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# What all codecs do alike, whatever their format.
codec_sources = plugins/codec/codec.c plugins/codec/codec.h
noinst_LTLIBRARIES += plugins/codec/libcodec.la
plugins_codec_libcodec_la_SOURCES = $(codec_sources)
plugins_codec_libcodec_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
plugins_codec_libcodec_la_CFLAGS = $(PLUGIN_CFLAGS)
