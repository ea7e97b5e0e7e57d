# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""kill -9 of each process during transfers: users get an error or see a truncated transfer, and everything recovers."""

import datetime
import json
import os
import re
import signal
import subprocess
import time

from harness import BUILD, MIB, SANITIZERS, case, check, equal, free_port, main, note, wait_until

SIZE = 1 << 40  # more than can be transferred in the time available


class Transfer:
    """A download or an upload by curl in progress."""

    def __init__(self, world, up):
        self.out = world.path("up.out" if up else "down.out")
        self.up = up
        words = ["-o", self.out, "-w", "%{http_code} %{size_download} %{size_upload}"]
        if up:
            reader, writer = os.pipe()
            self.feeder = subprocess.Popen(["cat", "/dev/zero"], stdout=writer)
            os.close(writer)
            self.curl = subprocess.Popen(world.curl_command("/hash", *words, "-T", "-", "-H", "Expect:", "-X", "POST"),
                                         stdin=reader, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            os.close(reader)
        else:
            self.feeder = None
            self.curl = subprocess.Popen(world.curl_command(f"/bytes/{SIZE}", *words), stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE, text=True)
        world.undo.append(self.stop)

    def moves(self):
        if self.up:
            with open(f"/proc/{self.feeder.pid}/io") as file:
                return int(dict(line.split(": ") for line in file.read().splitlines())["wchar"]) > 4 * MIB
        return os.path.exists(self.out) and os.path.getsize(self.out) > 4 * MIB

    def stop(self):
        for process in (self.curl, self.feeder):
            if process and process.poll() is None:
                process.kill()
                process.wait()

    def ended_visibly(self, seconds):
        """The user got an error status, or curl reports that the transfer is incomplete."""
        began = time.monotonic()
        try:
            output, _ = self.curl.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            check(False, f"the {'upload' if self.up else 'download'} still hangs after {seconds} s")
        if self.feeder:
            self.feeder.kill()
            self.feeder.wait()
        status = output.split()[0]
        note(f"{'upload' if self.up else 'download'}: status {status}, curl exit {self.curl.returncode}, "
             f"after {time.monotonic() - began:.1f} s")
        good = self.curl.returncode != 0 or status in ("502", "503", "504")
        check(good, f"the {'upload' if self.up else 'download'} looks complete: {output}, exit {self.curl.returncode}")


def transfers(world):
    both = Transfer(world, up=False), Transfer(world, up=True)
    wait_until(lambda: all(transfer.moves() for transfer in both), 10, "both transfers to make progress")
    return both


@case("kill -9 of the service")
def service_dies(world):
    gate, client = world.tunnel()
    before = gate.descriptors(), client.descriptors()
    both = transfers(world)
    world.service.kill()
    for transfer in both:
        transfer.ended_visibly(10)
    equal(world.curl("/", want="%{http_code}"), "502", "a request while the service is down")
    world.origin(port=world.service.port)
    equal(world.curl("/"), "hello\n", "a request when it is up again")
    wait_until(lambda: gate.descriptors() <= before[0] and client.descriptors() <= before[1] + 1, 5,
               "all descriptors of the broken transfers to be closed")


@case("kill -9 of the client")
def client_dies(world):
    gate, client = world.tunnel(extra={"keep_alive": "500ms", "dead_after": "2s", "resume_timeout": "1s"})
    before = gate.descriptors()
    both = transfers(world)
    client.kill()
    for transfer in both:
        transfer.ended_visibly(15)
    status = world.curl("/", want="%{http_code}")
    check(status in ("502", "503"), f"a request while the client is down is answered {status}")
    world.client({"web": f"http://127.0.0.1:{world.service.port}"})
    began = time.monotonic()
    world.wait_for_tunnel()
    note(f"a new client serves after {time.monotonic() - began:.2f} s")
    equal(world.curl("/"), "hello\n", "a request when it is up again")
    wait_until(lambda: gate.descriptors() <= before, 5, "all descriptors of the broken transfers to be closed")


@case("kill -9 of the client: another one with the same id is used at once, regardless of what is left of the first")
def ghost(world):
    _, client = world.tunnel()
    client.kill()
    world.client({"web": f"http://127.0.0.1:{world.service.port}"})
    began = time.monotonic()
    wait_until(lambda: world.curl("/", "--max-time", "1") == "hello\n", 5, "the new client to serve")
    note(f"after {time.monotonic() - began:.2f} s")


@case("kill -9 of the gateway: the client is connected again within 5 s of the restart")
def gateway_dies(world):
    gate, client = world.tunnel()
    before = client.descriptors()
    both = transfers(world)
    gate.kill()
    for transfer in both:
        transfer.ended_visibly(5)
    time.sleep(3)
    world.gateway(ports=(world.http, world.https))
    began = time.monotonic()
    world.wait_for_tunnel(seconds=5)
    note(f"the client connected {time.monotonic() - began:.2f} s after the gateway")
    equal(world.curl("/"), "hello\n", "a request when it is up again")
    wait_until(lambda: client.descriptors() <= before + 1, 5, "all descriptors of the broken transfers to be closed")


@case("a client started before its gateway connects when the gateway is up")
def client_first(world):
    world.certificates()
    service = world.origin()
    world.token("client-1")
    world.address, world.http, world.https = "127.0.0.1", free_port(), free_port()
    world.client({"web": f"http://127.0.0.1:{service.port}"})
    time.sleep(2)
    world.gateway(ports=(world.http, world.https))
    world.wait_for_tunnel(seconds=5)
    equal(world.curl("/"), "hello\n")


@case("a client that freezes is detected in limited time, and is used again when it continues")
def frozen(world):
    _, client = world.tunnel(extra={"keep_alive": "500ms", "dead_after": "2s", "resume_timeout": "1s"})
    client.signal(signal.SIGSTOP)
    world.undo.append(lambda: client.running() and client.signal(signal.SIGCONT))
    began = time.monotonic()
    status = world.curl("/", want="%{http_code}")
    note(f"answered {status} after {time.monotonic() - began:.1f} s")
    check(status in ("502", "503", "504") and time.monotonic() - began < 20, f"{status}")
    client.signal(signal.SIGCONT)
    world.wait_for_tunnel(seconds=10)
    equal(world.curl("/"), "hello\n", "after it continued")


def crashing(world, options=None, loading=False):
    """A gateway with a stage that crashes."""
    world.environment["HOPGATE_PLUGIN_PATH"] = f"{BUILD}/.libs:{BUILD}/tests/unit/plugins/.libs"
    if loading:
        world.environment["HOPGATE_TEST_CRASH"] = "1"
    gate = world.gateway(stages=[{"crash": options or {}}], routes=[{"to": "client-1/web"}], ready=False)
    gate.expects_kill = True
    return gate


def wait_for_idleness(gate):
    """Waits until the loop sleeps: after a response, the gateway still has a connection to close, in its plugin."""

    def switches():
        with open(f"/proc/{gate.pid}/status") as file:
            return re.search(r"^voluntary_ctxt_switches:.*", file.read(), re.M).group()

    def idle():
        before = switches()
        time.sleep(0.2)
        return switches() == before

    wait_until(idle, 20, "the gateway to be idle")


def last_line(gate):
    gate.wait()
    lines = re.findall(r"fatal signal.*?callback '[^']*'|fatal signal.*? in (?:the core|a plugin's own thread)", gate.text())
    equal(len(lines), 1, f"lines about a fatal signal in {gate.text()[-3000:]}")
    if not SANITIZERS:
        check(gate.popen.returncode < 0, f"not ended by a signal: {gate.popen.returncode}")
        line = json.loads(gate.text().strip().splitlines()[-1])
        equal((line["level"], line["part"], line["message"]), ("error", "core", lines[0]), "the line in JSON")
        check(abs(datetime.datetime.fromisoformat(line["time"].replace("Z", "+00:00")).timestamp() - time.time()) < 60, line["time"])
    return lines[0]


@case("a plugin that crashes is named with its callback in the last line: while loading, configuring, starting, in a timer; its own thread")
def crash_of_plugin(world):
    world.token("client-1")
    equal(last_line(crashing(world, loading=True)), "fatal signal 11 (SIGSEGV) in plugin 'crash', callback 'loading'")
    del world.environment["HOPGATE_TEST_CRASH"]
    for at, callback in (("configure", "configure"), ("prepare", "prepare"), ("worker_start", "worker_start"), ("timer", "timer"),
                         ("defer", "call")):
        equal(last_line(crashing(world, {"at": at})), f"fatal signal 11 (SIGSEGV) in plugin 'crash', callback '{callback}'")
    equal(last_line(crashing(world, {"at": "thread"})), "fatal signal 11 (SIGSEGV) in a plugin's own thread")
    for by, name in (("abort", "6 (SIGABRT)"), ("division", "8 (SIGFPE)"), ("stack", "11 (SIGSEGV)")):
        equal(last_line(crashing(world, {"at": "timer", "by": by})), f"fatal signal {name} in plugin 'crash', callback 'timer'")


@case("a plugin that crashes in an exchange is named, even if the core crashes on its data; otherwise, the core is named")
def crash_in_exchange(world):
    world.token("client-1")
    for at, callback in (("attach", "attach"), ("data", "data"), ("emit", "data"), ("detach", "detach")):
        gate = crashing(world, {"at": at})
        gate.wait_for("running as a gateway")
        world.curl("/", "-d", "x")
        equal(last_line(gate), f"fatal signal 11 (SIGSEGV) in plugin 'crash', callback '{callback}'")
    gate = crashing(world)
    gate.wait_for("running as a gateway")
    world.curl("/", "-d", "x")
    wait_for_idleness(gate)
    gate.signal(signal.SIGSEGV)
    equal(last_line(gate), "fatal signal 11 (SIGSEGV) in the core")
    gate = crashing(world, {"at": "worker_reread"})
    gate.wait_for("running as a gateway")
    gate.signal(signal.SIGHUP)
    equal(last_line(gate), "fatal signal 11 (SIGSEGV) in plugin 'crash', callback 'worker_reread'")


if __name__ == "__main__":
    main()
