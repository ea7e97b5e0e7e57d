# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""acme: several gateways that share one store (number 20 of acme_issue.py). A gateway that needs a certificate takes its
lease and orders it; the others find it in the store. Pebble connects only to the last gateway; the client with the
services for on-demand names is connected to the gateways that a case chooses."""

import signal
import ssl
import socket
import threading
import time

import caproxy
from acme_lab import Lab, alert, log_lines
from harness import SANITIZERS, Clock, case, check, equal, free_port, in_parallel, main, note, scaled, wait_until
from pebble import Leaf

NAMED = [*"ab", "bad", *(f"n{number}" for number in range(5))]
ROUTES = [{"host": "*.served.test", "to": "client-1/web"}, {"host": "*.away.test", "to": "client-2/web"},
          *({"host": f"{name}.served.test", "to": "client-1/web"} for name in NAMED)]


class Cluster(Lab):
    """Gateways with on_demand that share a store and keep gate.test; Pebble connects to the last one."""

    def begin(self, count=2, clocks=None, **options):
        self.options = {"on_demand": True, **options}
        self.clocks = clocks or count * [None]
        self.places = [*((free_port(), free_port()) for _ in range(count - 1)), (self.pebble.http, self.pebble.tls)]
        self.gates = [self.add(number) for number in range(count)]
        for number in range(count):
            self.wait_for("gate.test", port=self.tls(number))
        self.service = self.world.origin()
        self.connect(0)
        self.proxy.forget()
        return self

    def add(self, number):
        return self.gateway(["gate.test"], ports=self.places[number], world={"routes": ROUTES, "preload": self.clocks[number]},
                            **self.options)

    def tls(self, number):
        return self.places[number][1]

    def connect(self, number, host="x.served.test"):
        """Also connects the client to that gateway."""
        self.world.http, self.world.https = self.places[number]
        self.world.trust = self.root
        client = self.world.client({"web": f"http://127.0.0.1:{self.service.port}"})
        self.world.wait_for_tunnel(host=host)
        return client

    def ordered(self, name=None):
        """The orders made, without those that were repeated only because of a bad nonce."""
        return [request for request in self.proxy.seen("new_order") if (not name or name in str(request.payload))
                and not (request.reply and b"badNonce" in request.reply.body)]


def held(lab, world):
    """The CA holds the next order until the returned event is set."""
    event = threading.Event()
    world.undo.append(event.set)
    lab.proxy.on("new_order", caproxy.hold(event), times=1)
    return event


@case("two gateways need the same certificate: one order, and both serve it")
def one_order(world):
    lab = Lab(world)
    places = [(free_port(), free_port()), (lab.pebble.http, lab.pebble.tls)]
    event = held(lab, world)
    gates = [lab.gateway(["a.test"], ports=ports, wait="0") for ports in places]
    lab.proxy.wait_for("new_order")
    time.sleep(1)  # by then, the other gateway has tried to take the lease
    event.set()
    serials = {lab.wait_for("a.test", port=ports[1]).serial for ports in places}
    equal((len(serials), len(lab.proxy.seen("new_order")), lab.issued()), (1, 1, 1), "certificates served, orders, certificates")
    equal(lab.command("renew", "a.test").returncode, 0, "the exit code of renew")
    renewed = {lab.wait_for("a.test", but=serial, port=ports[1]).serial for serial in serials for ports in places}
    equal((len(renewed), lab.issued()), (1, 2), "certificates served and issued after renew")
    wait_until(lambda: not lab.files("acme/requests"), 10, "the request to be removed")
    equal([bool(log_lines(gate, r'"level":"error","part":"acme"')) for gate in gates], [False, False], "errors")


@case("the gateway with the order is killed: the other one continues the order, and both serve the certificate")
def killed(world):
    lab = Lab(world)
    event = threading.Event()
    world.undo.append(event.set)
    lab.proxy.on("finalize", caproxy.hold(event), times=1)
    other = (free_port(), free_port())
    first = lab.gateway(["a.test"], wait="0")
    lab.proxy.wait_for("finalize")
    second = lab.gateway(["a.test"], ports=other, wait="0")
    time.sleep(1)  # by then, it has tried to take the lease
    check(not log_lines(second, "certificate .* issued"), "the lease was ignored")
    first.kill()
    event.set()
    began = time.monotonic()
    leaf = lab.wait_for("a.test", 40, port=other[1])
    note(f"taken over within {time.monotonic() - began:.1f} s")
    equal((lab.pebble.accounts(), lab.pebble.orders(), lab.issued()), (1, 1, 1), "accounts, orders, certificates")
    lab.gateway(["a.test"])
    equal(lab.wait_for("a.test").serial, leaf.serial, "the certificate served by the killed gateway after its restart")


@case("the gateway with the order is suspended: the other one takes over when the lease has expired; in the end, both serve the same certificate")
def stopped(world):
    lab, clock = Lab(world), Clock(world)
    event = threading.Event()
    world.undo.append(event.set)
    lab.proxy.on("finalize", caproxy.hold(event), times=1)
    other = (free_port(), free_port())
    first = lab.gateway(["a.test"], wait="0")
    lab.proxy.wait_for("finalize")
    lab.gateway(["a.test"], ports=other, wait="0", world={"preload": clock})
    first.signal(signal.SIGSTOP)
    world.undo.append(lambda: first.signal(signal.SIGCONT))
    event.set()
    time.sleep(2)
    check(not lab.files("acme/certificates"), "the lease was ignored")
    clock.pass_by(40)
    leaf = lab.wait_for("a.test", port=other[1])
    first.signal(signal.SIGCONT)
    equal(lab.wait_for("a.test").serial, leaf.serial, "the certificate served by the first after it continued")
    equal((lab.pebble.accounts(), lab.pebble.orders(), lab.issued()), (1, 1, 1), "accounts, orders, certificates")


@case("on demand at any gateway: it orders names that its client serves, and the others find the result in the store")
def on_demand(world):
    lab = Cluster(world).begin()
    equal(alert(lab.tls(0), "a.served.test"), None, "the first handshake")
    leaf = lab.wait_for("a.served.test", port=lab.tls(0))
    check(log_lines(lab.gates[0], r"a\.served\.test: certificate \w+ issued"), "another gateway has ordered it")
    check(alert(lab.tls(1), "b.served.test"), "a gateway without the client serves the name")
    lab.connect(1)
    equal(lab.wait_for("a.served.test", port=lab.tls(1)).serial, leaf.serial, "the certificate found in the store by another gateway")
    equal((len(lab.ordered()), lab.issued()), (1, 2), "orders, certificates")


@case("hundreds of first handshakes on all gateways cause one order, and all succeed", seconds=120)
def crowd(world):
    lab = Cluster(world).begin(count=3)
    for number in (1, 2):
        lab.connect(number)
    context = ssl.create_default_context(cafile=lab.root)
    count = scaled(300, 120)

    def user(number):
        with socket.create_connection(("127.0.0.1", lab.tls(number % 3)), 60) as plain:
            with context.wrap_socket(plain, server_hostname="a.served.test") as connection:
                return connection.version()

    equal(len(in_parallel([lambda number=number: user(number) for number in range(count)])), count, "successful handshakes")
    equal((len(lab.ordered()), lab.issued()), (1, 2), "orders, certificates")


@case("an order refused by the CA is not repeated by another gateway")
def refused(world):
    lab = Cluster(world, blocked=["bad.served.test"]).begin(retry="30s")
    lab.connect(1)
    for number in (0, 1, 0, 1):
        check(alert(lab.tls(number), "bad.served.test"), "a refused name got a certificate")
    equal(len(lab.ordered("bad.served.test")), 1, "orders")
    lab.wait_for("a.served.test", port=lab.tls(1))


@case("a quota applies to all gateways together")
def quota(world):
    lab = Cluster(world).begin(on_demand_per_hour=3)
    lab.connect(1)
    for number in range(3):
        lab.wait_for(f"n{number}.served.test", port=lab.tls(number % 2))
    for number in range(2):
        check(alert(lab.tls(number), "n3.served.test"), "a fourth name got a certificate")
        lab.gates[number].wait_for(r"n3\.served\.test.*hour")
    equal(lab.ordered("n3.served.test"), [], "orders for the fourth name")
    lab.wait_for("n0.served.test", port=lab.tls(1))


@case("the gateway with the order is killed while a handshake waits at another one: that one places the order and answers it")
def waiting(world):
    lab = Cluster(world).begin(wait="30s")
    lab.connect(1)
    event = held(lab, world)
    in_background = threading.Thread(target=lambda: alert(lab.tls(0), "a.served.test", timeout=60))
    in_background.start()
    lab.proxy.wait_for("new_order")
    results = []
    waiter = threading.Thread(target=lambda: results.append(alert(lab.tls(1), "a.served.test", timeout=60)))
    waiter.start()
    time.sleep(1)
    lab.gates[0].kill()
    waiter.join()
    event.set()
    in_background.join()
    equal(results, [None], "the handshake")
    equal(lab.issued(), 2, "certificates")


@case("a gateway was suspended while another one ordered: it reads the store again and orders nothing")
def read_again(world):
    lab = Lab(world)
    other, event = (free_port(), free_port()), held(lab, world)
    first = lab.gateway(["a.test"], wait="0")
    lab.proxy.wait_for("new_order")
    second = lab.gateway(["a.test"], ports=other, wait="0")
    time.sleep(0.5)
    second.signal(signal.SIGSTOP)
    event.set()
    serial = lab.wait_for("a.test").serial
    first.kill()
    second.signal(signal.SIGCONT)
    equal(lab.wait_for("a.test", port=other[1]).serial, serial, "the certificate served by the second")
    result = lab.command("status")
    check(serial.lstrip("0").lower() in result.stdout.lower(), f"the status: {result.stdout}")
    equal((lab.pebble.accounts(), lab.pebble.orders(), lab.issued()), (1, 1, 1), "accounts, orders, certificates")


@case("a certificate on demand is renewed by a gateway whose client serves it", seconds=120)
def renewal(world):
    validity = 40 if SANITIZERS else 9
    lab = Cluster(world, validity=validity).begin()
    first = lab.wait_for("a.served.test", port=lab.tls(0))
    deadline, serials = time.monotonic() + validity, []
    while time.monotonic() < deadline:
        leaf = Leaf(lab.chain("a.served.test", port=lab.tls(0)))
        check(leaf.end > time.time(), "an expired certificate is served")
        serials += [leaf.serial] if leaf.serial not in serials else []
        time.sleep(0.5)
    note(f"{len(serials)} certificates in {validity} s")
    check(first.serial == serials[0] and 2 <= len(serials) <= 4, f"{len(serials)} certificates")


@case("the clocks of the gateways are changed by years: nothing is ordered, and renew works")
def clocks(world):
    lab = Lab(world)
    clocks = [Clock(world), Clock(world)]
    places = [(lab.pebble.http, lab.pebble.tls), (free_port(), free_port())]
    for clock, ports in zip(clocks, places):
        lab.gateway(["a.test"], ports=ports, world={"preload": clock})
        lab.wait_for("a.test", port=ports[1])
    lab.proxy.forget()
    for number, years in ((1, 3), (0, -2), (1, -3), (0, 2)):
        clocks[number].set_by(years * 365 * 86400)
        time.sleep(1)
    equal(lab.proxy.seen("new_order"), [], "orders")
    leaf = lab.wait_for("a.test")
    equal(lab.command("renew", "a.test").returncode, 0, "the exit code of renew")
    for ports in places:
        lab.wait_for("a.test", but=leaf.serial, port=ports[1])


if __name__ == "__main__":
    main()
