#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""demo.py [--once]: shows a local web page through a gateway and a client, on free ports of this machine.

Runs until Ctrl-C, or with --once exits after the report: 0 if everything went well, 1 if anything failed. Everything is in
one temporary folder, which is removed at the end.
"""

import hashlib
import os
import shlex
import shutil
import signal
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

from harness import (Failure, Hopgate, World, check, free_port, wait_for_port, wait_until)  # noqa: E402

MEGABYTE = 1_000_000
BIG = 100 * MEGABYTE
ROOM = 4 * BIG  # the file, its upload, nginx's copy of that, and logs

PAGE = """<!doctype html>
<title>hopgate</title>
<h1>It works</h1>
<p>This page was served by a local web server that no one can reach from outside. Your request went to the gateway,
through an encrypted tunnel to the client, and from there to the service; this answer came back the same way.</p>
<p><a href="/big">A file of 100 MB</a></p>
"""

# Like the sample configs (etc/), but with free ports, a temporary CA and one route.
GATEWAY = """\
pipeline:
  - http:                                # the edge: where public requests arrive
      listen: ["127.0.0.1:{http}", "127.0.0.1:{https} tls"]
  - tls_files: {{ cert: gate.pem, key: gate.key }}
  - route:                               # who answers them
      - {{ host: app.test, to: client-1/web }}
      - {{ host: localhost, to: client-1/web }}
  - auth_token: {{ file: tokens }}         # which clients may open a session
  - codec_binary
  - codec_json
  - dtls: {{ listen: "127.0.0.1:{https}" }}
"""
CLIENT = """\
pipeline:
  - dtls: {{ connect: "127.0.0.1:{https}", server_name: gate.test, ca: ca.pem }}
  - codec_binary
  - auth_token: {{ id: client-1, token_file: token-client-1 }}
  - route:
      - {{ service: web, to: "http://127.0.0.1:{service}" }}
  - origin
"""


def bold(text):
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text


def say(text=""):
    print(text, flush=True)


def row(name, text, began):
    say(f"  {name:<9}{text:<66}{(time.monotonic() - began) * 1000:5.0f} ms")


def make_service_files(world):
    """Creates the page and a file of 100 MB of random bytes; returns the folder and the file's SHA-256."""
    folder = world.path("www")
    os.mkdir(folder)
    world.write("www/index.html", PAGE)
    digest = hashlib.sha256()
    with open(os.path.join(folder, "big"), "wb") as file:
        for _ in range(BIG // MEGABYTE):
            block = os.urandom(MEGABYTE)
            digest.update(block)
            file.write(block)
    return folder, digest.hexdigest()


def start(world):
    """Starts service, gateway and client, and reports each when it is ready."""
    began = time.monotonic()
    folder, digest = make_service_files(world)
    service = world.web_server(folder)
    row("service", f"nginx serves {folder}", began)

    began = time.monotonic()
    world.certificates()
    world.token("client-1")
    row("secrets", "a temporary CA, a certificate for gate.test and app.test, a token", began)

    world.address, world.http, world.https = "127.0.0.1", free_port(), free_port()
    ports = {"http": world.http, "https": world.https, "service": service.port}
    began = time.monotonic()
    gateway = Hopgate(world, "gateway", GATEWAY.format(**ports))
    wait_for_port(gateway, world.http)
    wait_for_port(gateway, world.https)
    row("gateway", f"listens on 127.0.0.1: TCP {world.http} and {world.https} (TLS), UDP {world.https} (DTLS)", began)

    began = time.monotonic()
    client = Hopgate(world, "client", CLIENT.format(**ports))
    wait_until(lambda: world.curl("/", want="%{http_code}") not in ("503", "000") or not client.running(), 10,
               "the client's session", pause=0.01)
    check(client.running(), f"the client has exited:\n{client.text()}")
    row("client", "has opened its session as client-1", began)
    return gateway, client, digest


class Report:
    def __init__(self):
        self.good = self.bad = 0

    def line(self, good, what, text):
        self.good, self.bad = self.good + good, self.bad + (not good)
        say(f"  {'ok    ' if good else 'FAILED'} {what:<34}{text}")

    def transfer(self, good, what, seconds):
        self.line(good, what, f"{seconds:6.2f} s  {BIG / MEGABYTE / seconds:6.0f} MB/s   SHA-256 "
                  + ("equal" if good else "DIFFERENT"))


def send_requests(world, digest, report):
    began = time.monotonic()
    body = world.curl("/", tls=True)
    report.line(body == PAGE, "GET the page over HTTPS", f"{(time.monotonic() - began) * 1000:6.0f} ms {len(body):7} bytes")

    began = time.monotonic()
    got = world.curl_hash("/big", tls=True)
    report.transfer(got == (digest, BIG, 0), "GET 100 MB over HTTPS", time.monotonic() - began)

    began = time.monotonic()
    status = world.curl("/upload", "-T", world.path("www/big"), "-H", "Expect:", tls=True, want="%{http_code}")
    seconds = time.monotonic() - began
    with open(world.path("www/upload"), "rb") as file:
        arrived = hashlib.sha256(file.read()).hexdigest()
    report.transfer(status in ("201", "204") and arrived == digest, "PUT 100 MB over HTTPS", seconds)

    status = world.curl("/", host="unknown.test", want="%{http_code}")
    report.line(status == "404", "GET a host without a route", f"   refused with {status}, as expected")


def run(world, once):
    say(bold("hopgate demo"))
    say()
    say("  curl ── HTTPS ──▶ gateway ══ DTLS tunnel ══▶ client ── HTTP ──▶ nginx")
    say()
    say(bold("Starting"))
    gateway, client, digest = start(world)
    say()
    say(bold("Requests"))
    report = Report()
    send_requests(world, digest, report)
    say()
    say(f"  peak memory: gateway {gateway.status('VmHWM') / MEGABYTE:.1f} MB, "
        f"client {client.status('VmHWM') / MEGABYTE:.1f} MB; CPU time: gateway {gateway.cpu_seconds():.2f} s, "
        f"client {client.cpu_seconds():.2f} s")
    say()
    if report.bad:
        say(f"{report.bad} of {report.good + report.bad} FAILED. The end of the logs:")
        for process in (gateway, client):
            say(f"-- {process.name}")
            say(process.text()[-3000:])
    else:
        say(f"All {report.good} went well.")
    if not once:
        say()
        say(f"The page is served at {bold(f'http://localhost:{world.http}/')}")
        say(f"  or  curl --cacert {shlex.quote(world.path('ca.pem'))} --resolve app.test:{world.https}:127.0.0.1 "
            f"https://app.test:{world.https}/")
        say(f"Configs and logs are in {world.folder} until you press Ctrl-C.")
        wait_until(lambda: not (gateway.running() and client.running()), 10 ** 9, "", pause=0.5)
        say("A process has exited; its log:")
        for process in (gateway, client):
            if not process.running():
                say(process.text()[-3000:])
        return 1
    return 1 if report.bad else 0


def main():
    if sys.argv[1:] not in ([], ["--once"]):
        sys.exit("usage: demo.py [--once]")

    def leave(*_):
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    status = 1
    try:
        free = shutil.disk_usage(tempfile.gettempdir()).free
        world = World()
    except OSError as error:
        sys.exit(f"FAILED: the demo needs a temporary folder: {error.strerror}. Set TMPDIR=FOLDER to use another place")
    try:
        check(free >= ROOM, f"{world.folder} has {free // MEGABYTE} MB of free space, but the demo needs {ROOM // MEGABYTE}. "
              "Set TMPDIR=FOLDER to use another place")
        status = run(world, once=bool(sys.argv[1:]))
    except KeyboardInterrupt:
        status = 0 if not sys.argv[1:] else 130
        say("\nStopping.")
    except Failure as failure:
        say(f"\nFAILED: {failure}")
        for process in world.processes:
            say(f"-- {process.name}\n{process.text()[-3000:]}")
    except OSError as error:
        say(f"\nFAILED: {error.strerror}: {error.filename or world.folder}")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for wrong in world.close(False):
            say(f"FAILED: {wrong}")
            status = 1
    sys.exit(status)


if __name__ == "__main__":
    main()
