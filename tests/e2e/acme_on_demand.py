# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""acme: certificates on demand, during the handshake (number 19 of acme_issue.py): only for names that a client serves,
within quotas, and with one order for many waiting handshakes."""

import re
import socket
import ssl
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import caproxy
from acme_lab import Lab, alert, log_lines, read
from harness import SANITIZERS, Clock, case, check, equal, in_parallel, main, note, scaled, wait_until
from pebble import Leaf

NAMED = [*"ab", "bad", *(f"n{number}" for number in range(11))]
ROUTES = [{"host": "*.served.test", "to": "client-1/web"}, {"host": "*.away.test", "to": "client-2/web"},
          *({"host": f"{name}.served.test", "to": "client-1/web"} for name in NAMED)]


class Demand(Lab):
    """A gateway with on_demand, and a client that serves *.served.test, of which some names have a route of their own;
    *.away.test has a route, but no client."""

    routes = ROUTES
    edge = {}  # more options of http
    clock = None

    def begin(self, pebble=None, client=True, **options):
        world = self.world
        options = {"on_demand": True, **options}
        # The tunnel's own certificate is from `domains`.
        self.gate = self.gateway(["gate.test"], world={"routes": self.routes, "http": self.edge, "preload": self.clock}, **options)
        self.wait_for("gate.test")
        if client:
            service = world.origin()
            world.trust = self.root
            world.client({"web": f"http://127.0.0.1:{service.port}"})
            world.wait_for_tunnel(host="x.served.test")
        self.proxy.forget()
        return self

    def orders(self, name=None):
        """The orders made, without those that were repeated only because of a bad nonce."""
        return [request for request in self.proxy.seen("new_order") if (not name or name in str(request.payload))
                and not (request.reply and b"badNonce" in request.reply.body)]


def status_without_days(lab):
    return re.sub(r"\(.*? left\)", "", lab.command("status", "a.served.test").stdout)


@case("the first handshake for a name that a client serves gets a certificate, and the second finds it")
def first(world):
    lab = Demand(world).begin()
    equal(world.curl("/", host="a.served.test", tls=True), "hello\n", "the first request")
    leaf = lab.wait_for("a.served.test")
    equal(leaf.names, ["a.served.test"], "names")
    equal(lab.issued(), 2, "certificates")
    lab.gate.stop()
    lab.gate = lab.gateway(["gate.test"], on_demand=True, world={"routes": ROUTES})
    equal(lab.wait_for("a.served.test").serial, leaf.serial, "the certificate after a restart")
    equal(lab.issued(), 2, "certificates")


@case("an on-demand certificate is damaged on disk while the CA is down: the previous one is served")
def damaged(world):
    lab = Demand(world).begin()
    first = lab.wait_for("a.served.test")
    equal(lab.command("renew", "a.served.test").returncode, 0, "the exit code of renew")
    second = lab.wait_for("a.served.test", but=first.serial)
    wait_until(lambda: Leaf(read(lab.kept("a.served.test"))).serial == second.serial, 10, "the new pair in the store")
    lab.gate.stop()
    world.write(lab.kept("a.served.test"), "")
    rule = lab.proxy.on(None, caproxy.html(503))
    lab.gate = lab.gateway(["gate.test"], on_demand=True, world={"routes": ROUTES})
    world.wait_for_tunnel(host="x.served.test", seconds=30)
    equal(lab.wait_for("a.served.test").serial, first.serial, "the certificate served")
    rule.end()
    lab.wait_for("a.served.test", but=first.serial)


@case("500 first handshakes at once cause one order, and all succeed")
def crowd(world):
    lab = Demand(world).begin()
    context = ssl.create_default_context(cafile=lab.root)
    count = scaled(500, 200)

    def user():
        with socket.create_connection(("127.0.0.1", lab.pebble.tls), 60) as plain:
            with context.wrap_socket(plain, server_hostname="a.served.test") as connection:
                return connection.version()

    began = time.monotonic()
    equal(len(in_parallel([user] * count)), count, "successful handshakes")
    note(f"{count} handshakes within {time.monotonic() - began:.1f} s")
    equal((len(lab.orders()), lab.issued()), (1, 2), "orders, certificates")


@case("thousands of names without a client, or covered only by a wildcard, are refused at once without an order", seconds=240,
      measures=True)
def strangers(world):
    lab = Demand(world).begin()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    count = scaled(10000, 1000)
    before = lab.gate.status("VmRSS")
    began = time.monotonic()
    for number in range(count):
        domain = ("unknown.test", "away.test", "served.test.evil.test", "wild.served.test")[number % 4]
        with socket.create_connection(("127.0.0.1", lab.pebble.tls), 30) as plain:
            try:
                context.wrap_socket(plain, server_hostname=f"n{number}.{domain}").close()
                check(False, f"n{number}.{domain} is served")
            except ssl.SSLError as error:
                check("UNRECOGNIZED" in str(error).upper(), f"n{number}.{domain}: {error}")
    grown = lab.gate.status("VmRSS") - before
    note(f"{count} names refused in {time.monotonic() - began:.1f} s, {grown >> 10} KiB more memory")
    equal(lab.proxy.seen(), [], "requests to the CA")
    if not SANITIZERS:
        check(grown < 16 << 20, f"{grown >> 20} MiB more memory")
    equal(world.curl("/", host="b.served.test", tls=True), "hello\n", "a name with a client, afterwards")


@case("no name, an address, a wildcard, nonsense: no order")
def nonsense(world):
    lab = Demand(world).begin()
    for name in (None, "*.served.test", "served.test", "a..served.test", "-.served.test", "a_b/../.served.test", "A" * 64 + ".served.test"):
        try:
            shown = alert(lab.pebble.tls, name)
        except (ValueError, UnicodeError):
            continue
        note(f"{name}: {shown}")
    equal([str(request.payload) for request in lab.orders()], [], "orders")


@case("the name's client must be connected: nothing is ordered before it is")
def client_there(world):
    lab = Demand(world).begin(client=False)
    check(alert(lab.pebble.tls, "a.served.test"), "a name without a connected client got a certificate")
    equal(lab.orders(), [], "orders")
    service = world.origin()
    world.trust = lab.root
    world.client({"web": f"http://127.0.0.1:{service.port}"})
    world.wait_for_tunnel(host="x.served.test")
    lab.wait_for("a.served.test")


@case("a CA that takes too long: the handshake is refused after `wait`, and a later one gets the certificate")
def too_long(world):
    lab = Demand(world).begin(wait="1s")
    event = threading.Event()
    lab.proxy.on("new_order", caproxy.hold(event))
    began = time.monotonic()
    shown = alert(lab.pebble.tls, "a.served.test")
    note(f"{shown} after {time.monotonic() - began:.2f} s")
    check(shown and 0.9 <= time.monotonic() - began <= 10, f"{shown} after {time.monotonic() - began:.2f} s")
    event.set()
    lab.wait_for("a.served.test")
    equal(len(lab.orders()), 1, "orders")


@case("a name that the CA refuses is not ordered again with each handshake")
def refused(world):
    lab = Demand(world, blocked=["bad.served.test"]).begin(retry="30s")
    for _ in range(20):
        check(alert(lab.pebble.tls, "bad.served.test"), "a refused name got a certificate")
    equal(len(lab.orders("bad.served.test")), 1, "orders")
    lab.wait_for("a.served.test")
    status = lab.command("status", "a.served.test").stdout
    lab.gate.stop()
    lab.gate = lab.gateway(["gate.test"], on_demand=True, retry="30s", world={"routes": ROUTES})
    world.wait_for_tunnel(host="x.served.test", seconds=30)
    check(alert(lab.pebble.tls, "bad.served.test"), "a refused name got a certificate after a restart")
    equal(len(lab.orders("bad.served.test")), 1, "orders after a restart")
    lab.wait_for("a.served.test")
    check("renewal 20" in status, f"the status: {status}")
    wait_until(lambda: status_without_days(lab) == re.sub(r"\(.*? left\)", "", status), 10, "the same status after a restart")


@case("quotas limit the orders per hour, in total and for one source")
def quotas(world):
    for number, (options, most) in enumerate((({"on_demand_per_hour": 3}, 3), ({}, 10))):
        lab = world.lab = getattr(world, "lab", None) or Demand(world)
        if number:
            lab.gate.stop()
            lab.state = world.path("state-2")
            lab.gate = lab.gateway(["gate.test"], on_demand=True, world={"routes": ROUTES}, **options)
            lab.wait_for("gate.test")
            world.wait_for_tunnel(host="x.served.test", seconds=30)
            lab.proxy.forget()
        else:
            lab.begin(**options)
        for index in range(most):
            lab.wait_for(f"n{index}.served.test")
        check(alert(lab.pebble.tls, f"n{most}.served.test"), "a name beyond the quota got a certificate")
        equal(len(lab.orders(f"n{most}.served.test")), 0, "orders for the name beyond the quota")
        lab.gate.wait_for(rf"n{most}\.served\.test.*hour")
        lab.wait_for("n0.served.test")


@case("a waiting user who disconnects neither ends the order nor affects others")
def gone(world):
    lab = Demand(world).begin()
    event = threading.Event()
    lab.proxy.on("new_order", caproxy.hold(event))
    context = ssl.create_default_context(cafile=lab.root)
    waiters = []
    for _ in range(10):
        plain = socket.create_connection(("127.0.0.1", lab.pebble.tls))
        plain.setblocking(False)
        waiter = context.wrap_socket(plain, server_hostname="a.served.test", do_handshake_on_connect=False)
        try:
            waiter.do_handshake()
        except ssl.SSLWantReadError:
            pass
        waiters.append(waiter)
    lab.proxy.wait_for("new_order")
    for waiter in waiters[:9]:
        waiter.close()
    event.set()
    waiters[9].settimeout(30)
    waiters[9].do_handshake()
    waiters[9].close()
    lab.wait_for("a.served.test")
    equal((len(lab.orders()), lab.issued()), (1, 2), "orders, certificates")


@case("`ask`: 200 allows a name, everything else does not; it is asked before the CA")
def ask(world):
    lab = Demand(world)
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            name = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query).get("domain", [""])[0]
            asked.append(name)
            self.send_response(200 if name == "yes.test" else 302 if name == "moved.test" else 403)
            self.send_header("Location", "/?domain=yes.test")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    world.undo.append(lambda: (server.shutdown(), server.server_close()))
    lab.begin(client=False, ask=f"http://127.0.0.1:{server.server_port}/")
    lab.wait_for("yes.test")
    for name in ("no.test", "moved.test"):
        check(alert(lab.pebble.tls, name), f"{name} got a certificate")
        check(name in asked, f"no request about {name}")
        equal(lab.orders(name), [], "orders")
    server.shutdown()
    server.server_close()
    check(alert(lab.pebble.tls, "later.test"), "a name is allowed although `ask` is unreachable")
    equal(len(lab.orders()), 1, "orders")
    wait_until(lambda: lab.gate.running(), 1, "the gateway")


class Permission:
    """The server for `ask`: `asked` are the names, `verdict` returns the status for a name."""

    def __init__(self, world, verdict):
        self.asked, self.running, self.most, lock = [], 0, 0, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler):
                name = urllib.parse.parse_qs(urllib.parse.urlsplit(handler.path).query).get("domain", [""])[0]
                with lock:
                    self.asked.append(name)
                    self.running += 1
                    self.most = max(self.most, self.running)
                status = verdict(name)
                with lock:
                    self.running -= 1
                try:
                    handler.send_response(status)
                    handler.send_header("Content-Length", "0")
                    handler.end_headers()
                except OSError:
                    pass

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 1024

        server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        world.undo.append(lambda: (server.shutdown(), server.server_close()))
        self.url = f"http://127.0.0.1:{server.server_port}/"


@case("an `ask` that hangs: few requests run in parallel, everything else is served, and no handshake waits for long", seconds=120)
def slow_ask(world):
    lab = Demand(world)
    hangs = threading.Event()
    world.undo.append(hangs.set)
    permission = Permission(world, lambda name: 200 if name == "yes.test" or hangs.wait(60) else 403)
    lab.begin(client=False, ask=permission.url)
    lab.wait_for("yes.test")
    began = time.monotonic()
    shown = in_parallel([lambda number=number: alert(lab.pebble.tls, f"n{number}.test") for number in range(100)])
    check(all("UNRECOGNIZED" in str(text).upper() for text in shown), f"{shown}")
    note(f"100 handshakes within {time.monotonic() - began:.1f} s, {permission.most} requests in parallel, {len(permission.asked)} in total")
    check(2 <= permission.most <= 16, f"{permission.most} requests in parallel for one address")
    equal(alert(lab.pebble.tls, "yes.test"), None, "an existing certificate")
    equal(len(lab.orders()), 1, "orders")
    hangs.set()
    lab.wait_for("later.test")


@case("`ask` is asked again before a renewal: a name that is no longer allowed is not renewed", seconds=120)
def ask_again(world):
    lab = Demand(world, validity=30)
    allowed = {"yes.test", "no.test"}
    permission = Permission(world, lambda name: 200 if name in allowed else 403)
    lab.begin(client=False, ask=permission.url)
    first = {name: lab.wait_for(name) for name in sorted(allowed)}
    equal(alert(lab.pebble.tls, "no.test"), None, "a handshake that uses it")
    allowed.remove("no.test")
    lab.wait_for("yes.test", 60, but=first["yes.test"].serial)
    wait_until(lambda: permission.asked.count("no.test") >= 2, 30, "the second request about no.test")
    wait_until(lambda: time.time() > first["no.test"].end, 60, "the expiry of the first certificates", pause=0.2)
    check(alert(lab.pebble.tls, "no.test"), "an expired certificate is served for a name that is no longer allowed")
    equal(len(lab.orders("no.test")), 1, "orders for no.test")


@case("a client that disconnects before its name's turn: nothing is ordered", seconds=120)
def gone_client(world):
    lab = Demand(world).begin(wait="1m")
    event = threading.Event()
    world.undo.append(event.set)
    lab.proxy.on("new_order", caproxy.hold(event), times=4)
    results = []
    waiters = [threading.Thread(target=lambda number=number: results.append(alert(lab.pebble.tls, f"n{number}.served.test", timeout=90)))
               for number in range(5)]
    for waiter in waiters[:4]:
        waiter.start()
    wait_until(lambda: len(lab.orders()) == 4, 20, "the maximum number of concurrent orders")
    waiters[4].start()
    time.sleep(0.5)
    world.processes[-1].stop()
    wait_until(lambda: world.curl("/", host="n4.served.test", want="%{http_code}") == "503", 10, "the client to disconnect")
    event.set()
    for waiter in waiters:
        waiter.join()
    equal(lab.orders("n4.served.test"), [], "orders for the name whose client has disconnected")


@case("hundreds of names beyond the quota leave no files and one line in the log, and do not block others", seconds=120)
def flood(world):
    lab = Demand(world)
    lab.routes = ROUTES + [{"host": f"x{number}.served.test", "to": "client-1/web"} for number in range(scaled(1000, 300))]
    lab.begin(on_demand_per_hour=2)
    for number in range(2):
        lab.wait_for(f"n{number}.served.test")
    files = len(lab.files())
    for number in range(scaled(1000, 300)):
        check("UNRECOGNIZED" in str(alert(lab.pebble.tls, f"x{number}.served.test")).upper(), "a name beyond the quota is not refused")
    equal(len(lab.files()), files, "files in the store")
    equal(len(log_lines(lab.gate, ": not ordered on demand")), 1, "lines in the log")
    equal(len(lab.orders()), 2, "orders")


@case("an expired on-demand certificate is not served again without a new order", seconds=120)
def expired(world):
    lab = Demand(world, validity=20).begin()
    client = world.processes[-1]
    first = lab.wait_for("a.served.test")
    client.stop()
    wait_until(lambda: time.time() > first.end, 60, "its expiry", pause=0.2)
    check(alert(lab.pebble.tls, "a.served.test"), "an expired certificate is served for a name without a client")
    world.client({"web": "http://127.0.0.1:1"})
    lab.wait_for("gate.test")
    world.wait_for_tunnel(host="x.served.test", seconds=30)
    leaf = wait_until(lambda: alert(lab.pebble.tls, "a.served.test") is None and lab.wait_for("a.served.test"), 20, "a certificate")
    check(leaf.serial != first.serial and leaf.end > time.time(), "an expired certificate")


@case("certificates of names that are no longer served are dropped after they expire; those in the store are found again",
      seconds=120)
def forgotten(world):
    lab = Demand(world, validity=3600)
    lab.clock = Clock(world)
    lab.begin()
    client = world.processes[-1]
    for number in range(3):
        lab.wait_for(f"n{number}.served.test")
    client.stop()
    lab.clock.monotonic = 3600  # so that it checks all its certificates
    lab.clock.set_by(3 * 86400)
    for number in range(3):
        lab.gate.wait_for(f"n{number}.served.test: expired and unused", 30)
    check(alert(lab.pebble.tls, "n0.served.test"), "a certificate is served")
    lab.clock.set_by(-3 * 86400)
    world.client({"web": "http://127.0.0.1:1"})
    world.wait_for_tunnel(host="x.served.test", seconds=30)
    lab.wait_for("n0.served.test")
    equal(len(lab.orders("n0.served.test")), 1, "orders: by the right clock, the certificate in the store is valid")


@case("on-demand certificates can be revoked and renewed by command, even without a handshake since the start", seconds=120)
def commands(world):
    lab = Demand(world).begin()
    serials = [lab.wait_for(f"n{number}.served.test").serial for number in range(2)]
    lab.gate.stop()
    lab.gate = lab.gateway(["gate.test"], on_demand=True, world={"routes": ROUTES})
    world.wait_for_tunnel(host="x.served.test", seconds=30)
    for verb, name in (("revoke", "n0.served.test"), ("renew", "n1.served.test")):
        result = lab.command(verb, name)
        equal(result.returncode, 0, f"the exit code of {verb}, {result.stderr!r}")
    wait_until(lambda: lab.pebble.status(serials[0]) == "Revoked", 20, "the first to be revoked")
    lab.gate.wait_for(r"n1\.served\.test: certificate \w+ renewed", 20)
    for number in range(2):
        lab.wait_for(f"n{number}.served.test", but=serials[number])


@case("a handshake may wait for its certificate for longer than `head_timeout`; a disconnect is noticed", seconds=120)
def patience(world):
    lab = Demand(world)
    lab.edge = {"head_timeout": "2s"}
    lab.begin(wait="1m")
    event = threading.Event()
    world.undo.append(event.set)
    lab.proxy.on("new_order", caproxy.hold(event), times=1)
    results = []
    waiter = threading.Thread(target=lambda: results.append(world.curl("/", host="a.served.test", tls=True)))
    waiter.start()
    lab.proxy.wait_for("new_order")
    before = lab.gate.descriptors()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plains = [socket.create_connection(("127.0.0.1", lab.pebble.tls), 30) for _ in range(20)]
    for plain in plains:
        hello, incoming = ssl.MemoryBIO(), ssl.MemoryBIO()
        try:
            context.wrap_bio(incoming, hello, server_hostname="a.served.test").do_handshake()
        except ssl.SSLWantReadError:
            plain.sendall(hello.read())
    wait_until(lambda: lab.gate.descriptors() >= before + 20, 10, "the others to wait")
    time.sleep(3)  # longer than head_timeout
    check(lab.gate.descriptors() >= before + 20, "the others are no longer waiting")
    for plain in plains:
        plain.close()
    wait_until(lambda: lab.gate.descriptors() <= before + 2, 10, "the gateway to notice that the others have disconnected")
    equal(results, [], "the first")
    event.set()
    waiter.join()
    equal(results, ["hello\n"], "the answer to the request of the one that waited")


if __name__ == "__main__":
    main()
