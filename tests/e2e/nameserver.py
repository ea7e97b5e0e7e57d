# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""A small name server over UDP: nameserver.py ADDRESS NAME=ADDRESS[,ADDRESS...]... It has A and AAAA records for these
names, in the order given; other names do not exist. It prints a line for each query."""

import ipaddress
import socket
import struct
import sys

A, AAAA = 1, 28


def read_question(query):
    """Returns the name, the type, and the end of the question (RFC 1035 section 4.1.2)."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode())
        at += 1 + query[at]
    return ".".join(labels).lower(), struct.unpack_from(">H", query, at + 1)[0], at + 5


def answer(query, names):
    name, kind, end = read_question(query)
    print(f"asked for {name} {kind}", flush=True)
    version = {A: 4, AAAA: 6}.get(kind)
    found = [address.packed for address in names.get(name, ()) if address.version == version]
    flags = 0x8580 if name in names else 0x8583  # an authoritative answer; NXDOMAIN
    records = b"".join(struct.pack(">HHHIH", 0xC00C, kind, 1, 0, len(packed)) + packed for packed in found)
    return query[:2] + struct.pack(">HHHHH", flags, 1, len(found), 0, 0) + query[12:end] + records


def main():
    names = {}
    for word in sys.argv[2:]:
        name, addresses = word.split("=")
        names[name] = [ipaddress.ip_address(address) for address in addresses.split(",")]
    server = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((sys.argv[1], 53))
    print("ready", flush=True)
    while True:
        query, peer = server.recvfrom(4096)
        server.sendto(answer(query, names), peer)


if __name__ == "__main__":
    main()
