# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

EXTRA_DIST += tests/demo/demo.py

# make demo [DEMOFLAGS=--once]
demo: all-am tests/tools/origin
	@$(AM_TESTS_ENVIRONMENT) exec $(PYTHON) $(top_srcdir)/tests/demo/demo.py $(DEMOFLAGS)
.PHONY: demo
