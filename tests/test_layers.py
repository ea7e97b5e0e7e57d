#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""tests/layers.py: a small tree that obeys its rules, and one violation of each kind added to it."""

import os
import subprocess
import sys
import tempfile

LAYERS = os.path.join(os.environ.get("HG_SRCDIR", "."), "tests", "layers.py")
CC = os.environ.get("CC", "cc").split()

TREE = {
    "core/README.md": "| folder | what |\n| --- | --- |\n| base/ | texts |\n| tunnel/ | streams |\n| worker/ | the loop |\n",
    "core/base/README.md": "text.c, log.c\n",
    "core/base/text.h": "int text_size(const char *text);\n",
    "core/base/text.c": '#include "core/base/text.h"\nint text_size(const char *text) { return text[0]; }\n',
    "core/base/log.c": "int log_level;\n",
    "core/tunnel/README.md": "stream.c\n",
    "core/tunnel/stream.c": '#include "core/base/text.h"\nstruct stream { int id; };\n'
                            'int stream_id(struct stream *stream) { return stream->id + text_size("x"); }\n',
    "core/worker/README.md": "host.c, worker.c\n",
    "core/worker/host.c": "struct hg_host { int abi; };\nconst struct hg_host worker_host = {1};\n",
    "core/worker/worker.c": "struct stream;\nint stream_id(struct stream *stream);\nint worker_start(void);\n"
                            "int worker_start(void) { return stream_id(0); }\n",
    "include/hopgate/README.md": "host.h\n| `hg_now()` | for clocks |\n",
    "include/hopgate/host.h": "static inline int hg_log(void) { return 0; }\nstatic inline int hg_now(void) { return 0; }\n",
    "plugins/one/plugin.mk": "",
    "plugins/one/one.c": '#include <hopgate/host.h>\n#include "plugins/lib/url/url.h"\n'
                         "static const int limit = 3;\nint one(void);\nint one(void) { return hg_log() + hg_now() + limit; }\n",
    "plugins/two/plugin.mk": "",
    "plugins/two/two.c": "#include <hopgate/host.h>\nint two(void);\nint two(void) { return hg_log(); }\n",
    "plugins/lib/url/url.h": "int url_port(void);\n",
    "plugins/lib/url/url.c": '#include "plugins/lib/url/url.h"\nint url_port(void) { return 80; }\n',
}

# The violations: the rule that is broken, a text that the report must contain, and what is appended to which files.
VIOLATIONS = [
    (1, "core/base may not use core/worker", {"core/base/text.c": "int worker_start(void);\nint up(void);\n"
                                                                  "int up(void) { return worker_start(); }\n"}),
    (1, "core/base/text.c includes core/tunnel/frame.h", {"core/base/text.c": '#include "core/tunnel/frame.h"\n',
                                                          "core/tunnel/frame.h": "\n",
                                                          "core/tunnel/README.md": "frame.h\n"}),
    (1, "core/new is not in the table", {"core/new/new.c": '#include "core/base/text.h"\n'}),
    (1, "folders that use each other: plugins/lib/header, plugins/lib/url",
     {"plugins/lib/header/header.h": '#include "plugins/lib/url/url.h"\n',
      "plugins/lib/url/url.c": '#include "plugins/lib/header/header.h"\n'}),
    (2, "core/base/text.c names worker_host", {"core/base/text.c": "extern const struct hg_host worker_host;\n"}),
    (3, "'calls'", {"core/tunnel/stream.c": "static int calls;\nint count(void);\nint count(void) { return ++calls; }\n"}),
    (3, "plugins/one/one.c", {"plugins/one/one.c": "int total = 7;\n"}),
    (4, "hg_later() is used by plugins/two alone",
     {"include/hopgate/host.h": "static inline int hg_later(void) { return 0; }\n",
      "plugins/two/two.c": "int later(void);\nint later(void) { return hg_later(); }\n"}),
    (4, "used by more than one plugin", {"plugins/two/two.c": "int now(void);\nint now(void) { return hg_now(); }\n"}),
    (4, "hg_gone(), which does not exist", {"include/hopgate/README.md": "| `hg_gone()` | for nobody |\n"}),
    (5, "struct stream is defined", {"core/worker/worker.c": "struct stream { int other; };\n"}),
    (5, "STATE_OPEN is defined", {"core/base/text.h": "enum text_state { STATE_OPEN, STATE_SHUT };\n",
                                  "core/worker/worker.c": "enum stream_state {\n    STATE_OPEN = 1,\n};\n"}),
    (6, "core/worker/worker.c names the plugin two", {"core/worker/worker.c": 'const char *const name = "two";\n'}),
    (6, "plugins/one/one.c includes core/base/text.h", {"plugins/one/one.c": '#include "core/base/text.h"\n'}),
    (6, "plugins/two/two.c includes plugins/one/one.h", {"plugins/two/two.c": '#include "plugins/one/one.h"\n',
                                                         "plugins/one/one.h": "\n"}),
    (6, "includes <time.h>", {"core/tunnel/stream.c": "#include <time.h>\n"}),
    (6, "calls clock_gettime()", {"core/tunnel/stream.c": "int clock_gettime(int, void *);\nint now(void);\n"
                                                          "int now(void) { return clock_gettime(0, 0); }\n"}),
    (7, "core/tunnel/text.c have the same name", {"core/tunnel/text.c": "\n", "core/tunnel/README.md": "text.c\n"}),
    (7, "core/worker/timer.c is not listed", {"core/worker/timer.c": "\n"}),
    (7, "plugins/one has no index", {"plugins/one/a.c": "\n", "plugins/one/b.c": "\n"}),
]


def build(root, files):
    for path, text in files.items():
        os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
        with open(os.path.join(root, path), "w") as file:
            file.write(text)
    for path in files:
        if path.endswith(".c"):
            folder = os.path.join(root, "build", os.path.dirname(path), ".libs")
            os.makedirs(folder, exist_ok=True)
            subprocess.run([*CC, "-I", root, "-I", root + "/include", "-fPIC", "-c", os.path.join(root, path),
                            "-o", f"{folder}/x_la-{os.path.basename(path)[:-2]}.o"], check=True)


def lint(files):
    with tempfile.TemporaryDirectory() as root:
        build(root, files)
        run = subprocess.run([sys.executable, LAYERS, "--lint", root, root + "/build"], capture_output=True, text=True,
                             check=False)
    return run.returncode, run.stdout + run.stderr


def main():
    print(f"1..{len(VIOLATIONS) + 1}")
    code, output = lint(TREE)
    failed = int(code != 0)
    print("not ok" if failed else "ok", "1 - a tree that obeys the rules")
    if failed:
        print("# " + output.replace("\n", "\n# "))
    for number, (rule, named, planted) in enumerate(VIOLATIONS, 2):
        files = dict(TREE)
        for path, text in planted.items():
            files[path] = files.get(path, "") + text
        code, output = lint(files)
        wrong = [line for line in output.splitlines() if not line.startswith(f"layers.py: rule {rule}: ")]
        right = code == 1 and named in output and not wrong
        failed += not right
        print("ok" if right else "not ok", number, f"- rule {rule}: {named}")
        if not right:
            print("# " + output.replace("\n", "\n# "))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
