# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""Requests through the whole path: methods, framing, routes, errors."""

import hashlib
import json
import os
import re
import signal
import socket
import struct
import threading
import time

from harness import (MIB, SOURCE, case, check, equal, free_port, in_parallel, main, note, pattern_sha256, read_response,
                     tls_context, wait_until)


def corpus():
    entries = []
    for name in ("http1.jsonl", "cases.jsonl"):
        with open(os.path.join(SOURCE, "tests", "corpus", name), encoding="utf-8") as file:
            entries += [entry for entry in map(json.loads, file) if entry["kind"] == "request"]
    return entries


@case("a page is served: HTTP/1.1, HTTP/1.0, TLS 1.2, TLS 1.3")
def page(world):
    world.tunnel()
    equal(world.curl("/"), "hello\n")
    equal(world.curl("/", "--http1.0"), "hello\n")
    for version in ("1.2", "1.3"):
        equal(world.curl("/", f"--tlsv{version}", "--tls-max", version, tls=True), "hello\n", f"over TLS {version}")


@case("either end can use the JSON codec")
def json_codec(world):
    service = world.origin()
    for name in ("client-1", "client-2"):
        world.token(name)
    world.gateway(codecs=("codec_json", "codec_binary"), routes=[{"host": "app.test", "to": "client-1/web"},
                                                                 {"host": "*.dev.test", "to": "client-2/web"}])
    world.client({"web": f"http://127.0.0.1:{service.port}"}, codecs=("codec_json",))
    world.client({"web": f"http://127.0.0.1:{service.port}"}, name="client-2", codecs=("codec_binary",))
    world.wait_for_tunnel()
    world.wait_for_tunnel(host="x.dev.test")
    for host in ("app.test", "x.dev.test"):
        for path in (f"/bytes/{3 * MIB}", f"/chunked/{3 * MIB}"):
            equal(world.curl_hash(path, host=host), (pattern_sha256(3 * MIB), 3 * MIB, 0), f"{host}{path}")


@case("heads, bodies and trailers arrive unchanged")
def framing(world):
    world.tunnel()
    equal(world.curl("/bytes/1000", "-I", want="%{http_code} %header{content-length} %{size_download}"), "200 1000 0", "HEAD")
    equal(world.curl("/status/204", want="%{http_code} %{size_download}"), "204 0")
    equal(world.curl("/status/304", want="%{http_code} %{size_download}"), "304 0")
    equal(world.curl("/status/503", want="%{http_code}"), "503", "a 503 from the service")
    equal(world.curl("/bytes/0", want="%{http_code} %header{content-length}"), "200 0", "an empty body")
    for size in (1, 16383, 16384, 16385, 65536, 1000003):
        equal(world.curl_hash(f"/bytes/{size}"), (pattern_sha256(size), size, 0), f"{size} bytes")
        equal(world.curl_hash(f"/chunked/{size}"), (pattern_sha256(size), size, 0), f"{size} bytes in chunks")
    head = world.curl("/head", "-H", "X-Twice: one", "-H", "X-Twice: two", "-H", "X-Odd: a\tb  c ~\xe9", "-H", "TE: trailers")
    lines = head.split("\r\n")
    check("X-Twice: one" in lines and "X-Twice: two" in lines, f"repeated fields were not kept: {head}")
    check(lines.index("X-Twice: one") < lines.index("X-Twice: two"), "repeated fields have changed their order")
    check(any(line.startswith("X-Odd: a\tb  c ~") for line in lines), f"an odd field value was changed: {head}")
    check(re.search(r"^Host: app\.test(:\d+)?\r$", head, re.M | re.I), f"Host was not kept: {head}")
    with world.raw(b"GET /trailers HTTP/1.1\r\nHost: app.test\r\nTE: trailers\r\nConnection: TE, close\r\n\r\n") as connection:
        answer = b""
        while block := connection.recv(65536):
            answer += block
    check(answer.endswith(b"\r\n0\r\nX-Sum: 42\r\nX-Sum: 43\r\n\r\n"), f"trailers did not arrive: {answer[-100:]}")
    with world.raw(b"GET /interim HTTP/1.1\r\nHost: app.test\r\n\r\n") as connection:
        answer = b""
        while b"hello\n" not in answer and (block := connection.recv(65536)):
            answer += block
    check(re.match(rb"HTTP/1\.1 103 .*?\r\n\r\nHTTP/1\.1 200 ", answer, re.S), f"103 was not forwarded: {answer[:200]}")


@case("uploads: with length, chunked, with Expect, answered while in progress, refused early")
def uploads(world):
    world.tunnel()
    body = os.urandom(3 * MIB)
    wanted = f"{hashlib.sha256(body).hexdigest()} {len(body)}\n"
    with open(world.path("body"), "wb") as file:
        file.write(body)
    equal(world.curl("/hash", "--data-binary", "@" + world.path("body"), "-H", "Expect:"), wanted, "with length")
    equal(world.curl("/hash", "--data-binary", "@" + world.path("body"), "-H", "Expect: 100-continue"), wanted, "with Expect")
    equal(world.curl("/hash", "-T", world.path("body"), "-H", "Transfer-Encoding: chunked", "-H", "Expect:", "-X", "POST"),
          wanted, "chunked")
    equal(world.curl_hash("/echo", "--data-binary", "@" + world.path("body"), "-H", "Expect:")[:2],
          (hashlib.sha256(body).hexdigest(), len(body)), "the echo")
    equal(world.curl("/early", "--data-binary", "@" + world.path("body"), "-H", "Expect:", want="%{http_code}"), "413",
          "an early answer")
    # Browsers and most libraries look for it after sending everything.
    for port in (world.http, world.https):
        with world.raw(port=port) as connection:
            if port == world.https:
                connection = tls_context(world).wrap_socket(connection, server_hostname="app.test")
            connection.sendall(b"POST /early HTTP/1.1\r\nHost: app.test\r\nContent-Length: %d\r\n\r\n" % (20 * MIB))
            connection.sendall(bytes(20 * MIB))
            status, fields, _ = read_response(connection)
            equal((status, fields.get("connection")), (413, "close"), "the early answer to a large upload")
    # The echo of each part arrives while the request is still open.
    with world.raw(b"POST /echo HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n") as connection:
        for word in (b"one", b"two", b"three"):
            connection.sendall(b"%x\r\n%s\r\n" % (len(word), word))
            answer = b""
            while word not in answer:
                block = connection.recv(65536)
                check(block, f"closed before the echo of {word}: {answer}")
                answer += block
        connection.sendall(b"0\r\n\r\n")


@case("a service that answers early and keeps reading gets the whole upload")
def reads_on(world):
    got = []

    def serve(listener):
        while not got:
            connection, _ = listener.accept()
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                if head.startswith(b"POST"):
                    size = len(head.split(b"\r\n\r\n", 1)[1])
                    while size < 20 * MIB and (block := connection.recv(65536)):
                        size += len(block)
                    got.append(size)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        world.tunnel(port=listener.getsockname()[1])
        with world.raw(b"POST /x HTTP/1.1\r\nHost: app.test\r\nContent-Length: %d\r\n\r\n" % (20 * MIB)) as connection:
            connection.sendall(bytes(20 * MIB))
            equal(read_response(connection)[0], 200)
            thread.join(10)
    equal(got, [20 * MIB], "what the service got")


@case("responses are streamed: each byte is forwarded when the service sends it")
def streaming(world):
    world.tunnel()
    with world.raw(b"GET /dribble/5/300 HTTP/1.1\r\nHost: app.test\r\n\r\n") as connection:
        status, _, body = read_response(connection, head_only=True)
        equal(status, 200)
        began, times = time.monotonic(), []
        size = len(body)
        while size < 5:
            size += len(connection.recv(100))
            times.append(time.monotonic() - began)
    check(len(times) >= 4 and times[-1] >= 0.9, f"the bytes did not arrive one by one: after {times} s")


@case("keep-alive and pipelining on one connection")
def keep_alive(world):
    world.tunnel()
    with world.raw() as connection:
        for number in range(20):
            connection.sendall(b"GET /bytes/%d HTTP/1.1\r\nHost: app.test\r\n\r\n" % number)
            status, _, body = read_response(connection)
            equal((status, len(body)), (200, number))
        connection.sendall(b"".join(b"GET /status/%d HTTP/1.1\r\nHost: app.test\r\n\r\n" % code for code in (200, 404, 200)))
        answer = b""
        while answer.count(b"HTTP/1.1 ") < 3 or not answer.endswith(b"\r\n\r\n"):
            block = connection.recv(65536)
            check(block, f"closed in the middle of a pipeline: {answer}")
            answer += block
    equal(re.findall(rb"^HTTP/1\.1 (\d+)", answer, re.M), [b"200", b"404", b"200"], "the order of the pipeline's responses")


@case("routes: an exact host before a wildcard, the longest path, whole segments, strip_prefix, default, no route")
def routes(world):
    world.service = service = world.origin()
    world.token("client-1")
    world.token("client-2")
    world.gateway(routes=[
        {"host": "app.test", "path": "/service-a", "to": "client-1/service-a"},
        {"host": "app.test", "path": "/head/strip", "to": "client-1/web", "strip_prefix": True},
        {"host": "app.test", "to": "client-1/web"},
        {"host": "*.dev.test", "to": "client-2/web"},
        {"host": "exact.dev.test", "to": "client-1/web"},
    ])
    other = world.nginx(f"server {{ listen 127.0.0.1:{(port := free_port())}; "
                        "return 200 'the other one: $request_uri\\n'; }", "plain")
    check(other.running(), other.text())
    world.client({"web": f"http://127.0.0.1:{service.port}", "service-a": f"http://127.0.0.1:{port}"})
    world.client({"web": f"http://127.0.0.1:{port}"}, name="client-2")
    world.wait_for_tunnel()
    world.wait_for_tunnel(host="a.dev.test")
    equal(world.curl("/service-a/x?y=1"), "the other one: /service-a/x?y=1\n")
    equal(world.curl("/service-a"), "the other one: /service-a\n")
    equal(world.curl("/service-abc"), "hello\n", "a path with the route's path as a prefix, but not at a segment boundary")
    equal(world.curl("/", host="a.dev.test"), "the other one: /\n")
    equal(world.curl("/", host="a.b.dev.test", want="%{http_code}") in ("200", "404"), True, "two labels under a wildcard")
    equal(world.curl("/", host="exact.dev.test"), "hello\n", "an exact host next to a wildcard")
    equal(world.curl("/", host="APP.TEST"), "hello\n", "a host in capitals")
    equal(world.curl("/head/strip/head").split(" ")[1], "/head", "the target after strip_prefix")
    equal(world.curl("/", host="nobody.test", want="%{http_code}"), "404", "no route")


@case("a client that is not connected is 503 with Retry-After, a service that is down 502")
def absent(world):
    world.token("client-1")
    world.token("client-2")
    world.gateway(routes=[{"host": "app.test", "to": "client-1/web"}, {"host": "x.dev.test", "to": "client-2/web"},
                          {"host": "y.dev.test", "to": "client-1/unknown"}])
    world.client({"web": "http://127.0.0.1:1"})
    world.wait_for_tunnel()
    equal(world.curl("/", want="%{http_code}"), "502", "the service refuses")
    check("connection_refused" in world.curl("/", "-i"), "Proxy-Status does not say connection_refused")
    status, retry = world.curl("/", host="x.dev.test", want="%{http_code} %header{retry-after}").split(" ", 1)
    check(status == "503" and retry, f"a client that is not connected: {status}, Retry-After {retry!r}")
    check(world.curl("/", host="y.dev.test", want="%{http_code}") in ("404", "502", "503"), "an unknown service")


@case("errors of the service: nonsense is 502, truncation is visible, silence is 504")
def bad_service(world):
    service = world.origin()
    world.token("client-1")
    world.gateway()
    world.client({"web": f"http://127.0.0.1:{service.port}"}, origin={"response_timeout": "1s"})
    world.wait_for_tunnel()
    equal(world.curl("/nonsense", want="%{http_code}"), "502", "nonsense")
    _, size, code = world.curl_hash("/truncated/1000000")
    check(code != 0 and size <= 500000, f"a truncated answer looks complete: {size} bytes, curl exit {code}")
    began = time.monotonic()
    equal(world.curl("/silent", want="%{http_code}"), "504", "silence")
    check(time.monotonic() - began < 5, "the 504 was late")
    equal(world.curl("/"), "hello\n", "the next request")


@case("if a public user disconnects, the service's request is cancelled within a second")
def abort(world):
    world.tunnel()
    with world.raw(b"GET /silent HTTP/1.1\r\nHost: app.test\r\n\r\n"):
        wait_until(lambda: "GET /silent" in world.requests_seen(), 5, "the request to arrive")

    def open_connections():
        with open("/proc/net/tcp") as file:
            return sum(f"0100007F:{world.service.port:04X}" in line.split()[1] and line.split()[3] == "01" for line in file)

    # An idle connection that the client keeps may stay; that of the silent request must be closed.
    with world.raw(b"GET /silent HTTP/1.1\r\nHost: app.test\r\n\r\n"):
        wait_until(lambda: world.requests_seen().count("GET /silent") == 2, 5, "the request to arrive")
        before = open_connections()
    wait_until(lambda: open_connections() < before, 1.5, "the service's connection to be closed")


def answer_to(world, data, split, then=lambda: None):
    """Returns the status of the first response to raw bytes (0: closed without one), and whether a refusal closed the
    connection. Calls `then` before closing a connection that is still usable."""
    with world.raw(timeout=5) as connection:
        try:
            if split:
                for index in range(len(data)):
                    connection.sendall(data[index:index + 1])
            else:
                connection.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused while we were still sending
        try:
            status, _, _ = read_response(connection, head_only=True)
        except socket.timeout:
            return None, False
        if status < 400:
            then()
            return status, False
        connection.settimeout(2)
        try:
            while connection.recv(65536):
                pass
            return status, True
        except socket.timeout:
            return status, False
        except ConnectionResetError:
            return status, True


@case("a public user who aborts an upload that the service does not read is noticed", seconds=60)
def stalled_user_leaves(world):
    gate, _ = world.tunnel()
    user = socket.create_connection((world.address, world.http))
    user.sendall(b"POST /deaf HTTP/1.1\r\nHost: app.test\r\nContent-Length: 100000000\r\n\r\n")
    user.settimeout(2)
    try:
        while True:
            user.sendall(b"x" * 65536)
    except TimeoutError:
        pass  # it is no longer read
    held = gate.descriptors()  # including the user's connection, but none of earlier users
    user.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    user.close()  # by RST: a FIN would wait behind the data
    wait_until(lambda: gate.descriptors() < held, 5, "the gateway to close the connection of a user who has disconnected")


@case("every request of the corpus: refused ones are answered, closed and never reach the service", seconds=300)
def whole_corpus(world):
    service = world.origin()
    world.token("client-1")
    world.gateway(routes=[{"host": "app.test", "to": "client-1/web"}, {"to": "client-1/web"}])
    world.client({"web": f"http://127.0.0.1:{service.port}"})
    world.wait_for_tunnel()
    wrong = []

    # Sent byte by byte, a valid head is forwarded before an error in the body can be detected, since bodies are streamed. In
    # that case no complete request may reach the service; sent as a whole, not even the head may.
    def look(entry, split):
        data = entry["bytes"].encode("latin-1")
        seen = len(world.requests_seen(complete=split))
        wanted = (2 if "pipelined" in entry["name"] else 1) if entry["expect"].startswith("accept") else 0

        # The response to the first of two may arrive before the second is sent.
        def wait():
            deadline = time.monotonic() + 5
            while len(world.requests_seen(complete=split)) - seen < wanted and time.monotonic() < deadline:
                time.sleep(0.01)

        status, closed = answer_to(world, data, split, wait)
        reached = len(world.requests_seen(complete=split)) - seen
        how = f"{entry['name']!r}{' byte by byte' if split else ''}"
        firm, expect = entry.get("firm", True), entry["expect"]
        if expect.startswith("reject") and firm:
            if status not in (400, 414, 431, 501, 505):
                wrong.append(f"{how} must be refused: answered {status}")
            elif not closed:
                wrong.append(f"{how} was refused, but the connection stayed open")
            if expect == "reject-400" and status != 400:
                wrong.append(f"{how} must be refused with 400: answered {status}")
            if reached:
                wrong.append(f"{how} must be refused: {reached} request(s) reached the service")
        elif expect.startswith("accept") and firm and (status is None or status >= 400 or status == 0):
            wrong.append(f"{how} must be accepted: answered {status}")
        elif expect.startswith("accept") and firm and reached != wanted:
            wrong.append(f"{how} must be accepted: {reached} requests reached the service")

    entries = corpus()
    for entry in entries:
        look(entry, False)
        look(entry, True)
    note(f"{len(entries)} requests, each as a whole and byte by byte")
    check(len(entries) > 50, "the corpus is nearly empty")
    check(not wrong, "\n".join(wrong))


@case("a slow request head gets a 408 or is closed, idle connections are closed")
def slow_head(world):
    service = world.origin()
    world.token("client-1")
    world.gateway(http={"head_timeout": "1s", "keep_alive_timeout": "1s"})
    world.client({"web": f"http://127.0.0.1:{service.port}"})
    world.wait_for_tunnel()
    with world.raw(b"GET / HTTP/1.1\r\nHost: app.te") as connection:
        began = time.monotonic()
        status, _, _ = read_response(connection, head_only=True)
        equal(status, 408)
    with world.raw(b"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n") as connection:
        equal(read_response(connection)[0], 200)
        began = time.monotonic()
        check(connection.recv(1) == b"", "bytes arrived on an idle connection")
        check(0.5 < time.monotonic() - began < 5, f"an idle connection was closed after {time.monotonic() - began:.1f} s")


@case("a request that arrived in time is answered, even if the gateway handles it after the deadline")
def late_turn(world):
    gate, _ = world.tunnel(http={"head_timeout": "1s", "keep_alive_timeout": "1s"})
    request = b"GET /status/200 HTTP/1.1\r\nHost: app.test\r\n\r\n"
    half, unused, kept = world.raw(request[:20]), world.raw(), world.raw(request)
    equal(read_response(kept)[0], 200, "the first answer")
    time.sleep(0.3)  # so that the gateway knows all of them, each with its deadline
    gate.signal(signal.SIGSTOP)
    half.sendall(request[20:])
    unused.sendall(request)
    kept.sendall(request)
    time.sleep(1.5)
    gate.signal(signal.SIGCONT)
    for name, connection in (("begun", half), ("unused", unused), ("kept", kept)):
        with connection:
            equal(read_response(connection)[0], 200, f"the response on the connection that was {name}")


@case("limits: a long target is 414, a large head 431, a large body 413")
def limits(world):
    world.token("client-1")
    service = world.origin()
    world.gateway(http={"max_body": "1M"})
    world.client({"web": f"http://127.0.0.1:{service.port}"})
    world.wait_for_tunnel()
    equal(world.curl("/" + "x" * 20000, want="%{http_code}"), "414", "a target of 20,000 bytes")
    for count, status in ((60, "200"), (70, "431")):
        equal(world.curl("/", *sum([["-H", f"X-{n}: {'y' * 1000}"] for n in range(count)], []), want="%{http_code}"), status,
              f"a head of {count} kB")
    equal(world.curl("/", *sum([["-H", f"X-{n}: y"] for n in range(150)], []), want="%{http_code}"), "431", "150 fields")
    world.write("body", "x" * 2 * MIB)
    equal(world.curl("/hash", "--data-binary", "@" + world.path("body"), "-H", "Expect:", want="%{http_code}"), "413",
          "a body of 2 MiB where 1 MiB is allowed")


@case("TLS: the user refuses a wrong name; plain HTTP and noise on the TLS port have no effect")
def tls(world):
    world.tunnel()
    check(world.curl_hash("/", host="wrong.example", tls=True)[2] == 60, "a certificate for another name was accepted")
    with world.raw(b"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n", port=world.https) as connection:
        check(b"200" not in connection.recv(1000), "plain HTTP was served on the TLS port")
    # Noise may look like a record of any length; the gateway then waits for the rest as it does for a slow hello, and the
    # users stay connected and silent. If it does not look like a record, it is closed at once, possibly with RST.
    noisy = [world.raw(os.urandom(500), port=world.https) for _ in range(8)]
    with world.raw(b"\x00" * 500, port=world.https) as connection:
        try:
            while connection.recv(1000):
                pass
        except ConnectionResetError:
            pass
    with socket.create_connection(("127.0.0.1", world.https)) as plain:
        with tls_context(world).wrap_socket(plain, server_hostname="app.test") as secure:
            secure.sendall(b"GET / HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n")
            answer = b""
            while block := secure.recv(65536):
                answer += block
    check(answer.endswith(b"hello\n"), f"over TLS: {answer}")
    with socket.socket(type=socket.SOCK_DGRAM) as noise:
        for size in (0, 1, 12, 13, 100, 1400):
            noise.sendto(os.urandom(size), ("127.0.0.1", world.https))
    in_parallel([lambda: equal(world.curl("/", tls=True), "hello\n")] * 4)
    for connection in noisy:
        connection.close()


if __name__ == "__main__":
    main()
