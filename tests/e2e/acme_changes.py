# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""Changes made by an operator: the names of a certificate, how they are validated."""

import json
import os
import re
import threading

import caproxy
from acme_lab import Lab, log_lines, read
from harness import Clock, case, check, equal, main, wait_until
from pebble import Leaf


@case("if the names of a certificate change in the config, a new one is ordered at once; the old one is served until then")
def names(world):
    lab = Lab(world)
    gate = lab.gateway(["a.test"])
    first = lab.wait_for("a.test")
    gate.stop()
    gate = lab.gateway([["a.test", "b.test"]])
    second = lab.wait_for("b.test")
    equal(second.names, ["a.test", "b.test"], "the names")
    check(second.serial != first.serial, "the old certificate is still served")
    gate.stop()
    lab.gateway([["b.test", "a.test"]])
    lab.wait_for("a.test")
    check(lab.issued() <= 3, f"{lab.issued()} certificates")


@case("a name removed from the config: status says so, it is not renewed, but can be revoked")
def removed(world):
    lab = Lab(world)
    gate = lab.gateway(["a.test", "b.test"])
    first = lab.wait_for("b.test")
    lab.wait_for("a.test")
    gate.stop()
    lab.gateway(["a.test"])
    lab.wait_for("a.test")
    status = lab.command("status").stdout
    check(re.search(r"^a\.test: expires", status, re.M) and re.search(r"^b\.test \(removed from the config\): expires", status, re.M), status)
    result = lab.command("renew", "b.test")
    check(result.returncode == 1 and "b.test: no longer in the configuration" in result.stderr, result)
    equal(lab.pebble.status(first.serial), "Valid", "the certificate")
    result = lab.command("revoke", "b.test")
    check(result.returncode == 0 and "has been revoked" in result.stdout and "ordering" not in result.stdout, result)
    equal(lab.pebble.status(first.serial), "Revoked", "the certificate")


@case("check refuses a name that appears twice")
def twice(world):
    lab = Lab(world)
    for domains in (["a.test", "A.test."], [["a.test", "b.test"], "b.test"], [["a.test", "a.test"]]):
        code, output = lab.check(domains)
        equal(code, 1, f"the exit code for {domains}")
        check(" in domains; keep it in one certificate" in output, output)
    equal(lab.check(["a.test", ["b.test", "c.a.test"]])[0], 0, "the exit code if each name appears once")


def calls(lab):
    """The calls of the program for TXT records: [word, value of the record]."""
    path = lab.world.path("hook-calls")
    lines = [line.split() for line in read(path).splitlines()] if os.path.exists(path) else []
    check(all(line[1].startswith("_acme-challenge.w.test") for line in lines), lines)
    return [[line[0], line[2]] for line in lines]


def killed_with_record(lab, **options):
    """Kills a gateway that has presented a TXT record. Returns the record's value."""
    reached, gone = threading.Event(), threading.Event()

    def act(call):
        reached.set()
        gone.wait(60)
        raise caproxy.Cut()

    lab.proxy.on("challenge", act, times=1)
    gate = lab.gateway(["*.w.test"], solvers=(), wait="0", **options)
    check(reached.wait(30), "no challenge")
    gate.kill()
    gone.set()
    presented = calls(lab)
    equal(presented[-1][0], "present", "the last call of the program")
    equal(len(lab.files("acme/challenges")), 1, "challenges in the store")
    return presented[-1][1]


@case("a TXT record left by a killed gateway is removed by the next one, even with other names; it tries once")
def left_over_record(world):
    lab = Lab(world)
    hook = lab.pebble.dns_hook(f"[ $1 = cleanup ] && [ -e {world.path('fail')} ] && exit 3")
    value = killed_with_record(lab, dns_hook=hook)
    gate = lab.gateway(["a.test"], dns_hook=hook)
    lab.wait_for("a.test")
    equal(calls(lab)[1:], [["cleanup", value]], "calls of the program after the start")
    wait_until(lambda: not lab.files("acme/challenges"), 10, "the challenge to be forgotten")
    gate.stop()
    # If the program fails to remove it, it is not called again, and the log asks the operator.
    value = killed_with_record(lab, dns_hook=hook)
    before = len(calls(lab))
    world.write("fail", "")
    gate = lab.gateway(["a.test"], dns_hook=hook)
    gate.wait_for("cannot remove the TXT record _acme-challenge.w.test: .*remove it by hand", 20)
    equal(calls(lab)[before:], [["cleanup", value]], "calls of the program after the start")
    wait_until(lambda: not lab.files("acme/challenges"), 10, "the challenge to be forgotten")
    gate.stop()
    killed_with_record(lab, dns_hook=hook)
    gate = lab.gateway(["a.test"])
    gate.wait_for("cannot remove the TXT record _acme-challenge.w.test: dns_hook is no longer set; remove it by hand", 20)


@case("an order resumed after a kill: its record is removed, then presented again; a failed removal is retried")
def resumed_record(world):
    lab = Lab(world)
    hook = lab.pebble.dns_hook(f"[ $1 = cleanup ] && [ -e {world.path('fail')} ] && exit 3")
    value = killed_with_record(lab, dns_hook=hook)
    rule = lab.proxy.on("challenge", lambda call: world.write("fail", "") and None, times=1)
    gate = lab.gateway(["*.w.test"], solvers=(), wait="0", dns_hook=hook)
    lab.wait_for("x.w.test")
    equal(rule.hits, 1, "challenges after the restart")
    equal(calls(lab), [["present", value], ["cleanup", value], ["present", value], ["cleanup", value]], "calls of the program")
    equal(lab.pebble.orders(), 1, "orders")
    gate.wait_for("cannot remove the TXT record _acme-challenge.w.test: .*; will try again at the next start", 20)
    gate.stop()
    os.unlink(world.path("fail"))
    gate = lab.gateway(["*.w.test"], solvers=(), dns_hook=hook)
    wait_until(lambda: not lab.files("acme/challenges"), 10, "the challenge to be forgotten")
    equal(calls(lab)[4:], [["cleanup", value]], "calls of the program after a restart")


@case("an order continued by the next attempt: its record is presented only after the old one was removed")
def slow_removal(world):
    lab = Lab(world)
    done = world.path("hook-done")
    hook = lab.pebble.dns_hook(f"[ $1 = cleanup ] && {{ sleep 4; echo $(wc -l <{world.path('hook-calls')}) >>{done}; }}")

    # The CA never gets the request to validate the challenge, and sends a Retry-After of a minute.
    clock = Clock(world)
    lab.proxy.on("authorization", caproxy.edit(lambda document: None, retry_after=60), times=2)
    rule = lab.proxy.on("challenge", caproxy.answer(200, json.dumps({"type": "dns-01", "status": "pending"}).encode()))
    gate = lab.gateway(["*.w.test"], solvers=(), wait="0", dns_hook=hook, world={"preload": clock})
    lab.pass_deadline(clock, "authorization", 2)
    gate.wait_for("did not validate the challenge in time", 30)
    rule.end()
    lab.wait_for("x.w.test", 60)
    equal([word for word, _ in calls(lab)][:3], ["present", "cleanup", "present"], "calls of the program")
    equal(read(done).split()[0], "2", "calls when the removal had finished")
    equal(lab.pebble.orders(), 1, "orders")


@case("a pause between attempts below one second, and removed options: check explains both")
def refused_options(world):
    lab = Lab(world)
    code, output = lab.check(["a.test"], retry="200ms")
    check(code == 1 and "200ms is out of range; expected 1s to" in output, output)
    equal(lab.check(["a.test"], retry="1s")[0], 0, "the exit code for one second")
    for option in ("must_staple", "attempt_timeout", "hook_timeout", "on_demand_per_source", "retry_min", "retry_max"):
        code, output = lab.check(["a.test"], **{option: "1"})
        check(code == 1 and f"option '{option}' has been removed: " in output, output)


@case("removed commands are refused")
def gone(world):
    lab = Lab(world)
    lab.gateway(["a.test"])
    for word in ("new-key", "deactivate", "new-account"):
        result = lab.command(word)
        check(result.returncode == 2 and word in result.stderr, f"{word}: {result}")


if __name__ == "__main__":
    main()
