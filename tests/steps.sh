# shellcheck shell=sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
#
# Sourced by scripts that run several steps and count the results: `./bootstrap check` and tests/nightly.sh.

# steps FOLDER NUMBER: starts; outputs and results are written to the folder. summary.py counts a missing step as a failure.
steps() {
    steps_folder=$1
    rm -rf "$steps_folder"
    mkdir -p "$steps_folder"
    echo "1..$2" >"$steps_folder/steps.tap"
}

# step NAME COMMAND...: runs the command as one test, and saves its output.
step() {
    step_name=$1
    shift
    step_log=$steps_folder/$(echo "$step_name" | tr ' ' '-').log
    printf '%s' "$step_name ... "
    step_began=$(date +%s)
    if "$@" >"$step_log" 2>&1; then
        echo "ok ($(($(date +%s) - step_began)) s)"
        echo "ok - $step_name" >>"$steps_folder/steps.tap"
    else
        echo "FAILED ($(($(date +%s) - step_began)) s), the end of $step_log:"
        grep -E '^(FAIL|ERROR|not ok|# )|rror:' "$step_log" | head -n 40
        tail -n 25 "$step_log"
        # The summary repeats them: CI may keep only the last lines.
        grep -E '^(FAIL|ERROR|not ok|fuzz\.sh: )|rror:' "$step_log" | head -n 10 | sed 's/^/# /' >>"$steps_folder/steps.tap"
        echo "not ok - $step_name" >>"$steps_folder/steps.tap"
    fi
}

# configured_with FOLDER OPTION...: creates another build folder, FOLDER, in the current one. It is configured again whenever
# the current one is, as a tool may have been installed.
configured_with() {
    steps_build=$1
    shift
    mkdir -p "$steps_build"
    [ "$steps_build/configured.stamp" -nt config.status ] ||
        (cd "$steps_build" && "$HG_SRCDIR/configure" -q --enable-werror "$@" && touch configured.stamp)
}
