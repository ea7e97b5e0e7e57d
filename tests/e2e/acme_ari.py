# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""acme: renewal information (RFC 9773), provided by the proxy in front of Pebble, which has none."""

import re
import time

from acme_lab import Lab
from caproxy import ari_id, window
from harness import case, check, equal, main, wait_until


@case("a window in the past: renewed at once, once, and with `replaces`; the CA's next window is followed")
def past(world):
    lab, asked = Lab(world), []

    def information(certificate):
        asked.append(certificate)
        return window(-20, -10) if certificate == asked[0] else window(40 * 86400, 41 * 86400)

    lab.proxy.ari = information
    gate = lab.gateway(["a.test"])
    first = lab.wait_for("a.test")
    second = lab.wait_for("a.test", but=first.serial)
    check(second.public_key != first.public_key, "the new certificate has the old key")
    equal(asked[0], ari_id(first.pem), "the certificate that was asked about")
    wait_until(lambda: ari_id(second.pem) in asked, 10, "a query for the second certificate")
    orders = lab.proxy.answered("new_order")
    equal([order.payload.get("replaces") for order in orders], [None, ari_id(first.pem)], "replaces")
    gate.wait_for(r"the authority suggests another time; will be renewed after " +
                  time.strftime("%Y-%m-", time.gmtime(time.time() + 40.5 * 86400)), 10)
    equal(lab.issued(), 2, "certificates")


@case("a CA that always suggests immediate renewal is obeyed once, not forever, even across restarts")
def always(world):
    lab = Lab(world)
    lab.proxy.ari = lambda certificate: window(-20, -10)
    gate = lab.gateway(["a.test"])
    second = lab.wait_for("a.test", but=lab.wait_for("a.test").serial)
    wait_until(lambda: len(lab.proxy.seen("renewal_info")) == 2, 10, "a query for the second certificate")
    gate.wait_for(r"suggests another time; will be renewed after " + time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86400)), 10)
    equal(lab.wait_for("a.test").serial, second.serial, "the certificate served")
    tomorrow = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86400))
    status = wait_until(lambda: f"renewal {tomorrow}" in lab.command("status").stdout and lab.command("status").stdout, 10, "the time of renewal")
    check(re.search(r"\(\d\d+ days left\)", status), f"status says {status!r}")
    for _ in range(2):  # nor because of restarts
        gate.stop()
        asked = len(lab.proxy.seen("renewal_info"))
        gate = lab.gateway(["a.test"])
        wait_until(lambda: len(lab.proxy.seen("renewal_info")) > asked, 10, "a query after the restart")
        time.sleep(0.5)  # wait for an order that must not be made
        equal(lab.command("status").stdout, status, "the status after a restart")
        equal(lab.wait_for("a.test").serial, second.serial, "the certificate served after a restart")
    equal(lab.issued(), 2, "certificates")


@case("an invalid window, and none at all, change nothing; a restart keeps the chosen time")
def stable(world):
    lab = Lab(world)
    lab.proxy.ari = lambda certificate: window(20 * 86400, 10 * 86400)
    gate = lab.gateway(["a.test"])
    lab.wait_for("a.test")
    gate.wait_for("the window is invalid", 10)
    gate.stop()
    lab.proxy.ari = lambda certificate: window(10 * 86400, 20 * 86400)
    gate = lab.gateway(["a.test"])
    gate.wait_for("suggests another time", 20)
    status = lab.command("status").stdout
    gate.stop()
    asked = len(lab.proxy.seen("renewal_info"))
    gate = lab.gateway(["a.test"])
    wait_until(lambda: len(lab.proxy.seen("renewal_info")) > asked, 20, "a query after the restart")
    equal(lab.command("status").stdout, status, "the status after the restart")
    equal(lab.issued(), 1, "certificates")


if __name__ == "__main__":
    main()
