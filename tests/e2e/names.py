# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""The gateway's name: name servers that change or fail while a client is running, and names with dead addresses."""

import os
import subprocess
import sys
import time

from harness import SANITIZERS, Process, Skip, case, check, free_port, main, note, scaled, wait_until
from network import GATE, OUTSIDE, Network
from transfers import with_transfers

SIZE = scaled(100 * 10**6, 40 * 10**6)
RATE = scaled(16, 8)  # MiB/s of each transfer
SLOW = 3 if SANITIZERS else 1
ELSEWHERE = "10.199.83.77"  # another one for the client
OTHER = "10.199.83.7"  # another one for the gateway
SERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "nameserver.py")
# A process with its own resolv.conf, which is later written to in place, and its own hosts file.
WITH_CONFIG = 'mount --bind "$0/resolv.conf" /etc/resolv.conf && mount --bind "$0/hosts" /etc/hosts && exec "$@"'


def name_server(world, namespace, address, *names):
    server = Process(world, f"names-{address}", [*namespace.inside, sys.executable, SERVER, address, *names])
    server.wait_for("^ready")
    return server


def use(world, *servers):
    """Changes the client's resolv.conf."""
    world.write("resolv.conf", "".join(f"nameserver {server}\n" for server in servers))


def gateway(world):
    """A network with a gateway on each of its addresses at one end, and the service at the other."""
    network = Network(world)
    world.users = network.gate.inside
    world.service = world.origin(prefix=network.home.inside)
    world.token("client-1")
    world.tcp = free_port()
    gate = world.gateway(prefix=network.gate.inside, transports=lambda: [{"dtls": {"listen": f"*:{world.https}"}},
                                                                         {"tls": {"listen": f"*:{world.tcp}"}}])
    gate.wait_for(r"listening on .*/udp")
    return network, gate


def client(world, network):
    """A client that knows its gateway only by the name gate.test."""
    world.write("hosts", "127.0.0.1 localhost\n")
    prefix = [*network.home.inside, "sh", "-c", WITH_CONFIG, world.folder]
    if subprocess.run([*prefix, "true"], capture_output=True).returncode:
        raise Skip("resolv.conf and hosts cannot be replaced here")
    world.began = time.monotonic()
    return world.client({"web": f"http://127.0.0.1:{world.service.port}"}, prefix=prefix,
                        transports=[world.connect("dtls", connect=f"gate.test:{world.https}"),
                                    world.connect("tls", connect=f"gate.test:{world.tcp}")])


def goes_on(gate, count):
    wait_until(lambda: gate.text().count(" continues with ") >= count, 20 * SLOW, "the session to continue")


@case("during transfers, the client moves to a network with another name server and another route to the gateway", seconds=60)
def another_network(world):
    network, gate = gateway(world)
    name_server(world, network.gate, GATE, f"gate.test={GATE}")
    use(world, GATE)
    home = client(world, network)
    world.wait_for_tunnel()

    def move():
        """The old name server and the old address disappear before there are new ones."""
        network.gate.ip("address", "add", f"{OTHER}/24", "dev", "cable")
        network.gate.ip("address", "del", f"{GATE}/24", "dev", "cable")
        network.gate.ip("address", "add", f"{OTHER}/24", "dev", "cable")
        home.wait_for(r"no response from a name server yet", 20 * SLOW)
        name_server(world, network.home, OUTSIDE, f"gate.test={OTHER}")
        use(world, OUTSIDE)
        goes_on(gate, 1)

    with_transfers(world, [move], 15, SIZE, RATE)


@case("a client started before there is a name server finds its gateway when there is one", seconds=60)
def early_start(world):
    network, _ = gateway(world)
    name_server(world, network.home, "127.0.0.1")  # the default with an empty resolv.conf
    use(world)
    home = client(world, network)
    home.wait_for(r"cannot look up gate\.test")
    name_server(world, network.gate, GATE, f"gate.test={GATE}")
    use(world, GATE)
    world.wait_for_tunnel(seconds=20)


@case("the name server fails, and then the link: the session continues over the known address", seconds=60)
def name_server_fails(world):
    network, gate = gateway(world)
    server = name_server(world, network.gate, GATE, f"gate.test={GATE}")
    use(world, GATE)
    home = client(world, network)
    world.wait_for_tunnel()

    def fail():
        server.kill()
        network.gate.table("names", "chain arriving { type filter hook input priority 0\nudp dport 53 drop\n}")
        network.home.ip("address", "del", f"{OUTSIDE}/24", "dev", "cable")
        network.home.ip("address", "add", f"{ELSEWHERE}/24", "dev", "cable")
        goes_on(gate, 1)

    with_transfers(world, [fail], 8, SIZE, RATE)
    check("trying the previous addresses" in home.text(), "this was not logged")


@case("two dead addresses before the working one, and UDP blocked: the first response within 2 s of the client's start", seconds=60)
def dead_addresses(world):
    network, _ = gateway(world)
    network.block_udp()
    network.home.address("cable", "2001:db8::2/64")  # RFC 6724 would sort fd83:: after IPv4
    name_server(world, network.home, "127.0.0.1", f"gate.test=2001:db8::dead,2001:db8::dead:1,{GATE}")
    use(world, "127.0.0.1")
    client(world, network)
    world.wait_for_tunnel()
    seconds = time.monotonic() - world.began
    note(f"first response after {seconds:.2f} s")
    check(seconds < 2 * SLOW, f"the first response came after {seconds} s")


if __name__ == "__main__":
    main()
