# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

EXTRA_DIST += plugins/acme/README.md
acme_parts = \
	plugins/acme/account.c plugins/acme/account.h \
	plugins/acme/ari.c plugins/acme/ari.h \
	plugins/acme/attempt.c plugins/acme/attempt.h \
	plugins/acme/authorization.c \
	plugins/acme/blocking.c plugins/acme/blocking.h \
	plugins/acme/certificate.c plugins/acme/certificate.h \
	plugins/acme/challenge.c plugins/acme/challenge.h \
	plugins/acme/cleanup.c \
	plugins/acme/client.c plugins/acme/client.h \
	plugins/acme/clock.h \
	plugins/acme/command.c plugins/acme/command.h \
	plugins/acme/download.c plugins/acme/download.h \
	plugins/acme/issuance.c \
	plugins/acme/key_pair.c plugins/acme/key_pair.h \
	plugins/acme/load.c plugins/acme/load.h \
	plugins/acme/lookup.c \
	plugins/acme/manager.c plugins/acme/manager.h \
	plugins/acme/metrics.c \
	plugins/acme/name.c plugins/acme/name.h \
	plugins/acme/name_index.c plugins/acme/name_index.h \
	plugins/acme/on_demand.c plugins/acme/on_demand.h \
	plugins/acme/options.c plugins/acme/options.h \
	plugins/acme/order.c plugins/acme/order.h \
	plugins/acme/problem.c plugins/acme/problem.h \
	plugins/acme/quota.c plugins/acme/quota.h \
	plugins/acme/renewal_time.c plugins/acme/renewal_time.h \
	plugins/acme/revocation.c plugins/acme/revocation.h \
	plugins/acme/schedule.c plugins/acme/schedule.h \
	plugins/acme/store.c plugins/acme/store.h \
	plugins/acme/watch.c

acme_libs = \
	plugins/lib/http_client/libhttp_client.la \
	plugins/lib/jose/libjose.la \
	plugins/lib/task/libtask.la \
	plugins/lib/x509/libx509.la

plugin_LTLIBRARIES += acme.la
acme_la_SOURCES = plugins/acme/acme.c plugins/acme/clock.c $(acme_parts)
acme_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(GNUTLS_CFLAGS) $(JANSSON_CFLAGS) $(CURL_CFLAGS)
acme_la_CFLAGS = $(PLUGIN_CFLAGS)
acme_la_LDFLAGS = $(PLUGIN_LDFLAGS)
acme_la_LIBADD = $(acme_libs) plugins/lib/hook/libhook.la $(GNUTLS_LIBS) $(JANSSON_LIBS) $(CURL_LIBS) -lpthread

dist_man_MANS += plugins/acme/hopgate-acme.5

if HAVE_CHECK
check_PROGRAMS += plugins/acme/test_acme
TESTS += plugins/acme/test_acme
plugins_acme_test_acme_SOURCES = \
	plugins/acme/acme.c \
	plugins/acme/tests/account.c \
	plugins/acme/tests/cases.h \
	plugins/acme/tests/death.c \
	plugins/acme/tests/download.c \
	plugins/acme/tests/options.c \
	plugins/acme/tests/metrics.c \
	plugins/acme/tests/fake_ca.c plugins/acme/tests/fake_ca.h \
	plugins/acme/tests/fake_hook.c \
	plugins/acme/tests/fake_issuer.c \
	plugins/acme/tests/fake_jose.c \
	plugins/acme/tests/fake_store.c plugins/acme/tests/fake_store.h \
	plugins/acme/tests/fake_wire.c \
	plugins/acme/tests/on_demand.c \
	plugins/acme/tests/lab.c plugins/acme/tests/lab.h \
	plugins/acme/tests/main.c \
	plugins/acme/tests/order.c \
	plugins/acme/tests/parts.c \
	plugins/acme/tests/pauses.c \
	plugins/acme/tests/revocation.c \
	plugins/acme/tests/saving.c \
	plugins/acme/tests/renewal_time.c \
	plugins/acme/tests/storm.c \
	$(acme_parts)
plugins_acme_test_acme_CPPFLAGS = $(acme_la_CPPFLAGS)
plugins_acme_test_acme_CFLAGS = $(UNIT_CFLAGS)
plugins_acme_test_acme_LDADD = $(acme_libs) tests/unit/libfake_host.la $(CHECK_LIBS) $(GNUTLS_LIBS) $(JANSSON_LIBS) $(CURL_LIBS) -lpthread
endif
