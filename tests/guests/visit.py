"""One guest at one door: runs its program, and judges what that prints.

A program prints a line for each check, and calls no other check wrong or right:

    ok text
    cannot nil: the library has no form for it
    FAILED date: got 20240229T13:14:15 instead of 20240229T131415
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from tests.guests.clients import Guest
from tests.guests.doors import Door
from tests.guests.shell import Shell

# Seconds for one program at one door.
VISIT_S = 60.0
# So many lines of a program that has failed are shown.
LINES_SHOWN = 15
_LINE = re.compile(r"(ok|cannot|FAILED) ([^:]+?)(?:: (.*))?$")


class Verdict(NamedTuple):
    """What came of a visit: the checks that hold, those that the client cannot make with the
    reason, and a line for each that failed.
    """

    ok: list[str]
    cannot: dict[str, str]
    failed: list[str]


def judge(printed: str, exit_code: int, checks: Sequence[str]) -> Verdict:
    """Reads what a program has printed. A check that it does not speak of has failed."""
    verdict = Verdict([], {}, [])
    for line in printed.splitlines():
        match = _LINE.match(line.rstrip())
        if not match:
            continue
        word, check, why = match.groups()
        if check not in checks:
            verdict.failed.append(f"{check}: no such check")
        elif word == "ok":
            verdict.ok.append(check)
        elif word == "cannot" and why:
            verdict.cannot[check] = why
        else:
            verdict.failed.append(f"{check}: {why or 'without a reason'}")
    spoken = {*verdict.ok, *verdict.cannot, *(line.partition(":")[0] for line in verdict.failed)}
    missing = [check for check in checks if check not in spoken]
    if missing:
        verdict.failed.append(f"{missing[0]}: nothing printed of it, nor of "
                              f"{len(missing) - 1} more")
    if exit_code or missing:
        rest = [line for line in printed.splitlines() if not _LINE.match(line.rstrip())]
        verdict.failed.append("\n    ".join([f"exit code {exit_code}", *rest[-LINES_SHOWN:]]))
    return verdict


def visit(guest: Guest, door: Door, shell: Shell) -> Verdict:
    """Runs the program of a guest at a door. Blocks until it has ended."""
    ended = shell.run(f"{guest.run} {door.greeter} {door.values}", VISIT_S,
                      PAGES=" ".join(door.pages))
    return judge(ended.printed, ended.exit_code, guest.checks)
