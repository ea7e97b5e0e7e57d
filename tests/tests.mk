# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
#
# How the tests are run, and the targets for those who work on the tree.

# HG_TEST_SCALE=small makes the end-to-end tests move less data (see tests/e2e/harness.py).
AM_TESTS_ENVIRONMENT = \
	PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE; \
	HG_BUILDDIR='$(abs_top_builddir)'; export HG_BUILDDIR; \
	HG_SRCDIR='$(abs_top_srcdir)'; export HG_SRCDIR; \
	HG_SANITIZERS='$(enable_sanitizers)'; export HG_SANITIZERS; \
	CC='$(CC)'; export CC; \
	ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:$$ASAN_OPTIONS; export ASAN_OPTIONS; \
	UBSAN_OPTIONS=print_stacktrace=1:$$UBSAN_OPTIONS; export UBSAN_OPTIONS;

# A test of the extension .py writes TAP: one line for each case.
PY_LOG_COMPILER = $(PYTHON)
PY_LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh

EXTRA_DIST += bootstrap .ci/run .clang-format .editorconfig tests/summary.py tests/valgrind.sh

TESTS += tests/test_summary.py tests/test_layers.py
EXTRA_DIST += tests/test_summary.py tests/test_layers.py tests/layers.py core/README.md include/hopgate/README.md

# The whole suite once more under AddressSanitizer and UndefinedBehaviorSanitizer, in a build folder of its own, which is
# configured again when this one is: a tool may be there now that was not.
asan/configured.stamp: config.status
	$(MKDIR_P) asan
	cd asan && $(abs_top_srcdir)/configure -q --enable-sanitizers --enable-werror CC='$(CC)' CFLAGS='-O1 -g'
	touch $@
check-asan: asan/configured.stamp
	$(MAKE) -C asan
	HG_TEST_SCALE=$${HG_TEST_SCALE:-small} STORM_RUNS=$${STORM_RUNS:-500} $(MAKE) -C asan check

# The unit tests under valgrind's memcheck, but for test_hook: it starts programs and watches them by pidfd_open(), which
# valgrind knows from 3.21 on. AddressSanitizer watches its memory in check-asan.
check-valgrind: $(check_PROGRAMS) $(plugin_LTLIBRARIES)
	$(SHELL) $(top_srcdir)/tests/valgrind.sh '$(VALGRIND)' '$(LIBTOOL)' \
	  $(filter-out plugins/lib/hook/test_hook,$(check_PROGRAMS))

# What a night is for: four times the seeded runs of the simulator and of test_storm in `make check`, from a seed of their
# own, which is printed (SEED=N: that one). A failing run tells how to repeat it.
check-nightly: tests/sim/sim tests/unit/test_storm
	seed=$${SEED:-$$(($$(date +%s) % 1000000000))}; echo "check-nightly: SEED=$$seed"; \
	SIM_RUNS=20000 SIM_SEED=$$seed tests/sim/sim; simulated=$$?; \
	STORM_RUNS=10000 STORM_SEED=$$seed tests/unit/test_storm && exit $$simulated

# Layout of all C files, set or only compared. `make lint` also has every header compile by itself.
list_sources = find core plugins include tests examples -name '*.[ch]'
format:
	cd $(top_srcdir) && $(list_sources) | xargs $(CLANG_FORMAT) -i
lint:
	cd $(top_srcdir) && $(list_sources) | xargs $(CLANG_FORMAT) --dry-run --Werror
	for header in $(pkginclude_HEADERS); do \
	  echo "#include <hopgate/$${header##*/}>" | \
	    $(CC) $(AM_CPPFLAGS) $(GNUTLS_CFLAGS) $(JANSSON_CFLAGS) $(AM_CFLAGS) -Werror -fsyntax-only -x c - || exit 1; \
	done

# Which folder includes and calls which.
layers: all
	$(PYTHON) $(top_srcdir)/tests/layers.py $(top_srcdir) .

clean-local:
	rm -rf asan
.PHONY: check-asan check-nightly check-valgrind format layers lint
