# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""A download and a chunked upload at the same time, compared byte by byte, with the longest pause of each, while events
affect the network."""

import hashlib
import subprocess
import threading
import time

from harness import MIB, SANITIZERS, check, equal, in_parallel, note, pattern_sha256, wait_until


class Pauses:
    """Measures the time between pieces of a transfer, which waits for `over` before its last tenth."""

    def __init__(self, over=None):
        self.size, self.longest, self.last, self.over = 0, 0.0, None, over

    def moved(self, size):
        now = time.monotonic()
        if self.last:
            self.longest = max(self.longest, now - self.last)
        self.last = now
        self.size += size


    def wait_before_end(self, total):
        """Waiting is not a pause of the transfer."""
        if self.over and not self.over.is_set() and self.size > total * 9 // 10:
            self.over.wait()
            self.last = None


def paced(pauses, size, rate, total):
    """Records progress, and waits to limit it to `rate` MiB/s."""
    pauses.moved(size)
    time.sleep(size / (rate * MIB))
    pauses.wait_before_end(total)


def download(world, pauses, size, rate):
    command = world.curl_command(f"/bytes/{size}", "-N")
    digest = hashlib.sha256()
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as curl:
        while block := curl.stdout.read(65536):
            digest.update(block)
            paced(pauses, len(block), rate, size)
    equal((curl.returncode, pauses.size, digest.hexdigest()), (0, size, pattern_sha256(size)), "the download")


def upload(world, pauses, size, rate):
    """Chunked, as curl does not know the size of what it reads from a pipe."""
    command = world.curl_command("/hash", "-T", "-", "-X", "POST", "-H", "Expect:")
    digest = hashlib.sha256()
    block = hashlib.sha256(b"upload").digest() * 2048
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as curl:
        while pauses.size < size:
            curl.stdin.write(block)
            digest.update(block)
            paced(pauses, len(block), rate, size)
        curl.stdin.close()
        answer = curl.stdout.read().decode()
    check(digest.hexdigest() in answer, f"the upload's hash is not in the answer {answer!r:.200}")


def with_transfers(world, events, pause, size, rate):
    """Runs both transfers at `rate` MiB/s each, and triggers each event when both have made another fifth of progress. Buffers
    can hide an event from one of them, so neither finishes before the last event is over."""
    over = threading.Event()
    down, up = Pauses(over), Pauses(over)

    def disturb():
        try:
            for number, event in enumerate(events):
                wait_until(lambda: min(down.size, up.size) > (number + 1) * size // 5, 60, "both transfers to make progress")
                event()
            check(max(down.size, up.size) < size, "a transfer finished before the last event")
        finally:
            over.set()

    in_parallel([lambda: download(world, down, size, rate), lambda: upload(world, up, size, rate), disturb])
    note(f"longest pause: download {down.longest:.2f} s, upload {up.longest:.2f} s")
    check(max(down.longest, up.longest) < pause * (3 if SANITIZERS else 1), f"a pause of more than {pause} s")


