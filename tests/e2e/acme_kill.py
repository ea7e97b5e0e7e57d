# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""acme: kill -9 at every step of an order, then a restart: no second certificate, no lost key; also during changes of files
(numbers 8 and 17 of acme_issue.py).

The proxy kills the gateway at a given step: when a request has arrived but was not passed to the CA, or when the CA has
answered but the gateway has not received that. The steps are found by a run without a kill.
"""

import json
import threading

import caproxy
from acme_lab import Lab, read
from caproxy import Cut, ari_id, window
from harness import Failure, Faultpoint, case, check, equal, main, note, scaled, wait_until
from pebble import Leaf, from_base64url, openssl


class Killing:
    """The gateways of a lab, started one after the other."""

    def __init__(self, lab):
        self.lab, self.gate, self.ready = lab, None, threading.Event()

    def start(self, **options):
        self.ready.clear()
        self.gate = self.lab.gateway(["k.test"], **options)
        self.ready.set()

    def at(self, kind, answered, skip=0):
        """Kills the running gateway before the CA gets that request or, with `answered`, before the gateway gets the answer."""
        happened = threading.Event()

        def act(call):
            if answered:
                call.forward()
            self.ready.wait(30)
            self.gate.kill()
            happened.set()
            raise Cut()

        self.lab.proxy.on(kind, act, times=1, skip=skip)
        return happened


def has(lab, name):
    try:
        return lab.kept(name)
    except Failure:
        return None


def check_whole(lab, name, leaf):
    """The stored chain and key match, and the key is the one of the CSR."""
    text = read(lab.kept(name))
    equal(Leaf(text).serial, leaf.serial, "the serial number in the store")
    equal(openssl("pkey", "-pubout", text=text.encode()), leaf.public_key, "the key in the store")
    csr = from_base64url([r for r in lab.proxy.seen("finalize") if r.forwarded][-1].payload["csr"])
    equal(openssl("req", "-inform", "DER", "-noout", "-pubkey", text=csr), leaf.public_key, "the key of the CSR")


def account_key(lab):
    """The account's key in the store, as PEM."""
    return json.loads(read(lab.files("acme/accounts")[0]).split("\n", 1)[1])["key"]


@case("killed at each step of the first certificate: one account, one certificate, with its key", seconds=300)
def first(world):
    lab = Lab(world)
    killing = Killing(lab)
    killing.start()
    lab.wait_for("k.test")
    killing.gate.stop()
    kinds = [request.kind for request in lab.proxy.seen()]
    note(" ".join(kinds))
    # How often the gateway polls varies: a step is the first request of its kind, and the second for an authorization, which
    # is fetched once before the challenge and at least once after it.
    found = [(kind, 0) for kind in dict.fromkeys(kinds)] + [("authorization", 1)]
    # A request that does not reach the CA changes nothing there, so not all of these are needed.
    points = [(kind, skip, answered) for kind, skip in found for answered in (False, True) if answered or kind == "finalize"]
    points = scaled(points, [p for p in points if p[2] and p[0] in ("new_account", "new_order", "finalize", "certificate")])
    for number, (kind, skip, answered) in enumerate(points):
        where = f"{kind}{' again' if skip else ''}, {'the answer' if answered else 'the request'} lost"
        lab.state = world.path(f"state-{number}-{answered}")
        issued, accounts, happened = lab.issued(), lab.pebble.accounts(), killing.at(kind, answered, skip)
        killing.start(wait="0")
        check(happened.wait(60), f"{where}: not reached")
        killing.start()
        leaf = lab.wait_for("k.test")
        check_whole(lab, "k.test", leaf)
        equal((lab.issued() - issued, lab.pebble.accounts() - accounts), (1, 1), f"{where}: certificates, accounts")
        killing.gate.stop()
    note(f"{len(points)} kills")


@case("killed at each step of a renewal: the old certificate is served at once, and one new one is obtained", seconds=300)
def renewal(world):
    lab = Lab(world)
    killing, due = Killing(lab), []
    lab.proxy.ari = lambda certificate: window(-100, -50) if certificate in due else window(30 * 86400, 31 * 86400)
    killing.start()
    leaf = lab.wait_for("k.test")
    points = [(kind, answered) for kind in ("new_order", "authorization", "challenge", "finalize", "order", "certificate")
              for answered in (False, True) if answered or kind != "authorization"]
    for kind, answered in scaled(points, [("new_order", True), ("finalize", True), ("certificate", True)]):
        where = f"{kind}, {'the answer' if answered else 'the request'} lost"
        killing.gate.stop()
        issued, happened = lab.issued(), killing.at(kind, answered)
        due.append(ari_id(leaf.pem))
        killing.start()
        check(happened.wait(60), f"{where}: not reached")
        silent = threading.Event()
        rule = lab.proxy.on(None, caproxy.hold(silent))
        killing.start()
        equal(Leaf(lab.chain("k.test")).serial, leaf.serial, f"{where}: the certificate after the restart")
        rule.end()
        silent.set()
        new = lab.wait_for("k.test", but=leaf.serial)
        wait_until(lambda: Leaf(read(lab.kept("k.test"))).serial == new.serial, 10, "the new pair in the store")
        check_whole(lab, "k.test", new)
        equal(lab.issued() - issued, 1, f"{where}: certificates")
        leaf = new


@case("killed before changes of its files: one account, one certificate, with its key", seconds=300)
def files(world):
    lab = Lab(world)
    point = Faultpoint(world)

    def start(deadly=0):
        point.kill_at(deadly)
        return lab.gateway(["k.test"], wait="0", world={"preload": point, "ready": not deadly})

    gate = start()
    lab.wait_for("k.test")
    wait_until(lambda: lab.kept("k.test"), 10, "the pair to be saved")
    gate.stop()
    changes = point.passed()
    check(changes >= 10, f"{changes} changes of files: they are not counted")
    numbers = range(3, changes + 1, scaled(8, 12))
    for number in numbers:
        lab.state = world.path(f"state-{number}")
        issued, accounts = lab.issued(), lab.pebble.accounts()
        gate = start(number)
        gate.expects_kill = True
        wait_until(lambda: not gate.running() or point.passed() < number and has(lab, "k.test"), 60, "the gateway to end")
        gate.stop()  # there may be fewer changes than in the first run
        gate = start()
        check_whole(lab, "k.test", lab.wait_for("k.test"))
        equal((lab.issued() - issued, lab.pebble.accounts() - accounts), (1, 1), f"change {number}: certificates, accounts")
        gate.stop()
    note(f"killed before {len(numbers)} of {changes} changes")


if __name__ == "__main__":
    main()
