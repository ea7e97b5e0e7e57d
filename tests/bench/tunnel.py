#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""tunnel.py [RESULT.json]: only the tunnel, without HTTP, compared with plain GnuTLS and the kernel, on loopback.

Runs tests/bench/tunnel_bench several times and shows medians. `per core` is the rate if each end had its own, otherwise idle
core: bits, or round trips, per second of processor time of the busier end. The goals refer to it, because it is also valid
on a busy machine.
"""

import json
import os
import statistics
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

from harness import BUILD, SANITIZERS  # noqa: E402

ROUNDS = int(os.environ.get("HG_BENCH_ROUNDS", "3"))
SECONDS = os.environ.get("HG_BENCH_SECONDS", "1")
# The goals: (what, compared with, bytes per packet, in flight, minimum; None: only compared). Bare TLS answers each message
# with one of its own, in its own record, with as many in one system call as were read by one. Gathered, all messages that
# were read become one record: effectively a ping-pong of one long message, with no boundaries within.
AIMS = (("tunnel over DTLS", "bare DTLS", 1400, 0, 0.70),
        ("tunnel over DTLS", "bare DTLS", 16347, 0, 0.70),
        ("tunnel over DTLS, new streams", "bare TLS", 64, 64, 0.90),
        ("tunnel over DTLS, new streams", "bare TLS, gathered", 64, 64, None))


def measure():
    """{(name, packet, in flight): {figure: median}}"""
    rounds = {}
    for number in range(ROUNDS):
        print(f"round {number + 1} of {ROUNDS}", file=sys.stderr, flush=True)
        result = subprocess.run([os.path.join(BUILD, "tests", "bench", "tunnel_bench"), SECONDS], capture_output=True,
                                text=True)
        if result.returncode != 0:
            sys.exit(f"tunnel_bench: {result.stdout[-1000:]}{result.stderr[-1000:]}")
        for line in result.stdout.splitlines():
            if line.startswith("{"):
                figures = json.loads(line)
                key = figures.pop("bench"), figures.pop("packet"), figures.pop("in_flight")
                rounds.setdefault(key, []).append(figures)
    return {key: {name: statistics.median(figures[name] for figures in found) for name in found[0]}
            for key, found in rounds.items()}


def table(medians):
    lines = [f"{'one way':32}{'packet':>8}{'Gbit/s':>9}{'per core':>10}{'CPU s/GB send':>15}{'receive':>9}"]
    for (name, packet, in_flight), m in medians.items():
        if in_flight == 0:
            lines.append(f"  {name:30}{packet:8}{m['gbit_per_s']:9.2f}{m['gbit_per_core_s']:10.2f}"
                         f"{m['send_cpu_s_per_gb']:15.3f}{m['receive_cpu_s_per_gb']:9.3f}")
    lines += ["", f"{'ping-pong of 64 bytes':32}{'in flight':>10}{'per s':>11}{'per core':>12}{'CPU µs near':>13}{'far':>8}"]
    for (name, _, in_flight), m in sorted(medians.items(), key=lambda item: item[0][2]):
        if in_flight > 0:
            lines.append(f"  {name:30}{in_flight:10}{m['per_second']:11,.0f}{m['per_core_s']:12,.0f}"
                         f"{m['near_cpu_us']:13.3f}{m['far_cpu_us']:8.3f}")
    return lines


def judge(medians):
    found = []
    for name, other, packet, in_flight, wanted in AIMS:
        figure = "per_core_s" if in_flight else "gbit_per_core_s"
        ratio = medians[name, packet, in_flight][figure] / medians[other, packet, in_flight][figure]
        found.append({"name": name, "beside": other, "packet": packet, "in_flight": in_flight, "ratio": round(ratio, 3),
                      "aim": wanted, "reached": wanted is None or ratio >= wanted})
    return found


def main():
    if SANITIZERS:
        sys.exit("tunnel.py: a build with sanitizers would only measure the sanitizers")
    before = os.getloadavg()
    medians = measure()
    print("\n".join(table(medians)) + "\n")
    aims = judge(medians)
    for aim in aims:
        what = f"{aim['name']}, {aim['packet']} bytes" + (f" × {aim['in_flight']}" if aim["in_flight"] else "")
        verdict = f"(aim: {aim['aim']:.2f})  {'reached' if aim['reached'] else 'MISSED'}" if aim["aim"] else "(no aim)"
        print(f"  {what:44}{aim['ratio']:6.2f} × {aim['beside']:24} {verdict}")
    print(f"\nload average {before[0]:.1f} before, {os.getloadavg()[0]:.1f} after")
    if len(sys.argv) > 1:
        with open(sys.argv[1], "w") as file:
            rows = [{"bench": name, "packet": packet, "in_flight": in_flight, **figures}
                    for (name, packet, in_flight), figures in medians.items()]
            json.dump({"rounds": ROUNDS, "seconds": float(SECONDS), "rows": rows, "aims": aims}, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    main()
