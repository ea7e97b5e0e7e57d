# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""Path MTU probing: links find the largest packets that their path carries, with and without ICMP, over IPv4 and IPv6, and
survive a decrease of the path's limit during a transfer. Every byte is compared."""

import hashlib
import re
import signal
import subprocess
import threading
import time

from harness import MIB, SANITIZERS, case, check, equal, main, note, pattern_sha256, scaled, wait_until
from network import GATE, GATE6, Network

# The headers of a packet: IP, UDP, and a DTLS record with AES-GCM.
OVERHEAD, OVERHEAD6 = 20 + 8 + 37, 40 + 8 + 37


def packet_size(process):
    """The size of packets that the process currently sends on its only link, from its statistics."""
    before = len(re.findall(r"packet_size=", process.text()))
    process.signal(signal.SIGUSR1)
    wait_until(lambda: len(re.findall(r"packet_size=", process.text())) > before, 5, "the statistics")
    return int(re.findall(r"packet_size=(\d+)", process.text())[-1])


def finds(process, size, seconds=30):
    wait_until(lambda: packet_size(process) == size, seconds, f"{process.name} to find packets of {size} bytes", pause=0.2)


def download(world, size):
    output = subprocess.run(world.curl_command(f"/bytes/{size}"), capture_output=True)
    equal((output.returncode, len(output.stdout)), (0, size), "curl's exit code and the download's size")
    equal(hashlib.sha256(output.stdout).hexdigest(), pattern_sha256(size), "the download's hash")


def upload(world, size):
    body = b"0123456789abcdef" * (size // 16)
    with open(world.path("body"), "wb") as file:
        file.write(body)
    equal(world.curl("/hash", "--data-binary", "@" + world.path("body"), "-H", "Expect:"),
          f"{hashlib.sha256(body).hexdigest()} {size}\n", "the upload's hash and size")


def end(world, network, gate, home):
    home.stop()
    gate.stop()
    world.service.stop()
    if network.path:
        network.path.end()
    network.remove()


@case("cables with MTU 1280, 1500 and 9000: both ends find the limit", seconds=100)
def cables(world):
    for mtu in (1280, 1500, 9000):
        network = Network(world)
        for side in network.ends():
            side.ip("link", "set", "cable", "mtu", str(mtu))
        gate, home = network.tunnel()
        finds(gate, mtu - OVERHEAD)
        finds(home, mtu - OVERHEAD)
        download(world, 4 * MIB)
        upload(world, 4 * MIB)
        end(world, network, gate, home)


@case("IPv6: the same with 20 bytes less", seconds=60)
def ipv6(world):
    network = Network(world)
    world.users = network.gate.inside
    world.service = world.origin(address=network.home_address, prefix=network.home.inside)
    world.token("client-1")
    gate = world.gateway(address=GATE, prefix=network.gate.inside,
                         transports=lambda: [{"dtls": {"listen": f"[{GATE6}]:{world.https}"}}])
    home = world.client({"web": f"http://{network.home_address}:{world.service.port}"}, prefix=network.home.inside,
                        dtls={"connect": f"[{GATE6}]:{world.https}"})
    world.wait_for_tunnel(seconds=20)
    finds(gate, 1500 - OVERHEAD6)
    finds(home, 1500 - OVERHEAD6)
    download(world, 4 * MIB)


@case("option `mtu`: there is no probing", seconds=60)
def fixed(world):
    network = Network(world)
    gate, home = network.tunnel(dtls={"mtu": 1350})
    finds(home, 1500 - OVERHEAD)
    equal(packet_size(gate), 1350 - OVERHEAD, "the gateway's packets")
    download(world, 4 * MIB)
    equal(packet_size(gate), 1350 - OVERHEAD, "the gateway's packets after a transfer")


@case("a router with a smaller MTU behind it: the limit is found with its ICMP messages and without", seconds=100)
def router(world):
    for silent in (False, True):
        network = Network(world, nat=True, path={"rate": 100, "delay": 5, "queue": 500000, "mtu": 1400})
        if silent:
            network.router.table("silent", """chain leaving { type filter hook output priority 0
                meta l4proto icmp drop
            }""")
        gate, home = network.tunnel()
        finds(gate, 1400 - OVERHEAD)
        finds(home, 1400 - OVERHEAD)
        upload(world, 4 * MIB)
        download(world, 4 * MIB)
        end(world, network, gate, home)


@case("a hop that silently drops packets above its MTU of 1492, between interfaces with 9000", seconds=60)
def silent_hop(world):
    network = Network(world, path={"rate": 100, "delay": 10, "queue": 500000, "mtu": 9000, "limit": 1492})
    gate, home = network.tunnel()
    finds(gate, 1492 - OVERHEAD)
    finds(home, 1492 - OVERHEAD)
    download(world, scaled(16, 4) * MIB)
    upload(world, scaled(16, 4) * MIB)
    figures = network.path.figures()
    # The packets lost because of their size were probes, not data.
    check(0 < figures["back"]["large"] < 40 and 0 < figures["there"]["large"] < 40, f"lost because of their size: {figures}")


@case("a hop that silently drops packets above its MTU of 1000: less than QUIC requires, but no request hangs", seconds=60)
def small_hop(world):
    network = Network(world, path={"rate": 100, "delay": 10, "queue": 500000, "limit": 1000})
    # A chain that needs several datagrams, like those of public authorities.
    world.certificates("gate.test", "app.test", *(f"name-{i}.of.a.long.certificate.test" for i in range(24)))
    network.tunnel()
    slowest = 0
    for _ in range(20):
        began = time.monotonic()
        download(world, 20_000)
        slowest = max(slowest, time.monotonic() - began)
    download(world, 2 * MIB)
    upload(world, 2 * MIB)
    note(f"the slowest of 20 downloads of 20 kB took {slowest:.2f} s")
    check(slowest < (10 if SANITIZERS else 2), f"a download of 20 kB took {slowest:.2f} s")


def sinks(world, transfer, sender_of):
    network = Network(world, path={"rate": 50, "delay": 20, "queue": 500000})
    ends = network.tunnel()
    sender = sender_of(ends)
    for process in ends:
        finds(process, 1500 - OVERHEAD)
    size = scaled(40, 8) * MIB
    failures = []

    def run():
        try:
            transfer(world, size)
        except Exception as error:  # reported by the test itself
            failures.append(error)

    began = time.monotonic()
    running = threading.Thread(target=run)
    running.start()
    wait_until(lambda: sum(network.path.figures()[way]["delivered_bytes"] for way in ("there", "back")) > 2 * MIB, 20,
               "the transfer to make progress")
    network.path.set(limit=1400)
    running.join()
    check(not failures, f"the transfer failed: {failures}")
    took = time.monotonic() - began
    sender.wait_for(r"only carries packets of \d+ bytes now")
    # The search starts again after a second, and only while there is data.
    wait_until(lambda: transfer(world, MIB) or packet_size(sender) == 1400 - OVERHEAD, 20,
               f"{sender.name} to find the new size")
    note(f"{size // MIB} MiB in {took:.1f} s over 50 Mbit/s, {network.path.figures()}")
    check(took < (size * 8e-6 / 50 + 3) * (5 if SANITIZERS else 1.5), f"the transfer took {took:.1f} s")


@case("the path's limit decreases during a download: it continues", seconds=100)
def download_sinks(world):
    sinks(world, download, lambda ends: ends[1])


@case("the path's limit decreases during an upload: it continues", seconds=100)
def upload_sinks(world):
    sinks(world, upload, lambda ends: ends[0])


if __name__ == "__main__":
    main()
