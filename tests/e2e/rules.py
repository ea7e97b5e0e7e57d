# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""A client's settings for one service: Host, addresses in heads, time-outs, limits."""

import signal
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import case, check, equal, main, wait_until


class Service(BaseHTTPRequestHandler):
    """A service that is configured with its own address, like many."""

    protocol_version = "HTTP/1.1"

    def answer(self, status, *fields, body=b""):
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        own = f"127.0.0.1:{self.server.server_port}"
        host = self.headers["Host"]
        word, *rest = self.path.split("?")[0].strip("/").split("/")
        if word == "login":
            self.answer(302, ("Location", f"http://{own}/me"), ("Set-Cookie", "id=1; Domain=127.0.0.1; Path=/me"))
        elif word == "folder":  # like nginx
            self.answer(301, ("Location", f"http://{host.split(':')[0]}:{self.server.server_port}/folder/"))
        elif word == "slash":  # like Apache
            self.answer(301, ("Location", f"http://{host}/slash/"))
        elif word == "away":
            self.answer(302, ("Location", "https://other.test/x"))
        elif word == "root":
            self.answer(302, ("Location", "/me"), ("Refresh", "1; url=/me"))
        elif word == "checked":
            self.answer(200 if host == own else 421)
        elif word == "form":
            self.answer(200 if self.headers["Origin"] in (None, f"http://{host}") else 403)
        elif word == "poll":
            time.sleep(float(rest[0]))
            self.answer(200)
        elif word == "fields":
            self.answer(200, *[(f"X-{i}", "a" * int(rest[1])) for i in range(int(rest[0]))])
        else:
            self.answer(200, body=f"{host} {self.path}\n".encode())

    def do_COPY(self):
        """Like mod_dav: a different scheme, host or port means a different server."""
        target = urllib.parse.urlsplit(self.headers["Destination"])
        good = (target.scheme, target.netloc) == ("http", self.headers["Host"])
        self.answer(201 if good else 502, ("X-Path", target.path))

    do_MOVE = do_COPY

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, *_):
        """Connections aborted by hopgate are normal here."""


def service(world):
    server = Server(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    world.undo.append(lambda: (server.shutdown(), server.server_close()))
    return f"http://127.0.0.1:{server.server_port}"


def host_of(name):
    return "app.test" if name == "app" else f"{name}.dev.test"


def path_to(world, rules, routes=None):
    """A gateway and a client with these rules, each for its own host."""
    world.token("client-1")
    world.gateway(routes=routes or [{"host": host_of(name), "to": f"client-1/{name}"} for name in rules])
    client = world.client(rules)
    world.wait_for_tunnel()
    return client


@case("a redirect to the service's own address reaches the user with the public one, and cookies work")
def redirects(world):
    url = service(world)
    path_to(world, {"app": {"to": url}, "own": {"to": url, "host": "origin"}, "raw": {"to": url, "rewrite_location": False}})
    for host in ("app.test", "own.dev.test"):
        for tls in (False, True):
            public = f"{'https' if tls else 'http'}://{host}:{world.https if tls else world.http}"
            equal(world.curl("/login", host=host, tls=tls, want="%header{location}"), f"{public}/me", f"Location for {public}")
            for word in ("folder", "slash"):
                equal(world.curl(f"/{word}", host=host, tls=tls, want="%header{location}"), f"{public}/{word}/", "with an added slash")
            equal(world.curl("/login", host=host, tls=tls, want="%header{set-cookie}"), "id=1; Path=/me", "the cookie")
            equal(world.curl("/away", host=host, tls=tls, want="%header{location}"), "https://other.test/x", "an address of another server")
    equal(world.curl("/login", host="raw.dev.test", want="%header{location}"), f"{url}/me", "with rewrite_location: no")
    # What a browser does: the cookie is sent to the target of the redirect.
    jar = world.path("cookies")
    page = world.curl("/login", "-L", "-c", jar, "-b", jar, host="own.dev.test", tls=True)
    equal(page, f"{url[7:]} /me\n", "the target of the redirect")
    check("\tid\t1" in open(jar, encoding="utf-8").read(), "the browser refused the cookie")


@case("prefixes removed by rules are added again, at both ends")
def prefixes(world):
    url = service(world)
    routes = [{"host": "app.test", "path": "/a", "to": "client-1/stripped", "strip_prefix": True},
              {"host": "app.test", "to": "client-1/web"},
              {"host": "x.dev.test", "path": "/a", "to": "client-1/web", "strip_prefix": True}]
    path_to(world, {"web": {"to": url + "/login"}, "stripped": {"to": url, "path": "/b", "strip_prefix": True}}, routes)
    equal(world.curl("/a/x", host="x.dev.test", want="%{http_code} %header{location}"), f"302 {url}/me", "outside the URL's path")
    public = f"http://app.test:{world.http}/a/b"
    equal(world.curl("/a/b/login", want="%header{location}"), f"{public}/me")
    equal(world.curl("/a/b/login", want="%header{set-cookie}"), "id=1; Path=/a/b/me")
    equal(world.curl("/a/b/root", want="%header{location} %header{refresh}"), "/a/b/me 1; url=/a/b/me")


@case("WebDAV over https: Destination is an address of the service, and forms pass its check of Origin")
def destinations(world):
    url = service(world)
    path_to(world, {"app": {"to": url, "host": "origin"}, "public": {"to": url}, "raw": {"to": url, "rewrite_location": False}})

    def copy(method, target, host="app.test"):
        return world.curl("/a", "-X", method, "-H", f"Destination: {target}", host=host, tls=True, want="%{http_code} %header{x-path}")

    public = f"https://app.test:{world.https}"
    equal(copy("COPY", f"{public}/b"), "201 /b")
    equal(copy("MOVE", f"{public}/c%20d"), "201 /c%20d")
    equal(copy("COPY", "https://other.test/b"), "502 /b", "another server remains another server")
    equal(copy("MOVE", f"https://public.dev.test:{world.https}/b", "public.dev.test"), "201 /b", "with the public Host")
    equal(copy("MOVE", f"https://raw.dev.test:{world.https}/b", "raw.dev.test"), "502 /b", "with rewrite_location: no")
    equal(world.curl("/form", "-H", f"Origin: {public}", tls=True, want="%{http_code}"), "200", "a form on its own page")
    equal(world.curl("/form", "-H", "Origin: https://evil.test", tls=True, want="%{http_code}"), "403", "a forged one")


@case("Host for each service; if a service checks it, the log explains what to do, once")
def hosts(world):
    url = service(world)
    client = path_to(world, {"app": {"to": url}, "own": {"to": url, "host": "origin"}, "named": {"to": url, "host": "n.test:1"}})
    equal(world.curl("/checked", host="own.dev.test", want="%{http_code}"), "200")
    check("Services that check Host" not in client.text(), "explained without a reason")
    for _ in range(3):
        equal(world.curl("/checked", want="%{http_code}"), "421")
    client.wait_for(r"answered 421 to a request with Host: app\.test:\d+\..*host: origin.*Services that check Host")
    equal(client.text().count("answered 421"), 1, "lines")
    equal(world.curl("/x", host="named.dev.test"), "n.test:1 /x\n")
    equal(world.curl("/x", host="app.test"), f"app.test:{world.http} /x\n")


@case("time-outs for each service; the error names the option")
def timeouts(world):
    url = service(world)
    path_to(world, {"app": {"to": url, "response_timeout": "300ms"}, "slow": {"to": url}})
    text = world.curl("/poll/5")
    check("did not respond within 0.3s (option response_timeout" in text, f"the error page: {text}")
    check("response_timeout" in world.curl("/poll/5", want="%header{proxy-status}"), "Proxy-Status does not name the option")
    equal(world.curl("/poll/1", host="slow.dev.test", want="%{http_code}"), "200", "the other service")


@case("limits for each service: 1,000 fields and 64 KiB by default, changed by its rule")
def limits(world):
    url = service(world)
    path_to(world, {"app": {"to": url}, "more": {"to": url, "max_fields": 2000, "max_head": "256k"},
                    "less": {"to": url, "max_fields": 10}})
    for host, path, wanted in (("app", "/fields/990/10", "200"), ("app", "/fields/1001/1", "502"),
                               ("app", "/fields/30/2000", "200"), ("app", "/fields/40/2000", "502"),
                               ("more", "/fields/1990/100", "200"), ("more", "/fields/2001/1", "502"),
                               ("less", "/fields/11/1", "502")):
        equal(world.curl(path, host=host_of(host), want="%{http_code}"), wanted, f"{path} of {host}")
    check("max_fields" in world.curl("/fields/11/1", host=host_of("less")), "the error does not name max_fields")
    check("max_head" in world.curl("/fields/40/2000"), "the error does not name max_head")


@case("a stage only sees the requests that `only` selects by host, path, method and network; a file of networks is reloaded")
def only(world):
    world.token("client-1")
    url = service(world)
    networks = world.write("office", "192.0.2.0/24 # elsewhere\n127.0.0.1\n")
    limited = {"hosts": ["app.test", "*.dev.test"], "paths": ["/in"], "methods": ["GET"], "networks": ["file:office"]}
    gate = world.gateway(routes={"only": limited, "routes": [{"to": "client-1/web"}]})
    world.client({"web": url})
    wait_until(lambda: world.curl("/in", want="%{http_code}") == "200", 10, "the tunnel")

    def status(path, *words, host="app.test"):
        return world.curl(path, *words, "--path-as-is", host=host, want="%{http_code}")

    # The gateway's route does not see other requests, so they have no destination.
    outside = status("/out")
    check(outside in ("404", "503"), f"{outside} for requests that no route has seen")
    equal([status(path) for path in ("/in/x", "/%69n", "//in", "/in?x")], ["200"] * 4, "paths that match")
    equal([status(path) for path in ("/inn", "/x/in", "/?/in")], [outside] * 3, "paths that do not")
    equal(status("/x/../in"), "200", "a path that a service may resolve to a matching one")
    equal(status("/in", host="x.dev.test"), "200", "a wildcard")
    equal(status("/in", host="dev.test"), outside, "a host")
    equal(status("/in", "-X", "COPY", "-H", f"Destination: {url}/in"), outside, "a method")
    with open(networks, "w", encoding="utf-8") as file:
        file.write("192.0.2.0/24\n")
    gate.signal(signal.SIGHUP)
    gate.wait_for("reloaded the network files: 1 networks")
    equal(status("/in"), outside, "a network")
    with open(networks, "w", encoding="utf-8") as file:
        file.write("127.0.0.0/8\n10.0.0.1/8\n")
    gate.signal(signal.SIGHUP)
    gate.wait_for("office:2: '10.0.0.1/8': bits are set after the prefix; the network is 10.0.0.0/8")
    equal(status("/in"), outside, "a file with an error changes nothing")
    described = world.program("describe", "route").stdout
    check("only: mapping" in described and "networks: address or network" in described, described)


main()
