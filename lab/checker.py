"""The checker: compares what callers were told with what the servers executed. Pure.

    its caller was told     what must be true at the end of the run
    a value                 the call ran exactly once, and the value is the right one
                            (an idempotent call: it ran at least once)
    NotSent                 it never ran
    OutcomeUnknown          it ran at most once

An unknown outcome can be resolved later. Then the last word counts, and it has its own rows:

    resolved to             what must be true at the end of the run
    a value                 as above
    "it ran"                it ran, and exactly once; only its reply is gone
    NotSent                 it never ran, and never will: also not after this word was given
    unknown once more       it ran at most once

A word that was given once stays true: the same question never gets another answer.

A call may run more than once only where every life that ran it promises that this does no harm.

Everything else is a violation. One more count is none: a run that began after its caller was told
OutcomeUnknown, and was not resolved. The rule allows it, but a caller may have looked at the state
of the service in between; so there should be next to none.

The method is that of Jepsen: the system is a black box, and the verdict rests on the record alone.

    >>> told = [Call("a", idempotent=False, outcome=VALUE, is_right=True, took_s=0.01),
    ...         Call("b", idempotent=False, outcome=UNKNOWN, is_right=False, took_s=5.0)]
    >>> judge(told, [Run("a"), Run("b")]).ok
    True
    >>> judge(told, [Run("a"), Run("b"), Run("b")]).executed_twice
    1
    >>> resolved = told[1]._replace(resolved=NOT_SENT)
    >>> judge([resolved], [Run("b")]).phantom
    1
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

# What a caller was told. RAN: it ran, and its reply is gone; only a resolve can tell that. FAILED
# is any other error: a caller must never get one.
VALUE, NOT_SENT, UNKNOWN, RAN, FAILED = "value", "not sent", "unknown", "it ran", "failed"
# How many cases of each violation a verdict shows.
EXAMPLES = 3


class Call(NamedTuple):
    """One call as its caller saw it. Times are in seconds."""

    call_id: str
    # Whether every life of every server promises that a second run does no harm.
    idempotent: bool
    # What the call itself came to: one of the words above.
    outcome: str
    # Whether the value is the one that this call had to return.
    is_right: bool
    took_s: float
    # The text of its error; empty for a value.
    why: str = ""
    # When its caller was told the outcome, on the clock that the runs have, too.
    told_at: float = math.inf
    # What an unknown outcome was resolved to: one of the words above; empty if nobody asked.
    resolved: str = ""
    # Two answers to the same question that cannot both be true; empty if there were none.
    contradiction: str = ""

    @property
    def last_word(self) -> str:
        """What its caller believes in the end."""
        return self.resolved or self.outcome


class Run(NamedTuple):
    """One execution, as a server wrote it down."""

    call_id: str
    # On the clock that the calls have, too, in seconds.
    began_at: float = 0.0
    # Whether the life that ran it promises that a second run does no harm.
    idempotent: bool = False


class Verdict(NamedTuple):
    """The counts of a run. `ok`: no violation. One call may count in several of the violations."""

    calls: int
    answered: int
    not_sent: int
    unknown: int
    # Of the unknown outcomes: what they were resolved to; nobody could tell; nobody asked.
    resolved_value: int
    resolved_ran: int
    resolved_not_sent: int
    still_unknown: int
    not_asked: int
    # Calls that began to run after their caller was told Unknown, and did not resolve it. (A run by
    # a life that promises that it does no harm does not count.) No violation.
    late_runs: int
    # Idempotent calls that ended without a value. No violation, but a run without faults has none.
    idempotent_failed: int
    # The violations: ran twice; has a value and never ran; has a wrong value, an unexpected error,
    # or two answers that contradict each other; ran although its caller was told NotSent.
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
            "unknown": self.unknown, "  resolved: the reply": self.resolved_value,
            "  resolved: it ran": self.resolved_ran,
            "  resolved: never runs": self.resolved_not_sent,
            "  nobody can tell": self.still_unknown, "  nobody asked": self.not_asked,
            "ran after Unknown was told": self.late_runs,
            "idempotent calls failed": self.idempotent_failed,
            "EXECUTED TWICE": self.executed_twice, "LOST (answered, never ran)": self.lost,
            "ANSWERED WRONGLY": self.wrong, "RAN ALTHOUGH NOT SENT": self.phantom,
            "median": f"{self.median_s * 1000:.1f} ms", "p99": f"{self.p99_s * 1000:.1f} ms",
            "slowest": f"{self.slowest_s * 1000:.1f} ms"}
        lines = [f"  {name:28}{value:>12}" for name, value in rows.items()]
        return "\n".join([*lines, *(f"    e.g. {example}" for example in self.examples),
                          f"  verdict: {'consistent' if self.ok else 'VIOLATED'}"])


def judge(calls: Sequence[Call], runs: Iterable[Run]) -> Verdict:
    """The verdict on all calls of a run, and on what the servers wrote down until its end."""
    runs_of: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs:
        runs_of[run.call_id].append(run)
    # 1. What callers were told first, and what they believe in the end.
    first = {word: [call for call in calls if call.outcome == word] for word in (VALUE, NOT_SENT)}
    unknown = [call for call in calls if call.outcome == UNKNOWN]
    last = {word: [call for call in unknown if call.last_word == word]
            for word in (VALUE, RAN, NOT_SENT, UNKNOWN)}
    asked = [call for call in last[UNKNOWN] if call.resolved]
    late = [call for call in last[UNKNOWN]
            if any(run.began_at > call.told_at and not run.idempotent
                   for run in runs_of[call.call_id])]
    idempotent_failed = [call for call in calls if call.idempotent and call.last_word != VALUE]
    # 2. The violations.
    twice = [call for call in calls if len(runs_of[call.call_id]) > 1
             and not all(run.idempotent for run in runs_of[call.call_id])]
    lost = [call for call in calls
            if call.last_word in (VALUE, RAN) and not runs_of[call.call_id]]
    wrong = [call for call in calls if call.last_word == FAILED or call.contradiction
             or (call.last_word == VALUE and not call.is_right)]
    phantom = [call for call in calls if call.last_word == NOT_SENT and runs_of[call.call_id]]
    # 3. Some of each, for the reader.
    cases = {"executed twice": twice, "lost": lost, "wrong": wrong,
             "ran although not sent": phantom, "idempotent call failed": idempotent_failed,
             "ran after Unknown was told": late}
    times = sorted(call.took_s for call in calls) or [0.0]
    return Verdict(
        calls=len(calls), answered=len(first[VALUE]), not_sent=len(first[NOT_SENT]),
        unknown=len(unknown), resolved_value=len(last[VALUE]), resolved_ran=len(last[RAN]),
        resolved_not_sent=len(last[NOT_SENT]), still_unknown=len(asked),
        not_asked=len(last[UNKNOWN]) - len(asked),
        late_runs=len(late), idempotent_failed=len(idempotent_failed),
        executed_twice=len(twice), lost=len(lost), wrong=len(wrong), phantom=len(phantom),
        median_s=percentile(times, 0.5), p99_s=percentile(times, 0.99), slowest_s=times[-1],
        examples=[f"{what}: {_describe(call, runs_of[call.call_id])}"
                  for what, found in cases.items() for call in found[:EXAMPLES]])


def percentile(ordered: list[float], share: float) -> float:
    """The nearest-rank percentile of a sorted list; `share` is from 0 to 1.

    >>> percentile([1.0, 2.0, 3.0, 4.0], 0.5)
    2.0
    """
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def _describe(call: Call, runs: Sequence[Run]) -> str:
    told = f"{call.outcome}, resolved: {call.resolved}" if call.resolved else call.outcome
    after = [f"{run.began_at - call.told_at:+.2f} s" for run in runs if call.told_at < math.inf]
    when = f" ({', '.join(after)} from when its caller was told)" if after else ""
    return (f"{call.call_id} ran {len(runs)} times{when}, its caller was told: {told} "
            f"{call.why} {call.contradiction}").rstrip()
