# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""./bootstrap on machines where tools are missing or an earlier run was interrupted; the build folder; the demo.

configure is the real one. make, autoreconf and the package manager are stubs in cases that only concern bootstrap.
"""

import os
import re
import shutil
import subprocess

from harness import BUILD, SOURCE, Skip, case, check, equal, main

# Not needed in a copy of the tree.
NOT_SOURCE = shutil.ignore_patterns("build", ".git", "autom4te.cache")


def answers(world):
    """A file with the results of configure for compiler and libraries in the build folder, for use as CONFIG_SITE, so that it
    need not check again; programs that it finds in PATH are left out."""
    with open(os.path.join(BUILD, "config.log")) as file:
        known = re.findall(r"^(?:ac_cv_(?:c|func|header|lib|search)_|lt_cv_(?!path|prog_gnu|sys_global)).*", file.read(), re.M)
    return world.write("config.site", "\n".join(known) + "\n")


class Tree:
    """A copy of the source tree, and a machine on which the `hidden` tools are not installed."""

    def __init__(self, world, hidden=()):
        self.world, self.folder, self.bin = world, world.path("a tree"), world.path("bin")
        shutil.copytree(SOURCE, self.folder, ignore=NOT_SOURCE, symlinks=True)
        if os.path.exists(os.path.join(SOURCE, "config.status")):
            raise Skip("the source folder itself is configured")
        self.answers = answers(world)
        self.install(hidden)
        self.stand_in("make", "exit 0")
        self.stand_in("dpkg-query", "echo installed")
        self.stand_in("apt-get", "exit 0")

    def install(self, hidden=()):
        """From now on, only the hidden tools are missing; stubs are kept."""
        os.makedirs(self.bin, exist_ok=True)
        for folder in os.environ["PATH"].split(":"):
            for name in os.listdir(folder) if os.path.isdir(folder) else ():
                path = os.path.join(self.bin, name)
                if os.path.basename(os.path.realpath(os.path.join(folder, name))) == "ccache":
                    continue  # looks for the compiler after itself in PATH
                missing = any(re.fullmatch(pattern, name) for pattern in hidden)
                if os.path.lexists(path) and os.path.islink(path) and missing:
                    os.unlink(path)
                elif not os.path.lexists(path) and not missing:
                    os.symlink(os.path.join(folder, name), path)
        if "check" in hidden:
            self.stand_in("pkg-config", 'case "$*" in *" check"*) exit 1 ;; esac; exec ' + shutil.which("pkg-config") + ' "$@"')
        elif not os.path.islink(os.path.join(self.bin, "pkg-config")):
            self.stand_in("pkg-config", "exec " + shutil.which("pkg-config") + ' "$@"')

    def stand_in(self, name, script):
        path = os.path.join(self.bin, name)
        if os.path.lexists(path):
            os.unlink(path)
        with open(path, "w") as file:
            file.write(f"#!/bin/sh\n{script}\n")
        os.chmod(path, 0o755)

    def clone(self):
        """Makes it look like a clone, where configure does not exist yet."""
        os.makedirs(os.path.join(self.folder, ".git"), exist_ok=True)

    def bootstrap(self, *words, status=0, **environment):
        variables = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        result = subprocess.run(["./bootstrap", *words], cwd=self.folder, env={**variables, "PATH": self.bin, "CONFIG_SITE": self.answers,
                                                                             **environment},
                                capture_output=True, text=True, timeout=200, stdin=subprocess.DEVNULL)
        equal(result.returncode, status, f"the exit status of ./bootstrap {' '.join(words)} ({result.stdout}{result.stderr})")
        return result.stdout + result.stderr

    def configured(self, name):
        with open(os.path.join(self.folder, "build", "config.status")) as file:
            return re.search(rf'^S\["{name}"\]="(.*)"', file.read(), re.M)[1]


@case("tools installed after the first build are used by the steps that need them", seconds=300)
def tools_later(world):
    tree = Tree(world, hidden=("check", "python[0-9.]*", "valgrind", "clang-format"))
    tree.bootstrap("build")
    equal((tree.configured("PYTHON"), tree.configured("VALGRIND"), tree.configured("CLANG_FORMAT"),
           tree.configured("HAVE_CHECK_TRUE")), (":", "no", "no", "#"), "what configure found at first")
    tree.install(hidden=("valgrind",))
    tree.bootstrap("demo")
    check(tree.configured("PYTHON") != ":", "the demo has no python")
    tree.install()
    tree.bootstrap("bench")
    for name in ("PYTHON", "VALGRIND", "CLANG_FORMAT"):
        check(tree.configured(name) not in (":", "no"), f"{name} is {tree.configured(name)}")
    equal(tree.configured("HAVE_CHECK_TRUE"), "", "the condition for unit tests")
    check("configure" not in tree.bootstrap("bench"), "configure runs every time")


@case("options are passed to configure and kept; unknown ones are an error", seconds=300)
def options(world):
    tree = Tree(world)
    tree.bootstrap("build", "--prefix=/opt/one", "CFLAGS=-O1 -g")
    equal((tree.configured("prefix"), tree.configured("CFLAGS")), ("/opt/one", "-O1 -g"), "prefix and CFLAGS")
    tree.bootstrap("demo")
    equal(tree.configured("prefix"), "/opt/one", "the prefix in the next step")
    tree.bootstrap("--prefix=/opt/two")
    equal(tree.configured("prefix"), "/opt/two", "another prefix")
    for words in (("chekc",), ("build", "demo"), ("check", "fast"), ("build", "--"), ("packages", "--prefix=/opt")):
        text = tree.bootstrap(*words, status=2)
        check(f"'{words[-1]}'" in text and "usage:" in text, f"{words}: {text}")
    text = tree.bootstrap("build", "--no-such-option=x", "--prefix=relative", status=1)
    check("relative" in text and "configure failed" in text, text)
    tree.bootstrap("build", "--prefix=/opt/three")
    equal(tree.configured("prefix"), "/opt/three", "the prefix after a failure")


@case("an interrupted autoreconf or configure is repaired by the next run", seconds=300)
def interrupted(world):
    tree = Tree(world)
    tree.clone()
    kept = {name: tree.folder + "/" + name for name in ("configure", "Makefile.in")}
    for name in kept:
        shutil.copy(kept[name], world.path(name))
        os.unlink(kept[name])
    shutil.rmtree(tree.folder + "/m4", ignore_errors=True)
    copy = " && ".join(f'cp -p "{world.path(name)}" .' for name in kept)
    tree.stand_in("autoreconf", f'mkdir -p m4; cp -p "{world.path("configure")}" .; exit 1')
    check("autoreconf failed" in tree.bootstrap(status=1), "a failure of autoreconf went unnoticed")
    tree.stand_in("autoreconf", f"mkdir -p m4; {copy}")
    tree.bootstrap()
    check("autoreconf" not in tree.bootstrap(), "autoreconf runs every time")
    # The state of an interrupted configure that has only written the Makefile.
    os.unlink(tree.folder + "/build/configured.stamp")
    os.unlink(tree.folder + "/build/libtool")
    tree.bootstrap()
    check(os.path.exists(tree.folder + "/build/libtool"), "configure did not run again")


@case("without root or sudo, the complete command is shown, and nothing is left behind")
def no_root(world):
    tree = Tree(world, hidden=("sudo",))
    tree.stand_in("id", "echo 1000")
    tree.stand_in("dpkg-query", 'case "$*" in *libev-dev*) exit 1 ;; esac; echo installed')
    os.mkdir(world.path("tmp"))
    text = tree.bootstrap(status=1, TMPDIR=world.path("tmp"))
    check(re.search(r"root: apt-get install -y --no-install-recommends libev-dev$", text, re.M), text)
    equal(os.listdir(world.path("tmp")), [], "files left in TMPDIR")


@case("a check with a failure in fuzzing names the target and the input in its summary")
def check_fails(world):
    tree = Tree(world)
    tree.bootstrap("build")
    os.makedirs(tree.folder + "/build/fuzz")
    os.mkdir(tree.folder + "/build/syntax")
    for name in ("fuzz/control-crash-old", "syntax/configured.stamp"):
        with open(f"{tree.folder}/build/{name}", "w") as file:
            file.write("an earlier run")
    # The "compiler" creates a target that finds something at once.
    tree.stand_in("clang-of-fuzz", """while [ "$1" != -o ]; do shift; done
        printf '%s\\n' '#!/bin/sh' 'printf %s bad >fuzz/control-crash-new' 'exit 77' >"$2" && chmod +x "$2" """)
    tree.stand_in("make", """case " $* " in
        *" fuzz "*) cd build && HG_SRCDIR=.. FUZZ_CLANG=clang-of-fuzz FUZZ_SECONDS=1 exec ../tests/fuzz/fuzz.sh control "" ;;
        esac""")
    text = tree.bootstrap("check", status=1)
    summary = text[text.index("build/check/steps.tap"):]
    check("steps.tap: 6 passed, 1 FAILED\n    # fuzz.sh: control failed with status 77\n"
          "    # fuzz.sh: fuzz/control-crash-new in base64: YmFk\n    not ok - fuzzing\n" in summary, text)


@case("a changed prefix and HG_ABI reach the program and hopgate.pc in an existing build folder", seconds=300)
def used_folder(world):
    tree = Tree(world)
    build = world.path("out")
    os.mkdir(build)
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    environment["CONFIG_SITE"] = tree.answers

    def make(*configure):
        for command in ([[tree.folder + "/configure", "-q", *configure]] if configure else []) + [
                ["make", "-s", "core/plugin/libcore_la-plugin.lo", "hopgate.pc"]]:
            result = subprocess.run(command, cwd=build, env=environment, capture_output=True, text=True, timeout=200)
            check(result.returncode == 0, f"{command}: {result.stdout}{result.stderr}")
        with open(build + "/core/plugin/.libs/libcore_la-plugin.o", "rb") as file:
            program = file.read()
        with open(build + "/hopgate.pc") as file:
            return program, file.read()

    # make cannot handle a path with blanks; configure says so.
    os.rename(tree.folder, world.path("tree"))
    tree.folder = world.path("tree")
    program, package = make("--prefix=/opt/one")
    check(b"/opt/one/lib/hopgate/plugins" in program and "prefix=/opt/one\n" in package and "\nabi=1\n" in package, package)
    program, package = make("--prefix=/opt/two")
    check(b"/opt/two/lib/hopgate/plugins" in program, "the program looks for its plugins in the old place")
    header = tree.folder + "/include/hopgate/plugin.h"
    with open(header) as file:
        text = file.read()
    with open(header, "w") as file:
        file.write(text.replace("#define HG_ABI 1\n", "#define HG_ABI 77\n"))
    check("\nabi=77\n" in make()[1], "hopgate.pc has the old ABI")


@case("a program in its build folder uses the plugins built with it, and says so")
def build_folder(world):
    environment = {name: value for name, value in os.environ.items() if name != "HOPGATE_PLUGIN_PATH"}
    listed = subprocess.run([os.path.join(BUILD, "hopgate"), "plugins"], cwd="/", env=environment, capture_output=True, text=True)
    check(f"{os.path.realpath(BUILD)}/.libs/http.so" in listed.stdout, f"{listed.stdout}{listed.stderr}")
    check("not installed: using the plugins in" in listed.stderr, listed.stderr)
    # In another place, the same file is an ordinary program and uses the installed plugins.
    shutil.copy(os.path.join(BUILD, "hopgate"), world.path("hopgate"))
    listed = subprocess.run([world.path("hopgate"), "plugins"], env=environment, capture_output=True, text=True)
    check(f"{os.path.realpath(BUILD)}/.libs" not in listed.stdout + listed.stderr, listed.stdout)


def demo(world, status, **environment):
    result = subprocess.run([shutil.which("python3"), os.path.join(SOURCE, "tests", "demo", "demo.py"), "--once"],
                            env={**os.environ, **environment}, capture_output=True, text=True, timeout=150)
    text = result.stdout + result.stderr
    equal(result.returncode, status, f"the demo's exit status ({text})")
    check("Traceback" not in text, text)
    return text


@case("the demo runs if TMPDIR has blanks, and explains a full TMPDIR or a broken nginx", seconds=300)
def demo_troubles(world):
    os.mkdir(world.path("with a blank"))
    check("All 4 went well" in demo(world, 0, TMPDIR=world.path("with a blank")), "the demo")
    equal(os.listdir(world.path("with a blank")), [], "files left by the demo")
    os.mkdir(world.path("bin"))
    world.write("bin/nginx", "#!/bin/sh\necho 'nginx: libfoo.so: cannot open shared object file' >&2\nexit 127\n")
    path = world.path("bin") + ":" + os.environ["PATH"]
    os.chmod(world.path("bin/nginx"), 0o755)
    check("libfoo.so" in demo(world, 1, PATH=path), "why nginx ended")


@case("the demo says how much space it needs, and where to get it")
def demo_room(world):
    if os.getuid() != 0:
        raise Skip("needs root, for a small file system")
    os.mkdir(world.path("small"))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "none", world.path("small")], capture_output=True)
    if mounted.returncode != 0:
        raise Skip("cannot mount a file system here")
    try:
        text = demo(world, 1, TMPDIR=world.path("small"))
        check(re.search(r"has 20 MB of free space, but the demo needs 400\. Set TMPDIR=FOLDER", text), text)
    finally:
        subprocess.run(["umount", world.path("small")], check=True)


if __name__ == "__main__":
    main()
