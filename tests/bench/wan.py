#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""wan.py [--short] [--only WORD] [RESULT.json]: hopgate over long and lossy paths, compared with the kernel's own TCP.

    users ── gateway ══ DTLS ══ path ══ client ── service        in network namespaces: needs root
    receiver ────────── TCP ─── path ─── sender                  the same path, CUBIC and BBR, without TLS

The path is tests/tools/relay with a queue of one bandwidth-delay product and random loss in both directions.

    bulk      one download for a fixed time; goodput since the request, so that slow start counts
    upload    the same in the other direction, as seen by the public user: data in buffers on the way counts
    fair      a download along with one CUBIC flow: the share of each after both have run for a while
    small     64 exchanges of 64 bytes in flight, alone and while a download saturates the path: over DTLS, over the
              transport `tls` (TCP with CUBIC) on the same path, and how the p99 of the first compares with that of the
              second; TCP: 64 messages of 64 bytes in flight on one connection, alone and along with a CUBIC flow

--short takes less time for each figure, which makes them less accurate. --only selects the lines that contain the word. The
exit code is 0, whatever the figures are.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

from harness import Failure, Process, SANITIZERS, Skip, World, check, load_result  # noqa: E402
from network import GATE, Flow, Network, rate  # noqa: E402

IN_FLIGHT = 64
FOREVER = 10**12  # bytes


class Download:
    """A public user's download, measured as it arrives."""

    def __init__(self, world):
        self.arrived, self.begun = [], time.monotonic()
        self.popen = subprocess.Popen(world.curl_command(f"/bytes/{FOREVER}"), stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL)
        world.undo.append(self.end)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        total, due = 0, 0.0
        while block := os.read(self.popen.stdout.fileno(), 1 << 16):
            total += len(block)
            now = time.monotonic()
            if now >= due:
                self.arrived.append((now, total))
                due = now + 0.02

    def samples(self):
        return list(self.arrived)

    def rate(self, begin=None, end=None):
        return rate(self.samples(), begin or self.begun, end or time.monotonic())

    def end(self):
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()


class Bench:
    def __init__(self, short, only):
        self.seconds, self.short, self.only, self.rows = (5 if short else 15), short, only, []
        self.p99 = {}  # of the latest small exchanges over each transport

    def row(self, name, path, aims, measure, **property_of):
        """One line of the table: measured in its own world."""
        if self.only and self.only not in name:
            return
        world = World()
        figures = {}
        try:
            network = Network(world, path={"seed": 1, **path})
            measure(world, network, figures)
            passed = network.path.figures()
            figures["relay_cpu"] = network.path.cpu_seconds()
            figures["relay_late"] = sum(passed[way]["late"] for way in passed)
            figures["relay_unread"] = sum(passed[way]["unread"] for way in passed)
            figures["tail_drops"] = sum(passed[way]["tail"] for way in passed)
        except Failure as failure:
            figures["failure"] = str(failure)
        finally:
            world.close(False)
        row = {"name": name, "path": path, "figures": figures, "aims": judge(figures, aims), **property_of}
        self.rows.append(row)
        print_row(row)

    # ---- Measurements ----

    def bulk(self, world, network, figures):
        network.tunnel()
        download = Download(world)
        time.sleep(self.seconds)
        figures["hopgate"] = download.rate()
        figures["hopgate_last_half"] = download.rate(begin=time.monotonic() - self.seconds / 2)
        download.end()

    def upload(self, world, network, figures):
        network.tunnel()
        words = world.curl_command("/hash", "-T", "-", "-o", "/dev/null", "-w", "%{size_upload}", "--max-time", str(self.seconds))
        with open("/dev/zero", "rb") as zero:
            result = subprocess.run(words, stdin=zero, capture_output=True, text=True)
        check(result.returncode == 28, f"curl exited with {result.returncode}: {result.stderr.strip()}")
        figures["hopgate"] = int(result.stdout) * 8e-6 / self.seconds

    def kernel(self, control):
        def measure(world, network, figures):
            flow = Flow(world, network.home, network.gate, GATE, control)
            time.sleep(self.seconds)
            figures[control] = flow.end()

        return measure

    def fair(self, world, network, figures):
        network.tunnel()
        flow = Flow(world, network.home, network.gate, GATE, "cubic")
        time.sleep(1)
        download = Download(world)
        time.sleep(self.seconds)
        begin = time.monotonic()
        time.sleep(2 * self.seconds)
        ours, theirs = download.rate(begin), flow.rate(begin)
        figures.update(hopgate=ours, cubic=theirs, smaller_share=min(ours, theirs) / max(ours + theirs, 0.001) * 100)

    def small(self, beside, transport="dtls"):
        def measure(world, network, figures):
            network.control("cubic")
            network.tunnel(tls=transport == "tls")
            download = Download(world) if beside else None
            if beside:
                time.sleep(self.seconds / 2)
            begin = time.monotonic()
            process = world.load("/bytes/64", wait=False, connections=IN_FLIGHT, requests=2000 if self.short else 24000)
            try:
                result = load_result(process)
            finally:
                if process.poll() is None:
                    process.kill()
            check(result["failed"] == 0, f"{result['failed']} requests failed: {result['why']}")
            figures.update({name: result[name] for name in ("per_second", "p50_ms", "p99_ms", "max_ms")})
            self.p99[transport] = result["p99_ms"]
            if transport == "dtls" and "tls" in self.p99:
                figures["of_tls"] = result["p99_ms"] / self.p99.pop("tls") * 100
            if beside:
                figures["bulk"] = download.rate(begin)
                download.end()

        return measure

    def one_connection(self, beside, control):
        def measure(world, network, figures):
            if beside:
                flow = Flow(world, network.home, network.gate, GATE, control)
                time.sleep(self.seconds / 2)
            begin = time.monotonic()
            script = [sys.executable, Flow.SCRIPT]
            service = Process(world, "echo", [*network.home.inside, *script, "echo", network.home_address])
            port = service.wait_for(r"^port (\d+)").group(1)
            result = network.gate.run(*script, "ping", network.home_address, port, control, str(IN_FLIGHT), str(self.seconds))
            figures.update(json.loads(result))
            if beside:
                figures["bulk"] = flow.rate(begin)

        return measure


def judge(figures, aims):
    """[{figure, aim, reached}] for {figure: minimum}; negative: maximum."""
    found = []
    for figure, aim in aims.items():
        value = figures.get(figure)
        reached = value is not None and (value >= aim if aim >= 0 else value <= -aim)
        found.append({"figure": figure, "aim": aim, "reached": reached})
    return found


def print_row(row):
    figures = row["figures"]
    if "failure" in figures:
        shown = "FAILED: " + " ".join(figures["failure"].split())[:200]
    else:
        shown = "  ".join(f"{name} {figures[name]:.1f}" for name in
                          ("hopgate", "hopgate_last_half", "cubic", "bbr", "smaller_share", "per_second", "p50_ms", "p99_ms",
                           "max_ms", "of_tls", "bulk") if name in figures)
        if figures["relay_late"] or figures["relay_unread"]:
            shown += f"  (relay: {figures['relay_late']} late, {figures['relay_unread']} not read)"
    for aim in row["aims"]:
        bound = f"≥ {aim['aim']:.0f}" if aim["aim"] >= 0 else f"≤ {-aim['aim']:.0f}"
        shown += f"  [{aim['figure']} {bound}: {'reached' if aim['reached'] else 'MISSED'}]"
    print(f"{row['name']:40} {shown}", flush=True)


def near(loss):
    return {"rate": 100, "delay": 25, "queue": 625000, "loss": loss}


def measure_all(bench):
    for loss, aim in ((0, 90), (1, 88), (3, 85)):
        bench.row(f"bulk 100 Mbit/s × 50 ms, {loss} %, hopgate", near(loss), {"hopgate": aim}, bench.bulk)
        bench.row(f"upload 100 Mbit/s × 50 ms, {loss} %, hopgate", near(loss), {"hopgate": aim}, bench.upload)
        for control in ("cubic", "bbr"):
            bench.row(f"bulk 100 Mbit/s × 50 ms, {loss} %, {control}", near(loss), {}, bench.kernel(control))
    for loss, aims in ((0, {}), (0.1, {"hopgate": 330})):
        far = {"rate": 400, "delay": 50, "queue": 5000000, "loss": loss}
        bench.row(f"bulk 400 Mbit/s × 100 ms, {loss} %, hopgate", far, aims, bench.bulk)
        for control in ("cubic", "bbr"):
            bench.row(f"bulk 400 Mbit/s × 100 ms, {loss} %, {control}", far, {}, bench.kernel(control))
    unruly = {**near(0), "reorder": 2, "extra": 5}
    bench.row("bulk, 2 % of packets 5 ms late, hopgate", unruly, {}, bench.bulk)
    bench.row("bulk, 2 % of packets 5 ms late, cubic", unruly, {}, bench.kernel("cubic"))
    bench.row("fair beside one CUBIC flow", near(0), {"smaller_share": 25}, bench.fair)
    for loss in (0, 1):
        for beside in (False, True):
            with_bulk = ", with bulk" if beside else ""
            bench.row(f"small {loss} %{with_bulk}, hopgate over tls", near(loss), {}, bench.small(beside, "tls"))
            bench.row(f"small {loss} %{with_bulk}, hopgate", near(loss), {"of_tls": -100 / 3} if loss else {}, bench.small(beside))
            bench.row(f"small {loss} %{with_bulk}, one TCP, cubic", near(loss), {}, bench.one_connection(beside, "cubic"))


def main():
    parser = argparse.ArgumentParser(description="hopgate over long and lossy paths")
    parser.add_argument("--short", action="store_true", help="less time for each figure")
    parser.add_argument("--only", help="only the lines that contain this word")
    parser.add_argument("result", nargs="?", help="where to write the figures as JSON")
    options = parser.parse_args()
    if SANITIZERS:
        sys.exit("wan: a build with sanitizers would only measure the sanitizers")
    bench = Bench(options.short, options.only)
    print(f"load average {' '.join(f'{load:.1f}' for load in os.getloadavg())}; Mbit/s of content, milliseconds")
    try:
        measure_all(bench)
    except Skip as skip:
        sys.exit(f"wan: {skip}")
    print(f"load average {' '.join(f'{load:.1f}' for load in os.getloadavg())}")
    if options.result:
        with open(options.result, "w") as file:
            json.dump({"short": options.short, "seconds": bench.seconds, "rows": bench.rows}, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    main()
