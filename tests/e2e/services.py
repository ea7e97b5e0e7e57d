# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""Real-world services: how they deviate from the standard, and what the public user gets."""

import json
import os
import re
import socket
import threading
import time

from harness import SOURCE, case, check, equal, in_parallel, main, note, read_response


class Service:
    """A service that runs script(connection, read_head): read_head() returns the next request's head, or b"" at the end."""

    def __init__(self, script, nodelay=True):
        self.script, self.nodelay, self.accepted = script, nodelay, 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            if self.nodelay:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        rest = b""

        def read_head():
            nonlocal rest
            while b"\r\n\r\n" not in rest:
                block = connection.recv(65536)
                if not block:
                    return b""
                rest += block
            head, rest = rest.split(b"\r\n\r\n", 1)
            return head

        with connection:
            try:
                self.script(connection, read_head)
            except OSError:
                pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept(), which would otherwise use the next case's descriptor
        self.thread.join()
        self.listener.close()


def start(world, script, **options):
    service = Service(script, **options)
    world.undo.append(service.close)
    world.tunnel(port=service.port)
    return service


def ask(connection, path="/", method="GET", fields=""):
    connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: app.test\r\n{fields}\r\n".encode())
    return read_response(connection, head_only=method == "HEAD")


def answer(body, status="200 OK", fields=""):
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{fields}\r\n{body}".encode()


# ---- Responses for the wrong user ----

@case("bytes that a service sends after HEAD, 204, 304 or beyond the length never reach another user")
def strays(world):
    def script(connection, read_head):
        while head := read_head():
            path = head.split()[1].decode()
            if path == "/204":
                connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            elif path == "/304":
                connection.sendall(b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n")
            elif path == "/page":
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
            else:
                connection.sendall(answer(path))
                continue
            time.sleep(0.001)
            connection.sendall(answer("for another user"))

    start(world, script)
    time.sleep(0.3)  # by now, the service is trusted

    def user(number):
        with world.raw() as connection:
            for turn in range(15):
                if number % 2:
                    path = ("/204", "/304", "/page")[turn % 3]
                    equal(ask(connection, path, "HEAD" if path == "/page" else "GET")[2], b"")
                else:
                    equal(ask(connection, f"/{number}/{turn}")[2], f"/{number}/{turn}".encode())

    in_parallel([lambda number=number: user(number) for number in range(12)])


@case("a service that appends something to each response does no harm")
def adds_to_each(world):
    def script(connection, read_head):
        while head := read_head():
            connection.sendall(answer(head.split()[1].decode()))
            time.sleep(0.002)
            connection.sendall(answer("for another user"))

    start(world, script)

    def user(number):
        with world.raw() as connection:
            for turn in range(15):
                equal(ask(connection, f"/{number}/{turn}")[2], f"/{number}/{turn}".encode())

    in_parallel([lambda number=number: user(number) for number in range(10)])


@case("POST to a service that closes after each response without announcing it")
def unannounced(world):
    def script(connection, read_head):
        if read_head():
            connection.sendall(answer("ok"))

    start(world, script)

    def user():
        with world.raw() as connection:
            return sum(ask(connection, "/", "POST", "Content-Length: 0\r\n")[0] != 200 for _ in range(40))

    equal(sum(in_parallel([user] * 20)), 0, "failed POSTs of 800")


# ---- Logins bound to a connection ----

@case("a connection with an NTLM or Negotiate login serves only its user, and both ends close together")
def logins(world):
    def script(connection, read_head):
        name = ""
        while head := read_head():
            login = re.search(rb"^authorization: (?:ntlm|negotiate) (\w+)", head, re.M | re.I)
            name = login.group(1).decode() if login else name
            close = "Connection: close\r\n" if b" /close " in head else ""
            connection.sendall(answer(name, fields=close) if name else
                               answer("", "401 Unauthorized", "WWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\n"))
            if close or b" /vanish " in head:
                return

    start(world, script)
    time.sleep(0.3)
    for scheme in ("NTLM", "Negotiate"):
        with world.raw() as anna, world.raw() as bert, world.raw() as carl:
            equal(ask(anna)[0], 401)
            equal(ask(anna, fields=f"Authorization: {scheme} anna\r\n")[::2], (200, b"anna"))
            for _ in range(5):
                equal(ask(bert)[0], 401, "without a login, while another user is logged in")
                equal(ask(carl, fields=f"Authorization: {scheme} carl\r\n")[2], b"carl")
                equal(ask(anna)[2], b"anna", "the next request of the logged-in user")
            status, fields, _ = ask(anna, "/close")
            equal((status, fields.get("connection")), (200, "close"), "the service closes the connection")
            equal(anna.recv(1), b"", "the user's connection")
            equal(ask(carl, "/vanish")[2], b"carl")
            time.sleep(0.1)
            status, fields, _ = ask(carl)
            equal((status, fields.get("connection")), (401, "close"), "after the service has closed the connection unnoticed")
            equal(carl.recv(1), b"", "the user's connection")
    check(world.last_gateway.running(), "the gateway has exited")


# ---- Responses that break rules ----

@case("every response that went wrong in practice, whole and byte by byte: by default, with strict and with lenient")
def cases(world):
    with open(os.path.join(SOURCE, "tests", "corpus", "cases.jsonl"), encoding="utf-8") as file:
        entries = [entry for entry in map(json.loads, file) if entry["kind"] == "response"]
    texts = [entry["bytes"].encode("latin-1") for entry in entries]

    def script(connection, read_head):
        numbers = re.findall(rb"/(\d+)", read_head().split(b" HTTP")[0])
        if not numbers:  # is the tunnel up?
            connection.sendall(answer(""))
            return
        number, split = map(int, numbers)
        step = 1 if split else len(texts[number])
        for at in range(0, len(texts[number]), step):
            connection.sendall(texts[number][at:at + step])

    service = Service(script)
    world.undo.append(service.close)
    manners = {"usual": {}, "strict": {"strict": True}, "lenient": {"lenient": True}}
    world.token("client-1")
    world.gateway(routes=[{"host": f"{name}.dev.test", "to": f"client-1/{name}"} for name in manners])
    client = world.client({name: {"to": f"http://127.0.0.1:{service.port}", **manner} for name, manner in manners.items()})
    world.wait_for_tunnel(host="usual.dev.test")
    for number, entry in enumerate(entries):
        wanted = re.search(r"hi|hello\n?", entry["bytes"]).group() + ("|999" if "999" in entry["bytes"] else "|200")
        for name in manners:
            passes = entry["expect"].startswith("accept") or (entry["expect"] == "tolerated" and name != "strict") or (
                entry["expect"] == "lenient" and name == "lenient")
            for split in (0, 1):
                got = world.curl(f"/{number}/{split}", "-w", "|%{http_code} %{exitcode}", host=f"{name}.dev.test")
                # An error in the body may be found after the head was sent; then the response breaks off.
                right = got == wanted + " 0" if passes else got.endswith("|502 0") or (split and not got.endswith(" 0"))
                check(right, f"{entry['name']}, {name}: {got!r}")
    rules = [line.split("violates HTTP", 1)[1] for line in client.text().splitlines() if "violates HTTP" in line]
    equal(len(rules), len(set(rules)), "lines in the log for each rule")
    check(len(rules) >= 5, f"the log lists {rules}")


# ---- Responses that end early, or arrive in pieces ----

@case("a head, part of the body and the end in one burst: the part arrives, and is seen to be incomplete")
def burst(world):
    heads = {b"/length": b"Content-Length: 100\r\n\r\n12345", b"/chunks": b"Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n"}

    def script(connection, read_head):
        path = read_head().split()[1]
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + heads.get(path, b"Content-Length: 0\r\n\r\n"))

    start(world, script)
    for path, got in (("/length", "200 5 18"), ("/chunks", "200 5 18")):
        equal(world.curl(path, want="%{http_code} %{size_download} %{exitcode}"), got, path)


@case("a service that writes its response in pieces without TCP_NODELAY causes no delay")
def pieces(world):
    def script(connection, read_head):
        while read_head():
            for piece in (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", b"first", b"later"):
                connection.sendall(piece)

    service = start(world, script, nodelay=False)
    time.sleep(0.3)
    with world.raw() as connection:
        times = []
        for _ in range(60):
            began = time.monotonic()
            equal(ask(connection)[2], b"firstlater")
            times.append(time.monotonic() - began)
    times.sort()
    note(f"median {times[30] * 1000:.2f} ms over {service.accepted} connections")
    check(times[30] < 0.02, f"the median of 60 requests is {times[30] * 1000:.1f} ms")  # 44 ms with the delay


if __name__ == "__main__":
    main()
