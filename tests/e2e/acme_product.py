# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""The whole product with automatic certificates: no certificate on disk and one config; HTTPS, DTLS and TLS use the same
chain, and a renewal interrupts nothing."""

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
    """The block of a client that verifies the gateway with Pebble's root."""
    return {transport: {"connect": f"127.0.0.1:{lab.pebble.tls}", "server_name": name, "ca": lab.root}}


def browse(world, lab, host):
    """The page https://HOST/ as shown by Chromium, if installed, or else as downloaded by curl."""
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
    note("in Chromium")
    return result.stdout


@case("no certificate on disk: the first https request works with TLS-ALPN-01; a client verifies the same chain over DTLS and TLS")
def first_request(world):
    lab = Lab(world)
    service = world.origin()
    began = time.monotonic()
    lab.gateway(["app.test"], solvers=["acme_tlsalpn01"], world={"transports": transports(world)})
    world.trust = lab.root
    page = browse(world, lab, "app.test")
    note(f"the first https request was answered after {time.monotonic() - began:.1f} s")
    check("503" in page or "session" in page, f"the first request, without a client yet, shows {page!r}")
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


@case("a client that connects before the first certificate exists waits for it, or retries automatically")
def client_first(world):
    lab = Lab(world)
    service = world.origin()
    lab.gateway(["app.test"], world={"transports": transports(world)})
    world.trust = lab.root
    world.client({"web": f"http://127.0.0.1:{service.port}"}, transports=[connect(lab, "dtls")])
    wait_until(lambda: world.curl("/", tls=True) == "hello\n", 40, "the tunnel", 0.05)


@case("renewal during downloads, over https and through the tunnel, without an error", seconds=180)
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
    seconds = max(16, first.end - time.time() + 2)  # past the expiry of the certificate used at the start
    # curl's rate limit makes it last this long.
    rate = int(size / seconds)
    result = []
    thread = threading.Thread(target=lambda: result.append(world.curl_hash(f"/bytes/{size}", "--limit-rate", str(rate), tls=True)))
    thread.start()
    second = lab.wait_for("app.test", 30, but=first.serial)
    while thread.is_alive():
        equal(world.curl("/", tls=True, want="%{http_code}"), "200", "a request during the download")
        thread.join(0.3)
    left = first.end - time.time()
    note(f"the download ends {-left:.1f} s after the expiry of the certificate used at its start")
    equal(result[0], (pattern_sha256(size), size, 0), "the download: hash, bytes, curl's exit code")
    check(second.serial != first.serial and left < 0, "the download has ended too early")
    equal(client.text().count("opened with"), gate.text().count("opened with"), "sessions")
    equal(gate.text().count("opened with"), 1, "sessions opened")


if __name__ == "__main__":
    main()
