# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""What an operator changes: the names of a certificate, the account's key."""

import json
import os

from acmelab import Lab, log_lines, read
from harness import case, check, equal, main, wait_until


@case("a certificate whose names were changed in the config is ordered anew, at once; the old one serves until then")
def names(world):
    lab = Lab(world)
    gate = lab.gateway(["a.test"])
    first = lab.wait_for("a.test")
    gate.stop()
    gate = lab.gateway([["a.test", "b.test"]])
    second = lab.wait_for("b.test")
    equal(second.names, ["a.test", "b.test"], "the names")
    check(second.serial != first.serial, "it is the old one")
    gate.stop()
    lab.gateway([["b.test", "a.test"]])
    lab.wait_for("a.test")
    check(lab.issued() <= 3, f"{lab.issued()} certificates")


@case("a name that stands twice is refused by check")
def twice(world):
    lab = Lab(world)
    for domains in (["a.test", "A.test."], [["a.test", "b.test"], "b.test"], [["a.test", "a.test"]]):
        code, told = lab.check(domains)
        equal(code, 1, f"the exit code for {domains}")
        check("stands twice in domains" in told, told)
    equal(lab.check(["a.test", ["b.test", "c.a.test"]])[0], 0, "the exit code for names of one place each")


@case("a pause between attempts that is shorter than a second is refused by check: times are kept in whole seconds")
def short_pauses(world):
    lab = Lab(world)
    for option in ("retry_min", "retry_max"):
        code, told = lab.check(["a.test"], **{option: "200ms"})
        equal(code, 1, f"the exit code for {option}")
        check("200ms is out of range: allowed is 1s to" in told, told)
    equal(lab.check(["a.test"], retry_min="1s", retry_max="1s")[0], 0, "the exit code for a second")


@case("the account's key is changed by command, after a restart too; orders go on with the new one")
def new_key(world):
    lab = Lab(world)
    gate = lab.gateway(["a.test"])
    first = lab.wait_for("a.test")
    gate.stop()

    def key():
        folder = os.path.join(lab.state, "acme", "accounts")
        return json.loads(read(os.path.join(folder, os.listdir(folder)[0])).split("\n", 1)[1])["key"]

    before = key()
    gate = lab.gateway(["a.test"])
    lab.wait_for("a.test")
    result = lab.command("new-key")
    equal(result.returncode, 0, f"the exit code, {result.stdout!r} {result.stderr!r}")
    wait_until(lambda: log_lines(gate, "the account has a new key"), 20, "the new key")
    wait_until(lambda: key() != before, 20, "the new key in the store")
    equal(lab.command("renew", "a.test").returncode, 0, "the exit code of renew")
    lab.wait_for("a.test", but=first.serial)
    equal(lab.pebble.accounts(), 1, "accounts")


if __name__ == "__main__":
    main()
