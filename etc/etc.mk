# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# Samples are installed as documentation: nothing in /etc is ever overwritten.
examplesdir = $(docdir)/examples
dist_examples_DATA =

if INSTALL_UNITS
systemdsystemunit_DATA = etc/hopgate-gateway.service etc/hopgate-client.service
endif
UNIT_EDIT = sed -e 's,[@]bindir[@],$(bindir),g' -e 's,[@]sysconfdir[@],$(sysconfdir),g'
etc/hopgate-gateway.service etc/hopgate-client.service: etc/hopgate-%.service: etc/hopgate-%.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) etc && $(UNIT_EDIT) $(top_srcdir)/$@.in >$@
EXTRA_DIST += etc/hopgate-gateway.service.in etc/hopgate-client.service.in
CLEANFILES += etc/hopgate-gateway.service etc/hopgate-client.service
