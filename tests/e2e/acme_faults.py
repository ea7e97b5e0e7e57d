# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""acme: faults of a CA, of the connection to it, of the disk and of hooks.

The numbers refer to acme_issue.py:

 1 badNonce                         "an answer without a nonce …", "bad nonces forever …"
 2 order invalid                    "a challenge that fails …"
 3 forever                          "pending forever …", "processing forever …"
 4 already valid                    "authorizations that are already valid …", "an order that the CA reuses …"
 5 Retry-After                      "429 …", "Retry-After as a date …", "an absurd Retry-After …"
 6 CA down                          "a CA that is down …", "another CA …", "a CA that hangs …"
 7 strange answers                  "each kind of answer is corrupted …", "http URLs …", "redirects …"
 9 disk                             "a full disk …", "a read-only store …", "the disk fills up …"
11 damaged entries                  "damaged entries …", "a damaged entry with a CA that is down …"
12 the leaf is checked              "an unusable leaf …"
17 accounts                         "an account that the CA has forgotten …", "an account that was deactivated …", "the terms …"
18 blocked names                    "a name that the CA blocks …"
20 cluster                          "three gateways …", "of two gateways …"
24 hooks, warnings                  "hooks that hang or fail …", "a certificate about to expire …"
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import caproxy
from acme_client import Client
from acme_lab import Lab, PATIENCE, entry, gaps, log_lines, read
from caproxy import problem
from harness import SANITIZERS, Clock, Failure, Skip, case, check, equal, free_port, main, note, scaled, wait_until
from pebble import Authority, Leaf, Pebble, openssl, split_chain

DAY = 86400


@case("an answer without a nonce: one is fetched")
def no_nonce(world):
    lab = Lab(world)

    def strip(call):
        reply = call.forward()
        reply.fields = [pair for pair in reply.fields if pair[0].lower() != "replay-nonce"]
        return reply

    for kind in ("new_account", "new_order", "authorization", "challenge", "finalize", "order"):
        lab.proxy.on(kind, strip)
    lab.gateway(["a.test"])
    lab.wait_for("a.test")
    equal(lab.issued(), 1, "certificates")


@case("bad nonces forever: a limited number of tries, then a pause")
def bad_nonces(world):
    lab = Lab(world)
    rule = lab.proxy.on("new_order", problem(400, "badNonce"))
    gate = lab.gateway(["a.test"], wait="0", retry="5s")
    gate.wait_for("badNonce|bad nonce|nonce", 10)
    tries = rule.hits
    check(2 <= tries <= 30, f"{tries} tries")
    time.sleep(1)
    equal(rule.hits, tries, "tries a second later")
    rule.end()
    lab.wait_for("a.test")


@case("a challenge that fails: the CA's explanation is logged, the rest is deactivated, a new order uses the other challenge")
def invalid(world):
    lab = Lab(world)
    # tls-alpn-01, which comes first, cannot work, as nothing listens where Pebble connects.
    tls = free_port()
    gate = lab.gateway([["a.test", "b.test"]], ports=(lab.pebble.http, tls), wait="0")
    lab.wait_for("b.test", port=tls)
    equal(lab.issued(), 1, "certificates")
    check(lab.pebble.orders() <= 3, f"{lab.pebble.orders()} orders")
    note(f"{len(lab.proxy.seen('challenge'))} challenges, {lab.pebble.orders()} orders")
    check("Failed to connect to" in gate.text(), "the CA's explanation was not logged")
    gone = [r for r in lab.proxy.answered("authorization") if (r.payload or {}).get("status") == "deactivated"]
    check(gone, "a pending authorization was left behind")


@case("pending forever: given up after a time-out and retried later; the old certificate is served in the meantime")
def pending(world):
    lab = Lab(world)
    gate = lab.gateway(["a.test"])
    first = lab.wait_for("a.test")

    def not_yet(document):
        document["status"] = "pending"

    rules = [lab.proxy.on(kind, caproxy.edit(not_yet, retry_after=60)) for kind in ("order", "authorization")]
    gate.stop()
    lab.proxy.forget()
    clock = Clock(world)
    gate = lab.gateway(["a.test"], world={"preload": clock})
    equal(lab.command("renew", "a.test").returncode, 0, "the exit code of renew")
    lab.pass_deadline(clock, "authorization", 2)
    gate.wait_for("the authority did not validate the challenge in time", 15)
    equal(Leaf(lab.chain("a.test")).serial, first.serial, "the certificate served")
    for rule in rules:
        rule.end()
    lab.wait_for("a.test", but=first.serial)
    check(lab.issued() == 2, f"{lab.issued()} certificates")


@case("processing forever: the same order is resumed, without a second certificate")
def processing(world):
    lab = Lab(world)

    def not_yet(document):
        if document["status"] == "valid":
            document["status"] = "processing"
            document.pop("certificate", None)

    rules = [lab.proxy.on(kind, caproxy.edit(not_yet, retry_after=60)) for kind in ("order", "finalize")]
    clock = Clock(world)
    gate = lab.gateway(["a.test"], wait="0", world={"preload": clock})
    lab.pass_deadline(clock, "finalize")
    gate.wait_for("the certificate was not issued in time; the order will be checked again later", 15)
    for rule in rules:
        rule.end()
    lab.wait_for("a.test")
    equal((lab.pebble.orders(), lab.issued()), (1, 1), "orders, certificates")


@case("authorizations that are already valid: no challenge is requested")
def valid_already(world):
    lab = Lab(world, reuse=100)
    lab.gateway(["a.test"])
    first = lab.wait_for("a.test")
    asked = len(lab.proxy.seen("challenge"))
    equal(lab.command("renew", "a.test").returncode, 0, "the exit code of renew")
    lab.wait_for("a.test", but=first.serial)
    equal(len(lab.proxy.seen("challenge")), asked, "challenges after the renewal")


@case("an order that the CA reuses: when pending, and when already valid")
def used_again(world):
    lab = Lab(world)
    lab.proxy.on("new_order", caproxy.reuse_pending_order())
    rule = lab.proxy.on("authorization", caproxy.html(500))
    gate = lab.gateway(["a.test"], wait="0")
    wait_until(lambda: rule.hits >= 2, 10, "two attempts")
    gate.stop()
    rule.end()
    shutil.rmtree(lab.state)  # nothing is known about the order except from the CA; the account has a new key then
    lab.proxy.forget()
    gate = lab.gateway(["a.test"])
    first = lab.wait_for("a.test")
    # The same after finalization: the CA returns the order with its certificate, whose key still exists.
    equal(lab.command("renew", "a.test").returncode, 0, "the exit code of renew")
    wait_until(lambda: len(lab.proxy.seen("new_order")) >= 2, 10, "another order")
    time.sleep(1)
    check(lab.is_good(lab.chain("a.test"), "a.test"), f"after {first.serial}, no valid certificate is served")


@case("429 with Retry-After for the account: the whole account pauses, even after a restart")
def retry_after(world):
    lab = Lab(world)
    rule = lab.proxy.on("new_order", problem(429, "rateLimited", "too many new orders from this account", retry_after=4), times=1)
    gate = lab.gateway(["a.test", "b.test"], wait="0")
    wait_until(lambda: rule.hits, 10, "the first order")
    gate.wait_for("too many new orders|rateLimited")
    gate.stop()
    limited = next(request for request in lab.proxy.seen("new_order") if request.status == 429)
    before = len(lab.proxy.seen())
    gate = lab.gateway(["a.test", "b.test"], wait="0")
    lab.wait_for("a.test")
    lab.wait_for("b.test")
    later = [r.began - limited.ended for r in lab.proxy.seen()[before:]
             if r.kind in ("new_order", "order", "authorization", "challenge", "finalize")]
    note(f"the account's next request was sent {min(later):.2f} s after the 429 with Retry-After: 4")
    check(min(later) >= 3.9, f"a request {min(later):.2f} s after 429 with Retry-After: 4")


@case("Retry-After as a date, with 503: obeyed")
def retry_date(world):
    lab = Lab(world)
    lab.proxy.on("new_order", lambda call: problem(503, "serverInternal", retry_after=caproxy.http_date(4))(call), times=1)
    lab.gateway(["a.test"], wait="0")
    lab.wait_for("a.test")
    first, second = lab.proxy.seen("new_order")[:2]
    check(second.began - first.ended >= 2.9, f"{second.began - first.ended:.2f} s after a Retry-After of 4 s, as a date")


@case("an absurd Retry-After (negative, words, centuries): no storm of requests, and no endless pause")
def retry_absurd(world):
    lab = Lab(world)
    for value in ("-5", "soon", "Thu, 01 Jan 1970 00:00:00 GMT", "0"):
        lab.proxy.on("new_order", problem(503, "serverInternal", retry_after=value), times=1)
    gate = lab.gateway(["a.test"], wait="0")
    lab.wait_for("a.test", 40)
    check(min(gaps(lab.proxy.seen("new_order"))) >= 0.1, f"pauses of {gaps(lab.proxy.seen('new_order'))}")
    gate.stop()
    lab.proxy.on("new_order", problem(429, "rateLimited", retry_after=10**12), times=1)
    gate = lab.gateway(["a.test", "b.test"], wait="0")
    gate.wait_for("rateLimited")
    line = wait_until(lambda: re.search(r"^.*b\.test.*$", lab.command("status").stdout, re.M), 10, "b.test in status").group(0)
    check(not re.search(r"\b(?:2[1-9]|[3-9]\d)\d\d-", line), f"the next attempt is {line}")


@case("a CA that is down: pauses; the old certificate is served; when the CA is back, a new one is obtained")
def down(world):
    lab = Lab(world)
    gate = lab.gateway(["a.test"])
    first = lab.wait_for("a.test")
    gate.stop()
    rule, before = lab.proxy.on(None, caproxy.html(503)), len(lab.proxy.seen())
    lab.gateway(["a.test", "b.test"], wait="0")
    equal(Leaf(lab.chain("a.test")).serial, first.serial, "the certificate served")
    wait_until(lambda: rule.hits >= 5, 30, "four attempts, and the query for renewal information")
    pauses = [pause for pause in gaps(lab.proxy.seen()[before:]) if pause > 0.5]
    note("pauses of " + " ".join(f"{pause:.2f}" for pause in pauses))
    check(1 <= pauses[0] < pauses[-1] <= 7, f"the pauses are {pauses}")
    rule.end()
    lab.wait_for("b.test")
    equal(lab.wait_for("a.test").serial, first.serial, "the certificate")


@case("another CA is used if the first is down or refuses")
def other_ca(world):
    lab = Lab(world)
    other = Pebble(world, name="other", beside=lab.pebble)
    lab.proxy.down()
    gate = lab.gateway(["a.test"], directory=[lab.proxy.directory, other.directory])
    lab.wait_for("a.test", root=other.root())
    equal((lab.issued(), len(other.issued())), (0, 1), "certificates from each")
    gate.stop()
    lab.proxy.up()
    lab.proxy.on("new_order", problem(403, "rejectedIdentifier", "policy forbids"))
    lab.gateway(["b.test"], directory=[lab.proxy.directory, other.directory])
    lab.wait_for("b.test", root=other.root())


@case("a CA that hangs: it does not delay the start, a self-signed certificate is served, and this is logged")
def hangs(world):
    lab = Lab(world)
    event = threading.Event()
    lab.proxy.on(None, caproxy.hold(event))
    began = time.monotonic()
    gate = lab.gateway(["a.test"], wait="1s")
    note(f"listening after {time.monotonic() - began:.2f} s")
    chain = lab.chain("a.test")
    check(not lab.is_good(chain, "a.test"), "a valid certificate while the CA hangs")
    equal(Leaf(chain).names, ["a.test"], "the names in the self-signed one")
    gate.wait_for("(?i)self-signed")
    equal(world.curl("/", host="a.test", want="%{http_code}") != "000", True, "plain HTTP is served")
    event.set()
    lab.wait_for("a.test")


FAULTS = {
    "html": caproxy.html(500), "good html": caproxy.html(200), "truncated": caproxy.truncated_json(), "null": caproxy.null_json(),
    "oversized": caproxy.oversized(8 << 20), "cut": caproxy.cut(), "answer lost": caproxy.cut(before=False),
    "half an answer": caproxy.cut(before=False, sent=200), "redirect": caproxy.redirect("https://localhost:1/"),
    "empty": caproxy.answer(200), "problem": problem(500, "serverInternal"), "list": caproxy.replace_body(lambda body: b"[1,2,3]"),
}


@case("each kind of answer is corrupted in twelve ways: a certificate is obtained, and only one", seconds=240)
def spoilt(world):
    lab = Lab(world)
    rules, ways = [], list(FAULTS)
    kinds = ("directory", "new_nonce", "new_account", "new_order", "authorization", "challenge", "finalize", "order", "certificate")
    for number, kind in enumerate(kinds):
        for step in range(scaled(2, 1)):
            way = ways[(number * 5 + step * 7) % len(ways)]
            if kind == "new_nonce" and "answer" not in way:  # its result is in a field
                way = "redirect"
            rules.append((kind, way, lab.proxy.on(kind, FAULTS[way], times=1)))
    clock = Clock(world)
    gate = lab.gateway(["a.test"], wait="0", world={"preload": clock})
    for _ in range(40):
        try:
            lab.wait_for("a.test", 2)
            break
        except Failure:
            clock.pass_by(400)  # the pause after so many failures
    lab.wait_for("a.test")
    missed = [(kind, name) for kind, name, rule in rules if not rule.hits]
    note(f"{len(rules) - len(missed)} of {len(rules)} faults in {len(lab.proxy.seen())} requests, {lab.pebble.orders()} orders")
    check(len(missed) <= len(rules) / 3, f"not reached: {missed}")
    equal((lab.pebble.accounts(), lab.issued()), (1, 1), "accounts, certificates")
    if not SANITIZERS:
        check(gate.status("VmHWM") < 120 << 20, f"{gate.status('VmHWM') >> 20} MiB at most")


@case("TLS failures: an untrusted certificate, a wrong name, no TLS at all; no request is sent")
def tls_failures(world):
    lab = Lab(world)
    lab.proxy.context = lab.proxy.distrusted_context()
    gate = lab.gateway(["a.test"], wait="0")
    gate.wait_for(r"a\.test: no certificate: .*[Cc]ertificate")
    equal(lab.proxy.seen(), [], "requests over an untrusted connection")
    lab.proxy.context = lab.proxy.good_context()
    lab.wait_for("a.test")


@case("http URLs in the directory and in answers are not followed")
def http_urls(world):
    lab = Lab(world)
    with socket.create_server(("127.0.0.1", 0)) as plain:
        plain.settimeout(0.1)
        base = f"http://127.0.0.1:{plain.getsockname()[1]}"
        lab.proxy.edit_directory = lambda document: document.update(newAccount=base + "/account")
        gate = lab.gateway(["a.test"], wait="0")
        gate.wait_for("not an ACME directory: newAccount is not an https URL")
        lab.proxy.edit_directory = lambda document: None
        rules = [lab.proxy.on("order", caproxy.edit(lambda document: document.update(finalize=base + "/finalize")), times=2),
                 lab.proxy.on("new_order", caproxy.edit(lambda document: document.update(authorizations=[base])), times=1)]
        lab.wait_for("a.test")
        equal([rule.hits for rule in rules], [2, 1], "orders with such URLs")
        try:
            plain.accept()
            check(False, "an http URL was followed")
        except socket.timeout:
            pass


@case("redirects are not followed")
def redirects(world):
    lab = Lab(world)
    with socket.create_server(("127.0.0.1", 0)) as plain:
        plain.settimeout(0.1)
        for scheme in ("http", "https"):
            target = f"{scheme}://127.0.0.1:{plain.getsockname()[1]}/"
            for kind, status in (("directory", 301), ("new_order", 307)):
                lab.proxy.on(kind, caproxy.redirect(target, status), times=1)
        lab.gateway(["a.test"], wait="0")
        lab.wait_for("a.test", 60)
        try:
            plain.accept()
            check(False, "a redirect was followed")
        except socket.timeout:
            pass
    equal(lab.issued(), 1, "certificates")


# ---- The disk ----


def small_disk(world, path, size="256k"):
    """Mounts a file system of that size at a path until the case ends."""
    os.makedirs(path, mode=0o700, exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", path], capture_output=True)
    if mounted.returncode != 0:
        raise Skip("mounting needs root")
    world.undo.append(lambda: subprocess.run(["umount", "-l", path], capture_output=True))


def fill(path):
    name = os.path.join(path, "filler")
    with open(name, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return name


@case("a full disk: noticed and logged before anything is ordered, and retried when there is room")
def disk_full(world):
    lab = Lab(world)
    small_disk(world, lab.state)
    filler, clock = fill(lab.state), Clock(world)
    gate = lab.gateway(["a.test"], wait="0", world={"preload": clock})
    gate.wait_for(r"(?i)no space left")
    time.sleep(1)
    equal(lab.pebble.orders(), 0, "orders")
    os.unlink(filler)
    clock.pass_by(61)
    lab.wait_for("a.test")
    equal(lab.issued(), 1, "certificates")


@case("a read-only store: existing certificates are served, nothing is ordered")
def read_only(world):
    lab = Lab(world)
    small_disk(world, lab.state)
    gate = lab.gateway(["a.test"])
    first = lab.wait_for("a.test")
    gate.stop()
    subprocess.run(["mount", "-o", "remount,ro", lab.state], check=True)
    clock = Clock(world)
    gate = lab.gateway(["a.test", "b.test"], wait="0", world={"preload": clock})
    equal(lab.wait_for("a.test").serial, first.serial, "the certificate served")
    gate.wait_for(r"(?i)b\.test: nothing was ordered: .*read-only")
    equal(lab.pebble.orders(), 1, "orders")
    subprocess.run(["mount", "-o", "remount,rw", lab.state], check=True)
    clock.pass_by(61)
    lab.wait_for("b.test")


@case("the disk fills up while the certificate is downloaded: it is served, and saved when there is room")
def disk_fills(world):
    lab = Lab(world)
    small_disk(world, lab.state)
    filler = []

    def fill_now(call):
        filler.append(fill(lab.state))

    lab.proxy.on("certificate", fill_now, times=1)
    clock = Clock(world)
    gate = lab.gateway(["a.test"], wait="0", world={"preload": clock})
    first = lab.wait_for("a.test")
    gate.wait_for(r"(?i)no space left")
    os.unlink(filler[0])
    clock.pass_by(61)

    def saved():
        try:
            return Leaf(read(lab.kept("a.test"))).serial == first.serial
        except Exception:  # not there yet
            return False

    wait_until(saved, PATIENCE, "the certificate to be saved")
    gate.stop()
    lab.gateway(["a.test"])
    equal(lab.wait_for("a.test").serial, first.serial, "the certificate after a restart")
    equal(lab.issued(), 1, "certificates")


@case("damaged entries (empty, truncated, with another key, without a key): quarantined, and ordered again", seconds=180)
def damaged(world):
    lab = Lab(world)
    gate = lab.gateway(["a.test"])
    leaf = lab.wait_for("a.test")
    other_key = openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout")

    def value():
        return read(lab.kept("a.test")).split("\n", 1)[1]

    damages = {
        "empty": lambda path: world.write(path, ""), "cut": lambda path: os.truncate(path, 500),
        "noise": lambda path: world.write(path, "\0\1\2" * 100),
        # These are intact from the store's point of view.
        "another key": lambda path: entry(path, other_key + "".join(split_chain(value()))),
        "no key": lambda path: entry(path, "".join(split_chain(value()))), "nothing": lambda path: entry(path, ""),
        "no PEM": lambda path: entry(path, "hello"),
    }
    for name, damage in damages.items():
        gate.stop()
        damage(lab.kept("a.test"))
        gate = lab.gateway(["a.test"])
        leaf = lab.wait_for("a.test", but=leaf.serial)
        note(f"{name}: {log_lines(gate, 'a.test')[0]}")
    check(len(lab.files(".quarantine")) >= 3, f"quarantined: {lab.files('.quarantine')}")
    equal(lab.issued(), 1 + len(damages), "certificates")


@case("a damaged entry with a CA that is down: the previous certificate is served until there is a new one", seconds=180)
def previous(world):
    lab = Lab(world)
    gate = lab.gateway(["a.test"])
    first = lab.wait_for("a.test")
    equal(lab.command("renew", "a.test").returncode, 0, "the exit code of renew")
    leaf = lab.wait_for("a.test", but=first.serial)
    wait_until(lambda: Leaf(read(lab.kept("a.test"))).serial == leaf.serial, 10, "the new pair in the store")
    kept = os.path.join(lab.state, "acme/previous/a.test")
    for name, damage in (("empty", lambda path: world.write(path, "")), ("no key", lambda path: entry(path, leaf.pem)),
                         ("gone", os.unlink), ("mangled", lambda path: entry(path, read(path).split("\n", 1)[1].replace("M", "N", 9)))):
        gate.stop()
        damage(lab.kept("a.test"))
        rule = lab.proxy.on(None, caproxy.html(503))
        for _ in range(2):  # the store quarantines a damaged file when it first reads it
            gate = lab.gateway(["a.test"], wait="0")
            equal(Leaf(lab.chain("a.test")).serial, first.serial, f"the certificate served, {name}")
            gate.wait_for(f"a.test: using the previous certificate, {first.serial.lower()}")
            gate.wait_for("a.test: no certificate: .*503")
            gate.stop()
        rule.end()
        gate = lab.gateway(["a.test"])
        leaf = lab.wait_for("a.test", but=first.serial)
        wait_until(lambda: Leaf(read(lab.kept("a.test"))).serial == leaf.serial, 10, "the new pair in the store")
        equal([os.path.basename(path) for path in lab.files("acme/previous")], ["a.test"], "the pairs kept")
        equal(openssl("pkey", "-pubout", text=read(kept).encode()), first.public_key, "the key of the previous one")
        equal(os.stat(kept).st_mode & 0o777, 0o600, "its mode")
    equal(len(lab.files("acme/quarantine")), 1, "quarantined entries that were intact from the store's point of view")
    lab.command("renew", "a.test")
    lab.wait_for("a.test", but=leaf.serial)
    wait_until(lambda: Leaf(read(kept)).serial == leaf.serial, 10, "the renewed pair, next to the new one")


@case("an unusable leaf (another key, another name, expired): not used, and logged; the old one is served")
def alien_leaf(world):
    lab = Lab(world)
    other = Authority(world)
    gate = lab.gateway(["a.test"])
    first = lab.wait_for("a.test")
    key = world.path("alien.key")
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    alien = openssl("req", "-new", "-key", key, "-subj", "/CN=x", "-outform", "DER", binary=True)
    for make in (lambda csr, names: other.issue(alien, names), lambda csr, names: other.issue(csr, ["b.test"]),
                 lambda csr, names: other.issue(csr, names, begin=-7200, end=-3600), lambda csr, names: "", lambda csr, names: "hello"):
        rule = lab.proxy.on("certificate", caproxy.other_chain(make))
        equal(lab.command("renew", "a.test").returncode, 0, "the exit code of renew")
        wait_until(lambda: rule.hits, 10, "the download")
        time.sleep(0.3)
        equal(Leaf(lab.chain("a.test")).serial, first.serial, "the certificate served")
        rule.end()
    del gate
    lab.wait_for("a.test", but=first.serial)


# ---- Accounts and names ----


@case("an account that the CA has forgotten is created again, automatically")
def forgotten(world):
    lab = Lab(world)
    gate = lab.gateway(["a.test"])
    lab.wait_for("a.test")
    gate.stop()
    lab.pebble.stop()
    lab.pebble.start()
    lab.root = lab.pebble.root()
    lab.gateway(["a.test", "b.test"], wait="0")
    lab.wait_for("b.test")


@case("an account that was deactivated: a new one is created, with a new key")
def deactivated(world):
    lab = Lab(world)
    gate = lab.gateway(["a.test"])
    lab.wait_for("a.test")
    gate.stop()
    account = next(path for path in lab.files() if "account" in path and "PRIVATE KEY" in read(path))
    world.write("owner-account.key", json.loads(read(account).split("\n", 1)[1])["key"])
    owner = Client(world, lab.pebble.directory, "owner")
    owner.register(onlyReturnExisting=True)
    owner.post(owner.account, {"status": "deactivated"})
    lab.gateway(["a.test", "b.test"], wait="0")
    lab.wait_for("b.test")
    first, second = [lab.proxy.answered("new_account")[index].head["jwk"] for index in (0, -1)]
    check(first != second, "the key is that of the deactivated account")


@case("the terms of service have changed: they are logged, and orders continue once they are agreed to")
def terms(world):
    lab = Lab(world)
    rule = lab.proxy.on("new_order", problem(403, "userActionRequired", "terms of service have changed",
                                             instance="https://ca.test/agree"), times=2)
    gate = lab.gateway(["a.test"], wait="0")
    gate.wait_for("terms of service have changed")
    lab.wait_for("a.test")
    check(rule.hits >= 1, "no order was refused")


@case("a name that the CA blocks is tried daily, not again and again; other certificates are not delayed")
def blocked(world):
    lab = Lab(world, blocked=["blocked.test"])
    gate = lab.gateway(["blocked.test", "a.test"], wait="0")
    lab.wait_for("a.test")
    gate.wait_for("rejectedIdentifier|blocked")
    refused = [r for r in lab.proxy.seen("new_order") if "blocked.test" in str(r.payload) and r.status and r.status >= 400]
    time.sleep(1.5)
    again = [r for r in lab.proxy.seen("new_order") if "blocked.test" in str(r.payload) and r.status and r.status >= 400
             and "badNonce" not in str(r.reply.body)]
    check(len(again) <= 2, f"{len(again)} orders for a blocked name, {len(refused)} before")


# ---- Several gateways ----


@case("three gateways with one store: one order; any of them can answer the CA; the others load the result", seconds=180)
def cluster(world):
    lab = Lab(world)
    event = threading.Event()
    lab.proxy.on("new_order", caproxy.hold(event))
    # The CA connects only to the last one, and the first one orders.
    places = [(free_port(), free_port()), (free_port(), free_port()), (lab.pebble.http, lab.pebble.tls)]
    gates = [lab.gateway(["a.test"], ports=ports, wait="0") for ports in places]
    event.set()
    leaves = {lab.wait_for("a.test", 60, port=tls).serial for _, tls in places}
    equal(len(leaves), 1, "the certificates served")
    equal((lab.pebble.accounts(), lab.pebble.orders(), lab.issued()), (1, 1, 1), "accounts, orders, certificates")
    gates[0].stop()
    first = leaves.pop()
    result = lab.command("renew", "a.test")
    equal(result.returncode, 0, f"the exit code of renew, {result.stdout!r} {result.stderr!r}")
    equal(len({lab.wait_for("a.test", 60, but=first, port=tls).serial for _, tls in places[1:]}), 1, "certificates after the renewal")
    equal(lab.issued(), 2, "certificates")


@case("of two gateways with one store, the one with an order is killed: the other continues that order", seconds=180)
def dead_holder(world):
    lab = Lab(world)
    both = threading.Event()

    def act(call):
        call.forward()
        both.wait(60)
        first.kill()
        raise caproxy.Cut()

    lab.proxy.on("finalize", act, times=1)
    first = lab.gateway(["a.test"], wait="0")
    place = (free_port(), free_port())
    lab.gateway(["a.test"], ports=place, wait="0")
    both.set()
    lab.wait_for("a.test", 60, port=place[1])
    equal((lab.pebble.accounts(), lab.pebble.orders(), lab.issued()), (1, 1, 1), "accounts, orders, certificates")


@case("of two gateways with one store, the one with an order hangs: the other takes over; the first does no harm when it continues",
      seconds=240)
def hanging_holder(world):
    lab = Lab(world)
    both = threading.Event()

    def act(call):
        both.wait(60)
        time.sleep(0.5)  # not in the middle of writing, when it holds the store's lock
        first.signal(signal.SIGSTOP)

    lab.proxy.on("finalize", act, times=1)
    first = lab.gateway(["a.test"], wait="0")
    place, clock = (free_port(), free_port()), Clock(world)
    lab.gateway(["a.test"], ports=place, wait="0", world={"preload": clock})
    both.set()
    wait_until(lambda: "T (stopped)" in read(f"/proc/{first.pid}/status"), 20, "the first to be suspended")
    clock.pass_by(40)  # the lease lasts 30 s
    try:
        leaf = lab.wait_for("a.test", 150, port=place[1])
    finally:
        first.signal(signal.SIGCONT)
    equal(lab.wait_for("a.test").serial, leaf.serial, "the certificate served by the first after it continued")
    equal((lab.pebble.accounts(), lab.issued()), (1, 1), "accounts, certificates")


# ---- Hooks, warnings ----


@case("hooks that hang or fail: killed after a time-out, logged, retried; nothing is left behind")
def hooks(world):
    lab = Lab(world)
    path = lab.pebble.dns_hook(f"""[ -e {world.path('hang')} ] && {{ echo $$ >>{world.path('hook-pids')}; exec sleep 300; }}
            [ -e {world.path('fail')} ] && {{ echo 'no such zone' >&2; exit 3; }}""")
    world.write("hang", "")
    world.write("fail", "")
    event_hook = world.write("hook", "#!/bin/sh\nexit 7\n")
    os.chmod(event_hook, 0o755)
    clock = Clock(world)
    gate = lab.gateway([["*.w.test"]], solvers=(), dns_hook=path, hook=event_hook, wait="0", world={"preload": clock})
    wait_until(lambda: os.path.exists(world.path("hook-pids")), 20, "the hook to run")
    clock.pass_by(121)
    wait_until(lambda: len(read(world.path("hook-pids")).split()) == 2, 20, "the hook to run for the removal")
    os.unlink(world.path("hang"))
    clock.pass_by(121)
    gate.wait_for("hook.* was killed after 120 s", 20)
    gate.wait_for("hook.* exited with status 3: no such zone", 20)
    os.unlink(world.path("fail"))
    lab.wait_for("x.w.test")
    clock.pass_by(121)  # the removal of the record hangs, too
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in read(world.path("hook-pids")).split()), 10, "the end of the hooks")
    gate.wait_for("hook.* exited with status 7", 10)


@case("a certificate about to expire while the CA is down: a warning with the days left and the last error")
def warnings(world):
    lab = Lab(world, validity=3600)
    gate = lab.gateway(["a.test"])
    leaf = lab.wait_for("a.test")
    gate.stop()
    lab.proxy.on(None, caproxy.html(503))
    gate = lab.gateway(["a.test"], wait="0")
    equal(lab.command("renew", "a.test").returncode, 0, "the exit code of renew")
    line = gate.wait_for(r"^.*\"level\":\s*\"(?:warning|error)\".*a\.test.*$", 20).group(0)
    note(line)
    status = wait_until(lambda: "503" in lab.command("status").stdout and lab.command("status").stdout, 10, "the error in status")
    check("a.test" in status, f"status says {status!r}")
    gate.signal(signal.SIGUSR1)
    gate.wait_for(r'"acme","message":"attempts=\d+', 5)  # the oldest is the last to expire
    found = dict(re.findall(r'"acme","message":"(\w+(?:{.*?})?)=(\d+)"', gate.text()))
    equal(int(found["not_after{certificate=a.test}"]), leaf.end, "the metric for its expiry")
    check(int(found["next_try{certificate=a.test}"]) > time.time() - 60 and int(found["failures{certificate=a.test}"]) >= 1, found)
    check(int(found["errors{type=other}"]) >= 1, found)


if __name__ == "__main__":
    main()
