# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""Shared by the end-to-end tests, the demo and the benchmark: real processes on free loopback ports.

A test file registers cases and ends with main():

    @case("a page is served")
    def page(world):
        world.tunnel()
        equal(world.curl("/"), "hello\\n")

Each case gets a World: a temporary folder, and everything started in it. After the case, the world checks that hopgate's
processes exited normally, kills whatever is still running, by process id, and prints the logs if the case failed. The output
is TAP. `python3 tests/e2e/FILE.py WORD` runs the cases whose names contain the word.

Any two files can run at the same time: each case has its own ports, folders and namespaces. Cases that measure time or
memory (`measures=True`) need an otherwise idle machine and a build without sanitizers; with sanitizers they are left out.

HG_TEST_SCALE=small: less data (see scaled()), for runs with sanitizers.
HG_CASES=measures: only the cases that measure.
"""

import ctypes
import hashlib
import json
import os
import random
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

sys.dont_write_bytecode = True

SOURCE = os.environ.get("HG_SRCDIR") or os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.environ.get("HG_BUILDDIR") or os.path.join(SOURCE, "build")
SANITIZERS = os.environ.get("HG_SANITIZERS") == "yes"
SMALL = os.environ.get("HG_TEST_SCALE") == "small"
MIB = 1 << 20

# System programs are in sbin, which is not in every user's PATH.
os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"


class Failure(Exception):
    """A case has failed for the given reason."""


class Skip(Exception):
    """A case cannot run here for the given reason."""


def check(condition, message):
    if not condition:
        raise Failure(message)


def equal(got, wanted, what="result"):
    check(got == wanted, f"{what} is {got!r:.400} instead of {wanted!r:.400}")


def scaled(full, small):
    return small if SMALL else full


def tool(name):
    return os.path.join(BUILD, "tests", "tools", name)


def wait_until(condition, seconds, what, pause=0.02):
    """Polls until condition() is true and returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure(f"waited {seconds} s for {what}")
        time.sleep(pause)


RESERVED = []


def free_port():
    """A port that is free for both TCP and UDP, outside the range that the system uses for connections (32768 and up, see
    ip_local_port_range in ip(7)): a port from that range could be taken by a connection before the server listens on it.
    Tests that run at the same time do not get it either: a name in the abstract namespace (unix(7)) marks it as taken,
    until 64 more ports are, or this process ends."""
    while True:
        port = random.SystemRandom().randrange(15000, 32000)
        name = socket.socket(socket.AF_UNIX)
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            try:
                name.bind(f"\0hopgate-test-port-{port}")
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
            except OSError:
                name.close()
                continue
        RESERVED.append(name)
        if len(RESERVED) > 64:
            RESERVED.pop(0).close()
        return port


class Preload:
    """A module of tests/tools that is preloaded into a program run with `environment`, and three numbers shared with it."""

    def __init__(self, world, module, variable):
        self.file = open(world.path(f"{module}-{len(world.undo)}"), "w+b", buffering=0)
        world.undo.append(self.file.close)
        self.numbers = (0, 0, 0)
        path = os.path.join(BUILD, "tests", "tools", ".libs", f"{module}.so")
        check(os.path.exists(path), f"{path} does not exist (make check TESTS= builds it)")
        self.environment = {"LD_PRELOAD": path, variable: self.file.name}
        if SANITIZERS:  # their library insists on being the first
            self.environment["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"

    @property
    def numbers(self):
        return struct.unpack("=qqq", os.pread(self.file.fileno(), 24, 0))

    @numbers.setter
    def numbers(self, three):
        os.pwrite(self.file.fileno(), struct.pack("=qqq", *three), 0)


class Clock(Preload):
    """The clock of a program: days pass, or someone sets it."""

    def __init__(self, world):
        super().__init__(world, "clock", "HG_TEST_CLOCK")
        self.real = self.monotonic = self.slept = 0

    def pass_by(self, seconds):
        """That much time passes at once."""
        self.monotonic += seconds
        self.set_by(seconds)

    def set_by(self, seconds):
        """Someone changes the time of day by that much; no time passes."""
        self.real += seconds
        self.numbers = int(self.real * 1e9), int(self.monotonic * 1e9), int(self.slept * 1e9)

    def was_asleep(self, seconds):
        """The machine has just resumed after being suspended for that long, which the monotonic clock does not show."""
        self.monotonic -= seconds
        self.slept += seconds
        self.set_by(0)

    def time(self):
        """The program's time of day."""
        return time.time() + self.real


class Faultpoint(Preload):
    """A program is killed before change number `deadly` of its files, counted from now on."""

    def __init__(self, world):
        super().__init__(world, "faultpoint", "HG_TEST_FAULTPOINT")

    def kill_at(self, deadly):
        self.numbers = 0, deadly, 0

    def passed(self):
        return self.numbers[0]


def pattern_sha256(size):
    return subprocess.run([tool("origin"), "--sha256", str(size)], check=True, capture_output=True, text=True).stdout.strip()


def die_with_parent():
    """For a new child: ends it when this program ends, even if killed (prctl PR_SET_PDEATHSIG)."""
    LIBC.prctl(1, signal.SIGTERM)


LIBC = ctypes.CDLL(None)


class Process:
    """A program that runs until stop(); its output is written to a file in the world's folder."""

    def __init__(self, world, name, command, **options):
        self.world, self.name, self.command = world, name, command
        self.log = os.path.join(world.folder, f"{name}-{len(world.processes)}.log")
        self.expects_kill = False
        with open(self.log, "wb") as output:
            try:
                self.popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                              start_new_session=True, preexec_fn=die_with_parent, **options)
            except OSError as error:
                raise Failure(f"{command[0]} cannot be started: {error.strerror}") from None
        self.pid = self.popen.pid
        world.processes.append(self)

    def running(self):
        return self.popen.poll() is None

    def text(self):
        with open(self.log, errors="replace") as file:
            return file.read()

    def wait_for(self, pattern, seconds=10):
        """Waits for a matching line of output, and returns the match."""

        def look():
            match = re.search(pattern, self.text(), re.M)
            if not match and not self.running():
                raise Failure(f"{self.name} exited with {self.popen.returncode}:\n{self.text()[-2000:]}")
            return match

        return wait_until(look, seconds, f"{self.name} to print /{pattern}/")

    def signal(self, number):
        self.popen.send_signal(number)

    def wait(self, seconds=20):
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} did not exit within {seconds} s") from None

    def stop(self, seconds=20):
        """Ends it with SIGTERM and returns its exit code."""
        if self.running():
            self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self):
        """Ends it with SIGKILL, as part of the case."""
        self.expects_kill = True
        self.popen.kill()
        self.popen.wait()

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def status(self, field):
        """A figure from /proc/PID/status in bytes: "VmHWM" is its peak memory usage."""
        with open(f"/proc/{self.pid}/status") as file:
            match = re.search(rf"^{field}:\s+(\d+) kB", file.read(), re.M)
        return int(match.group(1)) * 1024

    def cpu_seconds(self):
        return cpu_seconds(self.pid)


def cpu_seconds(pid):
    """User and system time of a process and its descendants."""
    total = 0.0
    ticks = os.sysconf("SC_CLK_TCK")
    for member in [pid] + descendants(pid):
        try:
            with open(f"/proc/{member}/stat") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            total += sum(int(fields[i]) for i in (11, 12, 13, 14)) / ticks
        except OSError:
            pass
    return total


def descendants(pid):
    found = []
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            children = [int(word) for word in file.read().split()]
    except OSError:
        return found
    for child in children:
        found += [child] + descendants(child)
    return found


class Hopgate(Process):
    """`hopgate run` with a config given as a Python value: JSON is YAML."""

    def __init__(self, world, name, config, prefix=(), preload=None, **options):
        self.config = os.path.join(world.folder, f"{name}.conf")
        if not isinstance(config, str):
            config = json.dumps(config, indent=2)
        with open(self.config, "w") as file:
            file.write(config)
        super().__init__(world, name, [*prefix, world.hopgate, "run", "-c", self.config],
                         env={**world.environment, **(preload.environment if preload else {})}, **options)


class World:
    def __init__(self, hopgate=None, plugins=None):
        self.folder = tempfile.mkdtemp(prefix="hopgate-test-")
        os.chmod(self.folder, 0o755)
        self.processes = []
        self.undo = []
        self.users = []  # a command to prefix to those of public users: where in the network they are
        self.trust = self.path("ca.pem")  # used by public users and clients to verify the gateway
        self.hopgate = hopgate or os.environ.get("HG_PROGRAM") or os.path.join(BUILD, "hopgate")
        self.environment = dict(os.environ, HOPGATE_PLUGIN_PATH=plugins or os.environ.get("HG_PLUGINS")
                                or os.path.join(BUILD, ".libs"),
                                RUNTIME_DIRECTORY=self.path("run"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    # ---- Certificates ----

    def certificates(self, *names):
        """Creates a temporary CA (ca.pem) and a certificate for the names (gate.pem, gate.key), unless they exist."""
        names = names or ("gate.test", "app.test", "*.dev.test", "localhost")
        if os.path.exists(self.path("gate.pem")):
            return

        def openssl(*words):
            try:
                result = subprocess.run(["openssl", *words], capture_output=True, text=True, cwd=self.folder)
            except OSError as error:
                raise Failure(f"openssl cannot be started: {error.strerror}") from None
            check(result.returncode == 0, f"openssl {words[0]}: {result.stderr.strip()}")

        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        if not os.path.exists(self.path("ca.pem")):
            openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "7300", "-subj", "/CN=hopgate test CA",
                    "-addext", "keyUsage=critical,keyCertSign")
        openssl("req", *key, "-keyout", "gate.key", "-out", "gate.csr", "-subj", f"/CN={names[0]}")
        self.write("extensions", "basicConstraints=CA:FALSE\nsubjectAltName="
                   + ",".join("DNS:" + name for name in names) + ",IP:127.0.0.1\n")
        openssl("x509", "-req", "-in", "gate.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "7300",
                "-extfile", "extensions", "-out", "gate.pem")

    # ---- The parts of a path ----

    def program(self, *words, **options):
        """Runs `hopgate WORDS` until it exits."""
        return subprocess.run([self.hopgate, *words], capture_output=True, text=True, env=self.environment, timeout=60,
                              **options)

    def token(self, client, services=()):
        """Creates a token with `hopgate token`, adds its line to `tokens` and writes the secret to token-CLIENT."""
        output = self.program("token", client)
        secret = re.search(r"^secret: (\S+)$", output.stdout, re.M)
        line = re.search(r"^line: (\S+)$", output.stdout, re.M)
        check(output.returncode == 0 and secret and line, f"hopgate token printed {output.stdout!r} {output.stderr!r}")
        with open(self.path("tokens"), "a") as file:
            file.write(line.group(1) + (":" + ",".join(services) if services else "") + "\n")
        self.write(f"token-{client}", secret.group(1) + "\n")
        os.chmod(self.path(f"token-{client}"), 0o644)
        return secret.group(1)

    def origin(self, port=0, address="127.0.0.1", prefix=(), words=()):
        """The service that can misbehave; `requests` is its log of requests."""
        self.requests = self.path("requests")
        process = Process(self, "origin", [*prefix, tool("origin"), "--listen", address, "--port", str(port), "--log", self.requests,
                                          *words])
        process.port = int(process.wait_for(r"^port (\d+)").group(1))
        return process

    def requests_seen(self, complete=False):
        """The requests that reached the service, as "METHOD TARGET": all heads, or only complete requests."""
        kind = "body " if complete else "head "
        try:
            with open(self.requests, encoding="latin-1") as file:
                return [line[5:] for line in file.read().split("\n") if line.startswith(kind)]
        except FileNotFoundError:
            return []

    def nginx(self, servers, name="nginx", workers=1):
        """nginx with the given server blocks, in the foreground, without the system's config."""
        folder = self.path(name)
        os.makedirs(os.path.join(folder, "temp"))
        who = "user root;" if os.getuid() == 0 else ""
        # Relative paths start from -p FOLDER, so the folder's own name may contain blanks.
        temp = " ".join(f"{kind}_temp_path temp/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config = self.write(f"{name}.conf", f"""
            daemon off; {who} worker_processes {workers}; pid pid; error_log error.log;
            worker_rlimit_nofile 65536;
            events {{ worker_connections 20000; }}
            http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 10000000; keepalive_timeout 300s;
                    client_max_body_size 0; default_type application/octet-stream; {temp} {servers} }}
            """)
        return Process(self, name, ["nginx", "-p", folder, "-e", f"{folder}/error.log", "-c", config])

    def web_server(self, folder):
        """nginx that serves a folder, with PUT."""
        port = free_port()
        process = self.nginx(f"""server {{ listen 127.0.0.1:{port}; root "{folder}";
            location / {{ dav_methods PUT; create_full_put_path on; }} }}""", "web")
        process.port = port
        wait_for_port(process, port)
        return process

    def gateway(self, routes=None, codecs=("codec_binary", "codec_json"), http=None, address="127.0.0.1", extra=None,
                stages=(), dtls=None, transports=None, ports=None, certificates=None, ready=True, **options):
        """A gateway; self.http and self.https are its ports, open on return if `ready`. `transports` is a function that
        returns their blocks, `certificates` the blocks of certificate providers."""
        self.certificates()
        if ports:
            self.http, self.https = ports
        else:
            self.http, self.https = free_port(), free_port()
        self.address = address
        routes = routes or [{"host": "app.test", "to": "client-1/web"}]
        config = {"pipeline": [
            {"http": {"listen": [f"{address}:{self.http}", f"{address}:{self.https} tls"], **(http or {})}},
            *(certificates or [{"tls_files": {"cert": "gate.pem", "key": "gate.key"}}]),
            *stages,
            {"route": routes},
            {"auth_token": {"file": "tokens"}},
            *codecs,
            *(transports() if transports else [{"dtls": {"listen": f"{address}:{self.https}", **(dtls or {})}}]),
        ], **(extra or {})}
        process = Hopgate(self, "gateway", config, **options)
        self.last_gateway = process
        if ready and not options.get("prefix"):
            wait_for_port(process, self.http, address)
            wait_for_port(process, self.https, address)
            # Connections wait for the workers, so wait until those have started; they would affect what a case measures or
            # does next.
            wait_until(lambda: "running as a gateway" in process.text() or not process.running(), 10, "the gateway to run")
        return process

    def connect(self, transport, port=None, **options):
        """The block for a client's transport."""
        return {transport: {"connect": f"{self.address}:{port or self.https}", "server_name": "gate.test", "ca": self.trust,
                            **options}}

    def client(self, services, name="client-1", codecs=("codec_binary",), extra=None, dtls=None, transports=None, token=None,
               stages=(), origin=None, **options):
        """A client; `services` maps the name of each service to its URL, or to the options of its rule."""
        config = {"pipeline": [
            *(transports or [self.connect("dtls", **(dtls or {}))]),
            *codecs,
            {"auth_token": {"id": name, "token_file": token or f"token-{name}"}},
            *stages,
            {"route": [{"service": service, **(rule if isinstance(rule, dict) else {"to": rule})}
                       for service, rule in services.items()]},
            {"origin": origin} if origin else "origin",
        ], **(extra or {})}
        return Hopgate(self, name, config, **options)

    def wait_for_tunnel(self, host="app.test", seconds=10):
        """Waits until a request gets an answer other than "no session"."""
        wait_until(lambda: self.curl("/", host=host, want="%{http_code}") not in ("503", "000"), seconds,
                   f"the tunnel for {host}", pause=0.05)

    def tunnel(self, port=None, **gateway):
        """Starts origin, gateway and client, and waits until they are ready for requests."""
        if port is None:
            self.service = self.origin()
            port = self.service.port
        self.token("client-1")
        gate = self.gateway(**gateway)
        client = self.client({"web": f"http://127.0.0.1:{port}"})
        self.wait_for_tunnel()
        return gate, client

    # ---- Public users ----

    def curl_command(self, path, *words, host="app.test", tls=False, port=None):
        port = port or (self.https if tls else self.http)
        scheme = "https" if tls else "http"
        trust = ["--cacert", self.trust] if tls else []
        return [*self.users, "curl", "-sS", "--noproxy", "*", "--max-time", "300", *trust, "--resolve", f"{host}:{port}:{self.address}",
                *words, f"{scheme}://{host}:{port}{path}"]

    def curl(self, path, *words, want=None, **options):
        """The body as text; with `want`, the output of curl's --write-out instead."""
        if want:
            words = ("-o", "/dev/null", "-w", want, *words)
        result = subprocess.run(self.curl_command(path, *words, **options), capture_output=True)
        return result.stdout.decode(errors="replace")

    def curl_hash(self, path, *words, **options):
        """Downloads and returns (SHA-256, bytes, curl's exit code) without keeping the body."""
        with subprocess.Popen(self.curl_command(path, *words, **options), stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as process:
            digest, size = hashlib.sha256(), 0
            while block := process.stdout.read(MIB):
                digest.update(block)
                size += len(block)
        return digest.hexdigest(), size, process.returncode

    def load(self, path="/", host="app.test", tls=False, wait=True, port=None, **options):
        """Many users, simulated by tests/tools/load; returns its result, or the process if wait is False."""
        port = port or (self.https if tls else self.http)
        command = [*self.users, tool("load")]
        for name, value in options.items():
            command += ["--" + name, str(value)]
        if tls:
            command += ["--ca", self.trust]
        command += ["--connect", f"{self.address}:{port}", f"{'https' if tls else 'http'}://{host}:{port}{path}"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.undo.append(lambda: process.poll() is None and process.kill())
        return load_result(process) if wait else process

    def raw(self, data=b"", port=None, timeout=10):
        """A plain connection to the gateway, after sending `data`."""
        connection = socket.create_connection((self.address, port or self.http), timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if data:
            connection.sendall(data)
        return connection

    # ---- The end ----

    def close(self, failed):
        """Stops everything; returns a list of abnormal exits."""
        wrong = []
        for process in reversed(self.processes):
            if not isinstance(process, Hopgate):
                continue
            if process.expects_kill:
                continue
            if process.running():
                try:
                    process.stop()
                except Failure as failure:
                    wrong.append(str(failure))
            text = process.text()
            if process.popen.returncode not in (0, *getattr(process, "expected_codes", ())):
                wrong.append(f"{process.name} exited with {process.popen.returncode}")
            if re.search(r"ERROR: (Address|Leak)Sanitizer|runtime error:", text):
                wrong.append(f"{process.name}: a sanitizer found an error")
        for undo in reversed(self.undo):
            undo()
        for process in reversed(self.processes):
            if process.running():
                process.signal(signal.SIGTERM)
                try:
                    process.popen.wait(5)
                except subprocess.TimeoutExpired:
                    process.popen.kill()
                    process.popen.wait()
        if failed or wrong:
            for process in self.processes:
                print(f"# ---- {process.name} ({process.pid}, exit {process.popen.returncode})")
                for line in process.text().splitlines()[-60:]:
                    print("#   " + line[:400])
        shutil.rmtree(self.folder, ignore_errors=True)
        return wrong


def load_result(process):
    output, errors = process.communicate()
    check(process.returncode == 0, f"load: {errors.strip()}")
    return json.loads(output)


def wait_for_port(process, port, host="127.0.0.1"):
    def connects():
        if not process.running():
            raise Failure(f"{process.name} exited with {process.popen.returncode}:\n{process.text()[-2000:]}")
        with socket.socket() as probe:
            return probe.connect_ex((host, port)) == 0

    wait_until(connects, 10, f"{process.name} to listen on {host}:{port}")


def read_response(connection, head_only=False):
    """Reads one HTTP response from a socket as (status, fields, body); status 0: closed without one."""
    data = b""
    while b"\r\n\r\n" not in data:
        try:
            block = connection.recv(65536)
        except ConnectionResetError:
            block = b""
        if not block:
            return 0, {}, data
        data += block
    head, body = data.split(b"\r\n\r\n", 1)
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split()[1])
    fields = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:])}
    if head_only:
        return status, fields, body
    length = int(fields.get("content-length", 0))
    while len(body) < length:
        block = connection.recv(65536)
        if not block:
            break
        body += block
    return status, fields, body


def tls_context(world):
    return ssl.create_default_context(cafile=world.path("ca.pem"))


def in_parallel(functions):
    """Runs them in threads, raises the first failure, returns their results."""
    results, failures = [None] * len(functions), []

    def run(index, function):
        try:
            results[index] = function()
        except BaseException as failure:  # pylint: disable=broad-except
            failures.append(failure)

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(functions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return results


CASES = []


def case(name, seconds=120, measures=False):
    """Registers a case, which must finish within `seconds`. Cases that measure time or memory run alone, see above."""

    def register(function):
        if measures if os.environ.get("HG_CASES") == "measures" else not (measures and SANITIZERS):
            CASES.append((name, function, seconds))
        return function

    return register


def note(text):
    """Prints a line in the output of the case, for figures."""
    print(f"# {text}", flush=True)


def run_case(name, function, seconds):
    def too_long(*_):
        raise Failure(f"not finished within {seconds} s")

    world, failure = World(), None
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(seconds * (4 if SANITIZERS else 1))
    try:
        function(world)
    except Skip as skip:
        signal.alarm(0)
        world.close(False)
        return "ok", f"{name} # SKIP {skip}"
    except Failure as wrong:
        failure = str(wrong)
    except Exception:  # pylint: disable=broad-except
        failure = traceback.format_exc()
    signal.alarm(0)
    wrong = world.close(failure is not None)
    for line in ([failure] if failure else []) + wrong:
        for part in line.splitlines():
            print(f"# {part[:400]}")
    return "not ok" if failure or wrong else "ok", name


def main():
    words = sys.argv[1:]
    chosen = [c for c in CASES if not words or any(word in c[0] for word in words)]
    print(f"1..{len(chosen)}", flush=True)
    failed = 0
    for number, (name, function, seconds) in enumerate(chosen, 1):
        began = time.monotonic()
        verdict, text = run_case(name, function, seconds)
        failed += verdict != "ok"
        print(f"{verdict} {number} - {text}", flush=True)
        note(f"{time.monotonic() - began:.1f} s")
    sys.exit(1 if failed else 0)
