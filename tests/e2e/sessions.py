# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""Who may open a session, and what happens to sessions and exchanges when a process stops."""

import hashlib
import json
import os
import pwd
import re
import resource
import signal
import socket
import subprocess
import time

from harness import BUILD, MIB, Skip, case, check, equal, main, note, pattern_sha256, read_response, wait_until


@case("a token has 256 bits and is never repeated; the gateway's line contains only its SHA-256")
def tokens(world):
    secrets = [world.token(f"client-{number}") for number in range(3)]
    equal(len(set(secrets)), 3, "the number of different ones among three tokens")
    with open(world.path("tokens")) as file:
        lines = file.read().splitlines()
    for secret, line in zip(secrets, lines):
        check(len(secret) >= 43, f"a token of {len(secret)} characters cannot hold 256 bits")
        check(secret not in line, "the gateway's line contains the secret itself")
        equal(line.split(":")[1], hashlib.sha256(secret.encode()).hexdigest(), "the hash in the line")


@case("a wrong token is refused, and both ends log it; the right one works a moment later")
def wrong_token(world):
    service = world.origin()
    right = world.token("client-1")
    gate = world.gateway()
    world.write("token-wrong", "0" * len(right) + "\n")
    client = world.client({"web": f"http://127.0.0.1:{service.port}"}, token="token-wrong")
    gate.wait_for(r"(?i)refus.*client-1|client-1.*refus")
    client.wait_for(r"refused a session \(credentials\): no such id and token")
    equal(world.curl("/", want="%{http_code}"), "503", "a request in the meantime")
    check(right not in gate.text() + client.text() and "0" * 40 not in gate.text() + client.text(), "a token was logged")
    client.stop()
    world.client({"web": f"http://127.0.0.1:{service.port}"})
    world.wait_for_tunnel()


def times_in_memory(process, secret):
    """How many times a string occurs in the writable memory of a process."""
    count = 0
    with open(f"/proc/{process.pid}/maps") as maps, open(f"/proc/{process.pid}/mem", "rb") as memory:
        for line in maps:
            addresses, permissions = line.split()[:2]
            start, end = (int(address, 16) for address in addresses.split("-"))
            if permissions.startswith("rw"):
                memory.seek(start)
                count += memory.read(end - start).count(secret)
    return count


@case("after a token was sent, only the client's config still has it in memory", measures=True)
def shown_token(world):  # a sanitizer keeps what GnuTLS has freed
    service = world.origin()
    secret = world.token("client-1").encode()
    gate = world.gateway()
    client = world.client({"web": f"http://127.0.0.1:{service.port}"})
    world.wait_for_tunnel()
    try:
        counts = times_in_memory(gate, secret), times_in_memory(client, secret)
    except PermissionError as error:
        raise Skip("processes may not read each other's memory here") from error
    equal(counts, (0, 1), "occurrences in the memory of gateway and client")


@case("an unknown client is refused")
def unknown_client(world):
    world.token("client-1")
    world.token("client-9")
    with open(world.path("tokens")) as file:
        lines = file.read().splitlines()
    world.write("tokens", lines[0] + "\n")
    gate = world.gateway()
    client = world.client({"web": "http://127.0.0.1:1"}, name="client-9")
    client.wait_for(r"refused a session \(credentials\): no such id and token")
    gate.wait_for(r"(?i)refus.*client-9|client-9.*refus")


@case("a client serves only what its line allows")
def allowed_services(world):
    service = world.origin()
    world.token("client-1", services=("web",))
    world.gateway(routes=[{"host": "app.test", "path": "/other", "to": "client-1/other"}, {"host": "app.test", "to": "client-1/web"}])
    url = f"http://127.0.0.1:{service.port}"
    world.client({"web": url, "other": url})
    world.wait_for_tunnel()
    equal(world.curl("/"), "hello\n", "the allowed service")
    status = world.curl("/other", want="%{http_code}")
    check(status in ("403", "404", "502", "503"), f"the forbidden service: answered {status}")
    equal(world.requests_seen().count("GET /other"), 0, "requests that reached the forbidden service")


def replace_tokens(world, text):
    """Replaces it like an editor."""
    world.write("tokens.new", text)
    os.rename(world.path("tokens.new"), world.path("tokens"))


@case("a token is removed: its session ends within a second, both ends log why; the token is restored, and so is access")
def removed_token(world):
    gate, client = world.tunnel()
    world.token("client-2")
    with open(world.path("tokens")) as file:
        lines = file.read().splitlines(keepends=True)
    world.write("tokens", lines[0] + "client-2:half\n")
    gate.wait_for(r"tokens:2: the token of .*client-2.* is not 64")
    with world.raw(b"GET /dribble/1000/100 HTTP/1.1\r\nHost: app.test\r\n\r\n") as connection:
        equal(read_response(connection, head_only=True)[0], 200)
        began = time.monotonic()
        replace_tokens(world, lines[1])
        while connection.recv(1000):
            pass
    note(f"after {time.monotonic() - began:.3f} s")
    check(time.monotonic() - began < 5, "it took too long")
    gate.wait_for("session 1 of client-1 ended .*its token was removed")
    client.wait_for("session 1 ended .*SESSION_ENDED, its token was removed")
    client.wait_for("no such id and token")
    equal(world.curl("/", want="%{http_code}"), "503", "a request afterwards")
    replace_tokens(world, "".join(lines))
    wait_until(lambda: world.curl("/") == "hello\n", 15, "the client to be admitted again")


@case("a service is no longer allowed: its exchanges end, new ones are refused, the session continues")
def withdrawn_service(world):
    gate, _ = world.tunnel()
    with open(world.path("tokens")) as file:
        line = file.read().strip()
    with world.raw(b"GET /dribble/1000/100 HTTP/1.1\r\nHost: app.test\r\n\r\n") as connection:
        equal(read_response(connection, head_only=True)[0], 200)
        replace_tokens(world, line + ":other\n")
        while connection.recv(1000):
            pass
    equal(world.curl("/", want="%{http_code}"), "404", "a request afterwards")
    replace_tokens(world, line + ":other,web\n")
    wait_until(lambda: world.curl("/") == "hello\n", 5, "the service to be allowed again")
    equal(gate.text().count("opened with"), 1, "total number of sessions")


@case("SIGHUP reloads the tokens; if the file is no longer readable, nothing changes")
def reread_tokens(world):
    if os.getuid() != 0:
        raise Skip("needs root")
    nobody = pwd.getpwnam("nobody")
    world.certificates()
    world.token("client-1")
    for name in ("tokens", "gate.key"):
        os.chown(world.path(name), nobody.pw_uid, nobody.pw_gid)
    gate, _ = world.tunnel(extra={"user": "nobody"})
    gate.signal(signal.SIGHUP)
    gate.wait_for("reloaded .*tokens: 2 tokens")
    os.close(os.open(world.path("tokens.new"), os.O_CREAT, 0o600))
    replace_tokens(world, "")
    gate.wait_for("tokens: Permission denied")
    gate.wait_for("the previous tokens stay valid")
    equal(world.curl("/"), "hello\n", "a request afterwards")


@case("two clients with the same id: the newest serves; when it disconnects, the first one serves again")
def second_client(world):
    service = world.origin()
    world.token("client-1")
    world.gateway()
    first_port = service.port
    world.client({"web": f"http://127.0.0.1:{first_port}"})
    world.wait_for_tunnel()
    nobody = world.client({"web": "http://127.0.0.1:1"})
    wait_until(lambda: world.curl("/", want="%{http_code}") == "502", 5, "the newest client to get requests")
    nobody.stop()
    wait_until(lambda: world.curl("/") == "hello\n", 5, "the first client to get requests again")


@case("an idle session is kept alive, with the default settings", seconds=60)
def idle(world):
    gate, _ = world.tunnel()
    time.sleep(27)  # longer than keep_alive and dead_after together
    equal(gate.text().count("opened with"), 1, "sessions opened in 27 s of silence")
    equal(gate.text().count("continues with"), 0, "links that replaced others in 27 s of silence")
    equal(world.curl("/"), "hello\n", "a request after the silence")


@case("the log has a JSON object per line, or text if configured")
def log_lines(world):
    gate, client = world.tunnel()
    for process in (gate, client):
        lines = process.text().splitlines()
        check(lines, f"{process.name} has logged nothing")
        for line in lines:
            check(isinstance(json.loads(line), dict), f"not a JSON object: {line}")
    gate.stop()
    text = world.gateway(extra={"log": "text"})
    text.stop()
    check(text.text() and not text.text().startswith("{"), f"not text: {text.text()}")


@case("SIGTERM: exchanges in progress finish, new ones are refused, exit code 0")
def drain(world):
    gate, client = world.tunnel()
    with world.raw(b"GET /dribble/30/100 HTTP/1.1\r\nHost: app.test\r\n\r\n") as connection:
        status, _, body = read_response(connection, head_only=True)
        equal(status, 200)
        gate.signal(signal.SIGTERM)
        time.sleep(0.5)
        check(gate.running(), "the gateway exited during an exchange")
        equal(world.curl("/", want="%{http_code}") in ("000", "503"), True, "a new request is refused")
        size = len(body)
        while size < 30 and (block := connection.recv(100)):
            size += len(block)
        equal(size, 30, "bytes of the exchange in progress")
    equal(gate.wait(8), 0, "the gateway's exit code")
    began = time.monotonic()
    equal(client.stop(5), 0, "the client's exit code")
    note(f"the client took {time.monotonic() - began:.2f} s to stop")


@case("SIGTERM of the client: exchanges in progress finish, then 503")
def drain_client(world):
    gate, client = world.tunnel()
    with world.raw(b"GET /dribble/20/100 HTTP/1.1\r\nHost: app.test\r\n\r\n") as connection:
        _, _, body = read_response(connection, head_only=True)
        client.signal(signal.SIGTERM)
        size = len(body)
        while size < 20 and (block := connection.recv(100)):
            size += len(block)
        equal(size, 20, "bytes of the exchange in progress")
    equal(client.wait(8), 0, "the client's exit code")
    equal(world.curl("/", want="%{http_code}"), "503", "a request afterwards")
    check(gate.running(), "the gateway has exited, too")


@case("SIGTERM of the client: the part of a response that it had sent reaches a user who reads slowly, after the client has exited")
def drain_slow_reader(world):
    gate, client = world.tunnel()
    size = 200_000  # what a stream may hold, and the sockets, before the user has read anything
    with socket.socket() as user:
        user.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        user.settimeout(10)
        user.connect((world.address, world.http))
        user.sendall(f"GET /bytes/{size} HTTP/1.1\r\nHost: app.test\r\n\r\n".encode())
        _, _, body = read_response(user, head_only=True)
        client.signal(signal.SIGTERM)
        equal(client.wait(9), 0, "the client's exit code")
        while len(body) < size and (block := user.recv(65536)):
            body += block
    equal(hashlib.sha256(body).hexdigest(), pattern_sha256(size), f"the hash of {len(body)} of {size} bytes")
    check("cut short" not in gate.text(), "the gateway cut the response short")
    equal(gate.stop(8), 0, "the gateway's exit code")


@case("SIGTERM: an endless exchange is aborted at stop_timeout; a second SIGTERM stops at once")
def drain_bound(world):
    gate, client = world.tunnel(extra={"stop_timeout": "1s"})
    with world.raw(b"GET /dribble/10000/100 HTTP/1.1\r\nHost: app.test\r\n\r\n") as connection:
        read_response(connection, head_only=True)
        began = time.monotonic()
        equal(gate.stop(5), 0, "the gateway's exit code")
        check(0.8 < time.monotonic() - began < 3, f"it took {time.monotonic() - began:.1f} s")
    client.stop()
    world.processes.clear()
    world.gateway()
    client = world.client({"web": f"http://127.0.0.1:{world.service.port}"})
    world.wait_for_tunnel()
    with world.raw(b"GET /dribble/10000/100 HTTP/1.1\r\nHost: app.test\r\n\r\n") as connection:
        read_response(connection, head_only=True)
        began = time.monotonic()
        world.last_gateway.signal(signal.SIGTERM)
        time.sleep(0.3)
        world.last_gateway.signal(signal.SIGTERM)
        equal(world.last_gateway.wait(3), 0, "the gateway's exit code")


@case("SIGHUP kills neither process")
def hangup(world):
    gate, client = world.tunnel()
    for process in (gate, client):
        process.signal(signal.SIGHUP)
    time.sleep(0.5)
    check(gate.running() and client.running(), "SIGHUP ended a process")
    equal(world.curl("/"), "hello\n", "a request afterwards")


@case("SIGHUP while a gateway starts: it is handled when the gateway runs")
def hangup_at_start(world):
    world.environment["HOPGATE_PLUGIN_PATH"] = f"{BUILD}/.libs:{BUILD}/tests/unit/plugins/.libs"
    world.token("client-1")
    for at in ("configure", "prepare", "worker_start"):
        gate = world.gateway(stages=[{"crash": {"at": at, "by": "hangup"}}], ready=False)
        gate.wait_for(r"running as a gateway(.|\n)*SIGHUP: reloading")
        equal(gate.stop(), 0, f"the exit code after SIGHUP in {at}")


@case("user: root binds, then becomes nobody permanently")
def privileges(world):
    if os.getuid() != 0:
        raise Skip("needs root")
    nobody = pwd.getpwnam("nobody")
    world.certificates()
    world.token("client-1")
    for name in ("tokens", "gate.key"):
        os.chown(world.path(name), nobody.pw_uid, nobody.pw_gid)
    wanted = beyond_limit()
    gate, _ = world.tunnel(extra={"user": "nobody"}, dtls={"socket_buffer": wanted})
    with open(f"/proc/{gate.pid}/status") as file:
        status = file.read()
    equal(re.search(r"^Uid:\s+(.*)$", status, re.M).group(1).split(), [str(nobody.pw_uid)] * 4, "its user ids")
    equal(re.search(r"^Gid:\s+(.*)$", status, re.M).group(1).split(), [str(nobody.pw_gid)] * 4, "its group ids")
    equal(re.search(r"^CapEff:\s+(\w+)$", status, re.M).group(1), "0" * 16, "its capabilities")
    equal(re.search(r"^Groups:\s*(.*)$", status, re.M).group(1).split() in ([], [str(nobody.pw_gid)]), True, "its groups")
    equal(world.curl("/", tls=True), "hello\n", "a request to the process without privileges")
    listed = subprocess.run(["ss", "-H", "-uamn", f"sport = :{world.https}"], capture_output=True, text=True, check=True).stdout
    equal(re.findall(r"\brb(\d+),.*\btb(\d+),", listed), [(str(2 * wanted), str(2 * wanted))], "its buffers (the kernel doubles them)")
    check("the kernel limits" not in gate.text(), "the gateway says that its buffers are too small")


def beyond_limit():
    """A size for socket buffers that requires CAP_NET_ADMIN or, if that is unavailable here, a size that does not."""
    with open("/proc/sys/net/core/rmem_max") as receive, open("/proc/sys/net/core/wmem_max") as send:
        limits = int(receive.read()), int(send.read())
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        try:
            probe.setsockopt(socket.SOL_SOCKET, 33, 65536)  # SO_RCVBUFFORCE
        except PermissionError:
            note("no CAP_NET_ADMIN here")
            return min(limits)
    return max(limits) + MIB


@case("the limit on open files is raised to the hard limit")
def file_limit(world):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        gate, _ = world.tunnel()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with open(f"/proc/{gate.pid}/limits") as file:
        limits = re.search(r"^Max open files\s+(\d+)\s+(\d+)", file.read(), re.M).groups()
    equal(limits, (str(hard), str(hard)), "the limits of the gateway, started with 256")


@case("statistics are logged at exit: each stage's calls and bytes")
def statistics(world):
    gate, _ = world.tunnel()
    world.curl("/bytes/100000")
    gate.stop()
    check(re.search(r"\b(route|http)\b.*\b\d+\b", gate.text()), "no figures of stages in the log")


if __name__ == "__main__":
    main()
