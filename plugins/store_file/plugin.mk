# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

store_file_sources = \
	plugins/store_file/value_file.c plugins/store_file/value_file.h \
	plugins/store_file/directory.c plugins/store_file/directory.h \
	plugins/store_file/lease.c \
	plugins/store_file/walk.c plugins/store_file/walk.h \
	plugins/store_file/write_lock.c plugins/store_file/write_lock.h \
	plugins/store_file/monotonic.h \
	plugins/store_file/key_path.c plugins/store_file/key_path.h \
	plugins/store_file/request.c plugins/store_file/request.h \
	plugins/store_file/polling.c plugins/store_file/polling.h \
	plugins/store_file/store_file.c \
	plugins/store_file/thread.c plugins/store_file/thread.h \
	plugins/store_file/watch.c plugins/store_file/watch.h

plugin_LTLIBRARIES += store_file.la
store_file_la_SOURCES = $(store_file_sources)
store_file_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(GNUTLS_CFLAGS)
store_file_la_CFLAGS = $(PLUGIN_CFLAGS)
store_file_la_LDFLAGS = $(PLUGIN_LDFLAGS)
store_file_la_LIBADD = $(GNUTLS_LIBS)

EXTRA_DIST += plugins/store_file/README.md
dist_man_MANS += plugins/store_file/hopgate-store_file.5

if HAVE_CHECK
check_PROGRAMS += plugins/store_file/test_store_file
TESTS += plugins/store_file/test_store_file
plugins_store_file_test_store_file_SOURCES = \
	plugins/store_file/test_faults.c \
	plugins/store_file/two_stores.c plugins/store_file/two_stores.h \
	plugins/store_file/test_store_file.c $(store_file_sources)
plugins_store_file_test_store_file_CPPFLAGS = $(core_libcore_la_CPPFLAGS) $(GNUTLS_CFLAGS)
# The wrappers below replace the plain functions, not the checking ones of FORTIFY_SOURCE.
plugins_store_file_test_store_file_CFLAGS = $(UNIT_CFLAGS) -U_FORTIFY_SOURCE
plugins_store_file_test_store_file_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fsync -Wl,--wrap=fstatfs -Wl,--wrap=inotify_init1 -Wl,--wrap=writev -Wl,--wrap=read -Wl,--wrap=openat
plugins_store_file_test_store_file_LDADD = $(UNIT_LDADD) $(GNUTLS_LIBS)
endif
