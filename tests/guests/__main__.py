"""python3 -m tests.guests [NAME ...]: clients of other languages call Ponte.

It starts a registry, two servers, and a proxy with each engine. Then each client calls the server
directly, and through each of the proxies. A line tells what came of it, with the version. With a
NAME, only the clients with NAME in their names are tried.

Root of a Debian system installs the clients that are missing. Elsewhere they are skipped: that is
exit code 0, but with CI=true it is a failure. What costs too much is tried only where it is
already installed.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from ponte.process.characters import write_any
from ponte.process.options import PYTHON
from ponte.process.typed import here
from tests.guests.clients import GUESTS, Guest
from tests.guests.doors import Door, House
from tests.guests.install import install, version_of
from tests.guests.shell import Shell
from tests.guests.visit import Verdict, visit
from tests.netns.namespaces import exit_code_of_skipped

# Seconds for the compiler of one guest; and how many of them run at the same time.
BUILD_S, BUILDERS = 60.0, 2


class Tried:
    """What came of one guest: `wrong` has a line for each failure."""

    def __init__(self, guest: Guest, version: str) -> None:
        self.guest = guest
        self.version = version
        self.wrong: list[str] = []
        # Of the last door: what holds, and what the client cannot do is the same at all of them.
        self.verdict = Verdict([], {}, [])

    def build(self, shell: Shell) -> None:
        ended = shell.run(self.guest.build or ":", BUILD_S)
        if ended.exit_code:
            self.wrong.append(f"not built: exit code {ended.exit_code}\n{ended.printed}")

    def visit(self, door: Door, shell: Shell) -> None:
        self.verdict = visit(self.guest, door, shell)
        self.wrong += [f"{door.name}: {line}" for line in self.verdict.failed]

    @property
    def lines(self) -> str:
        """A line of verdict, and others with what failed or cannot be."""
        head = f"{'FAILED' if self.wrong else 'ok':8}{self.guest.name:33}{self.version}"
        cannot = [f"{check} ({why})" for check, why in self.verdict.cannot.items()]
        return "\n".join([head, *(f"        without {each}" for each in cannot),
                          *(f"    {line}" for line in self.wrong)])


def try_all(tried: Sequence[Tried], shell: Shell) -> None:
    """Builds all programs, and lets them visit all doors: at each door, one at a time."""
    with ThreadPoolExecutor(BUILDERS) as pool:
        wait_for([pool.submit(each.build, shell) for each in tried])
    house = House()
    try:
        with ThreadPoolExecutor(len(house.doors) + 1) as pool:
            visits = [pool.submit(go_round, [each for each in tried if each.guest.once],
                                  house.doors[0], shell)]
            for door in house.doors:
                there = [each for each in tried if not each.guest.once and not each.wrong]
                visits.append(pool.submit(go_round, there, door, shell))
            wait_for(visits)
    finally:
        house.close()


def go_round(tried: Sequence[Tried], door: Door, shell: Shell) -> None:
    for each in tried:
        each.visit(door, shell)


def wait_for(futures: Sequence[Future[None]]) -> None:
    for future in futures:
        future.result()


def main() -> int:
    """Tries the clients. Returns the exit code."""
    parser = argparse.ArgumentParser(prog=f"{PYTHON} -m tests.guests", description=here(__doc__))
    parser.add_argument("names", nargs="*", metavar="NAME", help="a part of the name of a client")
    parser.add_argument("--list", action="store_true", help="show the names, and try nothing")
    chosen = parser.parse_args()
    guests = [guest for guest in GUESTS if not chosen.names
              or any(name.lower() in guest.name.lower() for name in chosen.names)]
    if chosen.list:
        print("\n".join(guest.name for guest in guests))
        return 0
    if not guests:
        parser.error(f"no client has {' or '.join(chosen.names)} in its name: try --list")
    # SIGTERM ends it as Ctrl-C does: nothing is left.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ponte-guests-") as built:
        shell = Shell(built)
        install(guests, shell)
        print(f"installed after {time.monotonic() - began:.0f} s", flush=True)
        with ThreadPoolExecutor(BUILDERS) as pool:
            versions = list(pool.map(lambda guest: version_of(guest, shell), guests))
        tried = [Tried(guest, version) for guest, version in zip(guests, versions) if version]
        try_all(tried, shell)
    for each in tried:
        print(each.lines)
    missing = [guest for guest, version in zip(guests, versions) if not version]
    for guest in missing:
        print(f"{'skipped':8}{guest.name:33}"
              f"{guest.costly or 'missing, and cannot be installed here'}")
    failed = [each for each in tried if each.wrong]
    print(f"guests: {len(tried)} clients, {len(failed)} failed, {len(missing)} skipped, "
          f"in {time.monotonic() - began:.0f} s")
    if failed:
        return 1
    # What costs too much is no failure.
    return 0 if all(guest.costly for guest in missing) else exit_code_of_skipped()


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
