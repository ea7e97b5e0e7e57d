# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# Real processes on loopback; each file covers a topic and writes TAP. Any two of them can run at the same time. The longest
# come first, so that none runs alone at the end.
e2e_tests = \
	tests/e2e/acme_faults.py \
	tests/e2e/acme_cluster.py \
	tests/e2e/acme_renewal.py \
	tests/e2e/acme_days.py \
	tests/e2e/roaming.py \
	tests/e2e/acme_issue.py \
	tests/e2e/bootstrap.py \
	tests/e2e/acme_changes.py \
	tests/e2e/acme_kill.py \
	tests/e2e/install.py \
	tests/e2e/services.py \
	tests/e2e/requests.py \
	tests/e2e/failures.py \
	tests/e2e/crash.py \
	tests/e2e/loss.py \
	tests/e2e/mtu.py \
	tests/e2e/resume.py \
	tests/e2e/names.py \
	tests/e2e/gateways.py \
	tests/e2e/acme_product.py \
	tests/e2e/acme_ari.py \
	tests/e2e/acme_lab_selftest.py \
	tests/e2e/processes.py \
	tests/e2e/rules.py \
	tests/e2e/breaches.py \
	tests/e2e/access_log.py \
	tests/e2e/checks.py \
	tests/e2e/command.py

# Files with cases that measure time or memory (`measures=True`, see harness.py). With sanitizers, these cases are left
# out; otherwise, the files run one after the other, with nothing else running. Those in the second list have no other cases.
e2e_mixed = tests/e2e/acme_on_demand.py tests/e2e/bulk.py tests/e2e/hostile.py tests/e2e/paths.py tests/e2e/sessions.py \
	tests/e2e/transports.py
e2e_measuring = tests/e2e/speed.py tests/e2e/stalled.py
# Gateway and client under valgrind, which `make check-nightly` runs.
e2e_nightly = tests/e2e/memory.py

if SANITIZERS
TESTS += $(e2e_mixed) $(e2e_tests)
else
TESTS += $(e2e_tests)
# Not when tests are named: `make check TESTS=...`.
check-local: $(if $(filter file,$(origin TESTS)),check-alone)
endif

# What the end-to-end tests run besides the program and its plugins.
e2e_tools = tests/unit/plugins/crash.la tests/tools/origin tests/tools/load tests/tools/relay tests/tools/clock.la tests/tools/faultpoint.la
if HAVE_CHECK
e2e_tools += tests/bench/crowd
endif

# All cases of files with some that measure; or only the cases that measure, building no more than they need.
check-alone: check-TESTS
	$(MAKE) -j1 check-TESTS TESTS='$(e2e_mixed) $(e2e_measuring)'
check-measures: all-am $(e2e_tools)
	HG_CASES=measures $(MAKE) -j1 check-TESTS TESTS='$(e2e_mixed) $(e2e_measuring)' check_PROGRAMS= check_LTLIBRARIES=
.PHONY: check-alone check-measures

EXTRA_DIST += $(e2e_tests) $(e2e_mixed) $(e2e_measuring) $(e2e_nightly) tests/e2e/harness.py tests/e2e/network.py \
	tests/e2e/nameserver.py tests/e2e/flow.py tests/e2e/relay.py tests/e2e/transfers.py tests/e2e/pebble.py \
	tests/e2e/caproxy.py tests/e2e/acme_client.py tests/e2e/acme_lab.py tests/corpus/cases.jsonl tests/corpus/http1.jsonl
