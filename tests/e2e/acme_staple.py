# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""acme: OCSP answers, from a responder by openssl: stapled, not stapled when they are worth nothing, and what a revocation does."""

import calendar
import os
import re
import subprocess
import threading
import time

from acmelab import Lab, entry
from harness import Clock, case, check, equal, main, wait_until
from pebble import Authority, Leaf, openssl


def issue(world, authority, **options):
    """A key and a chain for s.test that names the authority's responder."""
    key = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    path = world.write("staple.key", key)
    request = openssl("req", "-new", "-key", path, "-subj", "/CN=s.test", "-outform", "DER", binary=True)
    return key, authority.issue(request, ["s.test"], end=30 * 86400, ocsp=True, **options)


def keep(lab, authority, **options):
    """Puts a pair of the authority into the store, as if it, or another gateway, had obtained it. Returns the chain."""
    key, chain = issue(lab.world, authority, **options)
    folder = os.path.join(lab.state, "acme", "certificates")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    os.chmod(lab.state, 0o700)
    entry(os.path.join(folder, "s.test"), key + chain)
    return chain


def status(lab, root):
    """What openssl says of the handshake, with its verification and the stapled answer's."""
    words = ["openssl", "s_client", "-connect", f"127.0.0.1:{lab.pebble.tls}", "-servername", "s.test", "-status", "-CAfile", root]
    return subprocess.run(words, input="", capture_output=True, text=True, timeout=30).stdout


def produced_at(lab, root):
    """When the responder has made the answer that is stapled; an answer must be there."""
    moment = re.search(r"^\s*Produced At: (.*) GMT$", status(lab, root), re.M)
    check(moment, "no answer is stapled")
    return calendar.timegm(time.strptime(moment.group(1), "%b %d %H:%M:%S %Y"))


@case("where the authority has a responder its answer is stapled, and asked for once")
def stapled(world):
    lab, authority = Lab(world), Authority(world)
    keep(lab, authority)
    lab.gateway(["s.test"])
    said = wait_until(lambda: "OCSP Response Status: successful" in status(lab, authority.root) and status(lab, authority.root),
                      20, "a stapled answer")
    check("Cert Status: good" in said and "Verify return code: 0" in said, said)
    for _ in range(5):
        check("Cert Status: good" in status(lab, authority.root), "an answer is missing")
    equal(authority.questions, 1, "questions to the responder")
    equal(lab.issued(), 0, "certificates issued anew")


@case("an answer that is nonsense, another authority's or another certificate's is not stapled; the certificate is served")
def worthless(world):
    lab, authority, other = Lab(world), Authority(world), Authority(world, "other")
    good = authority.ocsp
    sibling = world.write("sibling.pem", issue(world, authority)[1])
    openssl("ocsp", "-issuer", authority.root, "-cert", sibling, "-reqout", world.path("sibling.der"))
    with open(world.path("sibling.der"), "rb") as file:
        of_sibling = file.read()
    for wrong, reason in ((lambda question: b"nonsense", "not an OCSP answer"),
                          (other.ocsp, "the answer is not signed by the authority"),
                          (lambda question: good(of_sibling), "the answer is for another certificate")):
        authority.ocsp = wrong
        if not os.path.exists(lab.state):
            keep(lab, authority)
        gate = lab.gateway(["s.test"])
        gate.wait_for(f"no OCSP answer: {reason}; asked again in 60 s", 20)
        said = status(lab, authority.root)
        check("no response sent" in said and "Verify return code: 0" in said, said)
        gate.stop()
    authority.ocsp = good
    lab.gateway(["s.test"])
    wait_until(lambda: "Cert Status: good" in status(lab, authority.root), 20, "a stapled answer")


@case("an answer that expires is asked for anew in time, or at once when the clock has jumped; an expired one is not stapled")
def expired(world):
    lab, authority, clock = Lab(world), Authority(world), Clock(world)
    keep(lab, authority)
    gate = lab.gateway(["s.test"], world={"preload": clock})
    wait_until(lambda: "Cert Status: good" in status(lab, authority.root), 20, "a stapled answer")
    equal(authority.questions, 1, "questions to the responder")
    first = produced_at(lab, authority.root)
    wait_until(lambda: time.time() > first + 1, 5, "another second")  # answers are told apart by it
    clock.pass_by(160)  # the answer was good for 300 s
    wait_until(lambda: authority.questions == 2, 20, "a question in the middle of the answer's time")
    wait_until(lambda: produced_at(lab, authority.root) > first, 20, "the second answer")
    # By the gateway's clock what the responder says now has expired, too.
    clock.set_by(600)
    check("no response sent" in status(lab, authority.root), "an answer that has expired is stapled")
    gate.wait_for("no OCSP answer: the answer is not of this time; asked again in 60 s", 20)
    equal(authority.questions, 3, "questions after the clock has jumped")
    check("no response sent" in status(lab, authority.root), "an answer that came expired is stapled")
    clock.set_by(-760)
    clock.pass_by(61)
    wait_until(lambda: "Cert Status: good" in status(lab, authority.root), 20, "a stapled answer")


@case("a certificate that the responder calls revoked is replaced at once, with a new key")
def revoked(world):
    lab, authority = Lab(world), Authority(world)
    chain = keep(lab, authority)
    authority.revoke(chain)
    gate = lab.gateway(["s.test"])
    gate.wait_for(r"was revoked, says http://127", 20)
    leaf = lab.wait_for("s.test")
    check(leaf.public_key != Leaf(chain).public_key, "the new certificate has the old key")
    equal(lab.issued(), 1, "certificates issued")


def shown(lab, root):
    """The serial number of what is shown, and whether with an answer that is good."""
    said = status(lab, root)
    check("Verify return code: 0" in said, said)
    return Leaf(re.search("Server certificate\n(.*?END CERTIFICATE-----)", said, re.S).group(1)).serial, "Cert Status: good" in said


@case("must-staple: a new pair is shown once it has its answer, the one before until then; and at once after a restart")
def must_staple(world):
    lab, authority = Lab(world), Authority(world)
    answer, released = authority.ocsp, threading.Event()

    def slow(question):
        released.wait(60)
        return answer(question)

    first = Leaf(keep(lab, authority, must_staple=True)).serial
    gate = lab.gateway(["s.test"])
    wait_until(lambda: shown(lab, authority.root) == (first, True), 20, "a stapled answer")
    authority.ocsp = slow
    second = Leaf(keep(lab, authority, must_staple=True)).serial
    gate.wait_for("is used from now on", 20)
    wait_until(lambda: authority.questions == 2, 20, "the responder to be asked")
    equal(shown(lab, authority.root), (first, True), "what is shown while the responder takes its time")
    released.set()
    wait_until(lambda: shown(lab, authority.root) == (second, True), 20, "the new pair with its answer")
    wait_until(lambda: lab.files("acme/staples"), 20, "the answer in the store")
    gate.stop()
    authority.ocsp = lambda question: b"nonsense"
    lab.gateway(["s.test"])
    wait_until(lambda: shown(lab, authority.root) == (second, True), 20, "the answer of the process before")
    equal(authority.questions, 2, "questions to the responder")


@case("must-staple: where none before can be shown with an answer, the new pair is shown without; what need not have one, at once")
def must_staple_alone(world):
    lab, authority = Lab(world), Authority(world)
    answer = authority.ocsp
    authority.ocsp = lambda question: b"nonsense"
    first = Leaf(keep(lab, authority, must_staple=True)).serial
    gate = lab.gateway(["s.test"])
    gate.wait_for("no OCSP answer", 20)
    equal(shown(lab, authority.root), (first, False), "the first pair")
    second = Leaf(keep(lab, authority, must_staple=True)).serial
    wait_until(lambda: shown(lab, authority.root) == (second, False), 20, "the second pair")
    gate.stop()
    authority.ocsp = answer
    lab.gateway(["s.test"])
    wait_until(lambda: shown(lab, authority.root) == (second, True), 20, "a stapled answer")
    authority.ocsp = lambda question: b"nonsense"
    third = keep(lab, authority)
    wait_until(lambda: shown(lab, authority.root) == (Leaf(third).serial, False), 20, "one that need not have an answer")


if __name__ == "__main__":
    main()
