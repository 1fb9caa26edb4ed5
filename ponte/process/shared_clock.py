"""One clock for all processes of a machine: what orders the events of several of them.

`time.perf_counter()` is that clock: it is fine-grained, and nobody sets it. But before Python 3.10
it began at 0 in each process on Windows and macOS (bpo-37205). There, this is the clock behind it:
so processes of different versions of Python have the same time, too.
"""

from __future__ import annotations

import sys
import time
from typing import Callable

if sys.platform == "win32":
    import ctypes


def clock_of(platform: str, version: tuple[int, ...]) -> Callable[[], float]:
    """The clock for a Python of this version on this platform."""
    if version >= (3, 10) or platform not in ("win32", "darwin"):
        return time.perf_counter
    return _queried if platform == "win32" else _uptime_s


def _uptime_s() -> float:
    """macOS: mach_absolute_time(), in seconds."""
    if sys.platform == "darwin":
        return time.clock_gettime(time.CLOCK_UPTIME_RAW)
    raise OSError("only macOS has this clock")


def _queried() -> float:
    """Windows: QueryPerformanceCounter, in seconds."""
    if sys.platform == "win32":
        ticks, per_s = ctypes.c_int64(), ctypes.c_int64()
        ctypes.windll.kernel32.QueryPerformanceFrequency(ctypes.byref(per_s))
        ctypes.windll.kernel32.QueryPerformanceCounter(ctypes.byref(ticks))
        return ticks.value / per_s.value
    raise OSError("only Windows has this clock")


# Seconds since a moment that is the same for all processes until the machine starts again.
shared_s: Callable[[], float] = clock_of(sys.platform, sys.version_info[:2])
