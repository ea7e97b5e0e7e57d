# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""The kernel's own TCP, for comparison. One connection:

    flow.py receive ADDRESS              prints "port N", then receives: "MONOTONIC-SECONDS BYTES-SO-FAR" every 20 ms
    flow.py send ADDRESS PORT CONTROL    sends as fast as congestion control CONTROL allows, until it is stopped
    flow.py echo ADDRESS                 prints "port N", then echoes
    flow.py ping ADDRESS PORT CONTROL IN-FLIGHT SECONDS
                                         64-byte messages, IN-FLIGHT of them outstanding; prints a JSON object
"""

import json
import socket
import sys
import time

MESSAGE = 64


def listen(address):
    listener = socket.create_server((address, 0))
    print(f"port {listener.getsockname()[1]}", flush=True)
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def connect(address, port, control):
    connection = socket.socket()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, control.encode())
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.connect((address, int(port)))
    return connection


def receive(address):
    connection = listen(address)
    buffer, total, due = bytearray(1 << 18), 0, 0.0
    while size := connection.recv_into(buffer):
        total += size
        now = time.monotonic()
        if now >= due:
            print(f"{now:.6f} {total}", flush=True)
            due = now + 0.02
    print(f"{time.monotonic():.6f} {total}", flush=True)


def send(address, port, control):
    connection = connect(address, port, control)
    block = bytes(1 << 17)
    while True:
        connection.sendall(block)


def echo(address):
    connection = listen(address)
    while block := connection.recv(1 << 16):
        connection.sendall(block)


def ping(address, port, control, in_flight, seconds):
    connection = connect(address, port, control)
    message = b"x" * MESSAGE
    begun = time.monotonic()
    sent_at, times, rest = [begun] * int(in_flight), [], 0
    connection.sendall(message * int(in_flight))
    while time.monotonic() < begun + float(seconds):
        rest += len(connection.recv(1 << 16))
        count, rest = divmod(rest, MESSAGE)
        now = time.monotonic()
        # The connection preserves order, so each answer belongs to the oldest message.
        times += [now - then for then in sent_at[:count]]
        sent_at = sent_at[count:] + [now] * count
        connection.sendall(message * count)
    times.sort()
    print(json.dumps({"per_second": len(times) / (time.monotonic() - begun), "p50_ms": times[len(times) // 2] * 1e3,
                      "p99_ms": times[int(len(times) * 0.99)] * 1e3, "max_ms": times[-1] * 1e3}))


if __name__ == "__main__":
    {"receive": receive, "send": send, "echo": echo, "ping": ping}[sys.argv[1]](*sys.argv[2:])
