# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""acme: several gateways that share one store (number 20 of acme_issue.py), and on demand there (number 19): whichever gets the
handshake, one of them orders. Three gateways: the first orders, the CA reaches the last, and the client that serves the names is
only connected to the second, where the handshakes come."""

import json
import os
import signal
import ssl
import socket
import threading
import time

import caproxy
from acmelab import Lab, alert, entry, log_lines
from harness import SANITIZERS, Clock, case, check, equal, free_port, in_parallel, main, note, scaled, wait_until
from pebble import Leaf

NAMED = [*"ab", "bad", *(f"n{number}" for number in range(5))]
ROUTES = [{"host": "*.served.test", "to": "client-1/web"}, {"host": "*.away.test", "to": "client-2/web"},
          *({"host": f"{name}.served.test", "to": "client-1/web"} for name in NAMED)]


class Cluster(Lab):
    """`orders`, `serves`, `reached`: the gateways, each with its ports (http, tls); `clock` is that of the others than the first."""

    clock = None

    def begin(self, **options):
        self.options = {"on_demand": True, **options}
        self.places = [(free_port(), free_port()), (free_port(), free_port()), (self.pebble.http, self.pebble.tls)]
        all_there = threading.Event()
        self.world.undo.append(all_there.set)
        self.proxy.on("new_order", caproxy.hold(all_there), times=1)
        self.orders = self.add(0)
        self.proxy.wait_for("new_order")  # it has the lease
        self.reached = self.add(2)
        self.serves = self.add(1)
        all_there.set()
        for number in range(3):
            self.wait_for("gate.test", port=self.tls(number))
        self.service = self.world.origin()
        self.connect(1)
        self.proxy.forget()
        return self

    def add(self, number):
        world = {"routes": ROUTES, **({"preload": self.clock} if self.clock and number else {})}
        return self.gateway(["gate.test"], ports=self.places[number], world=world, **self.options)

    def tls(self, number):
        return self.places[number][1]

    def connect(self, number, host="x.served.test"):
        """The client has a tunnel to that gateway, too."""
        self.world.http, self.world.https = self.places[number]
        self.world.trust = self.root
        client = self.world.client({"web": f"http://127.0.0.1:{self.service.port}"})
        self.world.wait_for_tunnel(host=host)
        return client

    def ordered(self, name=None):
        """What was ordered; an order that only had a bad nonce is sent again."""
        return [request for request in self.proxy.seen("new_order") if (not name or name in str(request.payload))
                and not (request.reply and b"badNonce" in request.reply.body)]

    def requests(self):
        """What gateways have left for the one that orders."""
        try:
            return os.listdir(os.path.join(self.state, "acme", "requests"))
        except FileNotFoundError:
            return []


@case("a handshake at a gateway that does not order is answered with what the other one obtains", seconds=120)
def elsewhere(world):
    lab = Cluster(world).begin()
    began = time.monotonic()
    equal(alert(lab.tls(1), "a.served.test"), None, "the first handshake")
    note(f"within {time.monotonic() - began:.2f} s")
    leaf = lab.wait_for("a.served.test", port=lab.tls(1))
    lab.orders.wait_for(r"a\.served\.test: certificate \w+ issued")
    equal((len(lab.ordered()), lab.issued()), (1, 2), "orders, certificates")
    wait_until(lambda: not lab.requests(), 10, "the request to be gone")
    lab.connect(2)
    equal(lab.wait_for("a.served.test", port=lab.tls(2)).serial, leaf.serial, "what another gateway finds in the store")
    lab.serves.stop()
    lab.serves = lab.add(1)
    lab.connect(1)
    equal(lab.wait_for("a.served.test", port=lab.tls(1)).serial, leaf.serial, "what is there after a restart")
    equal((len(lab.ordered()), lab.issued()), (1, 2), "orders, certificates")


@case("hundreds of first handshakes at all gateways make one order, and all succeed", seconds=180)
def crowd(world):
    lab = Cluster(world).begin()
    for number in (0, 2):
        lab.connect(number)
    context = ssl.create_default_context(cafile=lab.root)
    count = scaled(300, 120)

    def user(number):
        with socket.create_connection(("127.0.0.1", lab.tls(number % 3)), 60) as plain:
            with context.wrap_socket(plain, server_hostname="a.served.test") as connection:
                return connection.version()

    equal(len(in_parallel([lambda number=number: user(number) for number in range(count)])), count, "handshakes that went well")
    equal((len(lab.ordered()), lab.issued()), (1, 2), "orders, certificates")


@case("names that nobody serves there are refused at once, and nothing is left in the store", seconds=120)
def strangers(world):
    lab = Cluster(world).begin()
    for number in range(scaled(200, 50)):
        name = f"n{number}." + ("away.test", "unknown.test")[number % 2]
        check("UNRECOGNIZED" in str(alert(lab.tls(1), name)).upper(), f"{name} is not refused")
    check(alert(lab.tls(2), "a.served.test"), "a name is served where its client is not")
    equal((lab.requests(), lab.proxy.seen()), ([], []), "requests in the store, requests to the CA")


@case("what the CA refuses is refused here as soon as it is known, and not ordered again with each handshake", seconds=120)
def refused(world):
    lab = Cluster(world, blocked=["bad.served.test"]).begin(retry="30s", wait="1m")
    began = time.monotonic()
    for _ in range(10):
        check(alert(lab.tls(1), "bad.served.test", timeout=90), "a refused name is shown a certificate")
    check(time.monotonic() - began < 50, "the handshakes have waited for their time limit")
    equal(len(lab.ordered("bad.served.test")), 1, "orders")
    lab.wait_for("a.served.test", port=lab.tls(1))
    wait_until(lambda: not lab.requests(), 10, "the requests to be gone")


@case("quotas hold for handshakes at another gateway, where they come and where it is ordered", seconds=180)
def quotas(world):
    lab = Cluster(world).begin(on_demand_per_source=3)
    lab.connect(2)
    for number in range(3):
        lab.wait_for(f"n{number}.served.test", port=lab.tls(1))
    check(alert(lab.tls(1), "n3.served.test"), "a fourth name got a certificate")
    check(alert(lab.tls(2), "n4.served.test"), "a fourth name got a certificate, from another gateway")
    equal([lab.ordered(f"n{number}.served.test") for number in (3, 4)], [[], []], "orders for the fourth name")
    lab.serves.wait_for(r"n3\.served\.test.*hour")
    lab.orders.wait_for(r"n4\.served\.test.*hour")
    lab.wait_for("n0.served.test", port=lab.tls(1))


@case("the gateway that orders is killed or stops with a handshake waiting elsewhere: another one orders, and that is answered",
      seconds=240)
def lost(world):
    for number, end in enumerate(("killed", "stopped")):
        lab = Cluster(world)
        lab.state = world.path(f"state-{end}")
        lab.clock = Clock(world)  # of the others: the lease of one that stops is for 30 s
        lab.begin(wait="2m")
        event = threading.Event()
        world.undo.append(event.set)
        lab.proxy.on("new_order", caproxy.hold(event), times=1)
        results = []
        waiter = threading.Thread(target=lambda: results.append(alert(lab.tls(1), "a.served.test", timeout=120)))
        waiter.start()
        lab.proxy.wait_for("new_order")
        equal(len(lab.requests()), 1, "requests in the store")
        if end == "killed":
            lab.orders.kill()
        else:
            lab.orders.signal(signal.SIGSTOP)
            world.undo.append(lambda lab=lab: lab.orders.signal(signal.SIGCONT))
            lab.clock.pass_by(40)
        waiter.join()
        equal(results, [None], f"the handshake, with the one that orders {end}")
        if end == "stopped":
            event.set()
            lab.orders.signal(signal.SIGCONT)
            lab.orders.wait_for("the lease is lost|certificates are ordered by")
            wait_until(lambda: Leaf(lab.chain("a.served.test", port=lab.tls(0))).serial, 20, "what it shows, awake again")
            time.sleep(2)
        equal(lab.issued(), 2, f"certificates, with the one that orders {end}")
        wait_until(lambda: not lab.requests(), 10, "the request to be gone")
        for process in (lab.orders, lab.serves, lab.reached):
            process.running() and process.stop()


@case("a gateway that was stopped while another one ordered, which then died: it reads the store again, and orders nothing",
      seconds=120)
def read_again(world):
    lab = Lab(world)
    place, event = (free_port(), free_port()), threading.Event()
    world.undo.append(event.set)
    lab.proxy.on("new_order", caproxy.hold(event), times=1)
    first = lab.gateway(["a.test"], wait="0")
    lab.proxy.wait_for("new_order")
    second = lab.gateway(["a.test"], ports=place, wait="0")
    second.wait_for("certificates are ordered by")
    second.signal(signal.SIGSTOP)
    event.set()
    serial = lab.wait_for("a.test").serial
    first.kill()
    second.signal(signal.SIGCONT)
    equal(lab.wait_for("a.test", port=place[1]).serial, serial, "the certificate that the second shows")
    time.sleep(6)  # it looks for the lease every 5 s
    result = lab.command("status")
    check(serial.lstrip("0").lower() in result.stdout.lower(), f"the status: {result.stdout}")
    equal((lab.pebble.accounts(), lab.pebble.orders(), lab.issued()), (1, 1, 1), "accounts, orders, certificates")


@case("a request that is not of this time, for no host name, or nonsense is not followed", seconds=120)
def nonsense(world):
    lab = Cluster(world).begin()
    folder = os.path.join(lab.state, "acme", "requests")
    os.makedirs(folder, exist_ok=True)
    now = int(time.time())
    for name, value in (("old.test", json.dumps({"at": now - 1000})), ("new.test", json.dumps({"at": now + 1000})),
                        ("127.0.0.1", json.dumps({"at": now})), ("x..test", json.dumps({"at": now})), ("no.test", "[1]"),
                        ("UPPER.test", json.dumps({"at": now})), ("", json.dumps({"at": now})), ("gate.test", json.dumps({"at": now}))):
        entry(os.path.join(folder, f"order%40{name}"), value)
    wait_until(lambda: not lab.requests(), 20, "the requests to be gone")
    equal(lab.ordered(), [], "orders")
    lab.orders.wait_for(r"old\.test.*clocks")
    lab.wait_for("a.served.test", port=lab.tls(1))


@case("a certificate on demand is renewed in time though its client is only known to a gateway that does not order", seconds=240)
def renewal(world):
    validity = 60 if SANITIZERS else 30
    lab = Cluster(world, validity=validity).begin()
    first = lab.wait_for("a.served.test", port=lab.tls(1))
    deadline, serials = time.monotonic() + 2 * validity, []
    while time.monotonic() < deadline:
        leaf = Leaf(lab.chain("a.served.test", port=lab.tls(1)))
        check(leaf.end > time.time(), "an expired certificate is shown")
        serials += [leaf.serial] if leaf.serial not in serials else []
        time.sleep(0.5)
    note(f"{len(serials)} certificates in {2 * validity} s")
    check(first.serial == serials[0] and 3 <= len(serials) <= 6, f"{len(serials)} certificates")
    check(log_lines(lab.orders, r"a\.served\.test: certificate \w+ renewed"), "it was renewed elsewhere")


@case("the clocks of the gateways are set by years: the lease stays where it is, and nothing is ordered for that", seconds=120)
def clocks(world):
    lab = Lab(world)
    clocks = [Clock(world), Clock(world)]
    places = [(lab.pebble.http, lab.pebble.tls), (free_port(), free_port())]
    gates = []
    for clock, ports in zip(clocks, places):
        gates.append(lab.gateway(["a.test"], ports=ports, world={"preload": clock}))
        lab.wait_for("a.test", port=ports[1])
    lab.proxy.forget()
    for number, years in ((1, 3), (0, -2), (1, -3), (0, 2)):
        clocks[number].set_by(years * 365 * 86400)
        time.sleep(6)  # both look at the lease every few seconds
    equal(lab.proxy.seen("new_order"), [], "orders")
    equal([log_lines(gate, "the lease is lost") for gate in gates], [[], []], "lost leases")
    result = lab.command("renew", "a.test")
    equal(result.returncode, 0, f"the exit code of renew, {result.stderr!r}")
    gates[0].wait_for(r"a\.test: certificate \w+ renewed")


if __name__ == "__main__":
    main()
