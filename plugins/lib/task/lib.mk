# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# Sequential code in a thread; linked into the plugins that have some, with $(JANSSON_LIBS) -lpthread.
EXTRA_DIST += plugins/lib/task/README.md
noinst_LTLIBRARIES += plugins/lib/task/libtask.la
plugins_lib_task_libtask_la_SOURCES = plugins/lib/task/lease.c plugins/lib/task/lease.h \
	plugins/lib/task/store.c plugins/lib/task/store.h plugins/lib/task/task.c plugins/lib/task/task.h
plugins_lib_task_libtask_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(JANSSON_CFLAGS)
plugins_lib_task_libtask_la_CFLAGS = $(PLUGIN_CFLAGS)

if HAVE_CHECK
check_PROGRAMS += plugins/lib/task/test_task
TESTS += plugins/lib/task/test_task
plugins_lib_task_test_task_SOURCES = plugins/lib/task/test_task.c
plugins_lib_task_test_task_CPPFLAGS = $(core_libcore_la_CPPFLAGS)
plugins_lib_task_test_task_CFLAGS = $(UNIT_CFLAGS)
plugins_lib_task_test_task_LDADD = plugins/lib/task/libtask.la $(UNIT_LDADD)
endif
