# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# Real processes on loopback; each file is a topic and writes TAP. They measure time and memory, so each waits for the
# one before it, and the first for all other tests; those of acme, where time is the tests' own, go two by two.
e2e_tests = \
	tests/e2e/command.py \
	tests/e2e/checks.py \
	tests/e2e/requests.py \
	tests/e2e/failures.py \
	tests/e2e/services.py \
	tests/e2e/rules.py \
	tests/e2e/sessions.py \
	tests/e2e/crash.py \
	tests/e2e/memory.py \
	tests/e2e/bulk.py \
	tests/e2e/stalled.py \
	tests/e2e/loss.py \
	tests/e2e/speed.py \
	tests/e2e/hostile.py \
	tests/e2e/mtu.py \
	tests/e2e/resume.py \
	tests/e2e/roaming.py \
	tests/e2e/names.py \
	tests/e2e/transports.py \
	tests/e2e/gateways.py \
	tests/e2e/processes.py \
	tests/e2e/acme_lab.py \
	tests/e2e/acme_issue.py \
	tests/e2e/acme_renewal.py \
	tests/e2e/acme_days.py \
	tests/e2e/acme_faults.py \
	tests/e2e/acme_kill.py \
	tests/e2e/acme_on_demand.py \
	tests/e2e/acme_product.py \
	tests/e2e/acme_changes.py \
	tests/e2e/acme_ari.py \
	tests/e2e/acme_cluster.py \
	tests/e2e/bootstrap.py \
	tests/e2e/install.py
TESTS += $(e2e_tests)
# What measures the networks of the tests alone: there is nothing of hopgate in it that a sanitizer could watch.
if !SANITIZERS
paths_log = tests/e2e/paths.log
TESTS += tests/e2e/paths.py
endif
EXTRA_DIST += $(e2e_tests) tests/e2e/paths.py tests/e2e/harness.py tests/e2e/network.py tests/e2e/nameserver.py tests/e2e/flow.py tests/e2e/relay.py tests/e2e/transfers.py tests/e2e/pebble.py tests/e2e/caproxy.py \
	tests/e2e/acmeclient.py tests/e2e/acmelab.py tests/corpus/cases.jsonl tests/corpus/http1.jsonl

tests/e2e/command.log: $(filter-out tests/e2e/%,$(TEST_LOGS))
tests/e2e/checks.log: tests/e2e/command.log
tests/e2e/requests.log: tests/e2e/checks.log
tests/e2e/failures.log: tests/e2e/requests.log
tests/e2e/services.log: tests/e2e/failures.log
tests/e2e/rules.log: tests/e2e/services.log
tests/e2e/sessions.log: tests/e2e/rules.log
tests/e2e/crash.log: tests/e2e/sessions.log
tests/e2e/memory.log: tests/e2e/crash.log
tests/e2e/bulk.log: tests/e2e/memory.log
tests/e2e/stalled.log: tests/e2e/bulk.log
tests/e2e/paths.log: tests/e2e/stalled.log
tests/e2e/loss.log: tests/e2e/stalled.log $(paths_log)
tests/e2e/speed.log: tests/e2e/loss.log
tests/e2e/hostile.log: tests/e2e/speed.log
tests/e2e/mtu.log: tests/e2e/hostile.log
tests/e2e/resume.log: tests/e2e/mtu.log
tests/e2e/roaming.log: tests/e2e/resume.log
tests/e2e/names.log: tests/e2e/roaming.log
tests/e2e/transports.log: tests/e2e/names.log
tests/e2e/gateways.log: tests/e2e/transports.log
tests/e2e/processes.log: tests/e2e/gateways.log
# ACME's wait for a CA and for retries more than they work: two chains beside each other.
tests/e2e/acme_lab.log: tests/e2e/processes.log
tests/e2e/acme_issue.log: tests/e2e/acme_lab.log
tests/e2e/acme_kill.log: tests/e2e/acme_issue.log
tests/e2e/acme_on_demand.log: tests/e2e/acme_kill.log
tests/e2e/acme_product.log: tests/e2e/acme_on_demand.log
tests/e2e/acme_changes.log: tests/e2e/acme_product.log
tests/e2e/acme_faults.log: tests/e2e/processes.log
tests/e2e/acme_renewal.log: tests/e2e/acme_faults.log
tests/e2e/acme_days.log: tests/e2e/acme_renewal.log
tests/e2e/acme_ari.log: tests/e2e/acme_days.log
tests/e2e/acme_cluster.log: tests/e2e/acme_changes.log
tests/e2e/bootstrap.log: tests/e2e/acme_ari.log
tests/e2e/install.log: tests/e2e/acme_cluster.log tests/e2e/bootstrap.log
