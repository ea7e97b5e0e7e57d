# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""What a stage can find out about a finished exchange, shown by the access log of examples/access_log."""

import json
import os
import time

from harness import BUILD, case, check, equal, main, wait_until


def start(world):
    """A tunnel with an access log at both ends; returns the log files."""
    world.environment["HOPGATE_PLUGIN_PATH"] += ":" + os.path.join(BUILD, "tests", "tools", ".libs")
    files = [world.path("gateway.log"), world.path("client.log")]
    world.service = world.origin()
    world.token("client-1")
    world.gateway(stages=[{"access_log": {"file": files[0]}}])
    world.client({"web": f"http://127.0.0.1:{world.service.port}"}, stages=[{"access_log": {"file": files[1]}}])
    world.wait_for_tunnel()
    return files


def entry(file, path):
    """The log line of a request."""

    def look():
        with open(file) as lines:
            found = [line for line in map(json.loads, lines) if line["path"] == path]
        check(len(found) <= 1, f"{len(found)} lines about {path}")
        return found and found[0]

    return wait_until(look, 5, f"a line about {path} in {file}")


def has(line, **members):
    for name, value in members.items():
        equal(line.get(name), value, f"{name} in {line}")


@case("a complete request: status, bytes in both directions, times, and the user's address at both ends")
def complete(world):
    gateway, client = start(world)
    equal(world.curl("/bytes/20000?1", "--data", "12345", want="%{http_code}"), "200")
    for file in (gateway, client):
        line = entry(file, "/bytes/20000?1")
        has(line, status=200, received=5, sent=20000, user="127.0.0.1", method="POST", tls=None, error=None, ended_by=None)
        check(0 <= line["first_byte_ms"] <= line["ms"] < 5000, f"times of {line}")
    equal(entry(gateway, "/bytes/20000?1")["request"], entry(client, "/bytes/20000?1")["request"], "request id")
    has(entry(gateway, "/bytes/20000?1"), client="client-1", service="web")


@case("the user's TLS parameters, as known to the edge")
def tls(world):
    gateway, client = start(world)
    equal(world.curl("/?tls", tls=True, want="%{http_code}"), "200")
    line = entry(gateway, "/?tls")
    has(line, tls="TLS1.3", server_name="app.test", alpn="http/1.1")
    check("cipher" in line, f"no cipher in {line}")
    has(entry(client, "/?tls"), tls=None)


@case("failures: which side ended the exchange, with which error, and how much had arrived")
def failures(world):
    gateway, client = start(world)
    equal(world.curl("/nonsense", want="%{http_code}"), "502")
    has(entry(client, "/nonsense"), status=502, ended_by="origin", sent=0, first_byte_ms=None)
    has(entry(gateway, "/nonsense"), status=502, ended_by="session", error=entry(client, "/nonsense")["error"])
    equal(world.curl("/?other", host="other.test", want="%{http_code}"), "404")
    has(entry(gateway, "/?other"), status=404, ended_by="route", error="destination_not_found")
    world.curl_hash("/truncated/20000")
    has(entry(gateway, "/truncated/20000"), status=200, sent=10000, ended_by="session")
    check(entry(gateway, "/truncated/20000")["detail"], "no detail")


@case("a user who disconnects is distinguished from failures")
def gone(world):
    gateway, _ = start(world)
    user = world.raw(b"GET /stall HTTP/1.1\r\nHost: app.test\r\n\r\n")
    check(user.recv(100).startswith(b"HTTP/1.1 200"), "no response")
    user.close()
    has(entry(gateway, "/stall"), status=200, ended_by="http", error=None)
    user = world.raw(b"GET /silent HTTP/1.1\r\nHost: app.test\r\n\r\n")
    time.sleep(0.2)
    user.close()
    has(entry(gateway, "/silent"), status=499, ended_by="http", sent=0)


main()
