# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""acme: first certificates from Pebble, with each challenge and for each kind of name; accounts.

The requirements for an ACME client, with the numbers that acme_*.py use, and the cases that test them:

 1 badNonce                         "HTTP-01 …", "TLS-ALPN-01 with 60 % bad nonces"; acme_faults: "an answer without a nonce"
10 swapped by one rename, 0600      "the store has readable PEM, 0600"
17 accounts                         "an account is created once …", "EAB …"; acme_faults: the rest
18 wildcards without dns-01         "a wildcard without dns-01 is refused by check"
21 http-01                          "HTTP-01 answers before …"
22 tls-alpn-01                      "TLS-ALPN-01 only answers while …", "IP addresses", "a name of more than 64 bytes"
23 profiles, chains                 "a profile …", "the preferred chain …"
"""

import hashlib
import json
import os
import stat
import subprocess
import threading

import caproxy
from acme_lab import Lab, alert, handshake, read
from caproxy import problem
from harness import case, check, equal, main, wait_until
from pebble import Leaf, base64url, from_base64url, openssl, split_chain


def thumbprint(lab):
    """Of the account's key, as received by the CA."""
    jwk = lab.proxy.answered("new_account")[0].head["jwk"]
    text = json.dumps({name: jwk[name] for name in sorted(jwk) if name in ("crv", "kty", "x", "y", "e", "n")}, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


@case("HTTP-01: one name, with 5 % bad nonces; one account, one order, one certificate")
def http01(world):
    lab = Lab(world, bad_nonces=5)
    gate = lab.gateway(["a.test"], solvers=["acme_http01"])
    leaf = lab.wait_for("a.test")
    equal(leaf.names, ["a.test"], "names")
    equal((lab.pebble.accounts(), lab.pebble.orders(), lab.issued()), (1, 1, 1), "accounts, orders, certificates")
    equal(lab.pebble.status(leaf.serial), "Valid", "its status at the CA")
    equal(lab.proxy.answered("new_account")[0].payload["contact"], ["mailto:ops@hopgate.test"], "the account's contact")
    equal(gate.descriptors() < 60, True, "a small number of descriptors")


@case("TLS-ALPN-01 with 60 % bad nonces")
def tls_alpn01(world):
    lab = Lab(world, bad_nonces=60)
    lab.gateway(["a.test"], solvers=["acme_tlsalpn01"])
    lab.wait_for("a.test", 60)
    equal((lab.pebble.accounts(), lab.pebble.orders(), lab.issued()), (1, 1, 1), "accounts, orders, certificates")


@case("DNS-01 with a hook: a wildcard and its base; present and cleanup are called in pairs")
def dns01(world):
    lab = Lab(world, bad_nonces=5)
    lab.gateway([["w.test", "*.w.test"]], solvers=(), dns_hook=lab.pebble.dns_hook())
    equal(lab.wait_for("any.w.test").names, ["*.w.test", "w.test"], "names")
    lab.wait_for("w.test")

    def calls():
        found = [line.split() for line in read(world.path("hook-calls")).splitlines()]
        return found if len(found) == 4 else None

    found = wait_until(calls, 10, "four calls of the hook")
    equal({words[1] for words in found}, {"_acme-challenge.w.test"}, "the record's name")
    presented, cleaned = ([words[2] for words in found if words[0] == kind] for kind in ("present", "cleanup"))
    equal(sorted(presented), sorted(cleaned), "values presented and cleaned up")
    for value in presented:
        equal(len(from_base64url(value)), 32, "bytes of a record's value")


@case("fifty names in one certificate, with HTTP-01")
def fifty(world):
    lab = Lab(world, bad_nonces=5)
    names = [f"n{number:02}.test" for number in range(50)]
    lab.gateway([names], solvers=["acme_http01"])
    equal(lab.wait_for("n49.test", 60).names, names, "names")
    equal((lab.pebble.orders(), lab.issued()), (1, 1), "orders, certificates")


@case("several certificates, each with its own names; a name that is in none is refused")
def several(world):
    lab = Lab(world, bad_nonces=5)
    gate = lab.gateway(["a.test", ["b.test", "c.test"]])
    equal(lab.wait_for("a.test").names, ["a.test"], "names")
    equal(lab.wait_for("c.test").names, ["b.test", "c.test"], "names")
    equal(lab.wait_for("b.test").names, ["b.test", "c.test"], "names")
    check("UNRECOGNIZED" in (alert(lab.pebble.tls, "d.test") or ""), f"d.test: {alert(lab.pebble.tls, 'd.test')}")
    equal((lab.pebble.accounts(), lab.pebble.orders(), lab.issued()), (1, 2, 2), "accounts, orders, certificates")
    check("cannot store" not in gate.text(), "both orders open the account at once; that is not a conflict:\n" + gate.text()[-2000:])


@case("IP addresses: with HTTP-01, and with TLS-ALPN-01 using the reverse name (RFC 8738)")
def address(world):
    lab = Lab(world, bad_nonces=5)
    gate = lab.gateway(["127.0.0.1"], solvers=["acme_http01"])
    equal(lab.wait_for(None).names, ["127.0.0.1"], "names")
    gate.stop()
    lab.gateway(["127.0.0.1"], solvers=["acme_tlsalpn01"], state=world.path("state-2"))
    lab.wait_for(None)
    equal(lab.issued(), 2, "certificates")


@case("a name of more than 64 bytes, which does not fit into a common name")
def long_name(world):
    lab = Lab(world, bad_nonces=5)
    name = ".".join(["a" * 40, "b" * 40, "test"])
    lab.gateway([name], solvers=["acme_tlsalpn01"])
    equal(lab.wait_for(name).names, [name], "names")
    csr = from_base64url(lab.proxy.answered("finalize")[-1].payload["csr"])
    text = openssl("req", "-inform", "DER", "-noout", "-subject", text=csr)
    check("CN" not in text, f"the CSR has the {text}")


@case("keys of other types, as requested in the CSR")
def keys(world):
    lab = Lab(world, bad_nonces=5)
    for number, (kind, wanted) in enumerate((("rsa2048", "2048 bit"), ("p384", "384 bit"))):
        gate = lab.gateway(["a.test"], key_type=kind, state=world.path(f"state-{number}"))
        lab.wait_for("a.test", 60)
        csr = from_base64url(lab.proxy.answered("finalize")[-1].payload["csr"])
        text = openssl("req", "-inform", "DER", "-noout", "-text", "-verify", text=csr)
        check(wanted in text, f"the CSR of {kind}: {text}")
        gate.stop()


@case("EAB: refused without it, logging the CA's explanation; with it, the account is created, with a MAC as in RFC 8555 section 7.3.4")
def eab(world):
    key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
    lab = Lab(world, eab={"kid-1": key})
    gate = lab.gateway(["a.test"], wait="0")
    gate.wait_for("externalAccountRequired|external account", 20)
    equal(lab.pebble.orders(), 0, "orders")
    gate.stop()
    path = world.write("eab-key", key + "\n")
    os.chmod(path, 0o600)
    gate = lab.gateway(["a.test"], eab_kid="kid-1", eab_key=path)
    lab.wait_for("a.test")
    equal((lab.pebble.accounts(), lab.issued()), (1, 1), "accounts, certificates")
    check(key not in gate.text(), "the MAC key was logged")


@case("an EAB key that was revoked: the CA's explanation is logged, few attempts; the certificate is kept, and the account found later")
def eab_used_up(world):
    lab = Lab(world)
    lab.gateway(["a.test"])
    first = lab.wait_for("a.test")
    lab.proxy.on("new_order", problem(400, "accountDoesNotExist"), times=1)
    rule = lab.proxy.on("new_account", problem(401, "unauthorized", "the external account key was revoked"))
    equal(lab.command("renew", "a.test").returncode, 0, "the exit code of renew")
    lab.world.last_gateway.wait_for("no certificate: .*the external account key was revoked; next attempt", 20)
    equal(Leaf(lab.chain("a.test")).serial, first.serial, "the certificate served")
    keys = {json.dumps(request.head["jwk"]) for request in lab.proxy.seen("new_account")}
    equal(len(keys), 1, "the account keys that were looked up")
    rule.end()
    lab.wait_for("a.test", but=first.serial)
    equal((lab.pebble.accounts(), lab.issued()), (1, 2), "accounts, certificates")


@case("an account is created once: it is found after a restart, a changed email updates its contact, nothing is ordered again")
def account(world):
    lab = Lab(world, bad_nonces=5)
    gate = lab.gateway(["a.test"])
    first = lab.wait_for("a.test")
    gate.stop()
    gate = lab.gateway(["a.test"])
    equal(lab.wait_for("a.test").serial, first.serial, "the certificate after a restart")
    gate.stop()
    lab.gateway(["a.test", "b.test"], email="new@hopgate.test")
    lab.wait_for("b.test")
    equal(lab.wait_for("a.test").serial, first.serial, "the certificate after a restart")
    equal((lab.pebble.accounts(), lab.issued()), (1, 2), "accounts, certificates")
    wait_until(lambda: [r for r in lab.proxy.answered("account") if (r.payload or {}).get("contact") == ["mailto:new@hopgate.test"]],
               10, "the contact to be changed")


@case("the store has readable PEM, 0600, in folders that are accessible to no one else; no key is logged")
def kept(world):
    lab = Lab(world, bad_nonces=5)
    gate = lab.gateway(["a.test"])
    leaf = lab.wait_for("a.test")
    text = read(lab.kept("a.test"))
    equal(Leaf(text).serial, leaf.serial, "the certificate in the store")
    equal(openssl("pkey", "-pubout", text=text.encode()), leaf.public_key, "the key next to it")
    check(len(split_chain(text)) >= 2, "the chain in the store has no intermediate certificate")
    for path in lab.files():
        equal(oct(stat.S_IMODE(os.stat(path).st_mode)), "0o600", f"the mode of {path}")
        equal(stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) & 0o077, 0, f"the mode of the folder of {path}")
    equal(lab.files(".tmp"), [], "files left behind")
    check("PRIVATE KEY" not in gate.text(), "a key was logged")


@case("a wildcard without dns-01 is refused by check, before any request to a CA")
def wildcard(world):
    lab = Lab(world)
    code, text = lab.check(["*.w.test"])
    equal(code != 0, True, "check fails")
    check("dns-01" in text and "*.w.test" in text, f"check says: {text}")
    equal(lab.proxy.seen(), [], "requests to the CA")


@case("HTTP-01 answers before routes and auth, for any Host, in parallel, with no newline; 404 for unknown tokens")
def http01_answers(world):
    lab = Lab(world)
    event = threading.Event()
    lab.proxy.on("authorization", caproxy.hold(event), skip=1)  # the one that asks for the result of the validation
    lab.proxy.on("challenge", caproxy.hold(event))
    lab.gateway(["a.test"], solvers=["acme_http01"], wait="0",
                world={"routes": [{"host": "app.test", "to": "client-1/web"}, {"host": "a.test", "to": "client-1/web"}]})
    lab.proxy.wait_for("challenge")
    document = lab.proxy.answered("authorization")[0].reply.json()
    token = next(c["token"] for c in document["challenges"] if c["type"] == "http-01")
    path = f"/.well-known/acme-challenge/{token}"
    wanted = f"{token}.".encode()
    # Proxies add a port to Host, and some of a CA's vantage points may only know the address.
    for host in ("a.test", f"a.test:{lab.pebble.http}", "[::1]", "[::1]:80", "unknown.test"):
        result = subprocess.run(["curl", "-sS", "-i", "--noproxy", "*", "-H", f"Host: {host}",
                                 f"http://127.0.0.1:{lab.pebble.http}{path}"], capture_output=True)
        head, _, body = result.stdout.partition(b"\r\n\r\n")
        check(b" 200 " in head.split(b"\r\n")[0] and body.startswith(wanted) and not body.endswith(b"\n"), f"{host}: {result.stdout}")
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(world.curl(path, host="a.test"))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(set(answers), {body.decode()}, "the results of twenty at once")
    equal(len(answers), 20, "answers")
    for unknown in (path + "x", "/.well-known/acme-challenge/", "/.well-known/acme-challenge/%2e%2e/x"):
        equal(world.curl(unknown, host="a.test", want="%{http_code}"), "404", f"an unknown token, {unknown}")
    event.set()
    lab.wait_for("a.test")
    wait_until(lambda: world.curl(path, host="a.test", want="%{http_code}") == "404", 10, "the token to be withdrawn")


@case("TLS-ALPN-01 only answers while a challenge is pending, with its certificate; otherwise with an alert, never as a tunnel")
def tls_alpn01_answers(world):
    lab = Lab(world)
    event = threading.Event()
    lab.proxy.on("challenge", caproxy.hold(event))
    lab.gateway(["a.test"], solvers=["acme_tlsalpn01"], wait="0", world={
        "transports": lambda: [{"dtls": {"listen": f"127.0.0.1:{world.https}"}}, "tls"]})
    lab.proxy.wait_for("challenge")
    document = lab.proxy.answered("authorization")[0].reply.json()
    token = next(c["token"] for c in document["challenges"] if c["type"] == "tls-alpn-01")
    digest = hashlib.sha256(f"{token}.".encode() + base64url(thumbprint(lab)).encode()).hexdigest()
    chain = lab.chain("a.test", alpn="acme-tls/1")
    text = openssl("x509", "-noout", "-text", text=chain.encode())
    dump = openssl("asn1parse", text=split_chain(chain)[0].encode())
    check("1.3.6.1.5.5.7.1.31: critical" in text, f"no acmeIdentifier, or not critical: {text}")
    check(f"0420{digest}".upper() in dump.upper(), "the acmeIdentifier does not contain the challenge")
    equal(Leaf(chain).names, ["a.test"], "the names in the challenge's certificate")
    for version in ("-tls1_2", "-tls1_3"):
        shown = subprocess.run(["openssl", "s_client", version, "-connect", f"127.0.0.1:{lab.pebble.tls}", "-servername", "a.test",
                                "-alpn", "acme-tls/1"], stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
        check("ALPN protocol: acme-tls/1" in shown, f"{version}: {shown[-500:]}")
    # A client that offers two must get the one for the challenge, or none.
    equal(handshake(lab.pebble.tls, "a.test", ["http/1.1", "acme-tls/1"])[1], "acme-tls/1", "the protocol chosen from two")
    check(alert(lab.pebble.tls, "b.test", ["acme-tls/1"]), "a challenge for a name without a pending one is answered")
    check("1.3.6.1.5.5.7.1.31" not in openssl("x509", "-noout", "-text", text=lab.chain("a.test").encode()),
          "the challenge's certificate is served to a client that does not offer acme-tls/1")
    event.set()
    lab.wait_for("a.test")
    wait_until(lambda: alert(lab.pebble.tls, "a.test", ["acme-tls/1"]), 10, "the alert when nothing is pending")


@case("a profile is requested if the CA offers it; an unknown one is omitted, and this is logged")
def profile(world):
    lab = Lab(world)
    lab.proxy.profiles = {"shortlived": "https://ca.test/shortlived"}
    gate = lab.gateway(["a.test"], profile="shortlived")
    lab.wait_for("a.test")
    equal(lab.proxy.answered("new_order")[0].payload.get("profile"), "shortlived", "the profile in the order")
    gate.stop()
    gate = lab.gateway(["a.test"], profile="elegant", state=world.path("state-2"))
    lab.wait_for("a.test")
    equal(lab.proxy.answered("new_order")[-1].payload.get("profile"), None, "the profile in the order")
    gate.wait_for("elegant")


@case("the preferred chain is used if the CA offers it; if it is unknown or fails, the default chain is used")
def chains(world):
    lab = Lab(world, alternates=2)
    other = lab.pebble.root(1)
    subject = openssl("x509", "-noout", "-subject", "-nameopt", "multiline", text=read(other).encode())
    name = subject.split("commonName")[1].split("=")[1].strip()
    gate = lab.gateway(["a.test"], preferred_chain=name)
    lab.wait_for("a.test", root=other)
    gate.stop()
    gate = lab.gateway(["a.test"], preferred_chain="no such CA", state=world.path("state-2"))
    lab.wait_for("a.test")
    gate.stop()
    lab.proxy.on("certificate", caproxy.html(500), when=lambda request: "/alternate/" in request.target)
    gate = lab.gateway(["a.test"], preferred_chain=name, state=world.path("state-3"))
    lab.wait_for("a.test")
    gate.stop()
    # It ends in the right root, but the certificate between leaf and root is missing.
    torn = caproxy.replace_body(lambda body: (split_chain(body.decode())[0] + read(other)).encode())
    rule = lab.proxy.on("certificate", torn, when=lambda request: "/alternate/" in request.target)
    lab.gateway(["a.test"], preferred_chain=name, state=world.path("state-4"))
    lab.wait_for("a.test")
    check(rule.hits, "the alternate chain was not requested")
    equal(lab.issued(), 4, "certificates")


if __name__ == "__main__":
    main()
