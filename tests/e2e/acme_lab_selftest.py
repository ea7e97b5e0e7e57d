# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""Tests of the tests' CAs and of the proxy that makes them fail: do they behave as acme_*.py expects? Checked by a separate
client, by curl and by openssl."""

import os
import subprocess
import sys
import threading
import time

import caproxy
from acme_client import Client, Problem
from caproxy import Proxy
from harness import Clock, Faultpoint, case, check, equal, main
from pebble import Authority, Leaf, Pebble, openssl, verify_chain


def curl(world, url, *words):
    """(exit code of curl, status, body)"""
    result = subprocess.run(["curl", "-sS", "--noproxy", "*", "--max-time", "20", "--cacert", world.path("ca.pem"), "-w",
                             "\n%{http_code}", *words, url], capture_output=True)
    body, _, status = result.stdout.decode(errors="replace").rpartition("\n")
    return result.returncode, int(status), body


@case("Pebble issues a certificate to a different client, despite 60 % bad nonces")
def issues(world):
    pebble = Pebble(world, bad_nonces=60)
    client = Client(world, pebble.directory)
    client.register()
    chain = client.obtain(["a.test", "b.test"], pebble.http)
    leaf = pebble.verify(chain, "b.test")
    equal(leaf.names, ["a.test", "b.test"], "names")
    equal([number.lstrip("0").upper() for number in pebble.issued()], [leaf.serial.lstrip("0")], "the certificates in its log")
    equal((pebble.orders(), pebble.accounts()), (1, 1), "orders and accounts")
    equal(pebble.status(leaf.serial), "Valid", "its status")
    equal(pebble.status("1234"), None, "the status of one that it has not issued")


@case("the proxy forwards to Pebble, and records what passes")
def passes(world):
    pebble = Pebble(world)
    proxy = Proxy(pebble)
    client = Client(world, proxy.directory)
    client.register(contact=["mailto:a@a.test"])
    chain = client.obtain(["a.test"], pebble.http)
    pebble.verify(chain, "a.test")
    equal(len(proxy.answered("new_order")), 1, "orders")
    equal(proxy.answered("new_account")[0].payload["contact"], ["mailto:a@a.test"], "the payload of an account")
    equal(proxy.answered("new_order")[0].head["kid"], client.account, "the account with the order")
    check(all(f":{proxy.port}/" in url for url in client.directory.values() if isinstance(url, str)), "a URL bypasses the proxy")
    equal(proxy.csr_of(proxy.seen("certificate")[0].target)[1], ["a.test"], "the names in the CSR")


@case("the proxy fails as requested: statuses, documents, connections")
def wrong(world):
    proxy = Proxy(Pebble(world))
    proxy.on("directory", caproxy.problem(429, "rateLimited", retry_after=7), times=1)
    code, status, body = curl(world, proxy.directory, "-i")
    equal((code, status), (0, 429))
    check("retry-after: 7" in body.lower() and "rateLimited" in body and "replay-nonce: " in body.lower(), f"a 429: {body}")
    for act, wanted in ((caproxy.html(503), "<html>"), (caproxy.null_json(), "null"),
                        (caproxy.redirect("http://127.0.0.1:1/"), ""), (caproxy.truncated_json(), "{")):
        proxy.on("directory", act, times=1)
        code, status, body = curl(world, proxy.directory)
        check(code == 0 and body.startswith(wanted) and not body.rstrip().endswith("}"), f"{wanted}: {code} {status} {body}")
    proxy.on("directory", caproxy.oversized(3 << 20), times=1)
    check(len(curl(world, proxy.directory)[2]) > 3 << 20, "the answer is not oversized")
    proxy.on("directory", caproxy.cut(), times=1)
    equal(curl(world, proxy.directory)[0] in (52, 56), True, "curl's exit code for a cut before any byte")
    proxy.on("directory", caproxy.cut(before=False, sent=150), times=1)
    equal(curl(world, proxy.directory)[0] in (18, 56), True, "curl's exit code for a cut in the answer")
    proxy.on("directory", caproxy.delay(0.5), times=1)
    began = time.monotonic()
    equal(curl(world, proxy.directory)[1], 200)
    check(time.monotonic() - began >= 0.5, "no delay")
    proxy.context = proxy.distrusted_context()
    equal(curl(world, proxy.directory)[0], 60, "curl's exit code for an untrusted certificate")
    proxy.context = proxy.good_context()
    proxy.down()
    equal(curl(world, proxy.directory)[0], 7, "curl's exit code if nothing listens")
    proxy.up()
    equal(curl(world, proxy.directory)[1], 200, "afterwards")


@case("the proxy cuts an answer after any byte")
def any_byte(world):
    proxy = Proxy(Pebble(world))
    size = len(curl(world, proxy.directory, "-i")[2])
    for sent in range(0, size, max(1, size // 20)):
        proxy.on("directory", caproxy.cut(before=False, sent=sent), times=1)
        code, _, body = curl(world, proxy.directory, "-i")
        check(code != 0 and len(body) <= sent, f"cut after {sent} of {size}: curl's exit code {code}, {len(body)} bytes")


@case("the proxy holds a request until it is released")
def holds(world):
    proxy = Proxy(Pebble(world))
    event, result = threading.Event(), []
    proxy.on("directory", caproxy.hold(event), times=1)
    thread = threading.Thread(target=lambda: result.append(curl(world, proxy.directory)[1]))
    thread.start()
    proxy.wait_for("directory")
    equal(curl(world, proxy.directory)[1], 200, "another request in the meantime")
    equal(result, [], "the held request")
    event.set()
    thread.join()
    equal(result, [200], "the released request")


@case("the proxy provides renewal information, profiles, reused orders and errors that Pebble lacks")
def lacks(world):
    pebble = Pebble(world)
    proxy = Proxy(pebble)
    proxy.ari = lambda certificate: caproxy.window(-20, -10, explanationURL=f"https://a.test/{certificate}")
    proxy.profiles = {"short": "https://a.test/short"}
    client = Client(world, proxy.directory)
    equal(client.directory["meta"]["profiles"], {"short": "https://a.test/short"}, "profiles")
    client.register()
    chain = client.obtain(["a.test"], pebble.http)
    code, status, body = curl(world, f"{client.directory['renewalInfo']}/{caproxy.ari_id(chain)}")
    equal((code, status), (0, 200))
    check(f"/{caproxy.ari_id(chain)}" in body and "suggestedWindow" in body, f"renewal information: {body}")
    proxy.on("new_order", caproxy.problem(409, "alreadyReplaced"), times=1, when=lambda request: "replaces" in request.payload)
    identifiers = [{"type": "dns", "value": "b.test"}]
    try:
        client.post(client.directory["newOrder"], {"identifiers": identifiers, "replaces": caproxy.ari_id(chain)})
        check(False, "there was no alreadyReplaced")
    except Problem as wrong_order:
        equal((wrong_order.status, wrong_order.type), (409, "alreadyReplaced"))
    proxy.on("new_order", caproxy.reuse_pending_order())
    first = client.post(client.directory["newOrder"], {"identifiers": identifiers})
    equal(client.post(client.directory["newOrder"], {"identifiers": identifiers})[1], first[1], "the order for the same name")
    check(client.post(client.directory["newOrder"], {"identifiers": [{"type": "dns", "value": "c.test"}]})[1] != first[1],
          "an order for another name is the same order")


@case("the CA based on openssl issues what is requested")
def authority(world):
    pebble = Pebble(world)
    proxy = Proxy(pebble)
    other = Authority(world)
    proxy.on("certificate", caproxy.other_chain(lambda csr, names: other.issue(csr, names, end=3600 * 24 * 90)))
    client = Client(world, proxy.directory)
    client.register()
    chain = client.obtain(["a.test"], pebble.http)
    verify_chain(world, chain, other.root, "a.test")
    leaf = Leaf(chain)
    check(89 < (leaf.end - time.time()) / 86400 < 91, f"{leaf.end - time.time()} s of validity")


@case("a program's clock shows what the test sets: time passes, or the clock is set")
def clock(world):
    simulated = Clock(world)

    def look():
        shown = subprocess.run([sys.executable, "-c", "import time; print(time.time(), time.monotonic())"], capture_output=True,
                               text=True, check=True, env={**os.environ, **simulated.environment}).stdout
        return [float(word) for word in shown.split()]

    for real, monotonic, change in ((0, 0, lambda: None), (7e6, 7e6, lambda: simulated.pass_by(7e6)),
                                    (-3e6, 7e6, lambda: simulated.set_by(-1e7))):
        change()
        shown = look()
        check(abs(shown[0] - time.time() - real) < 5 and abs(shown[1] - time.monotonic() - monotonic) < 5, f"{shown}")
        check(abs(simulated.time() - shown[0]) < 5, "the clock and the program disagree")


@case("a program is killed before a chosen change of a file")
def faultpoint(world):
    point = Faultpoint(world)
    script = f"""import os
folder = os.open({world.folder!r}, os.O_RDONLY)
for number in range(3):
    with open(f"{world.folder}/new", "w") as file:
        os.fsync(file.fileno())
    os.rename("new", f"file-{{number}}", src_dir_fd=folder, dst_dir_fd=folder)
"""
    for deadly, code, files in ((0, 0, 3), (1, -9, 0), (4, -9, 1), (5, -9, 2)):
        point.kill_at(deadly)
        result = subprocess.run([sys.executable, "-c", script], env={**os.environ, **point.environment})
        equal(result.returncode, code, f"the exit code when killed at {deadly}")
        equal(point.passed(), deadly or 6, "changes")
        found = [name for name in os.listdir(world.folder) if name.startswith("file-")]
        equal(len(found), files, "the renamed files")
        for name in found:
            os.unlink(world.path(name))


if __name__ == "__main__":
    main()
