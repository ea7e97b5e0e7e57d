# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""Certificate authorities for tests: Pebble, Let's Encrypt's ACME test server, and a small one based on openssl.

    pebble = Pebble(world, validity=20, bad_nonces=60)
    pebble.directory                    the URL for an ACME client, which must trust world.path("ca.pem")
    pebble.http, pebble.tls             the ports that it connects to for challenges
    pebble.dns("add-a", host="a.test", addresses=["127.0.0.2"])
    pebble.verify("chain.pem")          with `openssl verify`
    len(pebble.issued())                the number of certificates in its log

Each name resolves to 127.0.0.1, unless dns() says otherwise. pebble-challtestsrv is the DNS server.
"""

import base64
import json
import os
import re
import shutil
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request

from harness import Failure, Process, Skip, check, free_port, wait_for_port, wait_until


def openssl(*words, text=None, binary=False):
    result = subprocess.run(["openssl", *words], input=text, capture_output=True)
    check(result.returncode == 0, f"openssl {' '.join(words)}: {result.stderr.decode(errors='replace').strip()}")
    return result.stdout if binary else result.stdout.decode()


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def split_chain(pem):
    """The certificates in a PEM text, leaf first."""
    return re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", pem, re.S)


class Leaf:
    """What openssl prints about the first certificate in a PEM text."""

    def __init__(self, pem):
        self.pem = split_chain(pem)[0]
        text = openssl("x509", "-noout", "-serial", "-dates", "-ext", "subjectAltName", "-subject",
                       "-issuer", text=self.pem.encode())
        self.serial = re.search(r"^serial=([0-9A-F]+)", text, re.M).group(1)
        self.subject = re.search(r"^subject=(.*)", text, re.M).group(1)
        self.issuer = re.search(r"^issuer=(.*)", text, re.M).group(1)
        self.begin, self.end = (ssl.cert_time_to_seconds(re.search(rf"^{what}=(.*)", text, re.M).group(1))
                                for what in ("notBefore", "notAfter"))
        self.names = sorted(re.findall(r"(?:DNS|IP Address):([^,\s]+)", text))
        self.public_key = openssl("x509", "-noout", "-pubkey", text=self.pem.encode())


class Pebble:
    """`bad_nonces` is the percentage of random bad nonces; a test that counts requests, holds them or makes one of them fail
    should use 0. A second CA, `beside` the first, needs a name; it connects to the same places for challenges. Each runs
    until stop() or the end of the case."""

    def __init__(self, world, validity=None, bad_nonces=0, reuse=0, alternates=0, eab=None, blocked=(), name="pebble", beside=None):
        if not shutil.which("pebble") or not shutil.which("pebble-challtestsrv"):
            raise Skip("pebble is not installed")
        self.world, self.name, self.port, self.management = world, name, free_port(), free_port()
        self.http, self.tls = (beside.http, beside.tls) if beside else (free_port(), free_port())
        self.directory = f"https://localhost:{self.port}/dir"
        world.certificates()
        self.settings = {
            "listenAddress": f"127.0.0.1:{self.port}", "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": world.path("gate.pem"), "privateKey": world.path("gate.key"), "httpPort": self.http,
            "tlsPort": self.tls, "externalAccountBindingRequired": bool(eab), "domainBlocklist": list(blocked),
        }
        if eab:  # {key id: base64url of the MAC key}
            self.settings["externalAccountMACKeys"] = eab
        if validity:
            self.settings["certificateValidityPeriod"] = validity
        # Validate at once; do not reuse authorizations of earlier orders unless told to.
        self.environment = dict(os.environ, PEBBLE_VA_NOSLEEP="1", PEBBLE_WFE_NONCEREJECT=str(bad_nonces),
                                PEBBLE_AUTHZREUSE=str(reuse), PEBBLE_ALTERNATE_ROOTS=str(alternates))
        self.trust = ssl.create_default_context(cafile=world.path("ca.pem"))
        self.dns_ports = beside.dns_ports if beside else self.start_dns()
        self.start()

    def start_dns(self):
        port, control = free_port(), free_port()
        # Pebble only connects to the first address, and prefers IPv6 to IPv4, so there is no IPv6 address.
        server = Process(self.world, "challtestsrv", [
            "pebble-challtestsrv", "-defaultIPv6", "", "-dns01", f"127.0.0.1:{port}", "-management", f"127.0.0.1:{control}",
            "-http01", "", "-https01", "", "-tlsalpn01", ""])
        wait_for_port(server, control)
        return port, control

    def start(self):
        """May be called again after stop(), with the same ports; it then knows no accounts or orders, and has new roots."""
        config = self.world.write(f"{self.name}.json", json.dumps({"pebble": self.settings}))
        self.process = Process(self.world, self.name, ["pebble", "-config", config, "-dnsserver", f"127.0.0.1:{self.dns_ports[0]}"],
                               env=self.environment)
        wait_until(self.answers, 10, "pebble to answer")

    def stop(self):
        if self.process.running():
            self.process.popen.terminate()
            self.process.popen.wait(10)

    def answers(self):
        check(self.process.running(), f"pebble has ended:\n{self.process.text()[-2000:]}")
        try:
            return self.get(self.directory)
        except urllib.error.URLError:
            return None

    def get(self, url):
        with urllib.request.urlopen(url, context=self.trust, timeout=10) as answer:
            return answer.read().decode()

    # ---- Pebble's state ----

    def manage(self, path):
        return self.get(f"https://localhost:{self.management}/{path}")

    def root(self, number=0):
        """The file with a root certificate; number 0 is that of the default chain."""
        return self.world.write(f"{self.name}-root-{number}.pem", self.manage(f"roots/{number}"))

    def status(self, serial):
        """"Valid" or "Revoked"; None if it has not issued that one."""
        try:
            return json.loads(self.manage(f"cert-status-by-serial/{serial.lower()}"))["Status"]
        except urllib.error.HTTPError as error:
            check(error.code == 404, f"pebble: {error}")
            return None

    def issued(self):
        """The serial number of each certificate."""
        return re.findall(r"Issued certificate serial ([0-9a-f]+)", self.process.text())

    def orders(self):
        """The number of orders created."""
        return len(re.findall(r"Added order ", self.process.text()))

    def accounts(self):
        """The number of accounts created."""
        return len(re.findall(r"There are now \d+ accounts", self.process.text()))

    def verify(self, chain, name=None, root=0):
        """Verifies a PEM text with openssl: the whole chain, and the name, if given. Returns the leaf."""
        verify_chain(self.world, chain, self.root(root), name)
        return Leaf(chain)

    # ---- The DNS that Pebble uses ----

    def dns(self, action, **values):
        """An action of pebble-challtestsrv: set-txt, clear-txt, add-a, set-servfail, set-default-ipv4, …"""
        request = urllib.request.Request(f"http://127.0.0.1:{self.dns_ports[1]}/{action}", json.dumps(values).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()

    def dns_hook(self, before=""):
        """Creates an executable for dns-01 challenges, called with present|cleanup and the record's name and value. It logs
        its arguments in `hook-calls`; `before` is shell code to run first."""
        control = f"http://127.0.0.1:{self.dns_ports[1]}"
        path = self.world.write("dns-hook", f"""#!/bin/sh
            echo "$@" >>{self.world.path('hook-calls')}
            {before}
            case $1 in
            present) exec curl -sS --fail --noproxy '*' -d '{{"host":"'"${{2%.}}."'","value":"'"$3"'"}}' {control}/set-txt ;;
            cleanup) exec curl -sS --fail --noproxy '*' -d '{{"host":"'"${{2%.}}."'"}}' {control}/clear-txt ;;
            esac
            exit 2
            """)
        os.chmod(path, 0o755)
        return path


def verify_chain(world, chain, root, name=None):
    leaf, *others = split_chain(chain)
    leaf, others = world.write("verify-leaf.pem", leaf), world.write("verify-others.pem", "".join(others))
    words = [] if name is None else ["-verify_ip" if re.fullmatch(r"[0-9.]+|.*:.*", name) else "-verify_hostname", name]
    openssl("verify", "-x509_strict", "-CAfile", root, "-untrusted", others, *words, leaf)


class Authority:
    """A CA based on openssl, for what Pebble cannot issue: arbitrary dates and names. Its root signs leaf certificates
    directly."""

    def __init__(self, world, name="authority"):
        self.world, self.folder = world, world.path(name)
        os.makedirs(self.folder)
        self.root, self.lock = self.file("root.pem"), threading.Lock()
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.file("root.key"),
                "-out", self.root, "-days", "36500", "-subj", "/CN=hopgate test authority", "-addext",
                "keyUsage=critical,keyCertSign,digitalSignature")
        self.write("index", "")
        self.write("index.attr", "unique_subject = no\n")
        self.write("serial", os.urandom(8).hex() + "\n")
        self.write("ca.conf", f"""
            [ca]
            default_ca = here
            [here]
            database = {self.file('index')}
            serial = {self.file('serial')}
            new_certs_dir = {self.folder}
            certificate = {self.root}
            private_key = {self.file('root.key')}
            default_md = sha256
            policy = any
            copy_extensions = none
            [any]
            commonName = optional
            """)

    def file(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.file(name), "w") as file:
            file.write(text)
        return self.file(name)

    def issue(self, csr, names, begin=-60, end=86400):
        """A PEM chain for a CSR (DER), valid from `begin` to `end` seconds from now. The names are those in the call."""
        kinds = [("IP:" if re.fullmatch(r"[0-9.]+|.*:.*", name) else "DNS:") + name for name in names]
        extensions = (f"basicConstraints=CA:FALSE\nsubjectAltName={','.join(kinds)}\nauthorityKeyIdentifier=keyid\n"
                      "subjectKeyIdentifier=hash\n")
        start, stop = (time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + shift)) for shift in (begin, end))
        with self.lock:
            request = self.write("request.pem", openssl("req", "-inform", "DER", text=csr))
            openssl("ca", "-batch", "-config", self.file("ca.conf"), "-in", request, "-out", self.file("leaf.pem"), "-notext",
                    "-subj", "/CN=leaf", "-startdate", start, "-enddate", stop, "-extfile", self.write("extensions", extensions))
            with open(self.file("leaf.pem")) as leaf, open(self.root) as root:
                return leaf.read() + root.read()


def served_chain(port, name=None, alpn=None, address="127.0.0.1"):
    """The chain that a server sends to openssl, as PEM."""
    words = ["-servername", name] if name else ["-noservername"]
    words += ["-alpn", alpn] if alpn else []
    result = subprocess.run(["openssl", "s_client", "-connect", f"{address}:{port}", "-showcerts", *words],
                            stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    chain = "".join(split_chain(result.stdout.decode(errors="replace")))
    if not chain:
        raise Failure(f"no certificate was sent for {name}: {result.stderr.decode(errors='replace').strip():.400}")
    return chain
