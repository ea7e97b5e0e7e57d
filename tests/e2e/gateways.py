# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""A client with several gateways, or with several links to one: if one fails, the others are unaffected."""

import json
import os
import re
import subprocess
import threading
import time

from harness import SANITIZERS, case, check, equal, free_port, in_parallel, main, note, scaled, wait_until, MIB
from relay import Relay
from transfers import Pauses, download

SIZE = scaled(60 * MIB, 8 * MIB)
RATE = scaled(10, 1)  # MiB/s


class Gateway:
    """One of several gateways in a world, which otherwise has just one."""

    def __init__(self, world, address, transports=None):
        self.world, self.address = world, address
        self.ports = free_port(), free_port()
        self.transports = transports
        self.start()

    def start(self):
        self.process = self.world.gateway(address=self.address, ports=self.ports,
                                          transports=(lambda: self.transports(self)) if self.transports else None)

    def use(self):
        """From now on, the world uses this gateway."""
        self.world.address, (self.world.http, self.world.https) = self.address, self.ports

    def name(self):
        return f"{self.address}:{self.ports[1]}"

    def curl(self, path, **options):
        self.use()
        return self.world.curl(path, **options)

    def wait_for_tunnel(self, seconds=10):
        self.use()
        self.world.wait_for_tunnel(seconds=seconds)


def prepare(world):
    world.service = world.origin()
    world.token("client-1")
    return {"web": f"http://127.0.0.1:{world.service.port}"}


def connect(transport, gateways, **options):
    return {transport: {"connect": [gateway.name() for gateway in gateways], "server_name": "gate.test", "ca": "ca.pem", **options}}


@case("two gateways; one is killed: the other is unaffected, and the client is connected to the first within 5 s of its restart", seconds=120)
def killed(world):
    services = prepare(world)
    first, second = Gateway(world, "127.0.0.1"), Gateway(world, "127.0.0.1")
    client = world.client(services, transports=[connect("dtls", [first, second])], extra={"keep_alive": "1s"})
    for gateway in (first, second):
        gateway.wait_for_tunnel()
        equal(gateway.curl("/"), "hello\n", "the answer from each gateway")
    pauses = Pauses()

    def kill_and_return():
        wait_until(lambda: pauses.size > SIZE // 5, 60, "the download to make progress")
        first.process.kill()
        client.wait_for(r"session \d+ does not respond")
        client.wait_for(rf"{first.name()}: cannot open a session over dtls: .*refused")
        wait_until(lambda: pauses.size > 3 * SIZE // 5, 60, "the download to make more progress")
        first.start()
        began = time.monotonic()
        client.wait_for(rf"session 3 opened with {first.name()}", 15)
        seconds = time.monotonic() - began
        note(f"connected after {seconds:.1f} s")
        check(seconds < 5 * (3 if SANITIZERS else 1), f"the first was only connected after {seconds:.1f} s")

    second.use()
    command = world.curl_command  # for the second, whichever the other thread makes the world use
    fixed = command(f"/bytes/{SIZE}", "-N")
    world.curl_command = lambda *_: fixed
    # Processes that this thread starts end with it (harness.die_with_parent), so the other one has to download.
    beside = threading.Thread(target=lambda: done.append(download(world, pauses, SIZE, RATE)))
    done = []
    beside.start()
    kill_and_return()
    beside.join()
    world.curl_command = command
    equal(done, [None], "the other's download")
    note(f"longest pause of the other's download: {pauses.longest:.2f} s")
    check(pauses.longest < 1 * (3 if SANITIZERS else 1), f"the other's download paused for {pauses.longest:.1f} s")
    equal(second.process.text().count(" opened with "), 1, "sessions with the surviving gateway")
    equal(second.process.text().count(" continues with "), 0, "moves of its session")
    for gateway in (first, second):
        equal(gateway.curl("/"), "hello\n", "the answer from each gateway afterwards")
    equal(client.stop(5), 0, "the client's exit code")


@case("a gateway is killed while its client is idle: it asks the client to reconnect, which takes at most 2 s", seconds=60)
def called_back(world):
    services = prepare(world)
    gateway = Gateway(world, "127.0.0.1")
    client = world.client(services, transports=[connect("dtls", [gateway])])
    gateway.wait_for_tunnel()
    for _ in range(2):
        time.sleep(1.5)  # everything is acknowledged, and the next keep-alive is much later
        gateway.process.kill()
        gateway.start()
        began = time.monotonic()
        gateway.wait_for_tunnel(seconds=30)
        seconds = time.monotonic() - began
        note(f"connected {seconds:.2f} s after the gateway")
        # Without the hint, the client would notice some 13 s later.
        check(seconds < 2 * (3 if SANITIZERS else 2), f"connected only after {seconds:.1f} s")
    gateway.process.wait_for("asking 1 client")
    equal(client.stop(5), 0, "the client's exit code")
    equal(gateway.process.stop(), 0, "the gateway's exit code")
    equal([name for name in os.listdir(world.path("run")) if name.startswith("dtls-")], [], "files left by the gateway")


@case("two gateways; one stops by SIGTERM: its exchanges finish, the other is unaffected, its successor gets a session")
def drained(world):
    services = prepare(world)
    first, second = Gateway(world, "127.0.0.1"), Gateway(world, "127.0.0.1")
    client = world.client(services, transports=[connect("dtls", [first, second])])
    first.wait_for_tunnel()
    second.wait_for_tunnel()
    first.use()
    with subprocess.Popen(world.curl_command("/dribble/10/200", "-N"), stdout=subprocess.PIPE, bufsize=0) as slow:
        slow.stdout.read(1)
        stopping = first.process
        stopping.signal(15)
        client.wait_for(rf"the gateway is draining session \d+")
        equal(second.curl("/"), "hello\n", "the other gateway's answer in the meantime")
        slow.stdout.read()
        equal(slow.wait(10), 0, "the exit code of the one with an answer in progress")
    equal(stopping.wait(10), 0, "the exit code of the gateway that stopped")
    first.start()
    first.wait_for_tunnel()
    equal(second.process.text().count(" opened with "), 1, "sessions of the other gateway")


@case("one gateway is only reachable by tls, the other uses dtls; two links to each")
def mixed(world):
    services = prepare(world)
    both = Gateway(world, "127.0.0.1", lambda gateway: [{"dtls": {"listen": gateway.name()}}, "tls"])
    tcp = Gateway(world, "127.0.0.2", lambda _: ["tls"])
    client = world.client(services, transports=[connect("dtls", [both, tcp]), connect("tls", [tcp, both])],
                          extra={"links": 2})
    both.wait_for_tunnel()
    tcp.wait_for_tunnel()
    for gateway, transport in ((both, "dtls"), (tcp, "tls")):
        opened = rf"opened with {gateway.name()} over {transport} "
        wait_until(lambda: len(re.findall(opened, client.text())) == 2, 5, f"two sessions over {transport}")
    for link in (1, 2):
        client.wait_for(rf"{tcp.name()}, link {link}: cannot open a session over dtls: .*refused")
    equal(len(re.findall(r" opened with ", client.text())), 4, "sessions of the client")
    equal((both.curl("/"), tcp.curl("/")), ("hello\n", "hello\n"), "the answers")


@case("two links, exchanges on both; the path of one is blocked: those on the other continue, and it gets all new ones", seconds=120)
def links(world):
    services = prepare(world)
    gate = world.gateway()
    relay = Relay(world, world.https)
    client = world.client(services, dtls={"connect": f"127.0.0.1:{relay.port}"}, extra={"links": 2})
    client.wait_for(r"session 2 opened")
    world.wait_for_tunnel()
    # Of two at once, each link gets one.
    downloads = [Pauses(), Pauses()]

    def block():
        wait_until(lambda: min(pauses.size for pauses in downloads) > SIZE // 5, 60, "both downloads to make progress")
        relay.silenced.add(next(iter(relay.ports)))
        for _ in range(5):
            equal(world.curl("/"), "hello\n", "a request in the meantime")

    in_parallel([lambda: download(world, downloads[0], SIZE, RATE), lambda: download(world, downloads[1], SIZE, RATE), block])
    pauses = sorted(download.longest for download in downloads)
    note(f"longest pauses: {pauses[0]:.2f} s and, with the path blocked, {pauses[1]:.2f} s")
    check(pauses[0] < 0.5 * (6 if SANITIZERS else 1), f"the download on the unblocked link paused for {pauses[0]:.1f} s")
    check(pauses[1] < 3 * (3 if SANITIZERS else 1), f"the download on the blocked link paused for {pauses[1]:.1f} s")
    equal(gate.text().count(" opened with "), 2, "sessions opened")
    equal(gate.text().count(" continues with "), 1, "sessions that moved")
    equal(client.stop(5), 0, "the client's exit code")
    gate.wait_for(r"session 1 .* ended")
    gate.wait_for(r"session 2 .* ended")
    carried = [int(size) for size in re.findall(r" ended after .*, received (\d+)", gate.text())]
    check(len(carried) == 2 and min(carried) >= SIZE, f"the sessions have carried {carried} bytes, not one download each")


@case("`hopgate check` lists the gateways and reports errors in them")
def checks(world):
    world.certificates()
    world.token("client-1")

    def result(transports, **extra):
        config = {"pipeline": [*transports, "codec_binary", {"auth_token": {"id": "client-1", "token_file": "token-client-1"}},
                               {"route": [{"service": "web", "to": "http://127.0.0.1:1"}]}, "origin"], **extra}
        world.write("check.conf", json.dumps(config, indent=1))
        done = world.program("check", "-c", world.path("check.conf"))
        return done.returncode, done.stdout + done.stderr

    def block(transport, *gateways):
        return {transport: {"connect": list(gateways), "ca": "ca.pem"}}

    code, text = result([block("dtls", "a.test:443", "b.test:443"), block("tls", "B.test:8443", "c.test:443")], links=2)
    equal(code, 0, f"check of a good config ({text})")
    check("2 links to each of a.test:443 by dtls, b.test:443 by dtls and tls, c.test:443 by tls" in text, f"check says {text}")
    code, text = result([block("dtls", "a.test:443")])
    check(code == 0 and "links to" not in text, f"check of one gateway says {text}")
    code, text = result([block("dtls", "a.test:443", "A.test:443")])
    check(code == 1 and re.search(r"check\.conf:\d+:\d+: .*dtls: connect\[1\]: duplicate gateway A.test:443", text), f"check says {text}")
    code, text = result([block("dtls", "a.test:443", "*:443")])
    check(code == 1 and 'connect[1]: cannot connect to "*"' in text, f"check says {text}")
    code, text = result([block("dtls", *(f"{i}.test:443" for i in range(17)))])
    check(code == 1 and "too many gateways: 17, the maximum is 16" in text, f"check says {text}")
    for links in (0, 9):
        code, text = result([block("dtls", "a.test:443")], links=links)
        check(code == 1 and re.search(r"links.*\b8\b", text), f"check of links: {links} says {text}")


if __name__ == "__main__":
    main()
