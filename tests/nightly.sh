#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
#
# `make check-nightly`: tests that take too long to run for each change. Runs in the build folder, with the source in
# $HG_SRCDIR, and ends with "N passed, N failed". SEED=N makes the simulators use that seed instead of a new one.
set -u
. "$HG_SRCDIR/tests/steps.sh"
: "${MAKE:=make}" "${SEED:=$(($(date +%s) % 1000000000))}"
jobs=$(nproc 2>/dev/null || echo 2)

simulator() { SIM_RUNS=20000 SIM_SEED=$SEED tests/sim/sim; }
storms() { STORM_RUNS=10000 STORM_SEED=$SEED tests/unit/test_storm; }
under_sanitizers() { STORM_RUNS=2500 HG_TEST_SCALE=full $MAKE -s check-asan; }
# Not in a pipe, whose status would not be that of make.
units_under_valgrind() {
    $MAKE -s check-valgrind >nightly/valgrind.tap
    status=$?
    cat nightly/valgrind.tap
    return $status
}
programs_under_valgrind() { $MAKE check-TESTS TESTS="$E2E_NIGHTLY"; }
with_clang() { configured_with clang CC=clang && $MAKE -s -C clang -j"$jobs" && $MAKE -C clang -j"$jobs" check; }

find . -name '*.trs' -exec rm -f {} +
steps nightly 9
step "the suite" $MAKE -j"$jobs" check
step "the suite with ASan and UBSan" under_sanitizers
step "the simulator from seed $SEED" simulator
step "storms from seed $SEED" storms
step "unit tests under valgrind" units_under_valgrind
step "gateway and client under valgrind" programs_under_valgrind
step "a minute of fuzzing for each target" $MAKE -s -j"$jobs" fuzz FUZZ_SECONDS=60
step "the suite built with clang" with_clang
step "make distcheck with the suite" env HG_TEST_SCALE=small $MAKE -j"$jobs" distcheck
"$PYTHON" "$HG_SRCDIR/tests/summary.py" nightly/steps.tap nightly/valgrind.tap . asan clang
