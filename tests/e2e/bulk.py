# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""High load: a gigabyte in each direction along with small requests, thousands of exchanges in one session, a stalled
reader."""

import hashlib
import os
import time

from harness import (MIB, case, check, equal, in_parallel, load_result, main, note, pattern_sha256, scaled,
                     wait_until)

SIZE = scaled(1024 * MIB, 256 * MIB)
USERS = scaled(2000, 300)


def memory_bounded(world, *processes, limit=64 * MIB):
    for process in processes:
        used = process.status("VmHWM")
        note(f"{process.name} held at most {used / MIB:.1f} MiB")
        check(used < limit, f"{process.name} has held {used / MIB:.1f} MiB, more than {limit / MIB:.0f}")


def none_left(gate, client, before):
    """There are no more descriptors than before the load: connections of users and to services are closed or kept for reuse."""
    wait_until(lambda: gate.descriptors() <= before[0] + 1, 10,
               f"the gateway to close its descriptors ({before[0]} before, {gate.descriptors()} now)")
    wait_until(lambda: client.descriptors() <= before[1] + 1, 10,
               f"the client to close its descriptors ({before[1]} before, {client.descriptors()} now)")


@case(f"{SIZE // MIB} MiB down and up through nginx, unchanged, along with 200 small requests a second; under 64 MiB of memory",
      seconds=400, measures=True)
def gigabyte(world):
    folder = world.path("www")
    os.mkdir(folder)
    digest = hashlib.sha256()
    with open(os.path.join(folder, "big"), "wb") as file:
        for _ in range(SIZE // MIB):
            block = os.urandom(MIB)
            digest.update(block)
            file.write(block)
    world.write("www/index.html", "hello\n")
    gate, client = world.tunnel(port=world.web_server(folder).port)

    def beside(name, transfer):
        began = time.monotonic()
        small = world.load("/", tls=True, wait=False, connections=16, rate=200, seconds=scaled(10, 5))
        transfer()
        seconds = time.monotonic() - began
        result = load_result(small)
        note(f"{name}: {SIZE / 1e6 / seconds:.0f} MB/s; at the same time, {result['requests']} small requests, "
             f"p50 {result['p50_ms']:.1f} ms, p99 {result['p99_ms']:.1f} ms, slowest {result['max_ms']:.0f} ms")
        check(result["failed"] == 0, f"{result['failed']} of the small requests failed: {result['why']}")
        check(result["p99_ms"] < 250, f"small requests were delayed by the {name}: {result}")

    def down():
        equal(world.curl_hash("/big", tls=True), (digest.hexdigest(), SIZE, 0), "the download")

    def up():
        equal(world.curl("/arrived", "-T", os.path.join(folder, "big"), "-H", "Expect:", tls=True, want="%{http_code}"),
              "201", "the upload's status")
        arrived = hashlib.sha256()
        with open(os.path.join(folder, "arrived"), "rb") as file:
            while block := file.read(MIB):
                arrived.update(block)
        equal(arrived.hexdigest(), digest.hexdigest(), "the upload's SHA-256")

    beside("download", down)
    beside("upload", up)
    memory_bounded(world, gate, client)


@case(f"{USERS} concurrent exchanges in one session", seconds=200)
def crowd(world):
    gate, client = world.tunnel()
    before = gate.descriptors(), client.descriptors()
    # The service's gate opens when all of them are waiting there, so all are open at the same time.
    result = world.load(f"/gate/{USERS}/65536", connections=USERS, requests=USERS, sha256=pattern_sha256(65536))
    note(f"{USERS} at once: {result['seconds']:.1f} s, gateway {gate.status('VmHWM') / MIB:.1f} MiB, "
         f"client {client.status('VmHWM') / MIB:.1f} MiB")
    equal((result["requests"], result["failed"]), (USERS, 0), f"answered and failed ({result['why']})")
    world.service.kill()
    none_left(gate, client, before)


@case("a stalled reader slows down no one and costs limited memory", seconds=200, measures=True)
def stalled(world):
    gate, client = world.tunnel()
    size = scaled(256 * MIB, 32 * MIB)
    wanted = pattern_sha256(size)

    def download():
        began = time.monotonic()
        equal(world.curl_hash(f"/bytes/{size}"), (wanted, size, 0), "a download")
        return size / 1e6 / (time.monotonic() - began)

    alone = max(download(), download())
    before = gate.status("VmRSS"), client.status("VmRSS")
    stalled_users = []
    for _ in range(20):
        user = world.raw(b"GET /bytes/1000000000 HTTP/1.1\r\nHost: app.test\r\n\r\n")
        user.recv(1000)
        stalled_users.append(user)
    time.sleep(2)
    beside = max(download(), download())
    result = world.load("/", connections=16, requests=2000)
    grown = [process.status("VmRSS") - old for process, old in zip((gate, client), before)]
    note(f"one download: {alone:.0f} MB/s alone, {beside:.0f} MB/s with 20 stalled ones; memory grew by "
         f"{grown[0] / MIB:.1f} (gateway) and {grown[1] / MIB:.1f} MiB (client)")
    equal((result["requests"], result["failed"]), (2000, 0), "small requests answered and failed")
    check(beside > alone / 2, f"{beside:.0f} MB/s with stalled readers, {alone:.0f} alone")
    memory_bounded(world, gate, client)
    # A stalled one continues where it stopped.
    body = 0
    while body < 8 * MIB:
        block = stalled_users[0].recv(MIB)
        check(block, "a stalled download was cut off")
        body += len(block)
    for user in stalled_users:
        user.close()
    equal(world.curl("/"), "hello\n", "after they have disconnected")


@case("a service that stops reading an upload slows down no one", seconds=100, measures=True)
def stalled_upload(world):
    gate, client = world.tunnel()
    users = []
    for _ in range(10):
        user = world.raw(b"POST /deaf HTTP/1.1\r\nHost: app.test\r\nContent-Length: 1000000000\r\n\r\n")
        user.setblocking(False)
        users.append(user)
    sent = [0] * len(users)
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        for index, user in enumerate(users):
            try:
                sent[index] += user.send(b"x" * 65536)
            except BlockingIOError:
                pass
        time.sleep(0.001)
    result = world.load("/", connections=16, requests=2000)
    equal((result["requests"], result["failed"]), (2000, 0), "small requests answered and failed")
    memory_bounded(world, gate, client)
    world.service.kill()
    for user in users:
        user.close()


@case("many concurrent downloads share the session", seconds=100)
def fair(world):
    world.tunnel()
    size = 4 * MIB
    wanted = pattern_sha256(size)
    in_parallel([lambda: equal(world.curl_hash(f"/bytes/{size}"), (wanted, size, 0))] * scaled(40, 10))


if __name__ == "__main__":
    main()
