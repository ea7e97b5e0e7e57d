# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
#
# Running the tests, and targets for developers. They depend on `all-am`, not `all`, which would start a second make that
# builds the same libraries at the same time.

# `make check`: the suite, followed by the cases that measure. `./bootstrap check` runs the suite once, with sanitizers,
# and only the cases that measure without them. HG_TEST_SCALE=small makes the end-to-end tests transfer less data (see
# tests/e2e/harness.py). Check's default timeout of 4 s is too short for a busy machine; a minute is enough to detect a
# test that hangs.
AM_TESTS_ENVIRONMENT = \
	PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE; \
	HG_BUILDDIR='$(abs_top_builddir)'; export HG_BUILDDIR; \
	HG_SRCDIR='$(abs_top_srcdir)'; export HG_SRCDIR; \
	HG_SANITIZERS='$(enable_sanitizers)'; export HG_SANITIZERS; \
	CC='$(CC)'; export CC; \
	CK_DEFAULT_TIMEOUT=60; export CK_DEFAULT_TIMEOUT; \
	ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:$$ASAN_OPTIONS; export ASAN_OPTIONS; \
	UBSAN_OPTIONS=print_stacktrace=1:$$UBSAN_OPTIONS; export UBSAN_OPTIONS;

# A test with the extension .py writes TAP: one line for each case.
PY_LOG_COMPILER = $(PYTHON)
PY_LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh

EXTRA_DIST += bootstrap .ci/run .clang-format .editorconfig tests/nightly.sh tests/steps.sh tests/summary.py tests/valgrind.sh

TESTS += tests/test_summary.py tests/test_layers.py
EXTRA_DIST += tests/test_summary.py tests/test_layers.py tests/layers.py core/README.md include/hopgate/README.md \
	plugins/README.md plugins/lib/README.md

# The suite with AddressSanitizer and UndefinedBehaviorSanitizer, in a separate build folder, which is configured again
# whenever this one is, as a tool may have been installed.
asan/configured.stamp: config.status
	$(MKDIR_P) asan
	cd asan && $(abs_top_srcdir)/configure -q --enable-sanitizers --enable-werror CC='$(CC)' CFLAGS='-O1 -g'
	touch $@
check-asan: asan/configured.stamp
	$(MAKE) -C asan
	HG_TEST_SCALE=$${HG_TEST_SCALE:-small} STORM_RUNS=$${STORM_RUNS:-500} \
	  SIM_RUNS=$${SIM_RUNS:-1500} $(MAKE) -C asan check

# The unit tests under valgrind's memcheck, except for test_hook: it starts programs and watches them with pidfd_open(),
# which valgrind supports since 3.21. AddressSanitizer checks its memory in check-asan.
check-valgrind: $(check_PROGRAMS) $(plugin_LTLIBRARIES)
	$(SHELL) $(top_srcdir)/tests/valgrind.sh '$(VALGRIND)' '$(LIBTOOL)' \
	  $(filter-out plugins/lib/hook/test_hook,$(check_PROGRAMS))

# All objects, including tests and benchmarks, without linking: with CC=clang CFLAGS=-fsyntax-only, clang's warnings in seconds.
objects: $(sort $(foreach list,$(filter am_%_OBJECTS,$(.VARIABLES)),$($(list))))

# Checks that the tarball is complete, builds, installs and uninstalls; what it installs is run once (installcheck-local).
# The suite is not run again.
check-tarball: lint-tarball
	$(MAKE) distcheck TESTS= e2e_mixed= e2e_measuring= check_PROGRAMS= check_LTLIBRARIES=
# In a clone, checks that each file of the tree is in the tarball.
lint-tarball:
	@cd '$(top_srcdir)' && test ! -e .git || git ls-files | grep -v '\.gitignore$$' | while read -r file; do \
	  case ' $(DISTFILES) ' in *"/$$file "* | *" $$file "* | *" $${file%/*} "*) ;; *) echo "$$file is not in the tarball" ;; esac; done | (! grep .)
installcheck-local:
	@HG_PROGRAM='$(DESTDIR)$(bindir)/hopgate' HG_PLUGINS='$(DESTDIR)$(plugindir)'; export HG_PROGRAM HG_PLUGINS; \
	$(AM_TESTS_ENVIRONMENT) $(PYTHON) $(top_srcdir)/tests/demo/demo.py --once

# Tests that take too long to run for each change (see tests/nightly.sh); ends with "N passed, N failed". SEED=N repeats an
# earlier run.
check-nightly: all-am tests/sim/sim tests/unit/test_storm $(e2e_tools)
	@$(AM_TESTS_ENVIRONMENT) MAKE='$(MAKE)' PYTHON='$(PYTHON)' E2E_NIGHTLY='$(e2e_nightly)' \
	  $(SHELL) $(top_srcdir)/tests/nightly.sh

# Formats all C files, or checks their layout. `make lint` also checks that every header compiles on its own.
list_sources = find core plugins include tests examples -name '*.[ch]'
format:
	cd $(top_srcdir) && $(list_sources) | xargs $(CLANG_FORMAT) -i
lint:
	cd $(top_srcdir) && $(list_sources) | xargs $(CLANG_FORMAT) --dry-run --Werror
	for header in $(pkginclude_HEADERS); do \
	  echo "#include <hopgate/$${header##*/}>" | \
	    $(CC) $(AM_CPPFLAGS) $(GNUTLS_CFLAGS) $(JANSSON_CFLAGS) $(AM_CFLAGS) -Werror -fsyntax-only -x c - || exit 1; \
	done

# Checks that each variable used in a fragment is set somewhere, as one that is not would silently be empty. (The exceptions
# are set by make itself or by its caller.)
lint: lint-variables
lint-variables:
	@cd '$(top_srcdir)' && find Makefile.am core docs etc include plugins tests -name Makefile.am -o -name '*.mk' | \
	  xargs grep -ohE '$$\([A-Za-z_0-9]+\)' | tr -d '$$()' | sort -u | grep -vx 'DEMOFLAGS\|DESTDIR\|MAKE\|area\|list' | \
	  while read -r name; do grep -q "^$$name *[:+?]*=" '$(abs_builddir)/Makefile' || echo "no makefile sets $$name"; done | \
	  (! grep .)

# Which folders may include and call which, and which do. Calls are read from the objects, which must have been built.
lint: lint-layers
lint-layers: all
	$(PYTHON) $(top_srcdir)/tests/layers.py --lint $(top_srcdir) .
layers: all-am
	$(PYTHON) $(top_srcdir)/tests/layers.py $(top_srcdir) .

clean-local:
	rm -rf asan check clang nightly syntax
.PHONY: check-asan check-nightly check-tarball check-valgrind format layers lint lint-layers lint-tarball lint-variables objects
