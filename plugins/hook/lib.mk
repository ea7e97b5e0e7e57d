# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# Running programs; linked into the plugins that do.
noinst_LTLIBRARIES += plugins/hook/libhook.la
plugins_hook_libhook_la_SOURCES = plugins/hook/hook.c plugins/hook/hook.h
plugins_hook_libhook_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
plugins_hook_libhook_la_CFLAGS = $(PLUGIN_CFLAGS)

if HAVE_CHECK
check_PROGRAMS += plugins/hook/test_hook
TESTS += plugins/hook/test_hook
plugins_hook_test_hook_SOURCES = plugins/hook/test_hook.c
plugins_hook_test_hook_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
plugins_hook_test_hook_CFLAGS = $(UNIT_CFLAGS)
plugins_hook_test_hook_LDADD = plugins/hook/libhook.la $(UNIT_LDADD)
endif
