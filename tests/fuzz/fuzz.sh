#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
#
# fuzz.sh NAME FLAGS SOURCE...: builds the fuzz target NAME from sources in $HG_SRCDIR and runs it with libFuzzer for
# $FUZZ_SECONDS, starting with the saved inputs in tests/fuzz/NAME. New inputs go to fuzz/NAME, failures to fuzz/NAME-*.
set -eu
name=$1 flags=$2
shift 2
sources=
for source; do
    case $source in *.c) sources="$sources $HG_SRCDIR/$source" ;; esac
done
mkdir -p "fuzz/$name"
# The lists of flags and sources must be split.
# shellcheck disable=SC2086
$FUZZ_CLANG -std=c11 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
    -o "fuzz/fuzz_$name" $sources $flags
status=0
"fuzz/fuzz_$name" -max_total_time="$FUZZ_SECONDS" -max_len=4096 -timeout=5 -print_final_stats=1 \
    -artifact_prefix="fuzz/$name-" "fuzz/$name" "$HG_SRCDIR/tests/fuzz/$name" || status=$?
# Targets run in parallel, so the end of the output may be from another one; and CI keeps only the output, not the files.
if [ $status -ne 0 ]; then
    echo "fuzz.sh: $name failed with status $status"
    find fuzz -name "$name-*" -newer "fuzz/fuzz_$name" | while read -r input; do
        echo "fuzz.sh: $input in base64: $(base64 "$input" | tr -d '\n')"
    done
fi
exit $status
