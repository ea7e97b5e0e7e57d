#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""The tunnel is about as fast as its path: with a broken congestion control or window, it would be far below these bounds.
tests/bench/wan.py measures how fast it is."""

import subprocess
import time

from harness import case, check, load_result, main, note
from network import Network

FOREVER = 10**12  # bytes
NEAR = {"rate": 100, "delay": 25, "queue": 625000, "seed": 1}  # a queue of one bandwidth-delay product
ATTEMPTS = 3  # another program may just need the machine


def download(world, seconds):
    """Mbit/s of one download, measured from its request."""
    words = world.curl_command(f"/bytes/{FOREVER}", "-o", "/dev/null", "-w", "%{size_download}", "--max-time", str(seconds))
    result = subprocess.run(words, capture_output=True, text=True)
    check(result.returncode == 28, f"curl exited with {result.returncode}: {result.stderr.strip()}")
    return int(result.stdout) * 8e-6 / seconds


def reach(world, name, least, seconds):
    rates = []
    while len(rates) < ATTEMPTS and (not rates or max(rates) < least):
        rates.append(download(world, seconds))
    note(f"{name}: {', '.join(f'{rate:.1f}' for rate in rates)} Mbit/s, at least {least:.0f}")
    check(max(rates) >= least, f"{name}: {max(rates):.1f} Mbit/s of 100, less than {least:.0f}")


@case("100 Mbit/s x 50 ms: one download fills the path without loss and at 1 %, where loss-based control reaches 3 %", seconds=120,
      measures=True)
def bulk(world):
    network = Network(world, path=NEAR)
    network.tunnel()
    reach(world, "no loss", 70, 4)
    network.path.set(loss=1)
    reach(world, "1 % of loss", 70, 4)


@case("100 Mbit/s x 50 ms: CUBIC fills the path, too", seconds=60, measures=True)
def cubic(world):
    network = Network(world, path=NEAR)
    network.tunnel(dtls={"congestion": "cubic"})
    reach(world, "CUBIC", 60, 4)


@case("100 Mbit/s x 200 ms, 0.1 % loss: the window of one stream grows to the capacity of the path", seconds=120, measures=True)
def window(world):
    network = Network(world, path={"rate": 100, "delay": 100, "queue": 2500000, "loss": 0.1, "seed": 1})
    network.tunnel()
    reach(world, "a new stream", 45, 6)


@case("100 Mbit/s x 50 ms at 1 %: 64 concurrent small exchanges do not wait behind a download", seconds=120, measures=True)
def small(world):
    network = Network(world, path={**NEAR, "loss": 1})
    network.tunnel()
    bulk_process = subprocess.Popen(world.curl_command(f"/bytes/{FOREVER}", "-o", "/dev/null"), stderr=subprocess.DEVNULL)
    world.undo.append(bulk_process.kill)
    time.sleep(2)
    p99, most = [], 400
    while len(p99) < ATTEMPTS and (not p99 or min(p99) > most):
        result = load_result(world.load("/bytes/64", wait=False, connections=64, requests=1500))
        check(result["failed"] == 0, f"{result['failed']} requests failed: {result['why']}")
        p99.append(result["p99_ms"])
    check(bulk_process.poll() is None, "the download has ended")
    bulk_process.kill()
    note(f"p99 {', '.join(f'{ms:.0f}' for ms in p99)} ms, at most {most}; over TCP with CUBIC some 1,800")
    check(min(p99) <= most, f"small exchanges waited behind a download: p99 {min(p99):.0f} ms")


if __name__ == "__main__":
    main()
