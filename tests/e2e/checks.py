#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""`check` and `run` agree about a config: each config here is passed to both."""

import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess

from harness import Skip, case, check, equal, free_port, main


def gateway(world, blocks=None, **settings):
    """A gateway's config, as YAML with one line per option; `blocks` replaces or adds blocks, None removes one."""
    world.certificates()
    if not os.path.exists(world.path("tokens")):
        world.token("client-1")
    port = free_port()
    parts = {"http": {"listen": [f"127.0.0.1:{free_port()}", f"127.0.0.1:{port} tls"]},
             "tls_files": {"cert": "gate.pem", "key": "gate.key"},
             "route": [{"host": "app.test", "to": "client-1/web"}],
             "auth_token": {"file": "tokens"}, "codec_binary": None,
             "dtls": {"listen": f"127.0.0.1:{port}"}}
    order = list(parts)
    for name, block in (blocks or {}).items():
        if name not in parts:
            order.insert(1, name)
        parts[name] = block
    return yaml(settings, [(name, parts[name]) for name in order if parts[name] != "none"])


def client(world, blocks=None, **settings):
    world.certificates()
    if not os.path.exists(world.path("token-client-1")):
        world.token("client-1")
    parts = {"dtls": {"connect": "127.0.0.1:9", "server_name": "gate.test", "ca": "ca.pem"},
             "codec_binary": None,
             "auth_token": {"id": "client-1", "token_file": "token-client-1"},
             "route": [{"service": "web", "to": "http://127.0.0.1:9"}], "origin": None}
    parts.update(blocks or {})
    return yaml(settings, list(parts.items()))


def yaml(settings, blocks):
    lines = [f"{name}: {json.dumps(value)}" for name, value in settings.items()] + ["pipeline:"]
    lines += [f"  - {name}" if block is None else f"  - {name}: {json.dumps(block)}" for name, block in blocks]
    return "\n".join(lines) + "\n"


def verdicts(world, text, prefix=()):
    """(check's exit code, its report, run's exit code or None if it runs, its log)."""
    path = world.write("checked.conf", text)
    checked = subprocess.run([*prefix, world.hopgate, "check", "-c", path], capture_output=True, text=True,
                             env=world.environment, timeout=60)
    report = checked.stdout + checked.stderr
    check("{\"time\"" not in report, f"check prints log lines:\n{report}")
    with subprocess.Popen([*prefix, world.hopgate, "run", "-c", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, env=world.environment) as process:
        log = ""
        for line in process.stdout:
            log += line
            if "running as a" in line:
                process.send_signal(signal.SIGTERM)
        runs = "running as a" in log
        process.wait(30)
    return checked.returncode, report, None if runs else process.returncode, log


def agree(world, text, fault=None, warning=None, prefix=()):
    """Both refuse the config with an error that matches, or both accept it; check may then print a warning."""
    code, report, ended, log = verdicts(world, text, prefix)
    if fault:
        equal((code, ended), (1, 1), f"exit codes of check and run:\n{text}\n{report}\n{log}")
        found = re.search(r"^\S+:\d+:\d+: (?!warning).*", report, re.M)
        check(found and re.search(fault, found.group(0)), f"no error like /{fault}/ with its position:\n{report}")
        check(found.group(0).split(": ", 1)[1] in json_messages(log), f"run reports something else:\n{report}\n{log}")
        return
    equal((code, ended), (0, None), f"exit codes of check and run:\n{text}\n{report}\n{log}")
    warnings = re.findall(r"^\S+:\d+:\d+: warning: .*", report, re.M)
    if warning:
        check(any(re.search(warning, line) for line in warnings), f"no warning like /{warning}/:\n{report}")
    else:
        equal(warnings, [], "warnings")


def json_messages(log):
    return "\n".join(json.loads(line)["message"] for line in log.splitlines())


@case("a user that does not exist, or that only root can switch to")
def user(world):
    agree(world, gateway(world))
    agree(world, gateway(world, user="nobdy"), fault=r"user: unknown user \"nobdy\"")
    agree(world, client(world, user="nobdy"), fault=r"user: unknown user \"nobdy\"")
    os.chmod(world.path("gate.key"), 0o644)
    os.chmod(world.path("tokens"), 0o644)
    if os.getuid() == 0:
        agree(world, gateway(world, user="daemon"), fault="user: only root can switch to another user",
              prefix=("setpriv", "--reuid", "nobody", "--clear-groups"))


@case("files that are reloaded must be readable by the user that hopgate switches to")
def readable(world):
    if os.getuid() != 0:
        raise Skip("needs root")
    group = subprocess.run(["id", "-gn", "nobody"], capture_output=True, text=True, check=True).stdout.strip()
    text = gateway(world, user="nobody")
    os.chmod(world.path("tokens"), 0o600)
    os.chmod(world.path("gate.key"), 0o600)
    for name in ("gate.key", "tokens"):
        path = world.path(name)
        agree(world, text, fault=f"user nobody, which hopgate switches to, cannot read {path} after a change: "
              f"Permission denied; chgrp {group} {path} && chmod g\\+r {path}" if name == "gate.key" else "cannot read .*")
        subprocess.run(f"chgrp {group} {path} && chmod g+r {path}", shell=True, check=True)  # as suggested
    agree(world, text)
    closed = world.path("closed")
    os.mkdir(closed, 0o700)
    for name in ("gate.pem", "gate.key"):
        shutil.move(world.path(name), closed)
    text = text.replace("gate.pem", "closed/gate.pem").replace("gate.key", "closed/gate.key")
    os.link(f"{closed}/gate.pem", world.path("gate.pem"))
    agree(world, text, fault=f"chgrp {group} {closed} && chmod g\\+x {closed}$")
    subprocess.run(f"chgrp {group} {closed} && chmod g+x {closed}", shell=True, check=True)
    agree(world, text)


@case("if that user cannot read a file, the message says how to fix it, but not if a file is missing")
def unreadable(world):
    if os.getuid() != 0:
        raise Skip("needs root")
    text = gateway(world)
    nobody = ("setpriv", "--reuid", "nobody", "--clear-groups")
    for name in ("gate.key", "tokens"):
        os.chmod(world.path(name), 0o600)
    for select in (lambda verdict: verdict[1], lambda verdict: json_messages(verdict[3])):
        output = select(verdicts(world, text, nobody))
        for name in ("gate.key", "tokens"):
            path = world.path(name)
            check(re.search(f"user nobody, which this process runs as, cannot read {path}.*: Permission denied; chgrp \\w+ {path} && chmod g\\+r {path}",
                            output), output)
    os.unlink(world.path("tokens"))
    for text in (text, "user: nobody\n" + text):
        output = verdicts(world, text)[1]
        check("tokens: No such file" in output and not re.search("cannot read .*tokens", output), output)


@case("check by root warns about files that the user of the systemd units cannot read")
def units(world):
    if os.getuid() != 0:
        raise Skip("needs root")
    text = gateway(world)
    os.chmod(world.path("gate.key"), 0o600)
    os.chmod(world.path("tokens"), 0o644)
    os.mkdir(world.path("hopgate"))
    for name in ("gate.pem", "gate.key", "tokens"):
        shutil.move(world.path(name), world.path(f"hopgate/{name}"))
    world.write("hopgate/gateway.conf", text)
    with open("/etc/passwd") as file:
        others = [line for line in file if not line.startswith("hopgate:")]
    nobody = pwd.getpwnam("nobody")
    world.write("passwd", "".join(others) + f"hopgate:x:990:{nobody.pw_gid}::/:/bin/false\n")

    def report(config):
        result = subprocess.run(["unshare", "-m", "sh", "-c", f"mount --bind {world.path('passwd')} /etc/passwd; exec "
                                 f"{world.hopgate} check -c {config}"], capture_output=True, text=True, env=world.environment)
        equal(result.returncode, 0, f"exit code:\n{result.stdout}{result.stderr}")
        return result.stderr

    key = world.path("hopgate/gate.key")
    output = report(world.path("hopgate/gateway.conf"))
    check(f"user hopgate, which the systemd unit runs as, cannot read {key}" in output and output.count("warning") == 1, output)
    subprocess.run(output.split("; ")[1], shell=True, check=True)  # as suggested
    equal(report(world.path("hopgate/gateway.conf")), "", "the output after that")


@case("hosts without an address cause warnings, in `listen` and `connect`")
def hosts(world):
    agree(world, client(world, {"dtls": {"connect": ["127.0.0.1:9", "gate.invalid:443"], "server_name": "gate.test", "ca": "ca.pem"}}),
          warning=r":\d+: warning: dtls: connect\[1\]: cannot resolve \"gate\.invalid\"")
    code, report, _, _ = verdicts(world, gateway(world, {"dtls": {"listen": "gate.invalid:4433"}}))
    check(code == 0 and "dtls: listen[0]: cannot resolve \"gate.invalid\"" in report, f"{code}:\n{report}")


@case("tokens: an empty file, routes to unknown clients, a token that is too short")
def tokens(world):
    world.write("tokens", "# none yet\n")
    agree(world, gateway(world), warning=r"auth_token: file: \S+ contains no tokens")
    world.token("client-1")
    agree(world, gateway(world, {"route": [{"host": f"{host}.test", "to": f"{to}/web"} for host, to in
                                           (("a", "client-1"), ("b", "client-2"), ("c", "client-2"))]}),
          warning=r"route: routes\[1\]\.to: auth_token has no client \"client-2\"")
    text = client(world)
    os.chmod(world.path("token-client-1"), 0o600)
    agree(world, text)
    for bad in ("short", "x" * 15, "two words of a token that is long"):
        world.write("token-client-1", bad + "\n")
        os.chmod(world.path("token-client-1"), 0o600)
        agree(world, client(world), fault="auth_token: token_file: ")


@case("a store with files that belong to a different user")
def store(world):
    if os.getuid() != 0:
        raise Skip("needs root")
    owner = pwd.getpwnam("nobody").pw_uid
    folder = world.path("store")
    os.makedirs(f"{folder}/acme/x", 0o700)
    world.write("store/acme/x/secret", "x")
    os.chmod(world.path("store/acme/x/secret"), 0o600)
    for name in (folder, f"{folder}/acme"):
        os.chown(name, owner, owner)
        os.chmod(name, 0o700)
    text = gateway(world, {"store_file": {"path": folder}}, user="nobody")
    for name in ("gate.key", "tokens"):
        os.chmod(world.path(name), 0o644)
    agree(world, text.replace("gate.key", "own.key") if shutil.copy(world.path("gate.key"), world.path("own.key")) and
          os.chown(world.path("own.key"), owner, owner) is None and os.chmod(world.path("own.key"), 0o600) is None else text,
          fault=f"store_file: path: {folder}/acme/x belongs to uid 0, but .* chown -R {owner} {folder}")
    subprocess.run(["chown", "-R", str(owner), folder], check=True)
    agree(world, text.replace("gate.key", "own.key"))


@case("solvers without the listener that the authority connects to")
def solvers(world):
    plain, port = free_port(), free_port()
    agree(world, gateway(world, {"acme_http01": None, "http": {"listen": f"127.0.0.1:{port} tls"}}),
          warning="http: listen: acme_http01 answers challenges on port 80 without TLS")
    agree(world, gateway(world, {"acme_http01": None, "http": {"listen": [f"127.0.0.1:{plain}", f"127.0.0.1:{port} tls"]}}))


@case("messages explain the cause, once, and do not mislead")
def messages(world):
    for block, wanted in (({"route": [{"host": "https://app.test", "to": "client-1/web"}]}, ["expected only a host"]),
                          ({"route": [{"host": "app.test/x", "to": "client-1/web"}]}, ["expected only a host, as in app.example.com, without scheme or path"]),
                          ({"route": [{"host": "app.test:80", "to": "client-1/web"}]}, ["omit the port"]),
                          ({"http": {"listen": "127.0.0.1:1", "only": {"paths": "/"}}},
                           ["http: 'only' is an option of stages, but http is an edge, which every request passes through: remove it"]),
                          ({"codec_binary": {"only": {"paths": "/"}}}, ["but codec_binary is a codec: remove it here"]),
                          ({"route": {"only": {"host": "a"}, "routes": [{"to": "client-1/web"}]}},
                           ["unknown option 'host'; did you mean 'hosts'?"]),
                          ({"auth_token": "none", "token": {"file": "tokens"}}, ["no plugin 'token'; did you mean 'auth_token'"]),
                          ({"codec_binary": "none", "binary": None}, ["no plugin 'binary'; did you mean 'codec_binary'"])):
        code, report, _, _ = verdicts(world, gateway(world, block))
        faults = re.findall(r"^\S+:\d+:\d+: (?!warning).*", report, re.M)
        equal((code, len(faults)), (1, len(wanted)), f"exit code and errors:\n{report}")
        for fault, text in zip(faults, wanted):
            check(text in fault, f"not {text!r}:\n{report}")
    for to in ("127.0.0.1:8080", "app", "localhost:8080/base"):
        code, report, _, _ = verdicts(world, client(world, {"route": [{"service": "web", "to": to}]}))
        faults = re.findall(r"^\S+:\d+:\d+: (?!warning).*", report, re.M)
        check(code == 1 and len(faults) == 1 and "not a URL of the form http://host:port" in faults[0], f"{to}:\n{report}")


@case("settings for the other end have no effect, and cause a warning")
def settings(world):
    agree(world, gateway(world, links=2), warning=r":1:8: warning: links: it has no effect on a gateway")
    text = client(world, links=2)
    os.chmod(world.path("token-client-1"), 0o600)
    agree(world, text)
    agree(world, client(world, sessions_per_process=20), warning=r":1:23: warning: sessions_per_process: it has no effect on a client")
    agree(world, gateway(world, sessions_per_process=20))


@case("addresses to listen on: a duplicate, one of a different machine, a port only for root")
def listening(world):
    port = free_port()
    for listen in ([f"127.0.0.1:{port}", f"127.0.0.1:{port} tls"], [f"127.0.0.1:{port} tls", f"*:{port}"]):
        agree(world, gateway(world, {"http": {"listen": listen}}), fault=rf":2:\d+: http: listen\[1\]: duplicate address \S+:{port}; already given in ")
    for name, address, warning in (("http", f"192.0.2.1:{port}", r"192\.0\.2\.1 is not an address of this machine"),
                                   ("dtls", f"192.0.2.1:{port}", r"192\.0\.2\.1 is not an address of this machine")):
        code, report, ended, log = verdicts(world, gateway(world, {name: {"listen": address}}))
        equal((code, ended), (0, 1), f"exit codes of check and run:\n{report}\n{log}")
        check(re.search(rf"warning: {name}: listen\[0\]: {warning}", report) and re.search(warning, log), f"{report}\n{log}")
    if os.getuid() != 0 or int(open("/proc/sys/net/ipv4/ip_unprivileged_port_start").read()) <= 1:
        raise Skip("needs root, and privileged ports")
    for name in ("gate.key", "tokens"):
        os.chmod(world.path(name), 0o644)
    text = gateway(world, {"dtls": {"listen": "*:1"}})
    check("not permitted" not in verdicts(world, text)[1], "a report to root that listening is not permitted")
    code, report, ended, _ = verdicts(world, text, ("setpriv", "--reuid", "nobody", "--clear-groups"))
    equal((code, ended), (0, 1), f"exit codes of check and run:\n{report}")
    check(re.search(r"warning: dtls: listen\[0\]: not permitted to listen on \*:1: .*CAP_NET_BIND_SERVICE", report), report)


@case("a port in use: the log does not claim to listen on it, and the last line says that hopgate did not start")
def taken(world):
    text = gateway(world)
    ports = re.findall(r"127\.0\.0\.1:(\d+)", text)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", int(ports[-1])))
        code, _, ended, log = verdicts(world, text)
    found = [json.loads(line) for line in log.splitlines()]
    equal((code, ended), (0, 1), f"exit codes of check and run:\n{log}")
    check("is in use: stop the other program" in found[0]["message"] and not any("listening" in line["message"] for line in found), log)
    equal((found[-1]["level"], found[-1]["message"]), ("error", "not started"), "the last line")


if __name__ == "__main__":
    main()
