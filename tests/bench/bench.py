#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""bench.py [RESULT.json]: hopgate compared with two alternatives, in one run, on loopback.

    hopgate   users ── TLS ──▶ gateway ══ DTLS ══▶ client ──▶ nginx
    proxy     users ── TLS ──▶ nginx as reverse proxy ──▶ nginx         (no tunnel at all)
    ssh       users ── TLS ──▶ nginx as reverse proxy ══ ssh -R ══▶ nginx

Each round measures all three one after the other, so that other load on the machine affects all of them; the figures shown
are medians over the rounds. 10,000 GETs of 1 KiB with keep-alive over 1 and over 64 connections, then a download of 512 MiB
with curl. CPU seconds are user and system time of all processes on that side: gateway, and client.
"""

import json
import os
import pwd
import shutil
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

from harness import (BUILD, MIB, SANITIZERS, Failure, Process, World, check, free_port, wait_for_port)  # noqa: E402

ROUNDS = int(os.environ.get("HG_BENCH_ROUNDS", "3"))
REQUESTS = 10000
BULK = 512 * MIB
CONNECTIONS = (1, 64)
# Goals for hopgate: (figure, compared with, minimum).
AIMS = (("per_second_64", "ssh", 2.0), ("per_second_64", "proxy", 0.35), ("bulk_mb_per_second", "ssh", 1.0))


class Contestant:
    """A path from the public user to the service: its TLS port and its processes."""

    def __init__(self, name, port, gateway, client):
        self.name, self.port, self.gateway, self.client = name, port, gateway, client
        self.rounds = []

    def cpu(self):
        return [sum(process.cpu_seconds() for process in side) for side in (self.gateway, self.client)]

    def measure(self, world, action):
        """Runs it; returns its result with the CPU seconds used on each side."""
        before = self.cpu()
        result = action(world)
        result["cpu_gateway"], result["cpu_client"] = (after - old for after, old in zip(self.cpu(), before))
        return result

    def requests(self, world, connections):
        def action(world):
            result = world.load("/small", tls=True, port=self.port, connections=connections, requests=REQUESTS)
            check(result["failed"] == 0, f"{self.name}: {result['failed']} requests failed: {result['why']}")
            return result

        return self.measure(world, action)

    def bulk(self, world):
        def action(world):
            began = time.monotonic()
            output = world.curl("/big", tls=True, port=self.port, want="%{http_code} %{size_download}")
            check(output == f"200 {BULK}", f"{self.name}: the download returned {output}")
            return {"mb_per_second": BULK / 1e6 / (time.monotonic() - began)}

        return self.measure(world, action)

    def round(self, world):
        figures = {}
        for connections in CONNECTIONS:
            result = self.requests(world, connections)
            for name in ("per_second", "p50_ms", "p99_ms", "cpu_gateway", "cpu_client"):
                figures[f"{name}_{connections}"] = result[name]
        result = self.bulk(world)
        figures["bulk_mb_per_second"] = result["mb_per_second"]
        figures["bulk_cpu_gateway"], figures["bulk_cpu_client"] = result["cpu_gateway"], result["cpu_client"]
        self.rounds.append(figures)

    def median(self):
        return {name: statistics.median(figures[name] for figures in self.rounds) for name in self.rounds[0]}


def service(world):
    folder = world.path("www")
    os.mkdir(folder)
    world.write("www/small", "x" * 1023 + "\n")
    with open(os.path.join(folder, "big"), "wb") as file:
        for _ in range(BULK // MIB):
            file.write(os.urandom(MIB))
    port = free_port()
    process = world.nginx(f"server {{ listen 127.0.0.1:{port}; root {folder}; }}", "web")
    wait_for_port(process, port)
    return port


def reverse_proxy(world, name, port):
    """nginx with TLS in front of a port, with keep-alive on both sides."""
    public = free_port()
    process = world.nginx(f"""
        upstream there {{ server 127.0.0.1:{port}; keepalive 128; keepalive_requests 10000000; }}
        server {{ listen 127.0.0.1:{public} ssl; ssl_certificate {world.folder}/gate.pem;
                  ssl_certificate_key {world.folder}/gate.key;
                  location / {{ proxy_pass http://there; proxy_http_version 1.1; proxy_set_header Connection "";
                                proxy_buffering on; proxy_max_temp_file_size 0; }} }}""", name)
    wait_for_port(process, public)
    return public, process


def ssh_tunnel(world, port):
    """A port that `ssh -R` forwards to the service, with sshd and ssh."""
    sshd = shutil.which("sshd")
    check(sshd, "sshd is not installed (Debian: openssh-server)")
    if os.getuid() == 0:
        os.makedirs("/run/sshd", exist_ok=True)
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", world.path(key)], check=True)
    shutil.copy(world.path("user.pub"), world.path("authorized"))
    listen, forwarded = free_port(), free_port()
    config = world.write("sshd.conf", f"""
        ListenAddress 127.0.0.1
        Port {listen}
        HostKey {world.folder}/host
        AuthorizedKeysFile {world.folder}/authorized
        PidFile none
        StrictModes no
        UsePAM no
        PasswordAuthentication no
        PermitRootLogin prohibit-password
        """)
    server = Process(world, "sshd", [sshd, "-D", "-e", "-f", config])
    wait_for_port(server, listen)
    user = pwd.getpwuid(os.getuid()).pw_name
    client = Process(world, "ssh", ["ssh", "-F", "none", "-N", "-T", "-i", world.path("user"), "-p", str(listen),
                                    "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                                    "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes",
                                    "-R", f"127.0.0.1:{forwarded}:127.0.0.1:{port}", f"{user}@127.0.0.1"])
    wait_for_port(client, forwarded)
    return forwarded, server, client


def contestants(world):
    port = service(world)
    world.certificates()
    world.token("client-1")
    gateway = world.gateway(http={"max_requests": 100000000})
    client = world.client({"web": f"http://127.0.0.1:{port}"})
    world.wait_for_tunnel()
    plain, proxy = reverse_proxy(world, "plain", port)
    forwarded, sshd, ssh = ssh_tunnel(world, port)
    front, front_proxy = reverse_proxy(world, "plain-ssh", forwarded)
    return [Contestant("hopgate", world.https, [gateway], [client]),
            Contestant("proxy", plain, [proxy], []),
            Contestant("ssh", front, [front_proxy, sshd], [ssh])]


def table(medians):
    lines = []
    for connections in CONNECTIONS:
        lines += [f"{REQUESTS:,} GETs of 1 KiB over {connections} connection{'s' if connections > 1 else ''}",
                  f"  {'':9}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'CPU s gateway':>15}{'client':>8}"]
        for name, m in medians.items():
            lines.append(f"  {name:9}{m[f'per_second_{connections}']:9,.0f}{m[f'p50_ms_{connections}']:9.3f}"
                         f"{m[f'p99_ms_{connections}']:9.3f}{m[f'cpu_gateway_{connections}']:15.2f}"
                         f"{m[f'cpu_client_{connections}']:8.2f}")
        lines.append("")
    lines += [f"one download of {BULK // MIB} MiB", f"  {'':9}{'MB/s':>9}{'':18}{'CPU s gateway':>15}{'client':>8}"]
    for name, m in medians.items():
        lines.append(f"  {name:9}{m['bulk_mb_per_second']:9,.0f}{'':18}{m['bulk_cpu_gateway']:15.2f}"
                     f"{m['bulk_cpu_client']:8.2f}")
    return lines


def judge(medians):
    found = []
    for figure, other, wanted in AIMS:
        ratio = medians["hopgate"][figure] / medians[other][figure]
        found.append({"figure": figure, "beside": other, "ratio": round(ratio, 3), "aim": wanted, "reached": ratio >= wanted})
    return found


def main():
    if SANITIZERS:
        sys.exit("bench: a build with sanitizers would only measure the sanitizers")
    world = World()
    try:
        rivals = contestants(world)
        for rival in rivals:  # warm up caches, windows and connections before measuring
            world.load("/small", tls=True, port=rival.port, connections=64, requests=2000)
        for number in range(ROUNDS):
            print(f"round {number + 1} of {ROUNDS}", file=sys.stderr, flush=True)
            for rival in rivals:
                rival.round(world)
        medians = {rival.name: rival.median() for rival in rivals}
        memory = {rival.name: {"gateway": sum(p.status("VmHWM") for p in rival.gateway),
                               "client": sum(p.status("VmHWM") for p in rival.client)} for rival in rivals[:1]}
    except Failure as failure:
        for process in world.processes:
            print(f"-- {process.name}\n{process.text()[-1500:]}", file=sys.stderr)
        sys.exit(f"bench: {failure}")
    finally:
        world.close(False)
    print("\n".join(table(medians)))
    print(f"\nhopgate's peak memory: gateway {memory['hopgate']['gateway'] / MIB:.1f} MiB, "
          f"client {memory['hopgate']['client'] / MIB:.1f} MiB\n")
    aims = judge(medians)
    for aim in aims:
        print(f"  {aim['figure']:20} {aim['ratio']:6.2f} × {aim['beside']:6} (aim: {aim['aim']:.2f})  "
              f"{'reached' if aim['reached'] else 'MISSED'}")
    if len(sys.argv) > 1:
        with open(sys.argv[1], "w") as file:
            json.dump({"requests": REQUESTS, "bulk_bytes": BULK, "rounds": {r.name: r.rounds for r in rivals},
                       "medians": medians, "memory": memory, "aims": aims}, file, indent=2)
            file.write("\n")
        print(f"\nwritten to {os.path.relpath(sys.argv[1], BUILD)}")


if __name__ == "__main__":
    main()
