# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""A gateway that gets its certificates from Pebble, through the proxy of caproxy.py, and helpers for the cases of acme_*.py.

    lab = Lab(world, validity=20)
    gate = lab.gateway(["a.test", ["b.test", "c.test"]], retry="2s")
    lab.wait_for("a.test")              until its certificate is served; verified by openssl
    lab.proxy.seen("new_order")         the requests that the CA got
"""

import hashlib
import json
import os
import re
import ssl
import socket
import subprocess
import time

from caproxy import Proxy
from harness import SANITIZERS, Failure, check, wait_until
from pebble import Leaf, Pebble, served_chain, split_chain, verify_chain

SOLVERS = ("acme_http01", "acme_tlsalpn01")
PATIENCE = 60 if SANITIZERS else 20


class Lab:
    def __init__(self, world, **pebble):
        self.world = world
        self.pebble = Pebble(world, **pebble)
        self.proxy = Proxy(self.pebble)
        self.root = self.pebble.root()
        self.state = world.path("state")
        world.token("client-1")

    # ---- The gateway ----

    def blocks(self, domains, solvers=SOLVERS, state=None, **options):
        """The part of a config that concerns certificates. An option set to None is omitted."""
        acme = {"email": "ops@hopgate.test", "domains": domains, "agree_tos": True, "directory": self.proxy.directory,
                "ca": self.world.path("ca.pem"), "retry": "1s", **options}
        acme = {name: value for name, value in acme.items() if value is not None}
        return [*solvers, {"acme": acme}, {"store_file": {"path": state or self.state}}]

    def gateway(self, domains, ports=None, solvers=SOLVERS, state=None, world=None, **options):
        """A gateway where Pebble connects to it. `world`: arguments of World.gateway()."""
        return self.world.gateway(ports=ports or (self.pebble.http, self.pebble.tls),
                                  certificates=self.blocks(domains, solvers, state, **options), **(world or {}))

    def check(self, domains, solvers=SOLVERS, extra=(), **options):
        """`hopgate check` with the config of such a gateway: (exit code, output)."""
        pipeline = [{"http": {"listen": ["127.0.0.1:1", "127.0.0.1:2 tls"]}}, *self.blocks(domains, solvers, **options), *extra,
                    {"route": [{"host": "app.test", "to": "client-1/web"}]}, {"auth_token": {"file": "tokens"}}, "codec_binary",
                    {"dtls": {"listen": "127.0.0.1:3"}}]
        result = self.world.program("check", "-c", self.world.write("check.conf", json.dumps({"pipeline": pipeline})))
        return result.returncode, result.stdout + result.stderr

    def command(self, *words, **options):
        """`hopgate acme WORDS` for the running gateway."""
        return self.world.program("acme", *words, "-c", self.world.last_gateway.config, **options)

    # ---- Certificates served ----

    def chain(self, name=None, alpn=None, port=None):
        return served_chain(port or self.pebble.tls, name, alpn)

    def is_good(self, chain, name=None, root=None):
        try:
            verify_chain(self.world, chain, root or self.root, name)
            return True
        except Failure:
            return False

    def wait_for(self, name, seconds=PATIENCE, but=None, port=None, root=None):
        """Waits until a valid certificate is served for the name, with a serial number other than `but`. Returns its Leaf."""

        def look():
            try:
                chain = self.chain(name, port=port)
            except Failure:
                return None
            leaf = Leaf(chain)
            return leaf if leaf.serial != but and self.is_good(chain, name, root) else None

        return wait_until(look, seconds, f"a certificate for {name}", pause=0.05)

    def pass_deadline(self, clock, kind, count=1):
        """When the CA has answered request `count` of that kind with `Retry-After: 60`, the ten minutes of an order pass. At
        that time, the gateway is sleeping; otherwise, the time limit of a request would also pass, which is a different
        failure."""
        request = self.proxy.wait_for(kind, count, PATIENCE)
        wait_until(lambda: request.reply, PATIENCE, f"the answer to {request}")
        check(request.reply.field("Retry-After") == "60", request)
        time.sleep(0.5)  # by then, it has read the answer
        clock.pass_by(601)

    # ---- The store ----

    def files(self, under=""):
        """The files of values in the store, without hopgate's temporary files."""
        return sorted(os.path.join(folder, file) for folder, _, files in os.walk(os.path.join(self.state, under)) for file in files
                      if under or not os.path.relpath(os.path.join(folder, file), self.state).startswith("."))

    def kept(self, name):
        """The file with the pair for a name."""
        found = [path for path in self.files("acme/certificates") if name in path and "-----BEGIN CERTIFICATE-----" in read(path)]
        check(len(found) == 1, f"{name} is in {found} of {self.files()}")
        return found[0]

    # ---- Pebble's log ----

    def issued(self):
        return len(self.pebble.issued())


def read(path):
    with open(path, errors="replace") as file:
        return file.read()


def entry(path, value):
    """Writes a value to a file of the store, with a valid first line (hopgate-store_file(5))."""
    digest = hashlib.sha256(value.encode()).hexdigest()
    folder, name = os.path.split(path)
    hidden = os.path.join(folder, f".{name}")  # a gateway that watches the folder must never see a partial file
    with open(hidden, "w") as file:
        file.write(f"hopgate-store 1 revision=1000 size={len(value.encode())} sha256={digest}\n{value}")
    os.rename(hidden, path)


def handshake(port, name=None, alpn=(), timeout=30, address="127.0.0.1"):
    """A handshake without verification: (leaf as DER, protocol). Raises ssl.SSLError for an alert."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    with socket.create_connection((address, port), timeout) as plain, context.wrap_socket(plain, server_hostname=name) as secure:
        return secure.getpeercert(binary_form=True), secure.selected_alpn_protocol()


def alert(port, name=None, alpn=(), timeout=30):
    """The alert that ends a handshake, as ssl names it; None: it succeeded."""
    try:
        handshake(port, name, alpn, timeout)
        return None
    except ssl.SSLError as error:
        return error.reason or str(error)
    except (ConnectionError, socket.timeout) as error:
        return str(error)


def has_extension(chain, oid):
    text = subprocess.run(["openssl", "x509", "-noout", "-text"], input=split_chain(chain)[0].encode(), capture_output=True,
                          check=True).stdout.decode()
    return re.search(rf"{re.escape(oid)}: critical|{re.escape(oid)}:", text)


def log_lines(process, pattern):
    """The lines of the log (JSON) whose message matches."""
    return [line for line in process.text().splitlines() if re.search(pattern, line)]


def gaps(requests):
    """The seconds between consecutive requests."""
    return [after.began - before.began for before, after in zip(requests, requests[1:])]


def open_connection(port, name, root):
    """Opens a TLS connection that verifies the certificate, for use after the call."""
    context = ssl.create_default_context(cafile=root)
    plain = socket.create_connection(("127.0.0.1", port), 30)
    return context.wrap_socket(plain, server_hostname=name)


def until(when):
    """Sleeps until a time of day."""
    time.sleep(max(0, when - time.time()))
