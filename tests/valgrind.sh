#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
#
# valgrind.sh VALGRIND LIBTOOL PROGRAM...: runs each unit test (test_*) among the programs under memcheck, in one process
# (CK_FORK=no) so that leaks are detected, in parallel on all processors, and writes TAP. A program may take 900 s, as
# valgrind is thirty to sixty times slower. Test cases tagged "long" are left out: simulations of minutes that use memory
# in the same ways again and again. Those that repeat something with different random numbers do a twelfth
# (repetitions() in tests/unit/slowness.h). So this run covers every kind of memory use, but not every case;
# AddressSanitizer covers them all.
valgrind=$1 libtool=$2
shift 2
for program; do
    shift
    case $program in */test_*) set -- "$@" "$program" ;; esac
done
if [ "$valgrind" = no ] || [ $# -eq 0 ]; then
    echo "Bail out! valgrind: $([ $# -eq 0 ] && echo 'no unit test was built' || echo 'not found (Debian: valgrind)')"
    exit 1
fi
# Lists descriptors that valgrind reports as open at exit and that were not inherited; it does not count them as errors.
# Processes forked by a test are silent (--child-silent-after-fork): they end with _exit() and all descriptors open, and
# their reports would be mistaken for the program's. Their errors still affect their exit status, which the test asserts.
left_open() {
    awk '/Open (file descriptor|AF_)/ { open = $0; next }
        open != "" { if (!/inherited/) found = found open "\n"; open = "" }
        END { printf "%s", found }' "$1"
}
echo "1..$#"
export CK_FORK=no CK_TIMEOUT_MULTIPLIER=60 CK_EXCLUDE_TAGS=long HG_BUILDDIR="$PWD" HG_VALGRIND="$valgrind" HG_LIBTOOL="$libtool"
printf '%s\n' "$@" | xargs -P "$(nproc 2>/dev/null || echo 2)" -I '{}' sh -c '
    timeout 900 $HG_LIBTOOL --mode=execute "$HG_VALGRIND" -q --error-exitcode=99 --child-silent-after-fork=yes \
        --num-callers=20 --leak-check=full \
        --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect --track-fds=yes "./$1" \
        >"$1.valgrind.log" 2>&1 </dev/null
    echo $? >"$1.valgrind.exit"' sh '{}'
number=0 failed=0
for program; do
    number=$((number + 1))
    code=$(cat "$program.valgrind.exit" 2>/dev/null || echo none)
    [ "$code" != 0 ] || [ -z "$(left_open "$program.valgrind.log")" ] || code="0, but descriptors were left open"
    rm -f "$program.valgrind.exit"
    if [ "$code" = 0 ]; then
        echo "ok $number - valgrind $program"
    else
        echo "not ok $number - valgrind $program (exit code $code)"
        tail -n 40 "$program.valgrind.log" | sed 's/^/#   /'
        failed=1
    fi
done
exit $failed
