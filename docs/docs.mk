# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

dist_man_MANS += docs/hopgate.1 docs/hopgate.conf.5
EXTRA_DIST += docs/update-manuals.sh

# Installed in the same layout as here, with README.md above and examples/ next to them, so that links between them work.
docsdir = $(docdir)/docs
dist_docs_DATA = docs/README.md docs/guide.md docs/design.md docs/plugin-guide.md docs/protocol.md

# Rewrites the option sections of all manual pages from the option tables in the programs.
update-manuals: hopgate $(plugin_LTLIBRARIES)
	HOPGATE_PLUGIN_PATH='$(abs_top_builddir)/.libs' $(SHELL) $(top_srcdir)/docs/update-manuals.sh \
	  '$(abs_top_builddir)/hopgate' '$(top_srcdir)'
.PHONY: update-manuals
