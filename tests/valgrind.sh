#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
#
# valgrind.sh VALGRIND LIBTOOL PROGRAM...: runs each unit test (test_*) among the programs under memcheck, in one process (CK_FORK=no) so that
# leaks are seen, and writes TAP. A program gets 300 s, under valgrind's slowdown of about thirty.
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
echo "1..$#"
number=0 failed=0
for program; do
    number=$((number + 1))
    log=$program.valgrind.log
    if CK_FORK=no CK_TIMEOUT_MULTIPLIER=30 HG_BUILDDIR=$PWD timeout 300 $libtool --mode=execute "$valgrind" -q --error-exitcode=99 --leak-check=full \
        --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect --track-fds=yes \
        --num-callers=20 "./$program" >"$log" 2>&1; then
        echo "ok $number - valgrind $program"
    else
        echo "not ok $number - valgrind $program"
        tail -n 40 "$log" | sed 's/^/#   /'
        failed=1
    fi
done
exit $failed
