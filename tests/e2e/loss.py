# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""The tunnel over a network that loses UDP packets."""

import subprocess
import time

from harness import MIB, case, check, equal, main, note, pattern_sha256, scaled
from network import CLIENT, GATEWAY, Network


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
