# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""Several processes with one id: one that is killed and restarted, two that both serve."""

import concurrent.futures
import re
import time

from harness import case, check, equal, main, note, read_response, wait_until


def broken_after(connection, seconds=100):
    """Returns how long it takes until a running response breaks off."""
    began = time.monotonic()
    connection.settimeout(seconds)
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass
    return time.monotonic() - began


def second_process(world, gate, services):
    """Starts another process of client-1, and waits until it is connected."""
    before = gate.text().count("of client-1 opened with")
    client = world.client(services)
    wait_until(lambda: gate.text().count("of client-1 opened with") > before, 10, "the second process to connect")
    return client


@case("kill -9 of a client that restarts at once: exchanges of the dead process end within seconds")
def restarted(world):
    _, client = world.tunnel()
    with world.raw(b"GET /dribble/100000/100 HTTP/1.1\r\nHost: app.test\r\n\r\n") as connection:
        equal(read_response(connection, head_only=True)[0], 200)
        client.kill()
        world.client({"web": f"http://127.0.0.1:{world.service.port}"})
        took = broken_after(connection)
    note(f"it ends after {took:.2f} s")
    check(took < 8, f"it took {took:.1f} s")
    equal(world.curl("/"), "hello\n", "a request to the new process")


@case("kill -9 of the newer of two processes: the older one serves")
def newer_killed(world):
    gate, _ = world.tunnel()
    newer = second_process(world, gate, {"web": f"http://127.0.0.1:{world.service.port}"})
    equal(world.curl("/"), "hello\n", "a request with both running")
    newer.kill()
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        asked = []
        for _ in range(12):
            asked.append(pool.submit(world.curl, "/", want="%{http_code} %{time_total}"))
            time.sleep(0.25)
        answers = [answer.result().split() for answer in asked]
    longest = max(float(seconds) for _, seconds in answers)
    failed = sum(status != "200" for status, _ in answers)
    note(f"of 12 requests in 3 s {failed} fail, the longest takes {longest:.2f} s")
    check(longest < 8, f"a request took {longest:.1f} s")
    equal([status for status, _ in answers[-4:]], ["200"] * 4, "those made after some silence")


@case("two processes with one id: each keeps its own exchanges, and all three ends log the conflict once")
def both_serve(world):
    service = world.origin()
    url = f"http://127.0.0.1:{service.port}"
    world.token("client-1")
    gate = world.gateway(routes=[{"host": "app.test", "to": "client-1/web"}, {"host": "app.test", "path": "/bytes", "to": "client-1/other"}])
    older = world.client({"web": url})
    world.wait_for_tunnel()
    newer = second_process(world, gate, {"other": url})
    lines = (gate, f"two processes use the id client-1: .*:{newer.pid}:.*:{older.pid}:"), \
        (older, f"another process uses this id and now gets all new exchanges: .*:{newer.pid}:.* at .*since"), \
        (newer, f"another process already uses this id: .*:{older.pid}:.* at .*since")
    for process, text in lines:
        process.wait_for(text)
    for _ in range(4):
        equal(world.curl("/"), "hello\n", "the exchange of the older one")
        equal(world.curl("/bytes/5", want="%{http_code} %{size_download}"), "200 5", "the exchange of the newer one")
    for process, text in lines:
        equal(len(re.findall(text, process.text())), 1, f"the number of such lines from {process.name}")


@case("an id has more sessions than allowed: refused, both ends log which limit it is, and it works when there is room")
def too_many(world):
    gate, first = world.tunnel(extra={"sessions_per_client": 1})
    second = world.client({"web": f"http://127.0.0.1:{world.service.port}"})
    reason = r"client-1 already has 1 sessions \(sessions_per_client\)"
    gate.wait_for(f"session refused for .*: {reason}")
    second.wait_for(rf"cannot open a session over dtls: .*\(overload\): {reason}")
    equal(world.curl("/"), "hello\n", "a request in the meantime")
    first.stop()
    wait_until(lambda: world.curl("/") == "hello\n", 20, "the second process to serve")


if __name__ == "__main__":
    main()
