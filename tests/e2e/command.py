# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""The command line: help, exit status, the messages of `check`, `describe` and the manual pages."""

import glob
import os
import re
import socket
import subprocess

from harness import SOURCE, Skip, case, check, equal, free_port, main

PLUGINS = ("http", "tls_files", "route", "auth_token", "codec_binary", "codec_json", "dtls", "origin")


@case("version, -V; help for each command in three ways; unknown commands and options get a suggestion")
def words(world):
    for arguments in (("version",), ("--version",), ("-V",)):
        version = world.program(*arguments)
        check(version.returncode == 0 and re.match(r"hopgate \d+\.\d+\.\d+ \(ABI \d+\)\n$", version.stdout), f"{arguments}: {version}")
    top = world.program("--help")
    equal(top.returncode, 0, "exit status of --help")
    equal((world.program("help").stdout, world.program("-h").stdout), (top.stdout, top.stdout), "help and -h compared with --help")
    commands = re.findall(r"^  ([a-z]+)\b", top.stdout.split("Options:")[0], re.M)
    equal(sorted(commands), ["acme", "check", "describe", "help", "plugins", "run", "token", "version"], "the commands in --help")
    for word in commands:
        own = world.program(word, "--help")
        check(own.returncode == 0 and re.match(rf"usage: hopgate {word}( \S.*\S)?\n", own.stdout), f"{word} --help: {own}")
        for arguments in (("help", word), ("--help", word), (word, "-h")):
            equal(world.program(*arguments).stdout, own.stdout, f"hopgate {' '.join(arguments)}")
    check("--service SERVICE" in world.program("token", "client-1", "--help").stdout, "the options of a plugin's command")
    for arguments in (("chek", "-c", "x"), ("help", "chek")):
        wrong = world.program(*arguments)
        check(wrong.returncode == 2 and "unknown command 'chek'; did you mean 'check'?" in wrong.stderr, f"{arguments}: {wrong}")


@case("invalid arguments: exit status 2, and the message says what is wrong")
def usage(world):
    for arguments, message in (
            ((), "usage: hopgate"), (("run",), "'run' requires -c FILE"), (("describe",), "'describe' requires NAME"),
            (("run", "--nonsense"), "unknown option '--nonsense'"), (("check", "-q"), "unknown option '-q'"),
            (("run", "--confg=x"), "did you mean '--config'?"), (("run", "-c"), "option '-c' requires an argument"),
            (("check", "--print=x"), "option '--print' takes no argument"), (("run", "-V", "-c", "x"), "unknown option '-V'"),
            (("version", "now"), "unexpected argument 'now'"), (("help", "run", "check"), "unexpected argument 'check'"),
            (("run", "-c", "x", "--log", "jsn"), "--log: unknown value 'jsn'; did you mean 'json'?"),
            (("token",), "NAME"), (("token", "a", "b"), "unexpected argument 'b'"), (("token", "a/b"), "'a/b' is not a client id"),
            (("token", "a", "--service"), "option '--service' requires an argument"), (("acme", "status"), "-c FILE is required")):
        result = world.program(*arguments)
        check(result.returncode == 2 and message in result.stderr, f"{arguments}: {result}")


@case("plugins: all that were built, with role, version and ABI")
def plugins(world):
    result = world.program("plugins")
    equal(result.returncode, 0, "exit code")
    for name in PLUGINS:
        check(re.search(rf"\b{name}\b", result.stdout), f"{name} is not listed:\n{result.stdout}")


@case("describe prints the same as the option section of the manual page")
def describe(world):
    pages = {name: os.path.join(SOURCE, "plugins", name, f"hopgate-{name}.5") for name in PLUGINS}
    pages["hopgate.conf"] = os.path.join(SOURCE, "docs", "hopgate.conf.5")
    for name, path in pages.items():
        text = world.program("describe", name)
        equal(text.returncode, 0, f"exit code of describe {name}")
        manual = world.program("describe", "--man", name)
        equal(manual.returncode, 0, f"exit code of describe --man {name}")
        check(os.path.exists(path), f"{name} has no manual page")
        with open(path) as file:
            page = file.read()
        section = re.search(r'^\.\\" options: begin.*?\n(.*?)^\.\\" options: end', page, re.M | re.S)
        check(section, f"{path} has no markers around its options")
        equal(section.group(1).strip(), manual.stdout.strip(), f"the option section of {path}")
    wrong = world.program("describe", "rout")
    check(wrong.returncode == 1 and "route" in wrong.stderr, f"describe rout: {wrong.returncode} {wrong.stderr!r}")


GOOD = """\
pipeline:
  - http:
      listen: ["127.0.0.1:8080", "127.0.0.1:8443 tls"]
  - tls_files: { cert: gate.pem, key: gate.key }
  - route:
      - { host: app.test, path: /service-a, to: client-1/service-a }
      - { host: app.test, to: client-1/web }
      - { host: "*.dev.test", to: client-2/web }
  - auth_token: { file: tokens }
  - codec_binary
  - codec_json
  - dtls: { listen: "127.0.0.1:8443" }
"""


def faults(world, text):
    """The result of check for a config: (exit code, [(line, column, message)], output)."""
    world.certificates()
    world.write("tokens", f"client-1:{'0' * 64}\nclient-2:{'1' * 64}\n")
    result = world.program("check", "-c", world.write("test.conf", text))
    found = []
    for line in (result.stdout + result.stderr).splitlines():
        match = re.match(r".*test\.conf:(\d+):(\d+): (.*)", line)
        if match:
            found.append((int(match.group(1)), int(match.group(2)), match.group(3)))
    return result.returncode, found, result.stdout + result.stderr


@case("check: the sample configs are valid")
def good_config(world):
    code, found, output = faults(world, GOOD)
    equal((code, found), (0, []), f"for a valid config ({output})")
    world.token("client-1")
    os.rename(world.path("token-client-1"), world.path("token"))
    client = world.write("client.conf", """\
pipeline:
  - dtls: { connect: "127.0.0.1:8443", server_name: gate.test, ca: ca.pem }
  - codec_binary
  - auth_token: { id: client-1, token_file: token }
  - route:
      - { service: service-a, to: "http://127.0.0.1:3000" }
      - { service: web, to: "http://127.0.0.1:3001" }
  - origin
""")
    result = world.program("check", "-c", client)
    equal(result.returncode, 0, f"for the client's ({result.stdout} {result.stderr})")


@case("check: the installed samples are valid once their files exist")
def samples(world):
    world.certificates()
    world.write("tokens", "")
    world.token("client-1")
    os.rename(world.path("token-client-1"), world.path("token"))
    os.chmod(world.path("token"), 0o600)
    for name in ("hopgate.conf", "client.conf"):
        with open(os.path.join(SOURCE, "etc", name)) as file:
            result = world.program("check", "-c", world.write(name, file.read()))
        doubts = [line for line in result.stderr.splitlines() if "gate.example.com" not in line]  # an example name
        equal((result.returncode, doubts), (0, []), f"of {name}")


@case("check: the configs in the README are valid, except for their example names")
def readme_configs(world):
    world.write("tokens", "")
    world.token("client-1")
    os.rename(world.path("token-client-1"), world.path("token"))
    os.chmod(world.path("token"), 0o600)
    with open(os.path.join(SOURCE, "README.md")) as file:
        configs = re.findall(r"^```yaml\n(pipeline:\n.*?)^```", file.read(), re.M | re.S)
    equal(len(configs), 2, "configs in the README")
    for config in configs:
        name = world.write("test.conf", config.replace("/var/lib/hopgate", world.path("store")))
        result = world.program("check", "-c", name)
        check(result.returncode == 0 and ": ok: " in result.stdout, f"{config}{result.stdout}{result.stderr}")
        doubts = [line for line in result.stderr.splitlines() if ".example.com" not in line and "not installed" not in line]
        equal(doubts, [], f"warnings for:\n{config}")


@case("check --print: the output is a config with the same meaning")
def print_config(world):
    world.certificates()
    world.write("tokens", "")
    first = world.program("check", "--print", "-c", world.write("test.conf", GOOD))
    equal(first.returncode, 0, f"exit code ({first.stderr})")
    lines = [line for line in first.stdout.splitlines(True) if not re.search(r": ~$|\(secret\)", line)]
    second = world.program("check", "--print", "-c", world.write("again.conf", "".join(lines)))
    equal(second.returncode, 0, f"exit code ({second.stderr})")
    equal(second.stdout.splitlines()[1:], first.stdout.splitlines()[1:], "the output")


@case("check: all errors are reported with line and column, not just the first")
def all_faults(world):
    text = (GOOD.replace("- codec_binary", "- codec_binari").replace("listen: [", "lissten: [")
            .replace("to: client-1/web", "too: client-1/web").replace("key: gate.key", "key: nowhere.key"))
    code, found, output = faults(world, text)
    equal(code, 1, "exit code")
    lines = {line for line, _, _ in found}
    for line in (3, 4, 7, 10):
        check(line in lines, f"the error in line {line} is not reported:\n{output}")
    for near in ("codec_binary", "listen", "to"):
        check(re.search(rf"\b{near}\b", output), f"'{near}' is not suggested:\n{output}")
    check(any(line == 10 and column == 5 for line, column, _ in found), f"line 10, column 5:\n{output}")


@case("check: wrong types, values and missing parts are reported")
def kinds_of_faults(world):
    def one(change, line, pattern):
        text = change(GOOD)
        check(text != GOOD, "the pattern has changed nothing")
        code, found, output = faults(world, text)
        equal(code, 1, f"exit code for {pattern}")
        check(any((line is None or at == line) and re.search(pattern, message) for at, _, message in found),
              f"expected line {line}, /{pattern}/:\n{output}")

    one(lambda t: t.replace('"127.0.0.1:8080"', '"127.0.0.1:80800"'), 3, r"80800|port")
    one(lambda t: t.replace("8443 tls", "8443 tsl"), 3, r"tsl")
    one(lambda t: t.replace("  - tls_files: { cert: gate.pem, key: gate.key }\n", ""), None, r"certificates")
    one(lambda t: t.replace("  - auth_token: { file: tokens }\n", ""), None, r"identity")
    one(lambda t: t.replace("cert: gate.pem, ", ""), 4, r"cert")
    one(lambda t: t.replace('  - dtls: { listen: "127.0.0.1:8443" }\n', ""), None, r"transport|dtls")
    one(lambda t: t.replace("  - codec_binary\n  - codec_json\n", ""), None, r"codec")
    one(lambda t: t.replace("to: client-1/web", "to: client-1"), 7, r"client-1")
    one(lambda t: "pipelin: []\n" + t, 1, r"pipelin")
    one(lambda t: t + "  - origin\n", 13, r"origin")
    one(lambda t: t.replace("pipeline:", "pipeline: ["), None, r".")
    one(lambda t: t.replace("{ file: tokens }", '{ file: "${NOT_SET_ANYWHERE}" }'), 9, r"NOT_SET_ANYWHERE")


@case("check: a missing file, and one that is not YAML")
def no_config(world):
    result = world.program("check", "-c", world.path("nowhere.conf"))
    check(result.returncode == 1 and "nowhere.conf" in result.stderr + result.stdout, f"{result}")
    code, found, output = faults(world, "pipeline:\n  - http: {\n  : :\n")
    check(code == 1 and found, f"{output}")


@case("${NAME} is replaced by an environment variable")
def environment(world):
    world.environment["TOKENS"] = "tokens"
    code, _, output = faults(world, GOOD.replace("file: tokens", 'file: "${TOKENS}"'))
    equal(code, 0, output)


@case("a port in use is reported with its address; exit status 1")
def port_taken(world):
    world.certificates()
    world.write("tokens", "")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        text = GOOD.replace("127.0.0.1:8080", f"127.0.0.1:{port}").replace("8443", str(free_port()))
        result = world.program("run", "-c", world.write("test.conf", text))
    equal(result.returncode, 1, "exit code")
    check(re.search(rf"{port}.*is in use", result.stderr), f"the message: {result.stderr}")
    check(re.search(r"test\.conf:3:\d+", result.stderr), f"the place in the config: {result.stderr}")


@case("a name with too many addresses to listen on is reported; duplicates are not an error")
def many_addresses(world):
    world.certificates()
    world.write("tokens", "")
    hosts = world.write("hosts", "127.0.0.1 one.test\n127.0.0.1 one.test\n" + "".join(
        f"127.0.0.{i + 1} three.test\n" for i in range(3)))
    unshare = ["unshare", "--mount", *(["--map-root-user"] if os.getuid() else []), "sh", "-c",
               'mount --bind "$0" /etc/hosts && exec "$@"', hosts]
    if subprocess.run([*unshare, "true"], capture_output=True).returncode:
        raise Skip("/etc/hosts cannot be replaced here")

    def run(name):
        """The output if one port is in use, so that it ends by itself in any case."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            text = (GOOD.replace("127.0.0.1:8080", f"{name}:0").replace("8443 tls", f"{free_port()} tls")
                    .replace("127.0.0.1:8443", f"127.0.0.1:{taken.getsockname()[1]}").replace("dtls: {", "tls: {"))
            result = subprocess.run([*unshare, world.hopgate, "run", "-c", world.write("test.conf", text)],
                                    capture_output=True, text=True, env=world.environment, timeout=60)
        equal(result.returncode, 1, "exit code")
        return result.stderr

    output = run("three.test")
    check("three.test has more than 2 addresses" in output and re.search(r"test\.conf:3:\d+", output), output)
    output = run("one.test")
    check("is in use" in output and ":3:" not in output, output)


@case("a config with errors is not run")
def bad_run(world):
    world.certificates()
    result = world.program("run", "-c", world.write("test.conf", GOOD.replace("codec_json", "codec_jason")))
    equal(result.returncode, 1, "exit code")
    check("codec_json" in result.stderr, f"the suggestion: {result.stderr}")


@case("hopgate(1) lists all manual pages")
def see_also(world):
    del world
    pages = glob.glob(os.path.join(SOURCE, "plugins", "*", "*.5")) + [os.path.join(SOURCE, "docs", "hopgate.conf.5")]
    with open(os.path.join(SOURCE, "docs", "hopgate.1")) as file:
        listed = re.findall(r"^\.BR (\S+) \(5\)", file.read().split('.SH "SEE ALSO"')[1].replace("\\-", "-"), re.M)
    equal(sorted(listed), sorted(os.path.basename(page)[:-2] for page in pages), "the pages in SEE ALSO")


@case("all manual pages are well-formed")
def manual_pages(world):
    del world
    pages = glob.glob(os.path.join(SOURCE, "plugins", "*", "*.5")) + glob.glob(os.path.join(SOURCE, "docs", "*.[15]"))
    check(len(pages) >= len(PLUGINS), f"only {len(pages)} pages")
    for page in pages:
        with open(page) as file:
            text = file.read()
        for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "SEE ALSO"):
            check(re.search(rf'^\.SH "?{section}"?', text, re.M), f"{page} has no section {section}")


if __name__ == "__main__":
    main()
