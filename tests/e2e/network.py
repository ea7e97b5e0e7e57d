# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""Networks for tests: namespaces connected by cables, slow and lossy paths and a NAT. Needs root.

    network = Network(world, nat=True, path={"rate": 100, "delay": 25, "queue": 625000, "loss": 1})

    gate ── path ── router ── home        gate: the gateway and the public users; home: client and service
    gate ── cable ── home                 without NAT and path

The names of namespaces are unique, so there can be any number of networks at the same time. They are removed, with
everything that runs in them, when the case ends or, by a guard process, when the test program is killed.
"""

import json
import os
import re
import subprocess
import sys
import time

from harness import Process, Skip, check, note, tool, wait_until

GATE, OUTSIDE, INSIDE, HOME = "10.199.83.1", "10.199.83.2", "10.199.84.1", "10.199.84.2"
GATE6, OUTSIDE6 = "fd83::1", "fd83::2"  # not behind the NAT
# The kernel's own TCP must not be limited by its buffers, nor remember the path of an earlier case.
SYSCTLS = {"net.ipv4.tcp_rmem": "4096 131072 33554432", "net.ipv4.tcp_wmem": "4096 131072 33554432",
           "net.ipv4.tcp_no_metrics_save": "1"}


def run(*words, text=None):
    result = subprocess.run(words, input=text, capture_output=True, text=True)
    check(result.returncode == 0, f"{' '.join(words)}: {result.stderr.strip()}")
    return result.stdout


class Namespace:
    def __init__(self, name):
        self.name = name
        self.inside = ["ip", "netns", "exec", name]  # to prefix to a command that is to run in it

    def run(self, *words, text=None):
        return run(*self.inside, *words, text=text)

    def ip(self, *words):
        return run("ip", "-n", self.name, *words)

    def address(self, device, *addresses):
        for address in addresses:
            # An IPv6 address is usable at once if the kernel does not first check for duplicates.
            self.ip("address", "add", address, "dev", device, *(["nodad"] if ":" in address else []))
        self.ip("link", "set", device, "up")

    def table(self, name, chains):
        """Sets an nft table, replacing the one with that name."""
        self.run("nft", "-f", "-", text=f"table inet {name}\ndelete table inet {name}\ntable inet {name} {{\n{chains}\n}}\n")

    def remove_table(self, name):
        self.run("nft", "-f", "-", text=f"table inet {name}\ndelete table inet {name}\n")


class Path(Process):
    """tests/tools/relay between two namespaces; its properties are described there."""

    def __init__(self, world, a, b, addresses, mtu=1500, **properties):
        self.control = world.path(f"path-{len(world.processes)}")
        words = [word for name, value in properties.items() for word in (f"--{name}", str(value))]
        super().__init__(world, "relay", [tool("relay"), "--a", f"{a.name}/path", "--b", f"{b.name}/path",
                                          "--control", self.control, *words])
        world.undo.append(self.end)
        self.wait_for("^ready")
        for namespace, address in zip((a, b), addresses):
            namespace.ip("link", "set", "path", "mtu", str(mtu))
            namespace.address("path", *address)

    def tell(self, line):
        with open(self.control, "w") as control:
            control.write(line + "\n")

    def set(self, **properties):
        """Changes properties; a value is a number, or a pair: from a to b, and back."""
        for name, value in properties.items():
            self.tell(f"{name} {','.join(map(str, value)) if isinstance(value, tuple) else value}")

    def reports(self):
        return [json.loads(line) for line in self.text().splitlines() if line.startswith("{")]

    def figures(self):
        """The figures so far, in both directions: "there" and "back"."""
        before = len(self.reports())
        self.tell("stats")
        return wait_until(lambda: self.reports()[before:], 5, "the relay to report")[0]

    def end(self):
        if self.running():
            self.stop()
            for line in self.text().splitlines():
                if line.startswith("relay:"):
                    note(line)


class Flow:
    """One connection of the kernel's TCP between namespaces, as fast as its congestion control allows."""

    SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "flow.py")

    def __init__(self, world, sender, receiver, address, control):
        self.receiver = Process(world, "receiver", [*receiver.inside, sys.executable, self.SCRIPT, "receive", address])
        port = self.receiver.wait_for(r"^port (\d+)").group(1)
        self.sender = Process(world, f"sender-{control}", [*sender.inside, sys.executable, self.SCRIPT, "send", address, port,
                                                           control])
        self.begun = time.monotonic()

    def samples(self):
        """(seconds of the monotonic clock, bytes received by then)"""
        return [(float(when), int(size)) for when, size in re.findall(r"^([\d.]+) (\d+)$", self.receiver.text(), re.M)]

    def rate(self, begin=None, end=None):
        """Mbit/s received between two times of the monotonic clock, by default from the start to now."""
        return rate(self.samples(), begin or self.begun, end or time.monotonic())

    def end(self):
        """Ends it; returns its overall rate."""
        average = self.rate()
        self.sender.stop()
        self.receiver.stop()
        return average


def rate(samples, begin, end):
    """Mbit/s between two times, from samples of (time, bytes so far)."""

    def total(when):
        return max([size for then, size in samples if then <= when], default=0)

    return (total(end) - total(begin)) * 8e-6 / (end - begin)


class Network:
    def __init__(self, world, nat=False, path=None):
        if os.getuid() != 0:
            raise Skip("network namespaces need root")
        self.world, self.path, self.ports = world, None, 0
        self.guard = subprocess.Popen([sys.executable, __file__, "guard"], stdin=subprocess.PIPE, text=True,
                                      start_new_session=True)
        world.undo.append(self.remove)
        self.count = 0
        self.gate, self.home = self.namespace("gate"), self.namespace("home")
        self.router = self.namespace("router") if nat else None
        far = self.router or self.home
        self.outside = "path" if path is not None else "cable"
        addresses = ((f"{GATE}/24", f"{GATE6}/64"), (f"{OUTSIDE}/24", f"{OUTSIDE6}/64"))
        if path is not None:
            self.path = Path(world, self.gate, far, addresses, **path)
        else:
            self.cable(self.gate, far, "cable", addresses)
        self.home_address = OUTSIDE
        if nat:
            self.home_address = HOME
            self.cable(self.router, self.home, "inside", ((f"{INSIDE}/24",), (f"{HOME}/24",)))
            self.home.ip("route", "add", "default", "via", INSIDE)
            self.masquerade()

    def namespace(self, label):
        namespace = Namespace(f"hopgate-{os.getpid()}-{id(self) & 0xffffff:x}-{label}")
        self.guard.stdin.write(namespace.name + "\n")
        self.guard.stdin.flush()
        made = subprocess.run(["ip", "netns", "add", namespace.name], capture_output=True, text=True)
        if made.returncode != 0:
            raise Skip(f"network namespaces do not work here: {made.stderr.strip()}")
        namespace.ip("link", "set", "lo", "up")
        for name, value in SYSCTLS.items():
            namespace.run("sysctl", "-qw", f"{name}={value}")
        return namespace

    def remove(self):
        self.guard.stdin.close()
        self.guard.wait()

    def cable(self, a, b, name, addresses):
        # One segment per packet; otherwise, a UDP GSO batch would cross the cable as one packet, and be lost as one.
        a.ip("link", "add", name, "gso_max_segs", "1", "type", "veth",
             "peer", "name", name, "gso_max_segs", "1", "netns", b.name)
        for namespace, address in zip((a, b), addresses):
            namespace.address(name, *address)

    # ---- NAT ----

    def masquerade(self):
        """Makes the router assign ports from a different range than before."""
        self.ports = 1 - self.ports
        ports = f"{20000 + 20000 * self.ports}-{29999 + 20000 * self.ports}"
        self.router.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        # Like home routers, it does not answer packets to ports that it has not assigned.
        self.router.table("router", f"""
            chain leaving {{
                type nat hook postrouting priority 100
                oifname "{self.outside}" meta l4proto udp masquerade to :{ports} random
                oifname "{self.outside}" meta l4proto tcp masquerade to :{ports} random
            }}
            chain arriving {{ type filter hook input priority 0
                iifname "{self.outside}" meta l4proto {{ tcp, udp }} drop
            }}""")

    def bindings(self, protocol="udp"):
        """The router's bindings: lines of the kernel's table."""
        return [line for line in self.router.run("cat", "/proc/net/nf_conntrack").splitlines() if f" {protocol} " in line]

    def rebind(self):
        """Makes the router forget its bindings, as if it had restarted: all connections get new ports. Changing the rules is
        not enough, as they only apply to the first packet of a binding; removing its address is."""
        old = set(port_of(line) for line in self.bindings())
        self.masquerade()
        self.router.ip("address", "del", f"{OUTSIDE}/24", "dev", self.outside)
        wait_until(lambda: not old & set(port_of(line) for line in self.bindings()), 5, "the router to forget")
        self.router.ip("address", "add", f"{OUTSIDE}/24", "dev", self.outside)

    # ---- UDP faults ----

    def ends(self):
        return self.gate, self.home

    def lose(self, percent):
        """Drops that percentage of the UDP packets that arrive at either end."""
        chance = "" if percent == 100 else f"numgen random mod 1000 < {percent * 10}"
        for end in self.ends():
            end.table("lossy", f"""chain arriving {{ type filter hook input priority 0
                meta l4proto udp {chance} counter drop
            }}""")

    def dropped(self):
        """The number of packets that lose() has dropped since it was called."""
        return sum(int(end.run("nft", "list", "table", "inet", "lossy").split("counter packets ")[1].split()[0])
                   for end in self.ends())

    def block_udp(self, reject=False):
        """Blocks all UDP; with `reject`, the sender gets ICMP errors."""
        for end in self.ends():
            end.table("blocked", f"""chain arriving {{ type filter hook input priority 0
                iifname != "lo" meta l4proto udp {"reject with icmpx type admin-prohibited" if reject else "drop"}
            }}""")

    def unblock_udp(self):
        for end in self.ends():
            end.remove_table("blocked")

    # ---- hopgate on the network ----

    def control(self, name):
        """The congestion control for the kernel's TCP over the path, whatever the machine's default."""
        for namespace in (self.gate, self.router or self.home):
            route = namespace.ip("route", "show", "dev", self.outside).split()[0]
            namespace.ip("route", "change", route, "dev", self.outside, "congctl", name)

    def tunnel(self, client=None, tls=False, **gateway):
        """Starts service, gateway and client, and waits until they are ready for requests from `gate`; with `tls` only over
        that transport."""
        world = self.world
        if tls:
            gateway["transports"] = lambda: ["tls"]
        world.users = self.gate.inside
        world.service = world.origin(address=self.home_address, prefix=self.home.inside)
        world.token("client-1")
        gate = world.gateway(address=GATE, prefix=self.gate.inside, **gateway)
        home = world.client({"web": f"http://{self.home_address}:{world.service.port}"}, prefix=self.home.inside,
                            transports=[world.connect("tls")] if tls else None, **(client or {}))
        world.wait_for_tunnel(seconds=20)
        return gate, home


def port_of(binding):
    """The port that a line of the kernel's table assigns: that of the replies."""
    return binding.rsplit("dport=", 1)[1].split()[0]


def guard():
    """Reads names until the writer closes the pipe or dies, then removes these namespaces."""
    names = sys.stdin.read().split()
    for name in names:
        listed = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True)
        for pid in listed.stdout.split():
            try:
                os.kill(int(pid), 9)
            except ProcessLookupError:
                pass
    for name in names:
        subprocess.run(["ip", "netns", "del", name], capture_output=True)


if __name__ == "__main__" and sys.argv[1:] == ["guard"]:
    guard()
