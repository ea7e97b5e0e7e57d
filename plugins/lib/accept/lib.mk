# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# Accepting connections, for the plugins `http` and `tls`.
noinst_LTLIBRARIES += plugins/lib/accept/libaccept.la
plugins_lib_accept_libaccept_la_SOURCES = plugins/lib/accept/accept.c plugins/lib/accept/accept.h
plugins_lib_accept_libaccept_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
plugins_lib_accept_libaccept_la_CFLAGS = $(PLUGIN_CFLAGS)
