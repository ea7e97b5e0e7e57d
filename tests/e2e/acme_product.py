# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""The whole product with certificates by itself: nothing on disk, one config; https, DTLS and TLS show the same chain,
and a renewal is noticed by nobody."""

import os
import shutil
import subprocess
import threading
import time

from acme_lab import Lab
from harness import MIB, case, check, equal, main, note, pattern_sha256, scaled, wait_until
from pebble import Leaf


def transports(world):
    return lambda: [{"dtls": {"listen": f"127.0.0.1:{world.https}"}}, "tls"]


def connect(lab, transport, name="app.test"):
    """The block of a client that verifies the gateway by Pebble's root."""
    return {transport: {"connect": f"127.0.0.1:{lab.pebble.tls}", "server_name": name, "ca": lab.root}}


def browse(world, lab, host):
    """What a browser shows of https://HOST/, where there is Chromium; otherwise what curl gets."""
    if not shutil.which("chromium") or not shutil.which("certutil"):
        return world.curl("/", host=host, tls=True)
    home = world.path("browser")
    trusted = f"sql:{home}/.pki/nssdb"
    os.makedirs(f"{home}/.pki/nssdb")
    subprocess.run(["certutil", "-d", trusted, "-N", "--empty-password"], check=True)
    subprocess.run(["certutil", "-d", trusted, "-A", "-n", "root", "-t", "C,,", "-i", lab.root], check=True)
    result = subprocess.run([
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
        "--no-proxy-server", "--no-first-run", "--virtual-time-budget=5000", f"--user-data-dir={home}/data",
        f"--host-resolver-rules=MAP {host} 127.0.0.1", "--dump-dom", f"https://{host}:{lab.pebble.tls}/"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, env={**os.environ, "HOME": home}, timeout=60)
    note("by Chromium")
    return result.stdout


@case("no certificate on disk: the first https request works over TLS-ALPN-01, a client verifies the same chain over DTLS and TLS")
def first_request(world):
    lab = Lab(world)
    service = world.origin()
    began = time.monotonic()
    lab.gateway(["app.test"], solvers=["acme_tlsalpn01"], world={"transports": transports(world)})
    world.trust = lab.root
    page = browse(world, lab, "app.test")
    note(f"the first https request is answered after {time.monotonic() - began:.1f} s")
    check("503" in page or "session" in page, f"the first request, with no client there yet, shows {page!r}")
    for transport in ("dtls", "tls"):
        client = world.client({"web": f"http://127.0.0.1:{service.port}"}, transports=[connect(lab, transport)])
        wait_until(lambda: world.curl("/", tls=True) == "hello\n", 20, f"the tunnel over {transport}", 0.05)
        client.stop()
    shown = subprocess.run(["openssl", "s_client", "-dtls1_2", "-connect", f"127.0.0.1:{lab.pebble.tls}", "-servername", "app.test",
                            "-CAfile", lab.root, "-verify_return_error", "-verify_hostname", "app.test"],
                           stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30).stdout
    check("Verify return code: 0 (ok)" in shown, f"openssl over DTLS: {shown[-1500:]}")
    equal(Leaf(shown).serial, lab.wait_for("app.test").serial, "the serial number over DTLS")
    equal(lab.issued(), 1, "certificates")


@case("a client connects before the first certificate is there: it waits for it, or tries again, by itself")
def client_first(world):
    lab = Lab(world)
    service = world.origin()
    lab.gateway(["app.test"], world={"transports": transports(world)})
    world.trust = lab.root
    world.client({"web": f"http://127.0.0.1:{service.port}"}, transports=[connect(lab, "dtls")])
    wait_until(lambda: world.curl("/", tls=True) == "hello\n", 40, "the tunnel", 0.05)


@case("renewal in the middle of downloads, over https and through the tunnel, without an error", seconds=180)
def renewal(world):
    lab = Lab(world, validity=20)
    service = world.origin()
    gate = lab.gateway(["app.test"], world={"transports": transports(world)})
    world.trust = lab.root
    lab.wait_for("app.test")
    client = world.client({"web": f"http://127.0.0.1:{service.port}"}, transports=[connect(lab, "dtls")])
    wait_until(lambda: world.curl("/", tls=True) == "hello\n", 20, "the tunnel", 0.05)
    first = lab.wait_for("app.test")
    size = scaled(48, 16) * MIB
    seconds = max(16, first.end - time.time() + 2)  # past the end of the certificate that it begins with
    # curl's own limit makes it last.
    rate = int(size / seconds)
    result = []
    thread = threading.Thread(target=lambda: result.append(world.curl_hash(f"/bytes/{size}", "--limit-rate", str(rate), tls=True)))
    thread.start()
    second = lab.wait_for("app.test", 30, but=first.serial)
    while thread.is_alive():
        equal(world.curl("/", tls=True, want="%{http_code}"), "200", "a request during the download")
        thread.join(0.3)
    left = first.end - time.time()
    note(f"the download ends {-left:.1f} s after the end of the certificate that it began with")
    equal(result[0], (pattern_sha256(size), size, 0), "the download: hash, bytes, curl's exit code")
    check(second.serial != first.serial and left < 0, "the download has ended too early")
    equal(client.text().count("opened with"), gate.text().count("opened with"), "sessions")
    equal(gate.text().count("opened with"), 1, "sessions opened")


if __name__ == "__main__":
    main()
