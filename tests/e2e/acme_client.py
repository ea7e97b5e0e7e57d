# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""A small ACME client (RFC 8555) for the tests: it checks the tests' CAs with code other than hopgate's."""

import hashlib
import http.client
import json
import os
import ssl
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import Failure, check, wait_until
from pebble import base64url, openssl


class Problem(Exception):
    """The CA has responded with an error: `status`, `type` without its prefix, and the complete document."""

    def __init__(self, status, document):
        super().__init__(f"{status} {document}")
        self.status, self.document = status, document
        self.type = document.get("type", "").rsplit(":", 1)[-1]


class Client:
    def __init__(self, world, directory, name="client"):
        self.world, self.nonce, self.account = world, None, None
        self.key = world.path(f"{name}-account.key")
        if not os.path.exists(self.key):
            openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.key)
        point = openssl("ec", "-in", self.key, "-pubout", "-outform", "DER", binary=True)[-64:]
        self.jwk = {"crv": "P-256", "kty": "EC", "x": base64url(point[:32]), "y": base64url(point[32:])}
        self.trust = ssl.create_default_context(cafile=world.path("ca.pem"))
        self.connection = http.client.HTTPSConnection(urllib.parse.urlsplit(directory).netloc, context=self.trust, timeout=10)
        self.directory = json.loads(self.exchange("GET", directory)[2])

    def exchange(self, method, url, body=None):
        fields = {"Content-Type": "application/jose+json"} if body else {}
        self.connection.request(method, urllib.parse.urlsplit(url).path, body, fields)
        answer = self.connection.getresponse()
        self.nonce = answer.getheader("Replay-Nonce", self.nonce)
        return answer.status, answer.headers, answer.read()

    def sign(self, data):
        der = openssl("dgst", "-sha256", "-sign", self.key, text=data, binary=True)
        size = der[3]
        halves = der[4:4 + size], der[6 + size:]
        return b"".join(half.lstrip(b"\0").rjust(32, b"\0") for half in halves)

    def post(self, url, payload="", tries=20):
        """POST, or POST-as-GET without a payload. Returns (answer, Location)."""
        for _ in range(tries):
            if not self.nonce:
                self.exchange("HEAD", self.directory["newNonce"])
            who = {"kid": self.account} if self.account else {"jwk": self.jwk}
            head = base64url(json.dumps({"alg": "ES256", "nonce": self.nonce, "url": url, **who}).encode())
            body = base64url(json.dumps(payload).encode()) if payload != "" else ""
            self.nonce = None
            signature = base64url(self.sign(f"{head}.{body}".encode()))
            status, fields, text = self.exchange("POST", url, json.dumps({"protected": head, "payload": body, "signature": signature}))
            if fields.get_content_type() == "application/pem-certificate-chain":
                return text.decode(), None
            document = json.loads(text) if text else None
            if status < 400:
                return document, fields.get("Location")
            if not document["type"].endswith(":badNonce"):
                raise Problem(status, document)
        raise Failure("a bad nonce every time")

    def register(self, **more):
        _, self.account = self.post(self.directory["newAccount"], {"termsOfServiceAgreed": True, **more})

    def thumbprint(self):
        return base64url(hashlib.sha256(json.dumps(self.jwk, sort_keys=True, separators=(",", ":")).encode()).digest())

    def poll(self, url, *states):
        def look():
            document, _ = self.post(url)
            check(document["status"] != "invalid" or "invalid" in states, f"invalid: {document}")
            return document if document["status"] in states else None

        return wait_until(look, 20, f"{url} to be {states}")

    def obtain(self, names, port, **more):
        """Obtains a certificate with http-01, answered on `port`; returns the chain, and writes its key to obtained.key."""
        order, url = self.post(self.directory["newOrder"], {"identifiers": [{"type": "dns", "value": name} for name in names], **more})
        with Answers(port, self.thumbprint()):
            for place in order["authorizations"]:
                challenges = self.post(place)[0]["challenges"]
                chosen = next(challenge for challenge in challenges if challenge["type"] == "http-01")
                self.post(chosen["url"], {})
                self.poll(place, "valid")
        self.poll(url, "ready")
        key = self.world.path("obtained.key")
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        csr = openssl("req", "-new", "-key", key, "-subj", "/", "-outform", "DER", "-addext",
                      "subjectAltName=" + ",".join("DNS:" + name for name in names), binary=True)
        self.post(order["finalize"], {"csr": base64url(csr)})
        return self.post(self.poll(url, "valid")["certificate"])[0]


class Answers:
    """An HTTP server that answers all http-01 challenges for one account."""

    def __init__(self, port, thumbprint):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(f"{self.path.rsplit('/', 1)[1]}.{thumbprint}".encode())

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
