"""A question about one fault of the laboratory: votes, the fault, and what came true.

Threads: the one that tells the story.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from classroom.both import BothLanguages, in_both
from dashboard.ballot import Ballot, Put
from dashboard.laboratory import Laboratory
from dashboard.page_stage import told
from dashboard.processes import Refused
from dashboard.questions import EVERYTHING, question, undoing
from dashboard.remote import Remote
from dashboard.ring import Ring
from dashboard.seen import Seen

# How long the calls after a fault may take, in seconds.
PATIENCE_S = 12.0
# Seconds between two looks whether the story was ended, while no event comes.
LOOK_S = 0.2
# The events of a process come so much later than they happen, at most, in seconds.
LATE_S = 0.3
# Roles in the order in which processes start again.
START_ORDER = ("registry", "proxy", "server")


class Prediction:
    """One question. The constructor raises Refused where there is none about this fault."""

    def __init__(self, fault: str, who: str, laboratory: Laboratory,
                 words: BothLanguages) -> None:
        self._laboratory, self._words, self._fault = laboratory, words, fault
        actors = {name: laboratory.actor(name) for name in laboratory.names()}
        self._processes = {name: (actor.role, actor.state) for name, actor in actors.items()}
        role, state = self._processes.get(who, ("", ""))
        self._question = question(words, fault, who, role)
        self._victims = self._all() if who == EVERYTHING else [who]
        if role and state != "up":
            raise Refused("not up", f"{who} is {state}: ask about a process that is up", who=who)

    def run(self, put: Put, ring: Ring, ballot: Ballot, remote: Remote) -> None:
        """Asks, lets the fault loose, says what came true, and makes all whole. Raises Ended."""
        asked, words = self._question, self._words
        answers = asked.answers.texts(words)
        title = words("WHAT WILL HAPPEN?")
        put(told("begin", kind="free", of=1, title=in_both(title)))
        put(told("question", step=1, of=1, title=in_both(title), question=in_both(asked.text),
                 answers=list(map(in_both, answers))))
        ballot.ask(asked.text, answers)
        put(told("open"))
        if asked.before:
            self._order(*asked.before)
        pressed = remote.wait()
        ballot.close()
        put(told("close"))
        if pressed == "skip":
            return
        put(told("fault"))
        per_s = self._laboratory.per_s
        try:
            # The client's own calls would be in the way: a fault for a `buy` could meet a `hello`.
            self._order("rate", {"per_s": 0})
            seen = self._let_loose(ring, remote)
            verdict = asked.judge(seen)
            ballot.reveal(verdict.answer)
            holds = verdict.answer == asked.answers.right
            put(told("proof", passed=holds and all(check.holds for check in verdict.checks),
                     right=verdict.answer,
                     checks=[{"holds": check.holds, "text": in_both(check.text)}
                             for check in verdict.checks]))
            remote.wait()
        finally:
            for order in undoing(self._fault, self._victims):
                self._order(*order)
            self._order("rate", {"per_s": per_s})

    def _let_loose(self, ring: Ring, remote: Remote) -> Seen:
        """Gives the orders, and watches until all calls have ended. Raises Ended."""
        seen, asked, since = Seen(), self._question, ring.next
        began = time.monotonic()
        for name, fields in asked.orders:
            for who in self._victims if fields.get("who") == EVERYTHING else [fields.get("who")]:
                self._order(name, {**fields, "who": who} if who else fields)
        ended_at = None
        while ended_at is None or time.monotonic() < max(ended_at + LATE_S, began + asked.watch_s):
            remote.look()
            ring.wait(since, LOOK_S)
            events = ring.events(since)
            since = events[-1]["s"] + 1 if events else since
            seen.take(events)
            if ended_at is None and (seen.all_ended(asked.calls)
                                     or time.monotonic() > began + PATIENCE_S):
                ended_at = time.monotonic()
        return seen

    def _order(self, name: str, fields: Mapping[str, Any]) -> None:
        """Gives an order. One that is refused changes nothing: what came true, the events tell."""
        try:
            self._laboratory.commands[name]({"what": name, **fields})
        except (ValueError, KeyError, OSError):
            return

    def _all(self) -> list[str]:
        """The processes that run, in the order in which they start again."""
        running = [(START_ORDER.index(role), name)
                   for name, (role, state) in self._processes.items()
                   if role in START_ORDER and state == "up"]
        return [name for _, name in sorted(running)]
