# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""acme: when certificates are renewed, and why; revocation.

The numbers refer to acme_issue.py:

 8 no second issuance               "after a restart, a valid certificate …"
12 used without restart             "certificates of 20 s …"
13 clock skew                       "a certificate that is not valid yet …"
14 renewal                          "certificates of 20 s …", "6 days, 90 days, 10 years …", "ARI: …", "the chosen time …"
15 replaces                         "ARI: …", "replaces refused …"
16 revoked                          "ARI: a window in the past …"
24 hooks                            "certificates of 20 s …"
"""

import calendar
import os
import re
import time

import caproxy
from acme_lab import Lab, open_connection, read
from caproxy import ari_id, window
from harness import case, check, equal, main, note, wait_until
from pebble import Authority, Leaf

DAY = 86400


def renewal_time(lab, name):
    """The time at which the certificate for a name will be renewed, from `hopgate acme status`: seconds since 1970."""
    result = lab.command("status")
    equal(result.returncode, 0, f"the exit code of status, whose output is {result.stdout!r} {result.stderr!r}")
    line = next((line for line in result.stdout.splitlines() if re.search(rf"\b{re.escape(name)}\b", line)), "")
    found = re.search(r"renew\w*\s+(?:at\s+|on\s+)?(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)", line)
    check(found, f"status says {result.stdout!r}")
    return calendar.timegm(time.strptime(f"{found.group(1)} {found.group(2)}", "%Y-%m-%d %H:%M:%S"))


@case("certificates of 20 s are renewed by ratio, repeatedly; connections stay open; hooks are called")
def short(world):
    lab = Lab(world, validity=20)
    hook = world.write("hook", f"#!/bin/sh\necho \"$1 $2 $HOPGATE_NAMES $HOPGATE_EXPIRES\" >>{world.path('hook-events')}\n")
    os.chmod(hook, 0o755)
    lab.gateway(["a.test"], hook=hook)
    leaf = lab.wait_for("a.test")
    status = lab.command("status").stdout
    check("(0 hours left)" in status or "(expired)" in status, f"for a certificate of 20 s, status says {status!r}")
    key, times = leaf.public_key, []
    with open_connection(lab.pebble.tls, "a.test", lab.root) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        check(connection.recv(1000).startswith(b"HTTP/1.1 "), "no answer")
        for _ in range(2):
            next_leaf = lab.wait_for("a.test", 25, but=leaf.serial)
            left = leaf.end - time.time()
            note(f"renewed with {left:.1f} s of {leaf.end - leaf.begin:.0f} left")
            check(2 <= left <= 15, f"renewed with {left:.1f} s of 20 left")
            check(next_leaf.public_key != key, "the renewed certificate has the old key")
            times.append(left)
            leaf, key = next_leaf, next_leaf.public_key
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        check(connection.recv(1000).startswith(b"HTTP/1.1 "), "the earlier connection was not kept")
    equal(lab.pebble.accounts(), 1, "accounts")
    check(lab.issued() <= 4, f"{lab.issued()} certificates")
    events = wait_until(lambda: read(world.path("hook-events")).splitlines()[2:] and read(world.path("hook-events")).splitlines(),
                        10, "three events of the hook")
    equal([line.split()[:3] for line in events[:3]], [["issued", "a.test", "a.test"]] + 2 * [["renewed", "a.test", "a.test"]], "events")


@case("after a restart, a valid certificate is kept and none is requested")
def restart(world):
    lab = Lab(world)
    gate = lab.gateway(["a.test"])
    first = lab.wait_for("a.test")
    for _ in range(3):
        gate.stop()
        gate = lab.gateway(["a.test"], wait="0")
        equal(lab.wait_for("a.test").serial, first.serial, "the certificate after a restart")
    equal((lab.pebble.orders(), lab.issued()), (1, 1), "orders, certificates")


@case("6 days, 90 days, 10 years: renewed with a half or a third of the lifetime left, with jitter, well before expiry")
def lifetimes(world):
    lab = Lab(world)
    other = Authority(world)
    for number, (days, ratio) in enumerate(((6, 1 / 2), (90, 1 / 3), (3650, 1 / 3))):
        lab.proxy.on("certificate", caproxy.other_chain(lambda csr, names, d=days: other.issue(csr, names, end=d * DAY)))
        gate = lab.gateway(["a.test"], state=world.path(f"state-{number}"))
        leaf = lab.wait_for("a.test", root=other.root)
        when = renewal_time(lab, "a.test")
        left = (leaf.end - when) / (leaf.end - leaf.begin)
        note(f"{days} days: renewal with {left:.1%} left")
        check(ratio - 0.1 <= left <= ratio + 0.1, f"{days} days: renewed with {left:.3f} of the lifetime left")
        gate.stop()
    equal(lab.issued(), 3, "certificates")


@case("the chosen time is kept across restarts")
def stable(world):
    lab = Lab(world)
    gate = lab.gateway(["a.test"])
    lab.wait_for("a.test")
    when = renewal_time(lab, "a.test")
    gate.stop()
    lab.gateway(["a.test"])
    lab.wait_for("a.test")
    equal(renewal_time(lab, "a.test"), when, "the time of renewal after a restart")


@case("ARI: a window in the past causes a renewal at once, once, with `replaces`")
def ari_past(world):
    lab = Lab(world)
    due = []
    lab.proxy.ari = lambda certificate: window(-100, -50) if certificate in due else window(30 * DAY, 31 * DAY)
    gate = lab.gateway(["a.test"])
    first = lab.wait_for("a.test")
    gate.stop()
    due.append(ari_id(first.pem))
    lab.gateway(["a.test"])
    second = lab.wait_for("a.test", but=first.serial)
    equal(lab.proxy.answered("new_order")[-1].payload.get("replaces"), ari_id(first.pem), "the certificate that the order replaces")
    check(ari_id(first.pem) in [r.target.rsplit("/", 1)[1] for r in lab.proxy.seen("renewal_info")], "the CA was not asked")
    check(second.public_key != first.public_key, "the key was not changed")
    time.sleep(1)
    equal(lab.issued(), 2, "certificates")


@case("ARI: inverted, null, past expiry, much too long, an error: none causes a renewal now")
def ari_strange(world):
    lab = Lab(world)
    answers = [window(-50, -100), {"suggestedWindow": None}, {"suggestedWindow": {"start": "yesterday", "end": 7}},
               window(100 * 366 * DAY, 101 * 366 * DAY), caproxy.Reply(500, b"<html>"), caproxy.Reply(200, b"null"),
               caproxy.Reply(200, b'{"suggestedWindow":{"start":"2020-01-01T'), caproxy.Reply(404, {})]
    lab.proxy.ari = lambda certificate: window(30 * DAY, 31 * DAY)
    gate = lab.gateway(["a.test"])
    first = lab.wait_for("a.test")
    for answer in answers:
        gate.stop()
        lab.proxy.forget()
        lab.proxy.ari = lambda certificate, answer=answer: answer
        gate = lab.gateway(["a.test"])
        lab.proxy.wait_for("renewal_info")
        equal(lab.wait_for("a.test").serial, first.serial, "the certificate")
        check(not lab.proxy.seen("new_order"), f"ordered after {answer}")
    equal(lab.issued(), 1, "certificates")


@case("replaces refused, with 409 alreadyReplaced or because it belongs to another account: ordered without it")
def replaces(world):
    lab = Lab(world)
    due = []
    lab.proxy.ari = lambda certificate: window(-100, -50) if certificate in due else window(30 * DAY, 31 * DAY)
    gate = lab.gateway(["a.test"])
    leaf = lab.wait_for("a.test")
    for error in (caproxy.problem(409, "alreadyReplaced"), caproxy.problem(404, "malformed", "no such certificate of this account"),
                  caproxy.problem(403, "unauthorized", "requester account did not request the certificate being replaced")):
        gate.stop()
        due.append(ari_id(leaf.pem))
        rule = lab.proxy.on("new_order", error, when=lambda request: "replaces" in (request.payload or {}))
        gate = lab.gateway(["a.test"])
        leaf = lab.wait_for("a.test", but=leaf.serial)
        equal(rule.hits, 1, "orders that replace a certificate")
        check("replaces" not in lab.proxy.answered("new_order")[-1].payload, "the order replaces a certificate")
        rule.end()
    equal(lab.issued(), 4, "certificates")


@case("the commands: status shows names, expiry and next attempt; renew orders at once; revoke contacts the CA")
def commands(world):
    lab = Lab(world)
    lab.gateway(["a.test"])
    first = lab.wait_for("a.test")
    status = lab.command("status").stdout
    check("a.test" in status and time.strftime("%Y", time.gmtime(first.end)) in status, f"status says {status!r}")
    result = lab.command("renew", "a.test")
    equal(result.returncode, 0, f"the exit code of renew, {result.stdout!r} {result.stderr!r}")
    second = lab.wait_for("a.test", but=first.serial)
    result = lab.command("revoke", "a.test")
    equal(result.returncode, 0, f"the exit code of revoke, {result.stdout!r} {result.stderr!r}")
    wait_until(lambda: lab.pebble.status(second.serial) == "Revoked", 20, "the CA to have revoked it")
    third = lab.wait_for("a.test", but=second.serial)
    check(third.public_key != second.public_key, "the key of the revoked certificate is still used")
    result = lab.command("renew", "b.test")
    check(result.returncode != 0 and "b.test" in result.stdout + result.stderr, f"renew of an unknown name: {result}")


@case("revoked by command, and killed before the new order: ordered after the restart; the revoked certificate is not kept")
def revoked_and_killed(world):
    lab = Lab(world)
    gate = lab.gateway(["a.test"])
    first = lab.wait_for("a.test")
    equal(lab.command("renew", "a.test").returncode, 0, "the exit code of renew")
    second = lab.wait_for("a.test", but=first.serial)
    wait_until(lambda: lab.files("acme/previous"), 10, "the previous pair to be kept")
    rule = lab.proxy.on("new_order", caproxy.html(503))
    equal(lab.command("revoke", "a.test").returncode, 0, "the exit code of revoke")
    equal(len(lab.files("acme/requests")), 1, "requests in the store")
    wait_until(lambda: rule.hits, 20, "the new order")
    gate.kill()
    rule.end()
    lab.gateway(["a.test"])
    third = lab.wait_for("a.test", but=second.serial)
    wait_until(lambda: Leaf(read(lab.kept("a.test"))).serial == third.serial, 10, "the new pair in the store")
    equal(lab.files("acme/previous"), [], "pairs that are kept")
    wait_until(lambda: not lab.files("acme/requests"), 10, "the request to be removed")
    equal(lab.issued(), 3, "certificates")


@case("a certificate that is not valid yet is not served, nor ordered again and again; the old one is served")
def future(world):
    lab = Lab(world)
    other = Authority(world)
    due = []
    lab.proxy.ari = lambda certificate: window(-100, -50) if certificate in due else window(30 * DAY, 31 * DAY)
    gate = lab.gateway(["a.test"])
    first = lab.wait_for("a.test")
    gate.stop()
    due.append(ari_id(first.pem))
    lab.proxy.on("certificate", caproxy.other_chain(lambda csr, names: other.issue(csr, names, begin=2 * DAY, end=90 * DAY)))
    lab.gateway(["a.test"], retry="1m")
    lab.proxy.wait_for("certificate", 2)
    time.sleep(2)
    equal(Leaf(lab.chain("a.test")).serial, first.serial, "the certificate served")
    check(lab.issued() <= 2, f"{lab.issued()} certificates")


if __name__ == "__main__":
    main()
