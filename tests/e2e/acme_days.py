# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""acme over days and months, with a clock that the test sets (tests/tools/clock.c). The numbers refer to acme_issue.py:

 5 Retry-After                      "a Retry-After of hours …"
 6 CA down for days                 "a CA that is down for two weeks …"
13 clocks                           "the clock is set …"
14 renewal                          "a certificate of 90 days, of 6 days …", "ARI: a window that moves …"
18 blocked names                    "a name that the CA blocks …"
"""

import time

import caproxy
from acme_lab import Lab, log_lines
from caproxy import ari_id, problem, window
from harness import SANITIZERS, Clock, case, check, equal, main, note, wait_until
from pebble import Authority, Leaf

DAY, HOUR = 86400, 3600


class Days(Lab):
    """A lab whose gateways have a clock, and whose CA issues certificates of that many days by that clock."""

    def __init__(self, world, days=90, **pebble):
        super().__init__(world, **pebble)
        self.clock, self.days, self.authority = Clock(world), days, Authority(world)
        self.root = self.authority.root
        self.proxy.on("certificate", caproxy.other_chain(self.issue))
        self.proxy.clock = self.now

    def now(self):
        return self.clock.real

    def issue(self, csr, names):
        now = self.now()
        return self.authority.issue(csr, names, begin=now - 60, end=now + self.days * DAY)

    def gateway(self, domains, **options):
        return super().gateway(domains, world={"preload": self.clock}, retry=options.pop("retry", None), **options)

    def is_good(self, chain, name=None, root=None):
        # openssl uses the time of day for certificates, but the gateway has its own.
        return "hopgate" in Leaf(chain).issuer

    def settle(self):
        """Waits until no request to the CA has been in progress for a moment: if days passed during one, its time limit
        would end it."""
        seen, since = len(self.proxy.seen()), time.monotonic()
        while time.monotonic() - since < (1 if SANITIZERS else 0.3):
            if self.proxy.busy or seen != len(self.proxy.seen()):
                seen, since = len(self.proxy.seen()), time.monotonic()
            time.sleep(0.02)

    def pass_by(self, seconds):
        self.clock.pass_by(seconds)
        self.settle()


@case("a certificate of 90 days, of 6 days: renewed neither too early nor too late")
def lifetimes(world):
    lab = Days(world)
    for days, early, late in ((90, 50, 64), (6, 2, 3.6)):
        lab.days = days
        lab.state = world.path(f"state-{days}")
        gate = lab.gateway(["a.test"])
        first = lab.wait_for("a.test")
        lab.proxy.forget()
        lab.pass_by(early * DAY)
        equal(lab.proxy.seen("new_order"), [], f"orders after {early} of {days} days")
        for _ in range(5):
            lab.pass_by((late - early) * DAY / 5)
        second = lab.wait_for("a.test", but=first.serial)
        equal(len(lab.proxy.answered("new_order")), 1, f"orders after {late} of {days} days")
        check(second.public_key != first.public_key, "the key was not changed")
        gate.stop()


@case("a CA that is down for two weeks: a few attempts a day, the old certificate is served, then one order")
def down(world):
    lab = Days(world)
    gate = lab.gateway(["a.test"])
    first = lab.wait_for("a.test")
    lab.proxy.forget()
    rule = lab.proxy.on(None, caproxy.html(503))
    lab.pass_by(63 * DAY)
    wait_until(lambda: rule.hits, 10, "the first attempt")
    for _ in range(14 * 8):
        lab.clock.pass_by(3 * HOUR)
        time.sleep(0.25 if SANITIZERS else 0.08)
        wait_until(lambda: not lab.proxy.busy, 10, "the end of the requests in progress")
    # Counted in the log, as a connection that is being opened when hours pass runs into its time limit, and the proxy sees
    # no request.
    attempts = len(log_lines(gate, "a.test: no certificate"))
    note(f"{attempts} attempts in two weeks")
    check(10 <= attempts <= 14 * 5, f"{attempts} attempts in two weeks")
    equal(Leaf(lab.chain("a.test")).serial, first.serial, "the certificate served")
    gate.wait_for(r"a\.test.*valid for [\d.]+ more days")
    rule.end()
    lab.pass_by(9 * HOUR)
    lab.wait_for("a.test", but=first.serial)
    equal(len(lab.proxy.answered("new_order")), 1, "orders")


@case("a Retry-After of hours is obeyed, even after a restart")
def retry_after(world):
    lab = Days(world)
    lab.proxy.on("new_order", problem(429, "rateLimited", retry_after=20 * HOUR), times=1)
    gate = lab.gateway(["a.test"], wait="0")
    gate.wait_for("rateLimited")
    lab.settle()
    lab.proxy.forget()
    lab.pass_by(12 * HOUR)
    gate.stop()
    lab.gateway(["a.test"], wait="0")
    lab.pass_by(7 * HOUR)
    equal(lab.proxy.seen("new_order"), [], "orders within 19 hours")
    lab.pass_by(2 * HOUR)
    lab.wait_for("a.test")


@case("a name that the CA blocks is tried daily")
def blocked(world):
    lab = Days(world, blocked=["blocked.test"])
    lab.gateway(["blocked.test"], wait="0")
    lab.proxy.wait_for("new_order")
    lab.settle()
    for day in range(1, 4):
        for _ in range(3):
            lab.pass_by(8 * HOUR)
        orders = len(lab.proxy.seen("new_order"))
        check(day - 1 <= orders <= 1.5 * day + 3, f"{orders} orders after {day} days")
    note(f"{orders} orders in {day} days")


@case("ARI: a window that moves is followed")
def ari_moves(world):
    lab = Days(world)
    due = []
    lab.proxy.ari = lambda certificate: window(lab.clock.real - 100, lab.clock.real - 50) if certificate in due else \
        window(60 * DAY, 61 * DAY)
    lab.gateway(["a.test"])
    first = lab.wait_for("a.test")
    lab.pass_by(DAY)
    asked = len(lab.proxy.seen("renewal_info"))
    check(asked >= 1, "the CA was not asked")
    due.append(ari_id(first.pem))
    lab.pass_by(DAY)
    lab.wait_for("a.test", but=first.serial)
    equal(lab.proxy.answered("new_order")[-1].payload.get("replaces"), ari_id(first.pem), "the certificate that the order replaces")


@case("the clock is set years ahead and back: no storm of orders, and afterwards valid certificates are served")
def set_clock(world):
    lab = Days(world)
    names = [f"n{number}.test" for number in range(5)]
    gate = lab.gateway(names)
    serials = [lab.wait_for(name).serial for name in names]
    lab.proxy.forget()
    lab.clock.set_by(-400 * DAY)
    lab.settle()
    lab.clock.set_by(400 * DAY)
    lab.settle()
    equal(len(lab.proxy.seen("new_order")), 0, "orders after the clock went back and forth")
    equal([Leaf(lab.chain(name)).serial for name in names], serials, "the certificates")
    # With the clock ahead, all have expired: each is ordered once, with the CA's time as the current one.
    lab.clock.set_by(1000 * DAY)
    for _ in range(5):
        lab.settle()
    check(len(lab.proxy.seen("new_order")) <= 2 * len(names), f"{len(lab.proxy.seen('new_order'))} orders")
    check(gate.running(), "the gateway has ended")


if __name__ == "__main__":
    main()
