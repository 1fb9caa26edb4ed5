"""The clocks of Windows, on any system.

Up to Python 3.12, time.monotonic moves there in steps of 15.6 ms: it mostly stands still during a
call. time.perf_counter is fine.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from unittest import mock

# Seconds from one reading of the fine clock to the next.
READING_S = 0.0031


@contextlib.contextmanager
def coarse_clock() -> Iterator[None]:
    """Within this block time.monotonic stands still, and time.perf_counter goes on."""
    readings = (100.0 + number * READING_S for number in itertools.count())
    with mock.patch("time.monotonic", lambda: 7.0), \
            mock.patch("time.perf_counter", lambda: next(readings)):
        yield
