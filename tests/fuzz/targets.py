"""All targets, and how one is run: draw inputs, check each, count the results."""

from __future__ import annotations

import random
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from typing import Callable, NamedTuple

from tests.fuzz import beats, consul, dns, documents, http2, messages, protobuf
from tests.fuzz.mutate import Mutator, Target

TARGETS: Sequence[Target] = (*messages.TARGETS, *beats.TARGETS, *documents.TARGETS,
                             *dns.TARGETS, *consul.TARGETS,
                             *http2.TARGETS, *protobuf.TARGETS)
# Seconds of processor time for one input. The slowest good inputs take a tenth of a second.
MAX_CHECK_S = 2.0
# How many parts of a finding are tried, to make it smaller.
MAX_TRIES = 2000
# How many findings are shown: the same mistake is found many times.
MAX_SHOWN = 3


class Finding(NamedTuple):
    """An input for which a property does not hold, and why."""

    data: bytes
    why: str


class Tally:
    """Counts what the reader did with the inputs of a target."""

    def __init__(self) -> None:
        self.inputs = 0
        # How often the reader did what, in the words of `Target.check`.
        self.results: Counter[str] = Counter()
        self.findings = 0
        self.shown: list[Finding] = []
        self.slowest_s = 0.0

    def take(self, target: Target, data: bytes) -> None:
        """Checks one input."""
        self.inputs += 1
        began_s = time.process_time()
        try:
            self.results[target.check(data)] += 1
            took_s = time.process_time() - began_s
            self.slowest_s = max(self.slowest_s, took_s)
            assert took_s < MAX_CHECK_S, f"took {took_s:.1f} s"
        except Exception:
            # Any exception of a reader is a finding.
            self.findings += 1
            if len(self.shown) < MAX_SHOWN:
                self.shown.append(Finding(smallest(target, data), traceback.format_exc()))

    def __str__(self) -> str:
        results = ", ".join(f"{what} {count}" for what, count in self.results.most_common(6))
        return (f"{self.inputs:>9,} inputs, slowest {self.slowest_s * 1000:3.0f} ms, "
                f"{self.findings} findings: {results}")


def run(target: Target, seed: int, goes_on: Callable[[int], bool]) -> Tally:
    """Checks the seeds, then mutations of them while `goes_on` (how many so far) is true."""
    tally = Tally()
    for data in target.seeds:
        tally.take(target, data)
    mutator = Mutator(target, random.Random(f"{target.name} {seed}"))
    while goes_on(tally.inputs):
        tally.take(target, mutator.draw())
    return tally


def smallest(target: Target, data: bytes) -> bytes:
    """A part of the input that still fails: smaller and smaller pieces are left out of it."""
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
