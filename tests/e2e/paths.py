# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""Tests of the networks that other tests use: the relay with the kernel's TCP and with single packets, the NAT with its
bindings, and the guard. hopgate is not involved."""

import os
import signal
import subprocess
import sys
import time

from harness import Process, case, check, equal, main, note, scaled, wait_until
from network import GATE, GATE6, OUTSIDE, Flow, Network

ECHO = """
import socket, sys
echo = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
echo.bind((sys.argv[1], 7))
print("ready", flush=True)
while True:
    data, peer = echo.recvfrom(2048)
    echo.sendto(str(peer[1]).encode() if data == b"port" else data, peer)
"""

# Sends COUNT numbered datagrams, one per millisecond; prints how many came back, how many of them were overtaken by a later
# one, and the median round-trip time in milliseconds.
PROBE = """
import socket, sys, time, threading
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
probe, count, times, seen, overtaken = socket.socket(family, socket.SOCK_DGRAM), int(sys.argv[2]), [], -1, 0
probe.connect((sys.argv[1], 7))
def send():
    for number in range(count):
        probe.send(b"%d %.9f" % (number, time.monotonic()))
        time.sleep(0.001)
threading.Thread(target=send, daemon=True).start()
probe.settimeout(1)
try:
    while len(times) < count:
        number, then = probe.recv(2048).split()
        times.append(time.monotonic() - float(then))
        overtaken += int(number) < seen
        seen = max(seen, int(number))
except TimeoutError:
    pass
print(len(times), overtaken, sorted(times)[len(times) // 2] * 1e3 if times else 0)
"""

# For each line of input, asks the echo server which port it sees.
ASK = """
import errno, socket, sys
ask = socket.socket(type=socket.SOCK_DGRAM)
ask.connect((sys.argv[1], 7))
ask.settimeout(1)
for line in sys.stdin:
    try:
        ask.send(b"port")
        print(ask.recv(100).decode(), flush=True)
    except OSError as error:
        print(errno.errorcode.get(error.errno, "silence"), flush=True)
"""


def echo(world, network, address=GATE):
    Process(world, "echo", [*network.gate.inside, sys.executable, "-c", ECHO, address]).wait_for("^ready")


def probe(network, count, address=GATE):
    output = network.home.run(sys.executable, "-c", PROBE, address, str(count)).split()
    return int(output[0]), int(output[1]), float(output[2])


class Asker:
    def __init__(self, world, network):
        self.popen = subprocess.Popen([*network.home.inside, sys.executable, "-c", ASK, GATE], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
        world.undo.append(self.end)

    def port(self):
        self.popen.stdin.write("\n")
        self.popen.stdin.flush()
        return self.popen.stdout.readline().strip()

    def end(self):
        self.popen.stdin.close()
        self.popen.wait()


@case("the relay: delay, loss, reordering, outage", measures=True)
def packets(world):
    network = Network(world, path={"delay": 20, "seed": 1})
    echo(world, network)
    came, overtaken, middle = probe(network, 1000)
    note(f"{came} of 1000 came back, {overtaken} overtaken, {middle:.2f} ms")
    equal((came, overtaken), (1000, 0), "came back and overtaken")
    check(40 <= middle < 43, f"a round trip of 2 × 20 ms takes {middle} ms")
    echo(world, network, GATE6)
    equal(probe(network, 50, GATE6)[0], 50, "came back over IPv6")
    network.path.set(loss=(10, 0))
    came, _, _ = probe(network, 1000)
    check(860 <= came <= 940, f"{came} of 1000 came back with 10 % loss in one direction")
    network.path.set(loss=0, reorder=5, extra=4)
    came, overtaken, _ = probe(network, 1000)
    equal(came, 1000, "came back")
    check(60 <= overtaken <= 140, f"{overtaken} of 1000 were overtaken with 5 % in both directions")
    network.path.set(reorder=0, down=(0, 1))
    before = network.path.figures()
    equal(probe(network, 50)[0], 0, "came back during the outage")
    after = network.path.figures()
    equal((after["back"]["down"] - before["back"]["down"], after["there"]["down"]), (50, 0), "packets lost in the outage")


@case("the relay: rate and queue, with CUBIC over 100 Mbit/s × 50 ms with and without loss", seconds=120, measures=True)
def rate(world):
    network = Network(world, path={"rate": 100, "delay": 25, "queue": 625000, "seed": 1})
    seconds = scaled(10, 6)
    flow = Flow(world, network.home, network.gate, GATE, "cubic")
    time.sleep(seconds)
    clean = flow.end()
    figures = network.path.figures()["back"]
    cpu = network.path.cpu_seconds() / seconds
    note(f"the relay: {cpu * 100:.0f} % of a core")
    note(f"CUBIC: {clean:.1f} Mbit/s at 0 %, queue at most {figures['queue_max']} bytes, {figures['tail']} dropped there")
    check(85 <= clean <= 96.6, f"CUBIC reaches {clean} Mbit/s on a clean path of 100 Mbit/s")
    check(600000 < figures["queue_max"] <= 625000 and figures["tail"] > 0, "the queue never filled up")
    network.path.set(loss=1)
    flow = Flow(world, network.home, network.gate, GATE, "cubic")
    time.sleep(seconds)
    lossy = flow.end()
    note(f"CUBIC: {lossy:.1f} Mbit/s at 1 %")
    check(0.5 < lossy < 15, f"CUBIC reaches {lossy} Mbit/s at 1 % loss")


@case("the NAT: a binding is kept until rebind(); then the port changes")
def nat(world):
    network = Network(world, nat=True)
    echo(world, network)
    asker = Asker(world, network)
    first = asker.port()
    equal([asker.port() for _ in range(3)], [first] * 3, "the port seen by the gate")
    check(network.home.run("ip", "address").find(OUTSIDE) < 0 and first.isdigit(), "there is no NAT")
    network.rebind()
    second = asker.port()
    note(f"port {first}, after rebind() {second}")
    check(second.isdigit() and second != first, f"after rebind() the port is {second}, before it was {first}")
    network.rebind()
    check(asker.port() not in (first, second), "the third port is not new")
    # Packets to the old port are lost silently.
    output = network.gate.run(sys.executable, "-c", f"""
import socket
old = socket.socket(type=socket.SOCK_DGRAM)
old.connect(("{OUTSIDE}", {first}))
old.settimeout(0.5)
old.send(b"x")
try:
    old.recv(1)
except Exception as error:
    print(type(error).__name__)""")
    equal(output.strip(), "TimeoutError", "the answer from the old port")


@case("UDP is blocked silently or with an ICMP error, then unblocked")
def blocked(world):
    network = Network(world, nat=True)
    echo(world, network)
    asker = Asker(world, network)
    check(asker.port().isdigit(), "UDP does not work at first")
    network.block_udp()
    equal(asker.port(), "silence", "the answer while UDP is blocked")
    network.unblock_udp()
    network.block_udp(reject=True)
    equal(asker.port(), "EHOSTUNREACH", "the answer while UDP is rejected")
    network.unblock_udp()
    check(asker.port().isdigit(), "UDP does not work again")


@case("namespaces, and what runs in them, are removed when the test program is killed")
def killed(world):
    program = f"""
import sys, time
sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})
from harness import Process, World
from network import Network
world = World()
network = Network(world, path={{"delay": 1}})
sleeper = Process(world, "sleeper", [*network.home.inside, "sleep", "60"])
print(network.home.name, sleeper.pid, network.path.pid, world.folder, flush=True)
time.sleep(60)
"""
    popen = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    words = popen.stdout.readline().split()
    check(len(words) == 4, "the program did not start")
    world.undo.append(lambda: subprocess.run(["rm", "-rf", words[3]]))
    check(os.path.exists(f"/run/netns/{words[0]}"), "there is no namespace")
    popen.send_signal(signal.SIGKILL)
    popen.wait()
    wait_until(lambda: not os.path.exists(f"/run/netns/{words[0]}"), 10, "the namespace to be removed")
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in words[1:3]), 10, "what ran in it to end")


if __name__ == "__main__":
    main()
