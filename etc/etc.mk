# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# Samples are installed as documentation, and as config files unless those exist: files in /etc are never overwritten, and
# only removed if they are still the unchanged sample.
sample_configs = etc/hopgate.conf etc/client.conf
examplesdir = $(docdir)/examples
dist_examples_DATA = $(sample_configs)
configdir = $(sysconfdir)/hopgate

install-data-local:
	$(MKDIR_P) '$(DESTDIR)$(configdir)'
	for sample in $(sample_configs); do \
	  test -e "$(DESTDIR)$(configdir)/$${sample##*/}" || \
	    $(INSTALL_DATA) "$(top_srcdir)/$$sample" '$(DESTDIR)$(configdir)' || exit 1; \
	done
uninstall-local:
	for sample in $(sample_configs); do \
	  installed="$(DESTDIR)$(configdir)/$${sample##*/}"; \
	  if cmp -s "$(top_srcdir)/$$sample" "$$installed"; then rm -f "$$installed"; fi; \
	done
	-test ! -d '$(DESTDIR)$(configdir)' || rmdir '$(DESTDIR)$(configdir)' 2>/dev/null

if INSTALL_UNITS
systemdsystemunit_DATA = etc/hopgate-gateway.service etc/hopgate-client.service
# The folder corresponding to that of the units: PREFIX/lib/sysusers.d for PREFIX/lib/systemd/system.
sysusersdir = $(systemdsystemunitdir)/../../sysusers.d
dist_sysusers_DATA = etc/sysusers.d/hopgate.conf
endif
UNIT_EDIT = sed -e 's,[@]bindir[@],$(bindir),g' -e 's,[@]sysconfdir[@],$(sysconfdir),g'
etc/hopgate-gateway.service etc/hopgate-client.service: etc/hopgate-%.service: etc/hopgate-%.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) etc && $(UNIT_EDIT) $(top_srcdir)/$@.in >$@
EXTRA_DIST += etc/hopgate-gateway.service.in etc/hopgate-client.service.in
CLEANFILES += etc/hopgate-gateway.service etc/hopgate-client.service
