"""A clock that stands still while its own process was stopped. Pure.

The problem: a registry is paused for a minute (a laptop sleeps, a user presses Ctrl-Z). When it
goes on, no beat has been read for a minute, and every lease seems to be over. But it was the
registry that was silent, not the servers. By this clock the minute did not pass.
"""

from __future__ import annotations

# Seconds. A longer step between two readings is our own lateness. It must be longer than a busy
# process waits between two readings, and shorter than half a lease.
MAX_STEP_S = 0.25


class PatientClock:
    """Counts the time in which its own process was running. Not thread-safe.

    Parameter: `now`, the monotonic time in seconds. Read it at least every MAX_STEP_S: a longer
    step is taken for a pause, and counts as MAX_STEP_S.

    Attributes: `time`, the latest reading in seconds, from 0; `lateness`, the seconds left out.

    >>> clock = PatientClock(now=100.0)
    >>> clock.read(100.125), clock.read(160.125)        # a minute's sleep counts as MAX_STEP_S
    (0.125, 0.375)
    >>> clock.lateness
    59.75
    """

    def __init__(self, now: float) -> None:
        self.time = 0.0
        self.lateness = 0.0
        self._last = now

    def read(self, now: float) -> float:
        """The patient time at the monotonic time `now`; `now` must not run backwards."""
        step = now - self._last
        self._last = now
        self.lateness += max(step - MAX_STEP_S, 0.0)
        self.time += min(step, MAX_STEP_S)
        return self.time
