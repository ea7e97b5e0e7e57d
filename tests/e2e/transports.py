# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""The alternative to DTLS: TLS over TCP, on the edge's port or its own, and for when UDP is blocked."""

import hashlib
import json
import re
import signal
import socket
import subprocess
import time

from harness import MIB, case, check, equal, free_port, main, note, pattern_sha256, read_response, scaled
from network import GATE, Network


def tls_tunnel(world, listen=None, client_transports=None):
    """Starts origin, gateway and client with TLS only; returns gateway and client."""
    world.service = world.origin()
    world.token("client-1")
    gate = world.gateway(transports=lambda: [{"tls": {"listen": f"127.0.0.1:{listen}"}} if listen else "tls"])
    client = world.client({"web": f"http://127.0.0.1:{world.service.port}"},
                          transports=client_transports or [world.connect("tls", listen)])
    world.wait_for_tunnel()
    return gate, client


def move_data(world):
    size = scaled(256, 16) * MIB
    began = time.monotonic()
    download = subprocess.run(world.curl_command(f"/bytes/{size}"), capture_output=True)
    seconds = time.monotonic() - began
    equal(hashlib.sha256(download.stdout).hexdigest(), pattern_sha256(size), f"the SHA-256 of {len(download.stdout)} bytes")
    note(f"{size / MIB / seconds:.0f} MiB/s down, through curl and Python")
    body = b"0123456789abcdef" * (4 * MIB // 16)
    with open(world.path("body"), "wb") as file:
        file.write(body)
    equal(world.curl("/hash", "--data-binary", "@" + world.path("body"), "-H", "Expect:"),
          f"{hashlib.sha256(body).hexdigest()} {len(body)}\n", "the upload's hash and size")


@case("only TLS, on the edge's port: data in both directions, public users at the same time, a normal exit", seconds=120)
def shared_port(world):
    gate, client = tls_tunnel(world)
    client.wait_for(r"over tls \(TLS1.3 ECDHE-X25519")
    gate.wait_for(r"over tls \(TLS1.3 ECDHE-X25519")
    move_data(world)
    for _ in range(20):
        equal(world.curl("/", tls=True), "hello\n", "a public user on the same port")
    result = world.load("/bytes/1000", connections=64, requests=scaled(20000, 2000))
    equal(result["failed"], 0, f"failed requests ({result['why']})")
    note(f"{result['requests'] / result['seconds']:.0f} requests/s")
    equal(gate.stop(5), 0, "the gateway's exit code")
    client.wait_for(r"SHUTDOWN|SESSION_ENDED|closed")
    equal(client.stop(5), 0, "the client's exit code")


@case("only TLS, on its own port", seconds=120)
def own_port(world):
    gate, client = tls_tunnel(world, listen=free_port())
    move_data(world)
    gate.signal(signal.SIGUSR1)
    figures = gate.wait_for(r"rtt_us=.*").group()
    check("packet_size=" in figures and "window=" not in figures, f"on a byte link, which has no window: {figures}")
    equal(client.stop(5), 0, "the client's exit code")
    equal(world.curl("/", want="%{http_code}"), "503", "a request afterwards")
    equal(gate.stop(5), 0, "the gateway's exit code")


@case("TLS: a stalled reader slows down no one and costs limited memory", seconds=60, measures=True)
def stalled_reader(world):
    gate, client = tls_tunnel(world)
    with world.raw(f"GET /bytes/{1 << 30} HTTP/1.1\r\nHost: app.test\r\n\r\n".encode()) as connection:
        read_response(connection, head_only=True)
        time.sleep(1)
        for _ in range(20):
            equal(world.curl("/"), "hello\n", "another user in the meantime")
        for process in (gate, client):
            held = process.status("VmHWM") / MIB
            note(f"{process.name} held {held:.0f} MiB")
            check(held < 64, f"{process.name} held {held:.0f} MiB")


@case("TLS: the gateway is killed and restarted: the client reconnects", seconds=60)
def restart(world):
    gate, client = tls_tunnel(world)
    gate.kill()
    client.wait_for(r"session 1 .*has lost its link")
    world.gateway(transports=lambda: ["tls"], ports=(world.http, world.https))
    world.wait_for_tunnel()
    equal(world.curl("/"), "hello\n")


@case("TLS: a client refuses the wrong gateway, and logs why")
def wrong_name(world):
    world.origin()
    world.token("client-1")
    world.gateway(transports=lambda: ["tls"])
    client = world.client({"web": "http://127.0.0.1:1"}, transports=[world.connect("tls", server_name="evil.test")])
    client.wait_for(r"cannot open a session over tls: the gateway's certificate is for .*gate.test.*, not for .*evil.test")


@case("TLS: an edge without a `tls` block below it is distinguished from a gateway")
def no_transport(world):
    world.origin()
    world.token("client-1")
    world.gateway()
    client = world.client({"web": "http://127.0.0.1:1"}, transports=[world.connect("tls")])
    client.wait_for(r"cannot open a session over tls: .*(is there a `tls` block in the gateway's pipeline\?|it does not support hopgate/1)")


@case("`tls` without `listen` needs a TLS listener at the edge")
def no_listener(world):
    world.certificates()
    world.write("tokens", "")
    config = {"pipeline": [{"http": {"listen": "127.0.0.1:80"}}, {"tls_files": {"cert": "gate.pem", "key": "gate.key"}},
                           {"route": [{"host": "a.test", "to": "b/c"}]}, {"auth_token": {"file": "tokens"}}, "codec_binary", "tls"]}
    world.write("plain.conf", json.dumps(config))
    result = world.program("check", "-c", world.path("plain.conf"))
    check(result.returncode == 1 and "no address has `tls`" in result.stdout + result.stderr,
          f"check says {result.returncode}: {result.stdout} {result.stderr}")
    config["pipeline"][-1] = {"tls": {"listen": "127.0.0.1:443"}}
    world.write("plain.conf", json.dumps(config))
    result = world.program("check", "-c", world.path("plain.conf"))
    equal(result.returncode, 0, f"check ({result.stdout} {result.stderr})")


def first_response(world, began, bound):
    world.wait_for_tunnel()
    seconds = time.monotonic() - began
    note(f"first response {seconds:.2f} s after the client's start")
    check(seconds < bound, f"the first response came after {seconds:.1f} s")


@case("nothing listens on the UDP port: TLS is used at once")
def no_udp(world):
    service = world.origin()
    world.token("client-1")
    world.gateway(transports=lambda: ["tls"])
    began = time.monotonic()
    client = world.client({"web": f"http://127.0.0.1:{service.port}"}, transports=[world.connect("dtls"), world.connect("tls")])
    first_response(world, began, 2)
    client.wait_for(r"cannot open a session over dtls: .*refused")
    client.wait_for(r"over tls \(TLS1.3")


@case("the gateway is away: each failure is logged three times a minute, then counted; another failure is logged at once")
def gateway_away(world):
    world.certificates()
    world.token("client-1")
    world.address, world.http, world.https = "127.0.0.1", free_port(), free_port()
    client = world.client({"web": "http://127.0.0.1:9"}, transports=[world.connect("dtls"), world.connect("tls")])
    refused = "cannot open a session over tls: .*refused"
    client.wait_for(rf"(?:{refused}(?:.|\n)*){{3}}", 20)
    with socket.create_server((world.address, world.https)) as server:
        server.accept()[0].close()
        client.wait_for(r"cannot open a session over tls: (?!.*refused)", 20)
    time.sleep(5)  # for more rounds
    client.stop()
    lines = re.findall(refused + ".*", client.text())
    equal(len(lines), 4, f"lines about the same failure in {client.text()}")
    check("times in the last minute" in lines[3], f"no number in {lines[3]}")


@case("UDP is dropped silently: TLS within two seconds; DTLS again when the link ends and UDP works", seconds=60)
def blocked_udp(world):
    network = Network(world)
    network.block_udp()
    world.users = network.gate.inside
    service = world.origin(address=network.home_address, prefix=network.home.inside)
    world.token("client-1")

    def transports():
        return [{"dtls": {"listen": f"{GATE}:{world.https}"}}, "tls"]

    gate = world.gateway(address=GATE, prefix=network.gate.inside, transports=transports)
    gate.wait_for(r"listening on .*/udp")
    began = time.monotonic()
    # On a busy machine, DTLS needs a head start to win later; roaming.py tests the default.
    client = world.client({"web": f"http://{network.home_address}:{service.port}"}, prefix=network.home.inside,
                          transports=[world.connect("dtls"), world.connect("tls")], extra={"head_start": "1s"})
    first_response(world, began, 2.5)
    client.wait_for(r"over tls \(TLS1.3")
    network.unblock_udp()
    gate.stop()
    world.gateway(address=GATE, prefix=network.gate.inside, transports=transports, ports=(world.http, world.https))
    client.wait_for(r"over dtls \(DTLS1.2", 20)
    world.wait_for_tunnel()


if __name__ == "__main__":
    main()
