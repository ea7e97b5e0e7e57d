# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""Gateway and client under valgrind's memcheck: no invalid access, no leaks, no descriptor left open."""

import re
import shutil

from harness import MIB, case, check, equal, main, note, pattern_sha256, wait_until

VALGRIND = ("valgrind", "--error-exitcode=99", "--leak-check=full", "--show-leak-kinds=definite,indirect",
            "--errors-for-leak-kinds=definite,indirect", "--track-fds=yes", "--num-callers=20")

# Descriptors that are not the program's: the standard three, and those that valgrind or its parent had open.
OPEN = re.compile(r"Open (?:file descriptor|AF_\w+ socket) (\d+):[^\n]*\n==\d+==\s+(<inherited from parent>)?")


def left_open(text):
    return [int(number) for number, inherited in OPEN.findall(text) if not inherited]


@case("under valgrind: requests, aborted and truncated transfers, both transports, a normal exit", seconds=240, measures=True)
def memcheck(world):
    check(shutil.which("valgrind"), "valgrind is not installed (Debian: valgrind)")
    world.service = world.origin()
    for name in ("client-1", "client-2"):
        world.token(name)
    gate = world.gateway(prefix=VALGRIND, transports=lambda: [{"dtls": {"listen": f"127.0.0.1:{world.https}"}}, "tls"],
                         routes=[{"host": "app.test", "to": "client-1/web"}, {"host": "b.test", "to": "client-2/web"}])
    wait_until(lambda: "running as a gateway" in gate.text(), 60, "the gateway to run")
    services = {"web": f"http://127.0.0.1:{world.service.port}"}
    clients = [world.client(services, prefix=VALGRIND),
               world.client(services, name="client-2", prefix=VALGRIND, codecs=("codec_json",), transports=[world.connect("tls")])]
    for host in ("app.test", "b.test"):
        world.wait_for_tunnel(host, 60)
        equal(world.curl("/", host=host), "hello\n")
        equal(world.curl("/", host=host, tls=host == "app.test"), "hello\n", "over TLS")
        equal(world.curl_hash(f"/chunked/{MIB}", host=host), (pattern_sha256(MIB), MIB, 0), "a download")
        check(world.curl_hash("/truncated/100000", host=host)[2] != 0, "a truncated answer looks complete")
        equal(world.curl("/status/404", host=host, want="%{http_code}"), "404")
        with world.raw(f"GET /bytes/100000000 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()) as connection:
            connection.recv(1000)
        with world.raw(f"POST /echo HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000\r\n\r\nhalf".encode()) as connection:
            connection.recv(1000)
        with world.raw(b"nonsense\r\n\r\n") as connection:
            check(b" 400 " in connection.recv(1000), "nonsense was not refused")
    for process in (*clients, gate):
        equal(process.stop(60), 0, f"{process.name}'s exit code (99: valgrind found an error)")
        check(re.search(r"ERROR SUMMARY: 0 errors", process.text()), f"{process.name}: valgrind found an error")
        check("FILE DESCRIPTORS:" in process.text(), f"{process.name}: valgrind does not report descriptors")
        equal(left_open(process.text()), [], f"{process.name}'s descriptors left open")
    note("gateway and two clients")


if __name__ == "__main__":
    main()
