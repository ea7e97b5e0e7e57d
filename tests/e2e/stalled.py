#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""Hundreds of users who stop reading or read slowly, and uploads that are not read: all others are unaffected, and the
memory that both processes hold for them is limited and released."""

import resource
import select
import socket
import struct
import threading
import time

from harness import MIB, case, check, equal, main, note, wait_until

FIRST = 100  # these may hold more each
READERS, SLOW, UPLOADS = 540, 400, 700
BULK = 128 * MIB
BOUND = 64 * 1024  # for the gateway, for each beyond the first; the client reads from a service in larger pieces
SMALL = {"session_window": "256k"}


class Crowd:
    """Users with small kernel buffers, which fill up soon, so that hopgate has to hold the rest."""

    def __init__(self, world):
        self.world, self.users = world, []

    def add(self, count, request):
        for _ in range(count):
            user = socket.socket()
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                user.setsockopt(socket.SOL_SOCKET, option, 16384)
            user.settimeout(20)
            user.connect((self.world.address, self.world.http))
            user.sendall(request)
            user.setblocking(False)
            self.users.append(user)

    def read_slowly(self, rate, stop):
        """Each user reads that many bytes per second."""
        due = time.monotonic()
        while not stop.is_set():
            for user in self.users:
                try:
                    user.recv(rate // 4)
                except BlockingIOError:
                    pass
            due += 0.25
            stop.wait(max(0, due - time.monotonic()))

    def upload(self):
        """Sends until nothing has been accepted for a second."""
        poll, quiet_at, block = select.poll(), time.monotonic() + 1, b"x" * 65536
        by_fd = {user.fileno(): user for user in self.users}
        for fd in by_fd:
            poll.register(fd, select.POLLOUT)
        while time.monotonic() < quiet_at:
            for fd, _ in poll.poll(100):
                if by_fd[fd].send(block) > 4096:
                    quiet_at = time.monotonic() + 1

    def leave(self):
        for user in self.users:
            user.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a FIN would wait behind data
            user.close()
        self.users.clear()


def start(world, extra=None):
    world.service = world.origin()
    other = world.origin(words=("--buffer", "16384"))
    world.token("client-1")
    gate = world.gateway(routes=[{"host": "app.test", "to": "client-1/web"}, {"host": "other.test", "to": "client-1/other"}], extra=extra)
    client = world.client({"web": f"http://127.0.0.1:{world.service.port}", "other": f"http://127.0.0.1:{other.port}"}, extra=extra)
    world.wait_for_tunnel()
    return gate, client


def measure(world):
    """Returns (p99 in ms of small requests, CPU seconds of a download, its MB/s)."""
    result = world.load("/", connections=8, rate=400, seconds=1)
    equal(result["failed"], 0, f"failed requests ({result['why']})")
    before = sum(process.cpu_seconds() for process in world.processes)
    began = time.monotonic()
    equal(world.curl(f"/bytes/{BULK}", "--max-time", "60", want="%{http_code} %{size_download}"), f"200 {BULK}", "a download")
    seconds = time.monotonic() - began
    return result["p99_ms"], sum(process.cpu_seconds() for process in world.processes) - before, BULK / 1e6 / seconds


def compare(world, what, alone):
    """Measures other users again. The bounds leave room for a busy machine; the bug that this is about made them wait
    forever."""
    beside = measure(world)
    note(f"{what}: p99 {beside[0]:.1f} ms, a download {beside[2]:.0f} MB/s and {beside[1]:.2f} s of CPU; "
         f"alone {alone[0]:.1f} ms, {alone[2]:.0f} MB/s, {alone[1]:.2f} s")
    check(beside[0] < 2 * alone[0] + 300, f"p99 is {beside[0]:.0f} ms with {what}, {alone[0]:.0f} ms alone")
    check(beside[2] > alone[2] / 5, f"a download runs at {beside[2]:.0f} MB/s with {what}, at {alone[2]:.0f} MB/s alone")


def quiet(*processes):
    """Waits until they have had nothing to do for half a second."""

    def is_quiet():
        before = sum(process.cpu_seconds() for process in processes)
        time.sleep(0.5)
        return sum(process.cpu_seconds() for process in processes) - before < 0.03

    wait_until(is_quiet, 60, "hopgate to become idle")


def held(gate, client):
    quiet(gate, client)
    return gate.status("VmRSS"), client.status("VmRSS")


def stall(gate, client, crowd, request, count, bound, send=None):
    """Adds the users; the memory held for them is limited."""
    crowd.add(FIRST, request)
    if send:
        send()
    first = held(gate, client)
    crowd.add(count - FIRST, request)
    if send:
        send()
    last = held(gate, client)
    each = [(after - before) / (count - FIRST) for before, after in zip(first, last)]
    note(f"each beyond the first {FIRST}: {each[0] / 1024:.1f} KiB at the gateway, {each[1] / 1024:.1f} KiB at the client")
    for name, size, bound in zip(("gateway", "client"), each, (bound, 4 * BOUND)):
        check(size < bound, f"the {name} holds {size / 1024:.1f} KiB for each")


def given_back(gate, client, before):
    """Memory is released after they have disconnected."""
    for process, old in zip((gate, client), before):
        wait_until(lambda: process.status("VmRSS") < old + 8 * MIB, 25, f"{process.name} to release memory")


def readers(world, extra):
    gate, client = start(world, extra)
    measure(world)  # caches are warm
    alone = measure(world)
    before = held(gate, client)
    crowd = Crowd(world)
    stall(gate, client, crowd, b"GET /bytes/20000000 HTTP/1.1\r\nHost: other.test\r\n\r\n", READERS, BOUND)
    compare(world, f"{READERS} who do not read", alone)
    stop = threading.Event()
    slow = threading.Thread(target=crowd.read_slowly, args=(20000, stop))
    for user in crowd.users[SLOW:]:
        user.close()
    del crowd.users[SLOW:]
    slow.start()
    try:
        compare(world, f"{SLOW} who read 20 kB/s", alone)
    finally:
        stop.set()
        slow.join()
    crowd.leave()
    given_back(gate, client, before)


@case("users who do not read, or read slowly, slow down no one and cost limited memory, which is released", seconds=150, measures=True)
def readers_default(world):
    readers(world, None)


@case("the same with the smallest session_window", seconds=150, measures=True)
def readers_small(world):
    readers(world, SMALL)


@case("uploads to a service that does not read slow down no one and cost limited memory", seconds=150, measures=True)
def uploads(world):
    gate, client = start(world, SMALL)
    measure(world)
    alone = measure(world)
    before = held(gate, client)
    crowd = Crowd(world)
    stall(gate, client, crowd, b"POST /deaf HTTP/1.1\r\nHost: other.test\r\nContent-Length: 20000000\r\n\r\n", UPLOADS, 2 * BOUND,
          crowd.upload)
    compare(world, f"{UPLOADS} uploads that are not read", alone)
    crowd.leave()
    given_back(gate, client, before)


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20000), hard))
    main()
