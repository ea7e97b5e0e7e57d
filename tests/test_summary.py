# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""tests/summary.py: a test that did not run to the end never counts as passed."""

import os
import subprocess
import sys
import tempfile

SUMMARY = os.path.join(os.environ.get("HG_SRCDIR", "."), "tests", "summary.py")

# A TAP file, the last line of summary.py, and a text with which it reports what is wrong.
TAP = [
    ("all that was planned", "1..2\nok 1 - a\nok 2 - b\n", "2 passed, 0 failed", ""),
    ("a plan at the end", "ok - a\nok - b\n1..2\n", "2 passed, 0 failed", ""),
    ("a skipped case", "1..2\nok 1 - a\nok 2 - b # SKIP no route\n", "1 passed, 0 failed", "1 skipped"),
    ("a failure", "1..2\nok 1 - a\nnot ok 2 - b\n", "1 passed, 1 failed", "1 FAILED"),
    ("the diagnostics of a failure", "1..1\n# ---- gateway\n#   a log\n# 3 instead of 4\nnot ok 1 - a\n# 2.0 s\n", "0 passed, 1 failed",
     "# 3 instead of 4\n    not ok 1 - a"),
    ("an empty file", "", "0 passed, 1 failed", "no plan"),
    ("no plan", "ok 1 - a\n", "1 passed, 1 failed", "no plan"),
    ("cut off", "1..4\nok 1 - a\nnot ok 2 - b\n", "1 passed, 3 failed", "2 of 4 did not run"),
    ("cut off within a line", "1..2\nok 1 - a\nnot o", "1 passed, 1 failed", "1 of 2 did not run"),
    ("given up", "1..3\nok 1 - a\nBail out! no memory\n", "1 passed, 3 failed", "2 of 3 did not run"),
    ("given up at once", "Bail out! not found\n", "0 passed, 2 failed", "no plan"),
    ("more than was planned", "1..1\nok 1 - a\nok 2 - b\n", "2 passed, 1 failed", "more than the 1 planned"),
]


def summary(*paths):
    run = subprocess.run([sys.executable, SUMMARY, *paths], stdout=subprocess.PIPE, text=True, check=False)
    return run.returncode, run.stdout


def wrong_with(folder, tap, last, named):
    path = os.path.join(folder, "one.tap")
    with open(path, "w") as file:
        file.write(tap)
    code, output = summary(path)
    if output.splitlines()[-1] != last or named not in output or code != (0 if last.endswith(" 0 failed") else 1):
        return f"exit code {code}, instead of {last!r} with {named!r}:\n{output}"
    return ""


def program_that_fails(folder):
    """In a build folder, a Check program without an extension is next to its log."""
    program = os.path.join(folder, "test_it")
    for name, text in ((program, "not ok in the program\n"), (program + ".trs", ":test-result: FAIL\n"),
                       (program + ".log", "50%: Checks: 2, Failures: 1, Errors: 0\nit.c:7:F:case:test:0: 3 == 4\n")):
        with open(name, "w") as file:
            file.write(text)
    code, output = summary(folder)
    right = code == 1 and "    it.c:7:F:case:test:0: 3 == 4\n1 passed, 1 failed" in output and "in the program" not in output
    return "" if right else output


def main():
    print(f"1..{len(TAP) + 3}")
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        results = []
        missing = os.path.join(folder, "missing.tap")
        for name, path in (("a file that is missing", missing), ("an empty folder", folder)):
            code, output = summary(path)
            results.append((name, "" if code == 1 and "0 passed, 1 failed" in output else output))
        results += [(name, wrong_with(folder, tap, last, named)) for name, tap, last, named in TAP]
        results.append(("the failure message of a Check program", program_that_fails(folder)))
    for number, (name, wrong) in enumerate(results, 1):
        failed += bool(wrong)
        print(f"{'not ok' if wrong else 'ok'} {number} - {name}")
        for line in wrong.splitlines():
            print(f"# {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
