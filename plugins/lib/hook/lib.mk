# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# Running programs; linked into the plugins that do so.
noinst_LTLIBRARIES += plugins/lib/hook/libhook.la
plugins_lib_hook_libhook_la_SOURCES = plugins/lib/hook/hook.c plugins/lib/hook/hook.h
plugins_lib_hook_libhook_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
plugins_lib_hook_libhook_la_CFLAGS = $(PLUGIN_CFLAGS)

if HAVE_CHECK
check_PROGRAMS += plugins/lib/hook/test_hook
TESTS += plugins/lib/hook/test_hook
plugins_lib_hook_test_hook_SOURCES = plugins/lib/hook/test_hook.c
plugins_lib_hook_test_hook_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
plugins_lib_hook_test_hook_CFLAGS = $(UNIT_CFLAGS)
plugins_lib_hook_test_hook_LDADD = plugins/lib/hook/libhook.la $(UNIT_LDADD)
endif
