"""The checker: compares what callers were told with what the servers executed. Pure.

    its caller was told     what must be true
    a value                 the call ran exactly once, and the value is the right one
                            (an idempotent call: it ran at least once)
    NotSent                 it never ran
    OutcomeUnknown          it ran at most once (an idempotent call: any number of times)

Everything else is a violation. The method is that of Jepsen: the system is a black box, and the
verdict rests on the record alone.

    >>> told = [Call("a", idempotent=False, outcome=VALUE, is_right=True, took_s=0.01),
    ...         Call("b", idempotent=False, outcome=UNKNOWN, is_right=False, took_s=5.0)]
    >>> judge(told, Counter(a=1, b=1)).ok
    True
    >>> judge(told, Counter(a=1, b=2)).executed_twice
    1
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

# What a caller was told. FAILED is any other error: a caller must never get one.
VALUE, NOT_SENT, UNKNOWN, FAILED = "value", "not sent", "unknown", "failed"
# How many cases of each violation a verdict shows.
EXAMPLES = 3


class Call(NamedTuple):
    """One call as its caller saw it."""

    call_id: str
    idempotent: bool
    # One of the four words above.
    outcome: str
    # Whether the value is the one that this call had to return.
    is_right: bool
    took_s: float
    # The text of its error; empty for a value.
    why: str = ""


class Verdict(NamedTuple):
    """The counts of a run. `ok`: no violation. One call may count in several of the violations."""

    calls: int
    answered: int
    not_sent: int
    unknown: int
    # Idempotent calls that ended without a value. No violation, but a run without faults has none.
    idempotent_failed: int
    # The violations: ran twice; has a value and never ran; has a wrong value or an unexpected
    # error; ran although its caller was told NotSent.
    executed_twice: int
    lost: int
    wrong: int
    phantom: int
    median_s: float
    p99_s: float
    slowest_s: float
    # Some calls of each violation, in words.
    examples: Sequence[str]

    @property
    def ok(self) -> bool:
        return not (self.executed_twice or self.lost or self.wrong or self.phantom)

    def table(self) -> str:
        """The verdict as text for a reader: one count a line."""
        rows: dict[str, object] = {
            "calls": self.calls, "answered": self.answered, "not sent": self.not_sent,
            "unknown": self.unknown, "idempotent calls failed": self.idempotent_failed,
            "EXECUTED TWICE": self.executed_twice, "LOST (answered, never ran)": self.lost,
            "ANSWERED WRONGLY": self.wrong, "RAN ALTHOUGH NOT SENT": self.phantom,
            "median": f"{self.median_s * 1000:.1f} ms", "p99": f"{self.p99_s * 1000:.1f} ms",
            "slowest": f"{self.slowest_s * 1000:.1f} ms"}
        lines = [f"  {name:28}{value:>12}" for name, value in rows.items()]
        return "\n".join([*lines, *(f"    e.g. {example}" for example in self.examples),
                          f"  verdict: {'consistent' if self.ok else 'VIOLATED'}"])


def judge(calls: Sequence[Call], executions: Counter[str]) -> Verdict:
    """The verdict on all calls of a run; `executions`: how often each call id ran."""
    of = {outcome: [call for call in calls if call.outcome == outcome]
          for outcome in (VALUE, NOT_SENT, UNKNOWN, FAILED)}
    twice = [call for call in calls if not call.idempotent and executions[call.call_id] > 1]
    lost = [call for call in of[VALUE] if executions[call.call_id] == 0]
    wrong = [call for call in of[VALUE] if not call.is_right] + of[FAILED]
    phantom = [call for call in of[NOT_SENT] if executions[call.call_id] > 0]
    idempotent_failed = [call for call in calls if call.idempotent and call.outcome != VALUE]
    cases = {"executed twice": twice, "lost": lost, "wrong": wrong,
             "ran although not sent": phantom, "idempotent call failed": idempotent_failed}
    times = sorted(call.took_s for call in calls) or [0.0]
    return Verdict(
        calls=len(calls), answered=len(of[VALUE]), not_sent=len(of[NOT_SENT]),
        unknown=len(of[UNKNOWN]), idempotent_failed=len(idempotent_failed),
        executed_twice=len(twice), lost=len(lost), wrong=len(wrong), phantom=len(phantom),
        median_s=percentile(times, 0.5), p99_s=percentile(times, 0.99), slowest_s=times[-1],
        examples=[f"{what}: {_describe(call, executions)}"
                  for what, found in cases.items() for call in found[:EXAMPLES]])


def percentile(ordered: list[float], share: float) -> float:
    """The nearest-rank percentile of a sorted list; `share` is from 0 to 1.

    >>> percentile([1.0, 2.0, 3.0, 4.0], 0.5)
    2.0
    """
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def _describe(call: Call, executions: Counter[str]) -> str:
    return (f"{call.call_id} ran {executions[call.call_id]} times, "
            f"its caller was told: {call.outcome} {call.why}")
