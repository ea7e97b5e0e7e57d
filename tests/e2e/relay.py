# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""A UDP path on loopback that fails on demand."""

import selectors
import socket
import threading

from harness import MIB


class Relay:
    """Like a NAT for UDP: each client address is assigned its own port towards the gateway."""

    def __init__(self, world, target):
        self.target = target
        self.blocked = self.ended = False  # `blocked`: all datagrams are dropped
        self.silenced = set()  # client addresses whose datagrams are dropped
        self.selector = selectors.DefaultSelector()
        self.front = self.socket()
        self.front.bind(("127.0.0.1", 0))
        self.port = self.front.getsockname()[1]
        self.ports = {}  # from client addresses to sockets towards the gateway
        self.forgotten = []
        self.lock = threading.Lock()
        self.selector.register(self.front, selectors.EVENT_READ, None)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        world.undo.append(self.end)

    @staticmethod
    def socket():
        made = socket.socket(type=socket.SOCK_DGRAM)
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * MIB)
        return made

    def rebind(self):
        """Forgets all ports, like a NAT that has restarted: what the gateway still sends to them is lost."""
        with self.lock:
            for upstream in self.ports.values():
                self.selector.unregister(upstream)
                self.forgotten.append(upstream)
            self.ports = {}

    def port_for(self, address):
        upstream = self.ports.get(address)
        if not upstream:
            upstream = self.ports[address] = self.socket()
            upstream.connect(("127.0.0.1", self.target))
            self.selector.register(upstream, selectors.EVENT_READ, address)
        return upstream

    def pass_on(self, source, address):
        try:
            for _ in range(64):
                data, sender = source.recvfrom(65536)
                if self.blocked or (address or sender) in self.silenced:
                    continue
                if address:
                    self.front.sendto(data, address)
                else:
                    self.port_for(sender).send(data)
        except (BlockingIOError, ConnectionRefusedError):
            pass

    def run(self):
        while not self.ended:
            ready = self.selector.select(0.1)
            with self.lock:
                for key, _ in ready:
                    if key.fileobj not in self.forgotten:
                        self.pass_on(key.fileobj, key.data)

    def end(self):
        self.ended = True
        self.thread.join()
        for each in [self.front, *self.ports.values(), *self.forgotten]:
            each.close()
        self.selector.close()
