# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""During transfers of 500 MB in each direction, a client behind a real NAT is forgotten by it, moves to another address,
loses UDP and gets it back: nothing is lost, and pauses are short."""

import hashlib
import os
import signal
import subprocess
import time

from harness import SANITIZERS, Clock, case, check, equal, main, note, pattern_sha256, scaled, wait_until
from network import GATE, HOME, INSIDE, Network
from relay import Relay
from transfers import with_transfers

SIZE = scaled(500 * 10**6, 60 * 10**6)
LESS = scaled(200 * 10**6, 60 * 10**6)
RATE = scaled(48, 12)  # MiB/s of each transfer, so that it takes several seconds
ELSEWHERE = "10.199.84.77"  # another address for home
SLOW = 3 if SANITIZERS else 1


def away(world, block=None, **client):
    """A gateway, and a client behind the NAT with its service; returns the network and both. `block` is called before the
    client starts."""
    network = Network(world, nat=True)
    world.users = network.gate.inside
    world.service = world.origin(prefix=network.home.inside)
    world.token("client-1")
    gate = world.gateway(address=GATE, prefix=network.gate.inside,
                         transports=lambda: [{"dtls": {"listen": f"{GATE}:{world.https}"}}, "tls"])
    gate.wait_for(r"listening on .*/udp")
    if block:
        block(network)
    world.began = time.monotonic()
    home = world.client({"web": f"http://127.0.0.1:{world.service.port}"}, prefix=network.home.inside, extra=client,
                        transports=[world.connect(transport) for transport in ("dtls", "tls")])
    world.wait_for_tunnel()
    return network, gate, home


def one_session(gate):
    equal(gate.text().count(" opened with "), 1, "sessions opened")


def lines(process, text):
    return process.text().count(text)


def answered_by(action, process, text, seconds=10 * SLOW):
    """Performs an action and waits until the text is logged once more; returns how long that took."""
    before, began = lines(process, text), time.monotonic()
    action()
    wait_until(lambda: lines(process, text) > before, seconds, f"{process.name} to print {text!r} once more")
    return time.monotonic() - began


@case("the NAT forgets its bindings three times during transfers: they continue within 2 s", seconds=120)
def rebinding(world):
    network, gate, _ = away(world)
    with_transfers(world, [lambda: answered_by(network.rebind, gate, " continues with ")] * 3, 2, SIZE, RATE)
    one_session(gate)


@case("the NAT forgets an idle client: the next request waits for a keep-alive, and is answered 2 s after it", seconds=60)
def idle(world):
    network, gate, home = away(world, keep_alive="2s")
    time.sleep(1)  # the keep-alive is sent a second after the NAT has forgotten
    network.rebind()
    size, began = 1000000, time.monotonic()
    digest, got, code = world.curl_hash(f"/bytes/{size}")
    seconds = time.monotonic() - began
    equal((code, got, digest), (0, size, pattern_sha256(size)), "the download")
    note(f"answered after {seconds:.2f} s")
    check(seconds < 4 * SLOW, f"the request took {seconds} s")
    one_session(gate)
    equal(lines(gate, " continues with "), 1, "moves of the session")
    # Without a request, the link is replaced before the next one arrives.
    waited = answered_by(network.rebind, home, " continues with ")
    note(f"noticed after {waited:.2f} s")
    check(waited < 4 * SLOW, f"noticed after {waited} s")
    began = time.monotonic()
    equal(world.curl("/"), "hello\n", "the answer")
    check(time.monotonic() - began < SLOW, "the next request had to wait")


@case("the client's address changes during transfers: they continue within 2 s", seconds=120)
def roaming(world):
    network, gate, _ = away(world)

    events = [lambda: answered_by(lambda: move(network, HOME, ELSEWHERE), gate, " continues with "),
              lambda: answered_by(lambda: move(network, ELSEWHERE, HOME), gate, " continues with ")]
    with_transfers(world, events, 2, LESS, RATE)
    one_session(gate)


def move(network, old, new):
    network.home.ip("address", "del", f"{old}/24", "dev", "inside")
    network.home.ip("address", "add", f"{new}/24", "dev", "inside")
    network.home.ip("route", "replace", "default", "via", INSIDE)


@case("an idle client's address changes: it is connected again within 2 s; a storm of route changes hardly affects it", seconds=60)
def idle_roaming(world):
    network, gate, home = away(world, log_level="debug")
    time.sleep(1)  # everything is acknowledged, and the next keep-alive is much later
    seconds = answered_by(lambda: move(network, HOME, ELSEWHERE), gate, " continues with ", 30)
    note(f"connected after {seconds:.2f} s")
    check(seconds < 2 * 2 * SLOW, f"connected only after {seconds:.1f} s")
    asked = lines(home, "routes have changed")
    for i in range(200):
        network.home.ip("route", "add", f"198.51.100.{i}/32", "via", INSIDE)
        network.home.ip("route", "del", f"198.51.100.{i}/32")
    asked = lines(home, "routes have changed") - asked
    note(f"checked {asked} times in 400 changes")
    check(asked <= 10, f"checked {asked} times in 400 changes")
    equal(world.curl("/"), "hello\n", "the answer afterwards")
    one_session(gate)


@case("a client is suspended until its gateway gives up the link: it is connected within 2 s of resuming", seconds=60)
def suspended(world):
    world.service = world.origin()
    world.token("client-1")
    gate = world.gateway(extra={"keep_alive": "1s", "dead_after": "2s"})
    relay, clock = Relay(world, world.https), Clock(world)
    client = world.client({"web": f"http://127.0.0.1:{world.service.port}"}, dtls={"connect": f"127.0.0.1:{relay.port}"},
                          preload=clock)
    world.wait_for_tunnel()
    time.sleep(1)
    relay.blocked = True  # what the gateway sends in the meantime is lost, instead of being queued for the client
    began = time.monotonic()
    client.signal(signal.SIGSTOP)
    gate.wait_for("lost its link|no response from", 30)
    clock.was_asleep(time.monotonic() - began)
    relay.blocked = False
    seconds = answered_by(lambda: client.signal(signal.SIGCONT), gate, " continues with ", 30)
    note(f"connected {seconds:.2f} s after resuming")
    check(seconds < 2 * 2 * SLOW, f"connected only after {seconds:.1f} s")
    client.wait_for(r"the machine was suspended for \d")
    one_session(gate)


@case("UDP is blocked from the start: the first response within 2 s of the client's start", seconds=60)
def blocked(world):
    _, _, home = away(world, block=lambda network: network.block_udp())
    seconds = time.monotonic() - world.began
    note(f"first response after {seconds:.2f} s")
    check(seconds < 2 * SLOW, f"the first response came after {seconds} s")
    home.wait_for(r"over tls \(TLS1.3")


@case("UDP is blocked during transfers, then unblocked: TCP is used within 5 s, later UDP again, nothing is lost", seconds=120)
def there_and_back(world):
    network, gate, home = away(world, probe_interval="2s")

    def block():
        seconds = answered_by(network.block_udp, home, " over tls ")
        note(f"over TCP after {seconds:.2f} s")
        check(seconds < 5 * SLOW, f"over TCP after {seconds} s")

    def unblock():
        seconds = answered_by(network.unblock_udp, home, "dtls works again")
        note(f"over UDP again after {seconds:.2f} s")
        # The interval is 2 s, at most a quarter more; a probe started before that takes up to 2 s more.
        check(seconds < 5 * SLOW, f"back after {seconds} s")

    with_transfers(world, [block, unblock], 5, SIZE, RATE)
    one_session(gate)


@case("UDP is rejected with ICMP during transfers: TCP is used within 5 s", seconds=120)
def refused(world):
    network, gate, home = away(world)
    with_transfers(world, [lambda: answered_by(lambda: network.block_udp(reject=True), home, " over tls ")], 5, LESS, RATE)
    one_session(gate)


@case("the certificate changes during transfers: the session moves to links with the old and the new one", seconds=120)
def certificate(world):
    network, gate, home = away(world)

    def shown():
        """A digest of the certificate that a new client of the TCP port gets."""
        output = subprocess.run([*network.home.inside, "openssl", "s_client", "-connect", f"{GATE}:{world.https}", "-alpn",
                                 "hopgate/1"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        certificate = output.stdout.split("-----BEGIN CERTIFICATE-----")[-1].split("-----END")[0]
        return hashlib.sha256(certificate.encode()).hexdigest()

    def replace():
        before = shown()
        for name in ("gate.pem", "gate.key"):
            os.rename(world.path(name), world.path(name + ".old"))
        world.certificates()
        wait_until(lambda: shown() != before, 10, "the new certificate to be served")
        network.rebind()  # a link with a session ticket from the handshake with the old certificate

    def block():
        # The first link over TCP: a full handshake with the new certificate.
        answered_by(network.block_udp, home, " over tls ")

    with_transfers(world, [replace, block], 5, LESS, RATE)
    one_session(gate)


if __name__ == "__main__":
    main()
