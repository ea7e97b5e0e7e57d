# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""Sessions outlive their links: during transfers, a UDP path becomes silent for a while, or the client's port changes. Every
byte is compared, and the longest pause measured."""

import hashlib
import re
import signal
import subprocess
import threading
import time

from harness import MIB, case, check, equal, main, note, pattern_sha256, read_response, scaled
from relay import Relay
from transfers import with_transfers

# More follows the last event than all buffers between service, client, gateway and user can hold; otherwise, the tunnel
# might have carried everything before it.
SIZE = scaled(200 * MIB, 60 * MIB)
RATE = scaled(40, 12)  # MiB/s of each transfer, so that it takes several seconds


def relayed(world, **extra):
    world.service = world.origin()
    world.token("client-1")
    gate = world.gateway(extra=extra)
    relay = Relay(world, world.https)
    client = world.client({"web": f"http://127.0.0.1:{world.service.port}"}, dtls={"connect": f"127.0.0.1:{relay.port}"},
                          extra=extra)
    world.wait_for_tunnel()
    return gate, client, relay


@case("the NAT assigns a new port to the client, three times: transfers continue within 2 s", seconds=180)
def rebinding(world):
    gate, client, relay = relayed(world)
    with_transfers(world, [relay.rebind] * 3, 2, SIZE, RATE)
    equal(gate.text().count(" opened with "), 1, "sessions opened")
    check(gate.text().count(" continues with ") >= 3, "the session has not moved three times")
    client.wait_for(r"no response on its link")


@case("the gateway drains, and the NAT assigns the client a new port: the download completes, then the gateway exits", seconds=60)
def draining(world):
    gate, client, relay = relayed(world, stop_timeout="50s")
    size = 64 * MIB  # more than what can be in flight
    with world.raw(f"GET /bytes/{size} HTTP/1.1\r\nHost: app.test\r\n\r\n".encode()) as connection:
        status, _, body = read_response(connection, head_only=True)
        equal(status, 200)
        gate.signal(signal.SIGTERM)
        client.wait_for(r"the gateway is draining session")
        relay.rebind()
        gate.wait_for(r" continues with ")
        client.wait_for(r"\(draining\)")  # a new session is refused at once, on a working link
        digest, got = hashlib.sha256(body), len(body)
        while got < size and (block := connection.recv(MIB)):
            digest.update(block)
            got += len(block)
    equal((got, digest.hexdigest()), (size, pattern_sha256(size)), "the download")
    equal(gate.wait(10), 0, "the gateway's exit code")
    equal(gate.text().count(" opened with "), 1, "sessions opened")


@case("UDP is silent for 4 s: transfers continue, and a request made during the silence is answered", seconds=180)
def silence(world):
    gate, _, relay = relayed(world)

    def block():
        relay.blocked = True
        time.sleep(3)
        begun = threading.Thread(target=lambda: answers.append(world.curl("/")))
        begun.start()
        time.sleep(1)
        relay.blocked = False
        begun.join()

    answers = []
    with_transfers(world, [block], 8, SIZE, RATE)
    equal(answers, ["hello\n"], "the answer to the request made during the silence")
    equal(gate.text().count(" opened with "), 1, "sessions opened")


@case("the NAT forgets an idle client: it is connected again before the next request", seconds=60)
def idle(world):
    gate, _, relay = relayed(world, keep_alive="1s")
    relay.rebind()
    gate.wait_for(r"continues with", 5)
    began = time.monotonic()
    equal(world.curl("/"), "hello\n")
    note(f"answered after {time.monotonic() - began:.2f} s")


@case("a session that is not resumed in time ends: its exchanges are reset, nothing is left", seconds=60)
def given_up(world):
    gate, client, relay = relayed(world, keep_alive="500ms", dead_after="1s", resume_timeout="1s")
    with subprocess.Popen(world.curl_command("/dribble/1000/100", "-N"), stdout=subprocess.PIPE, bufsize=0,
                          stderr=subprocess.DEVNULL) as curl:
        curl.stdout.read(1)
        relay.blocked = True
        curl.stdout.read()
        check(curl.wait(10) != 0, "the cut download looks complete")
    gate.wait_for(r"not resumed within", 5)
    client.wait_for(r"not resumed within", 5)
    equal(world.curl("/", want="%{http_code}"), "503", "a request afterwards")
    relay.blocked = False
    world.wait_for_tunnel(seconds=15)
    check(re.search(r"session 2 .*opened with", gate.text()), "no new session")


if __name__ == "__main__":
    main()
