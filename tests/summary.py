#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""summary.py FOLDER-OR-FILE...: adds up the results of test programs, and ends with "N passed, N failed".

In a build folder, automake has left NAME.trs (results) and NAME.log (output) for every test that ran. A Check program is one
result for automake, but its log has its own count; a TAP program has one result for each case; the simulator reports its
number of runs. A single file is read as TAP: planned cases without a result count as failed, and so does a file without a
plan, since its writer may have died at any point. The messages of a failed test are printed with it. Exits with 1 if anything
failed or nothing ran.
"""

import os
import re
import sys

CHECK = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)", re.M)
FAILURE = re.compile(r"^\S+:\d+:[FE]:.*|^.*(?:ERROR: \w+Sanitizer|runtime error:).*", re.M)
RESULT = re.compile(r"^:test-result: (\w+)", re.M)


def read(path):
    with open(path, errors="replace") as file:
        return file.read()


def against_plan(text, reported):
    """The number of cases that failed in addition to those reported in the file, and why."""
    plan = re.search(r"^1\.\.(\d+)", text, re.M)
    if not plan:
        return 1, "no plan: empty or cut off"
    planned = int(plan[1])
    if reported > planned:
        return 1, f"{reported} results, more than the {planned} planned"
    return planned - reported, f"{planned - reported} of {planned} did not run" if reported < planned else ""


def of_tap(text):
    passed = len(re.findall(r"^ok\b(?!.*# SKIP)", text, re.M))
    wrong = len(re.findall(r"^not ok\b", text, re.M))
    skipped = len(re.findall(r"^ok\b.*# SKIP", text, re.M))
    missing, why = against_plan(text, passed + wrong + skipped)
    return passed, wrong + missing + len(re.findall(r"^Bail out!", text, re.M)), skipped, why


def of_test(trs):
    results = RESULT.findall(read(trs))
    log = trs[:-4] + ".log"
    output = read(log) if os.path.exists(log) else ""
    good = sum(result in ("PASS", "XFAIL") for result in results)
    skipped = results.count("SKIP")
    bad = len(results) - good - skipped
    checks = CHECK.findall(output)
    if checks and len(results) == 1:
        total, wrong = (sum(int(c[0]) for c in checks), sum(int(c[1]) + int(c[2]) for c in checks))
        return total - wrong, max(wrong, bad), skipped, ""
    return good, bad or (0 if results else 1), skipped, "" if results else "no result"


def reasons(path):
    """The lines about the failure in the log of a test: each `not ok` with its diagnostics, except for copies of programs'
    logs (indented further), failures in Check's format, and the first lines of sanitizer reports."""
    text = read(path) if os.path.exists(path) else ""
    diagnostics = []
    for line in text.splitlines():
        if line.startswith("# "):
            diagnostics += [line] if line[2:4] != "  " else []
        elif line.startswith("not ok"):
            yield from diagnostics[-20:]
            yield line
        if not line.startswith("#"):
            diagnostics = []
    yield from FAILURE.findall(text)[:20]


def collect(path):
    """Yields (name, log, passed, failed, skipped, what is wrong with the report itself)."""
    if os.path.isfile(path):
        yield (path, path, *of_tap(read(path)))
        return
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(f for f in folders if not f.startswith("hopgate-") and f not in ("asan", "clang"))
        for name in sorted(files):
            if name.endswith(".trs"):
                full = os.path.join(folder, name)
                yield (os.path.relpath(full[:-4]), full[:-4] + ".log", *of_test(full))


def main():
    passed = failed = skipped = 0
    for path in sys.argv[1:]:
        reports = list(collect(path)) if os.path.exists(path) else []
        if not reports:
            print(f"  {path}: nothing ran")
            failed += 1
        for name, log, good, bad, left, why in reports:
            passed, failed, skipped = passed + good, failed + bad, skipped + left
            note = (f", {bad} FAILED" if bad else "") + (f", {left} skipped" if left else "")
            note += f" ({why})" if why else ""
            print(f"  {name}: {good} passed{note}")
            if bad:
                print("".join(f"    {line[:400]}\n" for line in reasons(log)), end="")
    if skipped:
        print(f"{skipped} skipped, each with its reason in the log")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
