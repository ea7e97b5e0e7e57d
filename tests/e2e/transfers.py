# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""A download and a chunked upload at the same time, compared byte by byte, with the longest pause of each, while events
affect the network."""

import hashlib
import subprocess
import time

from harness import MIB, SANITIZERS, check, equal, in_parallel, note, pattern_sha256, wait_until


class Pauses:
    """Measures the time between pieces of a transfer."""

    def __init__(self):
        self.size, self.longest, self.last = 0, 0.0, None

    def moved(self, size):
        now = time.monotonic()
        if self.last:
            self.longest = max(self.longest, now - self.last)
        self.last = now
        self.size += size


def paced(pauses, size, rate):
    """Records progress, and waits to limit it to `rate` MiB/s."""
    pauses.moved(size)
    time.sleep(size / (rate * MIB))


def download(world, pauses, size, rate):
    command = world.curl_command(f"/bytes/{size}", "-N")
    digest = hashlib.sha256()
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as curl:
        while block := curl.stdout.read(65536):
            digest.update(block)
            paced(pauses, len(block), rate)
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
            paced(pauses, len(block), rate)
        curl.stdin.close()
        answer = curl.stdout.read().decode()
    check(digest.hexdigest() in answer, f"the upload's hash is not in the answer {answer!r:.200}")


def with_transfers(world, events, pause, size, rate):
    """Runs both transfers at `rate` MiB/s each, and triggers each event when both have made another fifth of progress; the
    last event must be over before they are."""
    down, up = Pauses(), Pauses()

    def disturb():
        for number, event in enumerate(events):
            wait_until(lambda: min(down.size, up.size) > (number + 1) * size // 5, 60, "both transfers to make progress")
            event()
        check(max(down.size, up.size) < size, "a transfer finished before the last event")

    in_parallel([lambda: download(world, down, size, rate), lambda: upload(world, up, size, rate), disturb])
    note(f"longest pause: download {down.longest:.2f} s, upload {up.longest:.2f} s")
    check(max(down.longest, up.longest) < pause * (3 if SANITIZERS else 1), f"a pause of more than {pause} s")


