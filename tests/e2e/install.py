# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""The files that `make install` installs, building from them alone, and configure's message for each missing library."""

import os
import re
import shutil
import subprocess

from harness import BUILD, SANITIZERS, SOURCE, Skip, World, case, check, equal, main


def run(*words, **options):
    result = subprocess.run(words, capture_output=True, text=True, timeout=300, **options)
    check(result.returncode == 0, f"{' '.join(words)}:\n{result.stdout[-1500:]}{result.stderr[-1500:]}")
    return result.stdout


def files_below(folder):
    return sorted(os.path.relpath(os.path.join(path, name), folder) for path, _, names in os.walk(folder) for name in names)


def make(*words):
    # MAKEFLAGS of the make that runs the tests would refer to its job server.
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    return run("make", "-s", "-C", BUILD, *words, env=environment)


@case("make install; a filter built from installed files only runs in a pipeline; make uninstall", seconds=300)
def installed(world):
    root = world.path("root")
    make("install", f"prefix={root}", f"sysconfdir={root}/etc")
    files = files_below(root)
    for wanted in ("bin/hopgate", "include/hopgate/plugin.h", "include/hopgate/stage.h", "lib/pkgconfig/hopgate.pc",
                   "lib/hopgate/plugins/route.so", "lib/hopgate/plugins/dtls.so", "share/man/man5/hopgate-route.5",
                   "share/doc/hopgate/LICENSE", "share/doc/hopgate/docs/plugin-guide.md",
                   "share/doc/hopgate/examples/add_header/add_header.c", "share/doc/hopgate/examples/add_header/Makefile",
                   "share/doc/hopgate/examples/access_log/access_log.c", "share/doc/hopgate/examples/access_log/Makefile"):
        check(wanted in files, f"{wanted} was not installed, only {files}")
    equal([name for name in files if name.endswith(".la")], [], "libtool's own files")
    for page in (name for name in files if name.endswith(".md")):
        with open(os.path.join(root, page)) as file:
            for link in re.findall(r"\]\(([^)#:]+)\)", file.read()):
                check(os.path.exists(os.path.join(root, os.path.dirname(page), link)), f"{page} links to {link}, which does not exist")
    for page in ("share/man/man5/hopgate.conf.5", "share/doc/hopgate/README.md"):
        with open(os.path.join(root, page)) as file:
            text = file.read()
        check(f"{root}/etc/hopgate/hopgate.conf" in text and "\"/etc/hopgate" not in text and "`/etc/hopgate" not in text,
              f"{page} does not name the folder that the samples were installed to")

    # hopgate.pc was created for the configured prefix, which is where a real installation puts it.
    pc = os.path.join(root, "lib", "pkgconfig", "hopgate.pc")
    environment = dict(os.environ, PKG_CONFIG_PATH=os.path.dirname(pc))
    environment.pop("MAKEFLAGS", None)
    package = ["pkg-config", f"--define-variable=prefix={root}", "--define-prefix"]
    equal(run(*package, "--variable=plugindir", "hopgate", env=environment).strip(), f"{root}/lib/hopgate/plugins", "plugindir")
    equal(run(*package, "--variable=abi", "hopgate", env=environment).strip(), "1", "the ABI")

    flags = " ".join(["-fsanitize=address,undefined"] if SANITIZERS else [])
    for name in ("add_header", "access_log"):
        example = world.path(name)
        shutil.copytree(os.path.join(root, "share/doc/hopgate/examples", name), example)
        run("make", "-C", example, f"PKG_CONFIG={' '.join(package)}", f"CFLAGS=-O2 -Wall -Wextra -Werror {flags}", "install",
            env=environment)
        check(os.path.exists(os.path.join(root, f"lib/hopgate/plugins/{name}.so")), f"{name} did not install its plugin")

    other = World(hopgate=os.path.join(root, "bin", "hopgate"), plugins=os.path.join(root, "lib", "hopgate", "plugins"))
    try:
        listed = other.program("plugins")
        check("add_header" in listed.stdout, f"hopgate plugins does not list it:\n{listed.stdout}{listed.stderr}")
        log = other.path("access.log")
        other.tunnel(stages=[{"access_log": {"file": log}}, {"add_header": {"request": [{"name": "X-From", "value": "the example"}],
                                                                              "response": [{"name": "X-Served-By", "value": "hopgate"}]}}])
        check("X-From: the example" in other.curl("/head"), "the request field did not arrive")
        equal(other.curl("/", want="%header{x-served-by}"), "hopgate", "the response field")
        with open(log) as file:
            check('"path":"/head"' in file.read(), "no line in the access log")
    finally:
        wrong = other.close(False)
    check(not wrong, "\n".join(wrong))

    for name in ("add_header", "access_log"):
        os.unlink(os.path.join(root, f"lib/hopgate/plugins/{name}.so"))
    make("uninstall", f"prefix={root}", f"sysconfdir={root}/etc")
    equal(files_below(root), [], "files left by make uninstall")


@case("the tarball contains what its README and its checks refer to")
def tarball(world):
    listed = run("make", "-s", "-C", BUILD, "-f", "-", "listed", input="include Makefile\nlisted:\n\t@echo $(EXTRA_DIST)\n",
                 env={name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")})
    for wanted in ("bootstrap", ".ci/run", "tests/e2e/bootstrap.py", "tests/corpus/cases.jsonl"):
        check(wanted in listed.split(), f"{wanted} is not in the tarball")


@case("program and plugins are hardened, unless configure says otherwise")
def hardened(world):
    with open(os.path.join(BUILD, "config.status")) as file:
        if 'S["enable_hardening"]="yes"' not in file.read():
            raise Skip("built without hardening")
    for name in ("hopgate", ".libs/http.so", ".libs/dtls.so"):
        path = os.path.join(BUILD, name)
        dynamic, symbols = run("readelf", "-dlW", path), run("readelf", "--dyn-syms", "-W", path)
        check("NOW" in dynamic and "GNU_RELRO" in dynamic, f"{name}: {dynamic}")
        check("__stack_chk_fail" in symbols, f"{name} has no stack protector")
        check(re.search(r"__\w+_chk@", symbols.replace("__stack_chk_fail", "")), f"{name} is built without FORTIFY_SOURCE")


@case("the units run as their own user, created by sysusers, with only the capability for ports", seconds=60)
def units(world):
    root = world.path("root")
    files = {name: os.path.join(SOURCE, "etc", name) for name in ("hopgate-gateway.service.in", "hopgate-client.service.in")}
    for name, path in files.items():
        with open(path) as file:
            settings = dict(line.strip().split("=", 1) for line in file if re.match(r"\w+=", line))
        equal((settings["User"], settings["Group"]), ("hopgate", "hopgate"), f"the user of {name}")
        equal(settings["CapabilityBoundingSet"], "CAP_NET_BIND_SERVICE" if "gateway" in name else "", f"capabilities of {name}")
    with open(os.path.join(SOURCE, "etc", "sysusers.d", "hopgate.conf")) as file:
        check(re.search(r"^u hopgate - ", file.read(), re.M), "sysusers.d makes no user hopgate")
    for line in ("etc/hopgate.conf", "etc/client.conf"):
        with open(os.path.join(SOURCE, line)) as file:
            check("\nuser: nobody" not in file.read(), f"{line} runs as nobody, as other services do")
    if not shutil.which("systemd-sysusers"):
        raise Skip("there is no systemd-sysusers here to test the file with")
    os.makedirs(os.path.join(root, "etc"))
    run("systemd-sysusers", f"--root={root}", os.path.join(SOURCE, "etc", "sysusers.d", "hopgate.conf"))
    with open(os.path.join(root, "etc", "passwd")) as file:
        check(re.search(r"^hopgate:.*:/var/lib/hopgate:", file.read(), re.M), "systemd-sysusers made no user hopgate")


@case("configure names each missing library with its Debian package", seconds=200)
def missing_libraries(world):
    folder = world.path("configure")
    os.mkdir(folder)
    if os.path.exists(os.path.join(SOURCE, "config.status")):
        raise Skip("the source folder itself is configured")
    environment = dict(os.environ, PKG_CONFIG_LIBDIR="/nowhere", PKG_CONFIG_PATH="", ac_cv_header_ev_h="no",
                       ac_cv_header_http_parser_h="no")
    result = subprocess.run([os.path.join(SOURCE, "configure"), "-q"], cwd=folder, env=environment, capture_output=True,
                            text=True, timeout=150)
    check(result.returncode != 0, "configure succeeded")
    for package in ("libgnutls28-dev", "libjansson-dev", "libyaml-dev", "libc-ares-dev", "libev-dev", "libhttp-parser-dev"):
        check(package in result.stderr, f"{package} is not named:\n{result.stderr}")
    equal("rm:" in result.stderr, False, "rm complained")


if __name__ == "__main__":
    main()
