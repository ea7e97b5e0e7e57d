# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

EXTRA_DIST += tests/bench/bench.py

# make bench: a table, and bench.json in the build folder.
bench: all tests/tools/origin tests/tools/load
	@$(AM_TESTS_ENVIRONMENT) exec $(PYTHON) $(top_srcdir)/tests/bench/bench.py bench.json
.PHONY: bench
