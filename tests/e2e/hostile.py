# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""What a gateway's UDP port must withstand, with the clients of tests/bench: garbage, crowds, and many that are idle."""

import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench"))

from harness import BUILD, Skip, case, check, equal, main, note, scaled, wait_until  # noqa: E402
from idle import crowd, flood, resident, result, start  # noqa: E402


def needs_crowd():
    if not os.path.exists(os.path.join(BUILD, "tests", "bench", "crowd")):
        raise Skip("tests/bench/crowd is only built where Check is installed")


@case("100,000 bogus datagrams: no session, no memory, no more bytes out than in, real handshakes in time", seconds=60, measures=True)
def nonsense(world):
    needs_crowd()
    figures = flood(world, scaled(100000, 10000))
    real, counters = figures["real"], {name: int(value) for name, value in figures["counters"].items()}
    wanted = 20 + figures["before"]["accepted"] + real["accepted"]
    equal((counters["sessions_opened"], counters["handshakes"]), (wanted, wanted), "sessions and handshakes")
    equal(counters["handshakes_failed"], 0, "failed handshakes: each would have had a valid cookie")
    check(counters["cookies_sent"] > figures["datagrams"] / 2, f"only {counters['cookies_sent']} cookies were sent")
    check(figures["bytes_out"] <= figures["bytes_in"], f"{figures['bytes_out']} bytes for {figures['bytes_in']}")
    check(figures["growth"] <= 1 << 20, f"the gateway's memory grew by {figures['growth']} bytes")
    equal(real["failed"], 0, f"real sessions that failed ({real['why']})")
    check(real["accepted"] >= 5, f"only {real['accepted']} real sessions were tried")
    check(real["max_ms"] < 1000, f"a real session took {real['max_ms']} ms to open")


@case("the rate of handshakes from one source is limited: the others wait, all get in, and the log and a counter show it", seconds=60)
def hurry(world):
    needs_crowd()
    gateway = start(world, handshake_rate=10, handshake_burst=10)
    process = crowd(world, gateway, sessions=30, parallel=30)
    opened = result(process, "opened", 30)
    note(f"30 sessions, 10 of them at once and 10 a second, in {opened['seconds']:.1f} s")
    equal((opened["accepted"], opened["failed"]), (30, 0), f"sessions opened and failed ({opened['why']})")
    check(opened["seconds"] >= 1.9, f"30 sessions in {opened['seconds']} s: there was no limit")
    equal(gateway.text().count("exceed handshake_rate (10 per second)"), 1, "lines in the log")
    gateway.signal(signal.SIGUSR1)
    limited = int(wait_until(lambda: re.search(r"handshakes_limited=(\d+)", gateway.text()), 5, "the report").group(1))
    check(limited >= 20, f"{limited} handshakes were put off")
    process.stop()


def rsa_certificate(world, bits):
    """Creates gate.pem and gate.key, with a key whose signatures are slow."""
    world.certificates()
    for words in (("req", "-newkey", f"rsa:{bits}", "-nodes", "-keyout", "gate.key", "-out", "gate.csr", "-subj", "/CN=gate.test"),
                  ("x509", "-req", "-in", "gate.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "7300",
                   "-extfile", "extensions", "-out", "gate.pem")):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=world.folder)


@case("250 handshakes at once from one source, with RSA-4096: users do not wait behind them", seconds=120, measures=True)
def turns(world):
    needs_crowd()
    rsa_certificate(world, 4096)
    service = world.origin()
    world.token("client-2")
    world.token("client-1")
    gateway = world.gateway(routes=[{"host": "app.test", "to": "client-2/web"}], dtls={"handshake_rate": 0})
    checked = world.program("check", "-c", gateway.config)
    check(checked.returncode == 0 and "RSA key of 4096 bits" in checked.stdout + checked.stderr,
          f"check says {checked.stdout}{checked.stderr}")
    world.client({"web": f"http://127.0.0.1:{service.port}"}, name="client-2")
    world.wait_for_tunnel()
    process, waits = crowd(world, gateway, sessions=250, parallel=250), []
    while "opened" not in process.text():
        began = time.monotonic()
        equal(world.curl("/", tls=True), "hello\n", "a user's answer in the meantime")
        waits.append(time.monotonic() - began)
    seconds = result(process, "opened", 60)["seconds"]
    note(f"the crowd was connected after {seconds:.2f} s; the longest of {len(waits)} requests took {max(waits):.2f} s")
    check(max(waits) < seconds / 2, f"a request took {max(waits):.2f} of {seconds:.2f} s")
    process.stop(30)


@case("1,000 idle sessions: at most 40 KiB each on the gateway", seconds=120, measures=True)
def idle(world):
    needs_crowd()
    gateway = start(world, handshake_rate=0)
    warm = crowd(world, gateway, sessions=20, parallel=4)
    result(warm, "opened", 30)
    warm.stop()
    time.sleep(0.5)  # until the memory of those that ended is freed
    before, sessions = resident(gateway), scaled(1000, 300)
    process = crowd(world, gateway, sessions=sessions, parallel=16)
    opened = result(process, "opened", 90)
    equal((opened["accepted"], opened["failed"]), (sessions, 0), f"sessions opened and failed ({opened['why']})")
    each = (resident(gateway) - before) / sessions / 1024
    note(f"{each:.1f} KiB each")
    check(each <= 40, f"{each:.1f} KiB each")
    process.stop(30)


if __name__ == "__main__":
    main()
