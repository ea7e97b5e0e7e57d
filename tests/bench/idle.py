#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""idle.py [--short] [--only WORD] [RESULT.json]: the load that a gateway must withstand, on loopback.

    crowd     10,000 sessions with full handshakes, then idle for a minute: handshakes per second, memory, keep-alive;
              then as many with tickets, ended at once
    flood     100,000 bogus hellos and random datagrams to the UDP port while real clients open sessions

--short: a tenth of the sessions and datagrams, and 20 s idle. The exit code is 0, whatever the figures are.
"""

import argparse
import json
import os
import random
import re
import select
import signal
import socket
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

from harness import BUILD, SANITIZERS, Process, World, check, wait_until  # noqa: E402


def crowd(world, gateway, **options):
    words = [word for name, value in options.items() for word in ("--" + name, str(value))]
    return Process(world, "crowd", [os.path.join(BUILD, "tests", "bench", "crowd"), "--connect",
                                    f"127.0.0.1:{world.https}", "--name", "gate.test", "--ca", world.path("ca.pem"),
                                    "--id", "client-1", "--token", world.path("token-client-1"), *words])


def result(process, word, seconds):
    return json.loads(process.wait_for(rf"^{word} (.*)$", seconds).group(1))


def start(world, **dtls):
    world.token("client-1")
    with open(world.path("tokens"), "r+") as file:
        line = file.read()
        file.writelines(line.replace("client-1:", f"client-1-{i}:", 1) for i in range(1, 256))
    return world.gateway(dtls=dtls)


def resident(process):
    return process.status("VmRSS")


# ---- Many sessions ----

def handshakes(gateway, process, cpu):
    opened = result(process, "opened", 300)
    check(opened["failed"] == 0, f"{opened['failed']} sessions were not opened: {opened['why']}")
    used = gateway.cpu_seconds() - cpu
    return opened, {"per_second": opened["accepted"] / opened["seconds"], "per_gateway_core": opened["accepted"] / used,
                    "p99_ms": opened["p99_ms"], "max_ms": opened["max_ms"]}


def many(world, options):
    sessions, idle = (1000, 20) if options.short else (10000, 60)
    gateway = start(world, handshake_rate=0)  # all have the same address
    # The first few, to leave out what a gateway allocates for its first session.
    first = crowd(world, gateway, sessions=20, parallel=4)
    result(first, "opened", 60)
    first.stop()
    time.sleep(1)
    before, cpu = resident(gateway), gateway.cpu_seconds()
    process = crowd(world, gateway, sessions=sessions, parallel=64)
    opened, full = handshakes(gateway, process, cpu)
    memory = (resident(gateway) - before) / opened["accepted"]
    time.sleep(3)
    cpu, client_cpu, begun = gateway.cpu_seconds(), process.cpu_seconds(), time.monotonic()
    time.sleep(idle)
    took = time.monotonic() - begun
    load, client_load = (gateway.cpu_seconds() - cpu) / took, (process.cpu_seconds() - client_cpu) / took
    memory_later = (resident(gateway) - before) / opened["accepted"]
    process.stop(60)
    ended = result(process, "ended", 60)
    time.sleep(1)
    left = resident(gateway) - before
    cpu = gateway.cpu_seconds()
    process = crowd(world, gateway, sessions=sessions, parallel=64, resume=1)
    _, resumed = handshakes(gateway, process, cpu)
    process.stop(60)
    time.sleep(1)
    left_later = resident(gateway) - before
    print(f"{sessions:,} sessions: {memory / 1024:.1f} KiB each, {memory_later / 1024:.1f} KiB after {idle} s (aim ≤ 40)\n"
          f"  {left / 1024:,.0f} KiB are left when they have ended, {left_later / 1024:,.0f} KiB after as many again")
    print(f"  idle for {idle} s: gateway {load * 100:.1f} % of a core (aim ≤ 10), the crowd {client_load * 100:.1f} %; "
          f"{ended['lost']} sessions were lost")
    for name, figures in (("full", full), ("by ticket", resumed)):
        print(f"  {name:9} {figures['per_second']:7,.0f} sessions/s here, {figures['per_gateway_core']:7,.0f}/s of gateway "
              f"core; p99 {figures['p99_ms']:.1f} ms, max {figures['max_ms']:.1f} ms")
    return {"sessions": sessions, "bytes_per_session": memory, "bytes_per_session_later": memory_later,
            "bytes_left": left, "bytes_left_later": left_later, "idle_load": load, "lost": ended["lost"],
            "full": full, "resumed": resumed}


# ---- Nonsense ----

def client_hello(cookie):
    """A DTLS 1.2 ClientHello (RFC 6347 section 4.2, RFC 5246 section 7.4.1.2) that a gateway would accept."""

    def sized(data, size):
        return len(data).to_bytes(size, "big") + data

    def extension(number, data):
        return number.to_bytes(2, "big") + sized(data, 2)

    extensions = (extension(10, sized(bytes((0, 29, 0, 23)), 2)) + extension(11, b"\x01\x00")
                  + extension(13, sized(bytes((4, 3, 8, 4)), 2)) + extension(16, sized(sized(b"hopgate/1", 1), 2))
                  + extension(23, b""))
    body = (b"\xfe\xfd" + random.randbytes(32) + b"\x00" + sized(cookie, 1) + sized(bytes((0xc0, 0x2b, 0xc0, 0x2f)), 2)
            + b"\x01\x00" + sized(extensions, 2))
    size = len(body).to_bytes(3, "big")
    message = b"\x01" + size + b"\x00\x00" + b"\x00\x00\x00" + size + body
    return b"\x16\xfe\xfd" + bytes(8) + sized(message, 2)


def bogus():
    kind = random.random()
    if kind < 0.4:
        return client_hello(b"")
    if kind < 0.6:
        return client_hello(random.randbytes(random.choice((1, 16, 20, 32, 255))))
    if kind < 0.7:
        hello = client_hello(b"")
        return hello[:random.randrange(1, len(hello))]
    noise = random.randbytes(random.randrange(1, 1400))
    if kind < 0.85:
        return noise
    # A record header of some type, version and epoch, with a correct or incorrect length.
    size = len(noise) if random.random() < 0.7 else random.randrange(65536)
    return (bytes((random.randrange(19, 26), 0xfe, random.choice((0xfd, 0xff)), 0, random.randrange(3)))
            + random.randbytes(6) + size.to_bytes(2, "big") + noise)


def kernel_drops(port):
    """Datagrams that the kernel dropped because the gateway did not read them in time."""
    with open("/proc/net/udp") as file:
        return sum(int(line.split()[12]) for line in list(file)[1:] if line.split()[1].endswith(f":{port:04X}"))


def whole_report(text):
    """The counters of a report, once all that are needed are there: it may be read while it is being written."""
    found = dict(re.findall(r"(\w+)=(\d+)\"", text))
    return {"handshakes", "sessions_opened", "cookies_sent"} <= found.keys() and found


def flood(world, count, per_second=10000):
    """Bogus datagrams from 200 addresses along with real sessions; returns what the gateway made of them."""
    random.seed(1)
    gateway = start(world)
    warm = crowd(world, gateway, sessions=20, every=20)
    result(warm, "ended", 60)
    warm.wait()
    strangers = [socket.socket(type=socket.SOCK_DGRAM) for _ in range(200)]
    for stranger in strangers:
        stranger.connect(("127.0.0.1", world.https))
        stranger.setblocking(False)
    alone = crowd(world, gateway, sessions=20, every=50)
    unhurried = result(alone, "ended", 60)
    time.sleep(1)
    before, cpu = resident(gateway), gateway.cpu_seconds()
    real = crowd(world, gateway, sessions=count // per_second * 10 - 2, every=100)
    sent = answered = answers = 0
    begun = time.monotonic()
    for number in range(count):
        stranger = strangers[number % len(strangers)]
        data = bogus()
        try:
            sent += stranger.send(data)
        except (BlockingIOError, ConnectionRefusedError):
            pass
        if number % 100 == 99:
            ready, _, _ = select.select(strangers, [], [], 0)
            for other in ready:
                try:
                    while True:
                        answered += len(other.recv(65536))
                        answers += 1
                except BlockingIOError:
                    pass
            time.sleep(max(0.0, begun + number / per_second - time.monotonic()))
    took = time.monotonic() - begun
    accepted = result(real, "ended", 60)
    time.sleep(1)
    growth, used, drops = resident(gateway) - before, gateway.cpu_seconds() - cpu, kernel_drops(world.https)
    gateway.signal(signal.SIGUSR1)
    counters = wait_until(lambda: whole_report(gateway.text()), 5, "the gateway's report")
    print(f"{count:,} bogus datagrams in {took:.1f} s: {sent:,} bytes in, {answered:,} bytes out in {answers:,} answers "
          f"({answered / sent:.2f}, aim ≤ 1); memory grew by {growth / 1024:,.0f} KiB (aim ≤ 1024); "
          f"{used / count * 1e6:.1f} µs of gateway each; the kernel dropped {drops}")
    print(f"  real sessions meanwhile: {accepted['accepted']} opened, {accepted['failed']} failed, "
          f"p50 {accepted['p50_ms']:.1f} ms, max {accepted['max_ms']:.1f} ms (aim < 1000); before: p50 {unhurried['p50_ms']:.1f} ms, "
          f"max {unhurried['max_ms']:.1f} ms")
    print("  counters: " + ", ".join(f"{name} {counters[name]}" for name in sorted(counters)
                                    if name.startswith(("handshakes", "cookies", "datagrams", "sessions"))))
    return {"datagrams": count, "bytes_in": sent, "bytes_out": answered, "growth": growth, "real": accepted,
            "before": unhurried, "counters": counters, "kernel_drops": drops}


def main():
    parser = argparse.ArgumentParser(description="the load that a gateway must withstand")
    parser.add_argument("--short", action="store_true", help="a tenth of everything")
    parser.add_argument("--only", help="crowd or flood")
    parser.add_argument("result", nargs="?", help="where to write the figures as JSON")
    options = parser.parse_args()
    if SANITIZERS:
        sys.exit("idle: a build with sanitizers would only measure the sanitizers")
    count = 10000 if options.short else 100000
    figures = {}
    print(f"load average {os.getloadavg()[0]:.1f}")
    for name, measure in (("crowd", lambda world: many(world, options)), ("flood", lambda world: flood(world, count))):
        if options.only and options.only != name:
            continue
        world = World()
        failed = True
        try:
            figures[name] = measure(world)
            failed = False
        finally:
            world.close(failed)
    print(f"load average {os.getloadavg()[0]:.1f}")
    if options.result:
        with open(options.result, "w") as file:
            json.dump(figures, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    main()
