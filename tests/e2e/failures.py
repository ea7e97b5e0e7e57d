#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""Log messages about requests that fail and peers that misbehave: one line each, but limited in number."""

import json
import os
import re
import shutil
import signal

from harness import World, case, check, equal, main, wait_until


def lines(process):
    """The log as JSON objects; every line must be valid."""
    return [json.loads(line) for line in process.text().splitlines()]


def failures(process):
    return [line for line in lines(process) if line["message"].startswith(("the request failed", "the response was cut short"))]


def failure(process, path):
    """The only line about the request for that path."""
    found = wait_until(lambda: [line for line in failures(process) if line.get("path") == path], 10, f"a line for {path}")
    equal(len(found), 1, f"lines for {path}: {found}")
    equal(found[0]["level"], "info", f"level of {found[0]}")
    return found[0]


@case("each failed exchange is logged in one line at info, at both ends, with everything that helps to find the cause")
def failed(world):
    gate, client = world.tunnel(routes=[{"host": "app.test", "path": "/dead/", "to": "client-1/dead"},
                                        {"host": "app.test", "path": "/gone/", "to": "client-9/web"},
                                        {"host": "app.test", "to": "client-1/web"}])
    # A path that would confuse a terminal and a JSON parser.
    odd = "/nonsense?\"\\%1b[31m\xe4{}"
    answers = {}
    for path in ("/nonsense", "/gone/x", "/dead/x"):
        answers[path] = world.curl(path, want="%{http_code} %header{x-request-id}").split()
    world.curl("/truncated/20000000", want="%{http_code}")
    with world.raw(f"GET {odd} HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n".encode("latin-1")) as connection:
        while connection.recv(65536):
            pass
    with world.raw(b"POST /broken HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX") as connection:
        while connection.recv(65536):
            pass
    for path, error in (("/nonsense", "http_protocol_error"), ("/gone/x", "destination_unavailable"), ("/dead/x", None)):
        line = failure(gate, path)
        status, request = answers[path]
        equal(str(line["status"]), status, f"status of {line}")
        equal(line["request"], request, f"request id of {line}")
        equal((line["method"], line["host"]), ("GET", f"app.test:{world.http}"), f"method and host of {line}")
        check(re.match(r"127\.0\.0\.1:\d+$", line["user"]), f"the user's address: {line}")
        check(error is None or line["error"] == error, f"error type of {line}")
        check(len(line["message"]) > len("the request failed: "), f"no reason: {line}")
    equal(failure(gate, "/nonsense")["client"], "client-1")
    line = failure(gate, "/truncated/20000000")
    check(line["message"].startswith("the response was cut short") and line["status"] == 200, f"a truncated response: {line}")
    for path in ("/nonsense", "/truncated/20000000"):
        line = failure(client, path)
        equal((line["part"], line["service"]), ("origin", "web"), f"the client's line {line}")
        equal(line["request"], failure(gate, path)["request"], "request id at both ends")
    equal(failure(gate, "/broken")["status"], 400, "status of a broken upload")
    line = [line for line in failures(gate) if line.get("host") == "other.test" or line["status"] == 400 and "path" not in line]
    check(line and line[0]["status"] in (400, 404), f"the odd path: {line}")


@case("a user who disconnects is not a failure, nor is a request that succeeds")
def abandoned(world):
    gate, client = world.tunnel()
    before = failures(gate)  # before the tunnel was up
    equal(world.curl("/"), "hello\n")
    for path in ("/silent", "/stall", "/dribble/1000000/1"):
        with world.raw(f"GET {path} HTTP/1.1\r\nHost: app.test\r\n\r\n".encode()):
            wait_until(lambda: f"GET {path}" in world.requests_seen(), 10, f"{path} at the service")
    with world.raw(b"POST /hash HTTP/1.1\r\nHost: app.test\r\nContent-Length: 1000000\r\n\r\nhello"):
        wait_until(lambda: "POST /hash" in world.requests_seen(), 10, "the upload at the service")
    world.curl("/", want="%{http_code}")
    client.stop()
    gate.stop()
    equal(failures(gate) + failures(client), before, "lines about what is not a failure")


@case("many failures are counted and summarized, also at exit")
def many(world):
    gate, _ = world.tunnel()
    before = len(failures(gate))
    with world.raw() as connection:
        for i in range(200):
            connection.sendall(f"GET /{i} HTTP/1.1\r\nHost: nowhere.test\r\n\r\n".encode())
            data = b""
            while b"request id" not in data:
                data += connection.recv(65536)
    for _ in range(40):
        with world.raw(b"nonsense\r\n\r\n") as connection:
            while connection.recv(65536):
                pass
    gate.stop()
    written = [line for line in failures(gate)[before:] if "repeated" not in line["message"]]
    summed = [re.search(r"\(repeated (\d+) times", line["message"]) for line in failures(gate)]
    summed = sum(int(match.group(1)) for match in summed if match)
    check(20 < len(written) <= 100, f"{len(written)} lines for 240 failures")
    equal(len(written) + summed, 240, "failures accounted for in the log")


@case("refused clients cost a few lines, not two each")
def refused(world):
    gate, _ = world.tunnel()
    world.write("token-client-1", "x" * 32 + "\n")
    size = len(gate.text())
    for _ in range(6):
        client = world.client({"web": "http://127.0.0.1:1"})
        client.wait_for("credentials")
        client.stop()
    text = gate.text()[size:]
    equal(len(re.findall("refused", text)), 3, f"lines for 6 refusals:\n{text}")
    gate.stop()
    check(re.search(r"\(repeated 3 times in the last minute\)", gate.text()), "refusals are not summarized")


@case("users do not learn where the service is: only the log has addresses")
def discreet(world):
    short = {"keep_alive": "100ms", "dead_after": "200ms", "resume_timeout": "100ms"}
    world.token("client-1")
    service = world.origin()
    gate = world.gateway(extra=short)
    for way, reason in (("stop", "closed the link: SHUTDOWN"), ("kill", "no response from")):
        client = world.client({"web": f"http://127.0.0.1:{service.port}"}, extra={"stop_timeout": "0"})
        world.wait_for_tunnel()
        path = f"/silent?{way}"
        with world.raw(f"GET {path} HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n".encode()) as user:
            wait_until(lambda: f"GET {path}" in world.requests_seen(), 10, "the request at the service")
            getattr(client, way)()
            answer = b"".join(iter(lambda: user.recv(65536), b"")).decode()
        # A client that is stopping may answer itself.
        check(re.search(r"details=.*(the session of client-1 ended: |the server is stopping)", answer), f"the user's answer: {answer}")
        check("127.0.0.1" not in answer, f"an address in the user's answer: {answer}")
        ended = [line["message"] for line in lines(gate) if " of client-1 ended after " in line["message"]][-1]
        check(reason in ended and re.search(r"127\.0\.0\.1:\d+", ended), f"the log about the session: {ended}")


@case("SIGUSR1: every figure is a member of its line, not text to be parsed")
def report(world):
    gate, client = world.tunnel()
    with world.raw(b"GET /silent HTTP/1.1\r\nHost: app.test\r\n\r\n"):
        wait_until(lambda: "GET /silent" in world.requests_seen(), 10, "the request at the service")
        for process in (gate, client):
            process.signal(signal.SIGUSR1)
            process.wait_for('"path":"/silent"')
            found = lines(process)
            check(any(line.get("counter") == "sessions_opened" and line["value"] == 1 for line in found), "no counters")
            check(process is client or any(line.get("counter") == "request_duration" and line["value"] > 0 and "ms:" in line["buckets"]
                                           for line in found), "no histogram of requests")
            check(any(line.get("rtt_us", 0) > 0 and line["exchanges"] >= 1 for line in found), "no figures of the session")
            check(any(line["part"] == "route" and line.get("calls", 0) > 0 for line in found), "no figures of a stage")
            line = [line for line in found if line.get("path") == "/silent"][-1]
            equal((line["method"], line["held_by"]), ("GET", "session" if process is gate else "origin"), "the exchange")


@case("why there is no session: certificate, codecs, a port without TLS; logged at both ends")
def no_session(world):
    world.token("client-1")
    gate = world.gateway(transports=lambda: [{"dtls": {"listen": f"127.0.0.1:{world.https}"}}, "tls"], codecs=("codec_binary",))
    service = {"web": "http://127.0.0.1:9"}
    os.mkdir(world.path("other"))
    stranger = World()
    try:
        stranger.certificates()
        shutil.copy(stranger.path("ca.pem"), world.path("other/ca.pem"))
    finally:
        stranger.close(False)
    for transport in ("dtls", "tls"):
        client = world.client(service, transports=[world.connect(transport, ca="other/ca.pem")])
        gate.wait_for(rf'"part":"{transport}","message":"127\.0\.0\.1:\d+ aborted the handshake: .*it rejected the certificate')
        client.stop()
    client = world.client(service, codecs=("codec_json",))
    for process in (client, gate):
        process.wait_for(r"no codec in common: this gateway has binary/1; the client has json/1")
    client.stop()
    client = world.client(service, transports=[world.connect("tls", world.http)])
    client.wait_for("the peer does not speak TLS; is this the right port")
    client.stop()
    client = world.client({"other": "http://127.0.0.1:9"})
    client.wait_for("session 1 opened")
    world.curl("/", want="%{http_code}")
    gate.wait_for(r'no route for the service \\\"web\\\"')


if __name__ == "__main__":
    main()
