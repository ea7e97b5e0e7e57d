# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""A TLS proxy in front of Pebble that fails on demand, adds what Pebble lacks, and records every request.

    proxy = Proxy(pebble)
    proxy.on("new_order", problem(429, "rateLimited", retry_after=3), times=1)
    proxy.on("finalize", cut(before=False))          the CA gets it, but its answer is lost
    proxy.seen("new_order")                          the client's requests; each is a Request
    proxy.ari = lambda certificate: window(-10, -5)  renewal information (RFC 9773), which Pebble lacks

The Host field is kept, so Pebble's URLs lead back to the proxy. An action is a function that gets a Call and returns the
Reply, or None for that of the CA; it runs in the thread of its connection and may block. Functions below create the usual
ones.
"""

import email.utils
import http.client
import json
import socket
import ssl
import struct
import threading
import time
import urllib.parse

from harness import free_port, wait_until
from pebble import Leaf, base64url, from_base64url, openssl

# Pebble's paths, and one of our own.
KINDS = {"dir": "directory", "nonce-plz": "new_nonce", "sign-me-up": "new_account", "order-plz": "new_order", "my-order": "order",
         "authZ": "authorization", "chalZ": "challenge", "finalize-order": "finalize", "certZ": "certificate",
         "revoke-cert": "revoke", "rollover-account-key": "key_change", "my-account": "account", "renewal-info": "renewal_info"}
ERROR = "urn:ietf:params:acme:error:"


class Cut(Exception):
    """Ends the connection after sending these bytes."""

    def __init__(self, sent=b""):
        super().__init__()
        self.sent = sent


class Request:
    def __init__(self, number, connection, method, target, fields, body):
        self.number, self.connection, self.method, self.target, self.fields, self.body = (
            number, connection, method, target, fields, body)
        self.began, self.ended, self.reply, self.forwarded = time.monotonic(), None, None, False
        self.kind = KINDS.get(target.split("/")[1].split("?")[0], "other")
        self.head, self.payload = {}, None  # of the JWS; the payload of a POST-as-GET is None
        try:
            message = json.loads(body) if body else {}
            self.head = json.loads(from_base64url(message["protected"])) if message else {}
            self.payload = json.loads(from_base64url(message["payload"])) if message.get("payload") else None
        except (ValueError, KeyError, TypeError):
            self.kind = "other"

    @property
    def status(self):
        return self.reply.status if self.reply else None

    def __repr__(self):
        return f"{self.number} {self.kind} {self.method} {self.target} {self.status}"


class Reply:
    def __init__(self, status, body=b"", fields=(), reason=""):
        self.status, self.reason, self.fields = status, reason or http.client.responses.get(status, ""), list(fields)
        self.body = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()

    def field(self, name):
        return next((value for key, value in self.fields if key.lower() == name.lower()), None)

    def set(self, name, value):
        self.fields = [pair for pair in self.fields if pair[0].lower() != name.lower()] + [(name, str(value))]

    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def bytes(self, head_only=False):
        lines = [f"HTTP/1.1 {self.status} {self.reason}", *(f"{name}: {value}" for name, value in self.fields)]
        if not self.field("Content-Length"):
            lines.append(f"Content-Length: {len(self.body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (b"" if head_only else self.body)


class Call:
    """A request in progress: forward() passes it to the CA."""

    def __init__(self, proxy, request, upstream):
        self.proxy, self.request, self.upstream = proxy, request, upstream

    def forward(self):
        self.request.forwarded = True
        return self.upstream(self.request)

    def nonce(self):
        """A valid one, as a field for a reply that is not from the CA."""
        reply = self.upstream(Request(0, 0, "HEAD", "/nonce-plz", {"host": f"localhost:{self.proxy.port}"}, b""))
        return ("Replay-Nonce", reply.field("Replay-Nonce"))


class Rule:
    def __init__(self, kind, act, times, skip, when):
        self.kind, self.act, self.left, self.skip, self.when, self.hits = kind, act, times, skip, when, 0

    def takes(self, request):
        if self.kind not in (None, request.kind) or self.left == 0 or (self.when and not self.when(request)):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.left is not None:
            self.left -= 1
        self.hits += 1
        return True

    def end(self):
        self.left = 0


class Proxy:
    def __init__(self, pebble, name="proxy"):
        self.pebble, self.world, self.name = pebble, pebble.world, name
        self.requests, self.rules, self.lock, self.connections = [], [], threading.Lock(), 0
        self.busy = 0         # handshakes and requests in progress
        self.clock = None     # function without arguments: how far the CA's clock, as shown in its answers, is ahead of the right one
        self.ari = None       # function of a certificate's id (RFC 9773 section 4.1): the answer of renewalInfo
        self.profiles = None  # {name: description} for the directory
        self.edit_directory = lambda document: None
        self.context = self.good_context()
        self.port, self.listener = free_port(), None
        self.directory = f"https://localhost:{self.port}/dir"
        self.up()
        self.world.undo.append(self.down)

    # ---- Listening ----

    def good_context(self, chain="gate.pem", key="gate.key"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.world.path(chain), self.world.path(key))
        return context

    def distrusted_context(self):
        """A context whose certificate is not signed by anyone."""
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                self.world.path("alien.key"), "-out", self.world.path("alien.pem"), "-days", "2", "-subj", "/CN=localhost",
                "-addext", "subjectAltName=DNS:localhost")
        return self.good_context("alien.pem", "alien.key")

    def down(self):
        """Stops listening; open connections end after their current request."""
        listener, self.listener = self.listener, None
        if listener:
            try:
                listener.shutdown(socket.SHUT_RDWR)  # ends accept() in the other thread
            finally:
                listener.close()

    def up(self):
        listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        self.listener = listener
        threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            self.count_busy(1)
            threading.Thread(target=self.serve, args=(connection, self.connections, listener), daemon=True).start()

    # ---- One connection ----

    def count_busy(self, change):
        with self.lock:
            self.busy += change

    def handshake(self, plain):
        try:
            plain.settimeout(60)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return self.context.wrap_socket(plain, server_side=True)
        finally:
            self.count_busy(-1)

    def serve(self, plain, number, listener):
        upstream = Upstream(self.pebble)
        try:
            with self.handshake(plain) as connection, connection.makefile("rb") as stream:
                while self.listener is listener and self.one(connection, stream, number, upstream):
                    pass
        except (OSError, ValueError):
            pass
        finally:
            plain.close()
            upstream.close()

    def one(self, connection, stream, number, upstream):
        request = self.read(stream, number)
        if not request:
            return False
        self.count_busy(1)
        try:
            return self.reply_to(request, connection, upstream)
        finally:
            self.count_busy(-1)

    def reply_to(self, request, connection, upstream):
        try:
            reply = self.answer(Call(self, request, upstream.ask))
        except Cut as cut:
            connection.sendall(cut.sent)
            # RST instead of FIN: it must not look like an orderly end.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        finally:
            request.ended = time.monotonic()
        if self.clock and reply.field("Date"):
            reply.set("Date", http_date(self.clock()))
        request.reply = reply
        connection.sendall(reply.bytes(request.method == "HEAD"))
        return request.fields.get("connection", "").lower() != "close" and reply.field("Connection") != "close"

    def read(self, stream, number):
        line = stream.readline(65536).decode("latin-1").split()
        if len(line) != 3:
            return None
        fields = http.client.parse_headers(stream)
        body = stream.read(int(fields.get("Content-Length", 0)))
        with self.lock:
            request = Request(len(self.requests) + 1, number, line[0], line[1], {k.lower(): v for k, v in fields.items()}, body)
            self.requests.append(request)
        return request

    def answer(self, call):
        with self.lock:
            rule = next((rule for rule in self.rules if rule.takes(call.request)), None)
        reply = rule.act(call) if rule else None
        return reply if reply is not None else self.usual(call)

    def usual(self, call):
        if call.request.kind == "renewal_info":
            answer = self.ari(call.request.target.rsplit("/", 1)[1]) if self.ari else None
            return answer if isinstance(answer, Reply) else Reply(200 if answer else 404, answer or {}, [JSON])
        reply = call.forward()
        if call.request.kind == "directory" and reply.status == 200:
            document = reply.json()
            if self.ari:
                document["renewalInfo"] = f"https://localhost:{self.port}/renewal-info"
            if self.profiles:
                document["meta"]["profiles"] = self.profiles
            self.edit_directory(document)
            reply = with_json(reply, document)
        return reply

    # ---- For tests ----

    def on(self, kind, act, times=None, skip=0, when=None):
        """From now on, the action answers requests of that kind (None: all): the next `times`, after skipping `skip`. The
        newest rule takes precedence."""
        rule = Rule(kind, act, times, skip, when)
        with self.lock:
            self.rules.insert(0, rule)
        return rule

    def seen(self, *kinds):
        with self.lock:
            return [request for request in self.requests if not kinds or request.kind in kinds]

    def answered(self, *kinds):
        """Those that the CA itself has answered successfully."""
        return [request for request in self.seen(*kinds) if request.forwarded and request.status and request.status < 400]

    def forget(self):
        with self.lock:
            self.requests.clear()

    def wait_for(self, kind, count=1, seconds=20):
        return wait_until(lambda: self.seen(kind)[count - 1:], seconds, f"request {count} of kind {kind}")[0]

    def csr_of(self, certificate_url):
        """The CSR (DER) of the order for that certificate, as seen by the proxy, and its names."""
        for request in reversed(self.seen("order", "finalize")):
            document = request.reply.json() if request.reply else None
            if document and document.get("certificate", "").split("/")[3:] == certificate_url.split("/")[-2:]:
                names = [identifier["value"] for identifier in document["identifiers"]]
                path = urllib.parse.urlsplit(document["finalize"]).path
                sent = [r for r in self.seen("finalize") if r.target == path and r.payload]
                return (from_base64url(sent[-1].payload["csr"]), names) if sent else (None, names)
        return None, []


class Upstream:
    """The connection to Pebble that belongs to a client's connection."""

    def __init__(self, pebble):
        self.pebble, self.connection = pebble, None

    def ask(self, request):
        for fresh in (False, True):
            if not self.connection or fresh:
                self.close()
                self.connection = http.client.HTTPSConnection("localhost", self.pebble.port, context=self.pebble.trust, timeout=30)
            try:
                names = {name: value for name, value in request.fields.items() if name not in ("connection", "accept-encoding")}
                self.connection.request(request.method, request.target, request.body or None, names)
                answer = self.connection.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException):
                continue
            fields = [pair for pair in answer.getheaders() if pair[0].lower() not in ("content-length", "transfer-encoding")]
            return Reply(answer.status, body, fields, answer.reason)
        return Reply(502, "the CA is unreachable")

    def close(self):
        if self.connection:
            self.connection.close()


JSON = ("Content-Type", "application/json")


def with_json(reply, document):
    return Reply(reply.status, document, reply.fields, reply.reason)


# ---- Actions ----


def problem(status, kind, detail="as requested by the test", retry_after=None, **more):
    """An error from the CA (RFC 8555 section 6.7)."""

    def act(call):
        fields = [("Content-Type", "application/problem+json"), call.nonce()]
        if retry_after is not None:
            fields.append(("Retry-After", str(retry_after)))
        return Reply(status, {"type": ERROR + kind, "detail": detail, "status": status, **more}, fields)

    return act


def http_date(seconds):
    """The time that many seconds from now, for Retry-After."""
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


def answer(status, body=b"", *fields):
    """Something that is not an ACME answer at all: HTML, a redirect, half a document."""
    return lambda call: Reply(status, body, fields)


def html(status=502):
    return answer(status, "<html><body><h1>Bad Gateway</h1></body></html>", ("Content-Type", "text/html"))


def redirect(url, status=302):
    return answer(status, b"", ("Location", url))


def edit(change, retry_after=None):
    """The CA's document, modified in place, or what `change` returns instead."""

    def act(call):
        reply = call.forward()
        document = reply.json()
        if reply.status >= 400 or not isinstance(document, dict):
            return reply
        changed = change(document)
        if retry_after:
            reply.set("Retry-After", retry_after)
        return with_json(reply, document if changed is None else changed)

    return act


def replace_body(change):
    """The CA's answer with different bytes: change(body) returns them. The fields are kept, so the nonce is valid."""

    def act(call):
        reply = call.forward()
        return Reply(reply.status, change(reply.body), reply.fields, reply.reason)

    return act


def truncated_json():
    return replace_body(lambda body: body[:len(body) // 2])


def null_json():
    return replace_body(lambda body: b"null")


def oversized(size):
    """A document that would be valid, but for the blanks before it."""
    return replace_body(lambda body: b" " * size + body)


def cut(before=True, sent=0):
    """Cuts the connection: before the CA gets the request, or after that many bytes of the answer."""

    def act(call):
        if before:
            raise Cut()
        reply = call.forward()
        raise Cut(reply.bytes()[:sent])

    return act


def delay(seconds):
    return lambda call: time.sleep(seconds)


def hold(event, seconds=120):
    """Holds the request until the event."""

    def act(call):
        event.wait(seconds)

    return act


def with_retry_after(value):
    def act(call):
        reply = call.forward()
        reply.set("Retry-After", value)
        return reply

    return act


def reuse_pending_order():
    """For new_order: like Let's Encrypt, returns the previous order while that is pending or ready."""

    def act(call):
        wanted = sorted(identifier["value"] for identifier in call.request.payload["identifiers"])
        for before in reversed(call.proxy.answered("new_order")):
            document = before.reply.json()
            if before.status == 201 and sorted(i["value"] for i in document["identifiers"]) == wanted:
                return Reply(201, document, [JSON, ("Location", before.reply.field("Location")), call.nonce()])
        return None

    return act


def other_chain(make):
    """For certificate: replaces the chain with that of another CA, which make(csr, names) returns as PEM."""

    def act(call):
        reply = call.forward()
        if reply.status != 200:
            return reply
        csr, names = call.proxy.csr_of(call.request.target)
        fields = [pair for pair in reply.fields if pair[0].lower() != "link"]
        return Reply(200, make(csr, names), fields)

    return act


def window(begin, end, **more):
    """Renewal information: a window from `begin` to `end` seconds from now."""
    first, last = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + shift)) for shift in (begin, end))
    return {"suggestedWindow": {"start": first, "end": last}, **more}


def ari_id(chain):
    """The id of a certificate in RFC 9773 section 4.1: authority key identifier and serial number."""
    leaf = Leaf(chain)
    text = openssl("x509", "-noout", "-ext", "authorityKeyIdentifier", text=leaf.pem.encode())
    key = bytes.fromhex("".join(text.split("\n")[1].replace("keyid:", "").strip().split(":")))
    serial = bytes.fromhex(leaf.serial)
    return base64url(key) + "." + base64url((b"\0" if serial[0] & 0x80 else b"") + serial)
