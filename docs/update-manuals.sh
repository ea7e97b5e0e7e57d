#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
#
# update-manuals.sh HOPGATE SOURCE: inserts the output of `HOPGATE describe --man NAME` between `.\" options: begin` and
# `.\" options: end` in each manual page below SOURCE. Pages of plugins that cannot be loaded are reported and left unchanged.
set -eu
hopgate=$1 source=$2
section=$(mktemp)
page=$(mktemp)
trap 'rm -f "$section" "$page"' EXIT
result=0

update() {
    name=$1 manual=$2
    if ! "$hopgate" describe --man "$name" >"$section"; then
        result=1
        return
    fi
    awk -v section="$section" '
        /^\.\\" options: end/ { inside = 0 }
        !inside { print }
        /^\.\\" options: begin/ { inside = 1; while ((getline line < section) > 0) print line }
    ' "$manual" >"$page"
    if ! cmp -s "$page" "$manual"; then
        cat "$page" >"$manual"
        echo "updated $manual"
    fi
}

update hopgate.conf "$source/docs/hopgate.conf.5"
for manual in "$source"/plugins/*/hopgate-*.5; do
    name=${manual##*/hopgate-}
    update "${name%.5}" "$manual"
done
exit $result
