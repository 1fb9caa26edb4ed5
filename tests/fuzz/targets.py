"""All targets, and how to run one: draw inputs, check each, count what came of them."""

from __future__ import annotations

import random
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from typing import Callable, NamedTuple

from tests.fuzz import beats, documents, messages
from tests.fuzz.mutate import Mutator, Target

TARGETS: Sequence[Target] = (*messages.TARGETS, *beats.TARGETS, *documents.TARGETS)
# Of processor time for one input; the slowest take a tenth of a second.
MAX_CHECK_S = 2.0
# To make a finding smaller.
MAX_TRIES = 2000
# Findings that are told in full; a mistake is found again and again.
MAX_SHOWN = 3


class Finding(NamedTuple):
    """An input for which a property does not hold, and why."""

    data: bytes
    why: str


class Tally:
    """What came of the inputs of a target."""

    def __init__(self) -> None:
        self.inputs = 0
        self.came: Counter[str] = Counter()
        self.findings = 0
        self.shown: list[Finding] = []
        self.slowest_s = 0.0

    def take(self, target: Target, data: bytes) -> None:
        """Checks one input."""
        self.inputs += 1
        began_s = time.process_time()
        try:
            self.came[target.check(data)] += 1
            took_s = time.process_time() - began_s
            self.slowest_s = max(self.slowest_s, took_s)
            assert took_s < MAX_CHECK_S, f"took {took_s:.1f} s"
        except Exception:
            # Whatever a reader raises is what we are here for.
            self.findings += 1
            if len(self.shown) < MAX_SHOWN:
                self.shown.append(Finding(smallest(target, data), traceback.format_exc()))

    def __str__(self) -> str:
        came = ", ".join(f"{what} {count}" for what, count in self.came.most_common(6))
        return f"{self.inputs:>9,} inputs, slowest {self.slowest_s * 1000:3.0f} ms, {self.findings} findings: {came}"


def run(target: Target, seed: int, goes_on: Callable[[int], bool]) -> Tally:
    """Checks the seeds themselves, then mutations of them while `goes_on(how many there were)`."""
    tally = Tally()
    for data in target.seeds:
        tally.take(target, data)
    mutator = Mutator(target, random.Random(f"{target.name} {seed}"))
    while goes_on(tally.inputs):
        tally.take(target, mutator.draw())
    return tally


def smallest(target: Target, data: bytes) -> bytes:
    """A part of the input that still fails: pieces are left out, ever smaller ones, while it does.
    """
    size, tries = len(data) // 2, 0
    while size and tries < MAX_TRIES:
        for at in range(0, len(data), size):
            part, tries = data[:at] + data[at + size:], tries + 1
            if fails(target, part):
                data = part
                break
        else:
            size //= 2
    return data


def fails(target: Target, data: bytes) -> bool:
    try:
        target.check(data)
    except Exception:
        return True
    return False
