"""The checker: holds what callers were told against what was executed. Pure.

    a value           the call ran exactly once (an idempotent one: at least once), and the value is its own
    NotSent           it never ran
    OutcomeUnknown    it ran at most once (an idempotent one: any number of times)

Anything else is a violation. In the manner of Jepsen: the system is a black box, and only the record counts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

VALUE, NOT_SENT, UNKNOWN, FAILED = "value", "not sent", "unknown", "failed"


class Call(NamedTuple):
    """One call as its caller saw it: `told` is one of the words above; `right`: the value was its own."""

    call_id: str
    idempotent: bool
    told: str
    right: bool
    took_s: float
    why: str = ""


class Verdict(NamedTuple):
    """The counts of a run. `ok` is what a run must be; a call can be in several of the violations."""

    calls: int
    answered: int
    not_sent: int
    unknown: int
    idempotent_failed: int
    executed_twice: int
    lost: int
    wrong: int
    phantom: int
    median_s: float
    p99_s: float
    slowest_s: float
    examples: Sequence[str]

    @property
    def ok(self) -> bool:
        return not (self.executed_twice or self.lost or self.wrong or self.phantom)

    def table(self) -> str:
        """For people: one line a count."""
        rows: dict[str, object] = {
            "calls": self.calls, "answered": self.answered, "not sent": self.not_sent, "unknown": self.unknown,
            "idempotent calls failed": self.idempotent_failed, "EXECUTED TWICE": self.executed_twice,
            "LOST (answered, never ran)": self.lost, "ANSWERED WRONGLY": self.wrong,
            "RAN ALTHOUGH NOT SENT": self.phantom, "median": f"{self.median_s * 1000:.1f} ms",
            "p99": f"{self.p99_s * 1000:.1f} ms", "slowest": f"{self.slowest_s * 1000:.1f} ms"}
        lines = [f"  {name:28}{value:>12}" for name, value in rows.items()]
        return "\n".join([*lines, *(f"    e.g. {example}" for example in self.examples),
                          f"  verdict: {'consistent' if self.ok else 'VIOLATED'}"])


def judge(calls: Sequence[Call], executions: Counter[str]) -> Verdict:
    """The verdict on all calls of a run; `executions` counts the runs of each call id."""
    told = {word: [c for c in calls if c.told == word] for word in (VALUE, NOT_SENT, UNKNOWN, FAILED)}
    violations = {
        "executed twice": [c for c in calls if not c.idempotent and executions[c.call_id] > 1],
        "lost": [c for c in told[VALUE] if executions[c.call_id] == 0],
        "wrong": [c for c in told[VALUE] if not c.right] + told[FAILED],
        "ran although not sent": [c for c in told[NOT_SENT] if executions[c.call_id] > 0],
    }
    failed = [c for c in calls if c.idempotent and c.told != VALUE]
    examples = [f"{what}: {_tell(call, executions)}"
                for what, cases in [*violations.items(), ("idempotent call failed", failed)] for call in cases[:3]]
    times = sorted(call.took_s for call in calls) or [0.0]
    return Verdict(
        calls=len(calls), answered=len(told[VALUE]), not_sent=len(told[NOT_SENT]), unknown=len(told[UNKNOWN]),
        idempotent_failed=len(failed), executed_twice=len(violations["executed twice"]), lost=len(violations["lost"]),
        wrong=len(violations["wrong"]), phantom=len(violations["ran although not sent"]),
        median_s=percentile(times, 0.5), p99_s=percentile(times, 0.99), slowest_s=times[-1], examples=examples)


def percentile(ordered: list[float], share: float) -> float:
    """The nearest-rank percentile of an ordered list."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def _tell(call: Call, executions: Counter[str]) -> str:
    return f"{call.call_id} ran {executions[call.call_id]} times, its caller was told: {call.told} {call.why}"
