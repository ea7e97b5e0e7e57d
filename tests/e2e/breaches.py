# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""Plugins that break the contract: each is named in the log, once, and no other request is affected."""

import os
import time

from harness import BUILD, case, check, equal, main, wait_until

# For each request: what tests/tools/breach.c does; the status that its user gets; what is logged.
KINDS = {
    "attach_verdict": ("500", "in attach(), it returns 17"),
    "head_verdict": ("500", "in head(), it returns 17"),
    "end_verdict": ("500", "in end(), it returns 3"),
    "take_more": ("500", "in data(), it consumes 6 of 5 bytes"),
    "spin": ("500", "in data(), it consumes nothing and resumes, which would never end"),
    "over_credit": ("500", "in head(), it emits 1048576 bytes, more than its credit"),
    "early_data": ("500", "in head(), it emits data before the final head"),
    "early_end": ("500", "in head(), it emits an end before the final head"),
    "late_data": ("500", "in head(), it emits data after the end"),
    "second_head": ("500", "in head(), it emits a head after the final one"),
    "second_answer": ("200", "in head(), it has emitted a final head and passes on another one"),
    "second_end": ("200", "in head(), it emits a second end"),
    "wrong_head": ("500", "in head(), it emits the head of a request up"),
    "no_head": ("500", "in head(), it emits a head that is NULL"),
    "foreign_head": ("500", "in head(), it emits a head that is not its own"),
    "same_head": ("500", "in head(), it emits the same head again"),
    "answer_status": ("500", "in head(), it emits a head with status 42"),
    "no_traffic": ("500", "in head(), it passes on a head with traffic 9"),
    "third_direction": ("500", "in head(), it names 7 as a direction"),
    "no_reason": ("500", "in head(), it resets without a reason"),
    "bad_status": ("500", "in head(), it resets with status 42"),
    "resume_unheld": ("200", "in head(), it resumes something that it does not hold"),
    "wrong_direction": ("500", "in end(), it emits down, where there is no stage"),
    "after_detach": ("200", "outside its callbacks, it uses an exchange after detach()"),
}


def breach(world, kind, **options):
    return world.curl(f"/breach/{kind}", "--data", "12345", "--max-time", "5", want="%{http_code}", **options)


def use_test_plugins(world):
    world.environment["HOPGATE_PLUGIN_PATH"] += ":" + os.path.join(BUILD, "tests", "tools", ".libs")


def times_logged(process, text):
    return process.text().count(f"this plugin has a bug: {text} (logged once)")


def breach_each(world, culprit, kinds):
    for kind in kinds:
        status, text = KINDS[kind]
        check(not times_logged(culprit, text), f"{kind}: logged before it happened")
        equal([breach(world, kind), breach(world, kind)], [status, status], f"{kind}: statuses")
        wait_until(lambda: times_logged(culprit, text), 5, f"{kind}: '{text}' in the log")
        equal(world.curl("/bytes/10", want="%{http_code}"), "200", f"the next request after {kind}")
        equal(times_logged(culprit, text), 1, f"{kind}: lines in the log")
    equal(culprit.text().count("this plugin has a bug"), len(kinds), "lines about bugs")


def stop_in_time(process):
    check(process.running(), f"{process.name} has ended")
    began = time.monotonic()
    equal(process.stop(), 0, "exit code")
    check(time.monotonic() - began < 5, "SIGTERM took at least 5 s")


@case("on a gateway: every kind of breach is logged once, and the next request is served")
def gateway(world):
    use_test_plugins(world)
    gate, _ = world.tunnel(stages=["breach"])
    breach_each(world, gate, KINDS)
    stop_in_time(gate)


@case("on a client: the gateway's user gets an error, and the client survives")
def client(world):
    use_test_plugins(world)
    world.service = world.origin()
    world.token("client-1")
    world.gateway()
    culprit = world.client({"web": f"http://127.0.0.1:{world.service.port}"}, stages=["breach"])
    world.wait_for_tunnel()
    breach_each(world, culprit, ["spin", "over_credit", "second_answer", "after_detach"])
    stop_in_time(culprit)


@case("SIGTERM ends a process whose plugin has just resumed endlessly")
def spin(world):
    use_test_plugins(world)
    gate, _ = world.tunnel(stages=["breach"])
    equal(breach(world, "spin"), "500", "status")
    stop_in_time(gate)


@case("a plugin that does not start is named, even if it does not say why")
def silent(world):
    use_test_plugins(world)
    world.environment["HOPGATE_TEST_BREACH"] = "start"
    world.token("client-1")
    gate = world.gateway(stages=["breach"], ready=False)
    gate.expected_codes = (1,)
    equal(gate.wait(), 1, "exit code")
    check("breach could not be started" in gate.text(), gate.text())


main()
