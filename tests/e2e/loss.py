# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""The tunnel over a network that loses UDP packets: two network namespaces connected by a cable, with drops by nft."""

import subprocess
import time

from harness import MIB, case, check, equal, main, note, pattern_sha256, scaled
from network import Network


@case("5 % UDP loss in both directions: 200 downloads of 1 MiB, all unchanged", seconds=300)
def downloads(world):
    network = Network(world)
    network.lose(5)
    network.tunnel()
    count = scaled(200, 40)
    result = world.load(f"/bytes/{MIB}", connections=8, requests=count, sha256=pattern_sha256(MIB))
    note(f"{count} downloads in {result['seconds']:.1f} s, {result['bytes'] / 1e6 / result['seconds']:.1f} MB/s; "
         f"{network.dropped()} packets were dropped")
    equal((result["requests"], result["failed"]), (count, 0), f"equal and failed ({result['why']})")
    check(network.dropped() > count, "almost nothing was dropped, so nothing was tested")


@case("5 % UDP loss in both directions: uploads, all unchanged", seconds=200)
def uploads(world):
    network = Network(world)
    network.lose(5)
    network.tunnel()
    world.write("body", "0123456789abcdef" * (MIB // 16))
    wanted = subprocess.run(["sha256sum", world.path("body")], capture_output=True, text=True).stdout.split()[0]
    for _ in range(scaled(30, 5)):
        equal(world.curl("/hash", "--data-binary", "@" + world.path("body"), "-H", "Expect:"), f"{wanted} {MIB}\n")


@case("an 8 s network outage loses no session and no download", seconds=100)
def gap(world):
    network = Network(world)
    network.lose(0)
    network.tunnel()
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
