"""How the memory, the threads and the open files of a process grow over time. For Linux: /proc."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Sequence
from typing import NamedTuple

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class Sample(NamedTuple):
    """A process at one moment."""

    at: float
    memory_kb: float
    threads: float
    files: float


class Limit(NamedTuple):
    """How much a process may grow in a run and still count as flat: the larger of the two.

    Allocators make noise, and callers come and go.
    """

    # Of its mean.
    share: float
    # In units of what is measured.
    least: float


FLAT = {"memory_kb": Limit(0.10, 3072), "threads": Limit(0.15, 5), "files": Limit(0.15, 10)}


# Threads, and files, above those of a quiet moment before a run: so many may be left at a quiet
# moment after it. They are those of connections that are kept for the next call.
KEPT = 24


def look(pid: int) -> Sample:
    """A sample of a process, from /proc."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
        resident = int(statm.read().split()[1])
    return Sample(time.monotonic(), resident * PAGE_BYTES / 1024,
                  len(os.listdir(f"/proc/{pid}/task")), len(os.listdir(f"/proc/{pid}/fd")))


def slope_per_min(samples: Sequence[Sample], what: str) -> float:
    """How fast it grew: the slope of the line that fits best."""
    times = [sample.at / 60 for sample in samples]
    values = [float(getattr(sample, what)) for sample in samples]
    middle_at, middle = statistics.fmean(times), statistics.fmean(values)
    spread = sum((at - middle_at) ** 2 for at in times)
    together = sum((at - middle_at) * (value - middle) for at, value in zip(times, values))
    return together / spread if spread else 0.0


def is_flat(samples: Sequence[Sample], what: str) -> bool:
    """Whether the growth over the whole time is within its limit."""
    grown = slope_per_min(samples, what) * (samples[-1].at - samples[0].at) / 60
    limit = FLAT[what]
    mean = statistics.fmean(getattr(sample, what) for sample in samples)
    return grown <= max(limit.share * mean, limit.least)


def is_back(before: Sample, after: Sample) -> bool:
    """Whether a process has the threads and files again that it had at an earlier quiet moment."""
    return after.threads <= before.threads + KEPT and after.files <= before.files + KEPT
