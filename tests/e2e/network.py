# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""A network of a test's own: two network namespaces with a cable between them, where nft drops UDP packets."""

import os
import subprocess

from harness import Skip, check

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
