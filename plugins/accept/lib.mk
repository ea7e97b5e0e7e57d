# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# Accepting connections, for the plugins `http` and `tls`.
noinst_LTLIBRARIES += plugins/accept/libaccept.la
plugins_accept_libaccept_la_SOURCES = plugins/accept/accept.c plugins/accept/accept.h
plugins_accept_libaccept_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
plugins_accept_libaccept_la_CFLAGS = $(PLUGIN_CFLAGS)
