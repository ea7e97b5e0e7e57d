# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# All of core/ but main(), so that the unit tests can link what they test.
noinst_LTLIBRARIES += core/libcore.la
core_libcore_la_SOURCES = \
	core/buffer.c core/buffer.h \
	core/message.c core/message.h
core_libcore_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(JANSSON_CFLAGS) $(YAML_CFLAGS) $(GNUTLS_CFLAGS)

bin_PROGRAMS += hopgate
hopgate_SOURCES = core/main.c
hopgate_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
hopgate_LDADD = core/libcore.la $(EV_LIBS) $(JANSSON_LIBS) $(YAML_LIBS) $(GNUTLS_LIBS)
