# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""The tunnel over a network that loses UDP packets: two network namespaces with a cable between them, nft drops."""

import os
import subprocess
import time

from harness import MIB, Skip, case, check, equal, main, note, pattern_sha256, scaled

GATEWAY, CLIENT = "10.199.83.1", "10.199.83.2"


def run(*words, text=None):
    result = subprocess.run(words, input=text, capture_output=True, text=True)
    check(result.returncode == 0, f"{' '.join(words)}: {result.stderr.strip()}")
    return result


class Network:
    """Namespaces `gate` and `home`; `gate` holds the gateway and the public users, `home` client and service."""

    def __init__(self, world):
        if os.getuid() != 0:
            raise Skip("network namespaces need root")
        self.names = [f"hopgate-{os.getpid()}-{side}" for side in ("gate", "home")]
        for name in self.names:
            made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
            if made.returncode != 0:
                raise Skip(f"no network namespaces here: {made.stderr.strip()}")
            world.undo.append(lambda name=name: self.remove(name))
        gate, home = self.names
        # One segment a packet: otherwise a batch of UDP GSO crosses the cable as one, and is lost as one.
        run("ip", "-n", gate, "link", "add", "cable", "gso_max_segs", "1", "type", "veth",
            "peer", "name", "cable", "gso_max_segs", "1", "netns", home)
        for name, address in ((gate, GATEWAY), (home, CLIENT)):
            run("ip", "-n", name, "address", "add", f"{address}/24", "dev", "cable")
            run("ip", "-n", name, "link", "set", "cable", "up")
            run("ip", "-n", name, "link", "set", "lo", "up")

    def remove(self, name):
        for pid in subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True).stdout.split():
            try:
                os.kill(int(pid), 9)
            except ProcessLookupError:
                pass
        subprocess.run(["ip", "netns", "del", name], capture_output=True)

    def inside(self, index):
        return ["ip", "netns", "exec", self.names[index]]

    def lose(self, percent):
        """Drops that share of the UDP packets that arrive at either end."""
        chance = "" if percent == 100 else f"numgen random mod 1000 < {percent * 10}"
        for index in (0, 1):
            run(*self.inside(index), "nft", "-f", "-", text=f"""
                table inet lossy
                delete table inet lossy
                table inet lossy {{
                    chain arriving {{
                        type filter hook input priority 0
                        meta l4proto udp {chance} counter drop
                    }}
                }}""")

    def dropped(self):
        total = 0
        for index in (0, 1):
            rules = run(*self.inside(index), "nft", "list", "table", "inet", "lossy").stdout
            total += int(rules.split("counter packets ")[1].split()[0])
        return total


def tunnel_over(world, network):
    world.users = network.inside(0)
    service = world.origin(address=CLIENT, prefix=network.inside(1))
    world.token("client-1")
    world.gateway(address=GATEWAY, prefix=network.inside(0))
    world.client({"web": f"http://{CLIENT}:{service.port}"}, prefix=network.inside(1))
    world.wait_for_tunnel(seconds=20)


@case("UDP loss of 5 % both ways: 200 downloads of 1 MiB, all equal", seconds=300)
def downloads(world):
    network = Network(world)
    network.lose(5)
    tunnel_over(world, network)
    count = scaled(200, 40)
    result = world.load(f"/bytes/{MIB}", connections=8, requests=count, sha256=pattern_sha256(MIB))
    note(f"{count} downloads in {result['seconds']:.1f} s, {result['bytes'] / 1e6 / result['seconds']:.1f} MB/s; "
         f"{network.dropped()} packets were dropped")
    equal((result["requests"], result["failed"]), (count, 0), f"equal and failed ({result['why']})")
    check(network.dropped() > count, "nearly nothing was dropped: the test has not tested anything")


@case("UDP loss of 5 % both ways: uploads, all equal", seconds=200)
def uploads(world):
    network = Network(world)
    network.lose(5)
    tunnel_over(world, network)
    world.write("body", "0123456789abcdef" * (MIB // 16))
    wanted = subprocess.run(["sha256sum", world.path("body")], capture_output=True, text=True).stdout.split()[0]
    for _ in range(scaled(30, 5)):
        equal(world.curl("/hash", "--data-binary", "@" + world.path("body"), "-H", "Expect:"), f"{wanted} {MIB}\n")


@case("a network that is gone for 8 s loses no session and no download", seconds=100)
def gap(world):
    network = Network(world)
    network.lose(0)
    tunnel_over(world, network)
    download = subprocess.Popen(world.curl_command("/dribble/150/100", "-o", world.path("slow"), "-w", "%{size_download}"),
                                stdout=subprocess.PIPE, text=True)
    time.sleep(2)
    network.lose(100)
    time.sleep(8)
    network.lose(0)
    output, _ = download.communicate(timeout=60)
    equal((download.returncode, output), (0, "150"), "curl's exit code and bytes")


if __name__ == "__main__":
    main()
