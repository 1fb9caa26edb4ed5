"""What the events of some seconds tell of the calls that began in them. Pure.

It is the evidence for a prediction: how often a call ran is counted from what the servers told, and
not taken from a table.

Any program of this machine may send events. One without its fields is passed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

# The fields of each kind without which an event says nothing: all of them are texts.
NEEDS = {"fault": ("what",), "call": ("id", "method"), "done": ("id", "outcome"),
         "send": ("id", "p", "to"), "run": ("id", "p"), "memo": ("id",), "lost": ("id", "who"),
         "took": ("who",), "lease": ("who", "what")}


class SeenCall:
    """One call of the page's client."""

    def __init__(self, method: str, began_ms: float) -> None:
        self.method, self.began_ms = method, began_ms
        # "answered", "fault", "not sent", "unknown"; empty until it has ended.
        self.outcome = ""
        self.took_ms = 0.0
        # Its attempts: who made one, and to whom it went.
        self.sends: list[tuple[str, str]] = []
        # By server: how often it has run the call, and answered it from memory.
        self.runs: Counter[str] = Counter()
        self.from_memory = 0

    def attempts_at(self, name: str) -> int:
        """How many attempts went to a process."""
        return sum(to == name for _, to in self.sends)

    @property
    def was_repeated(self) -> bool:
        """Whether the client, or a proxy, has made more than one attempt."""
        makers = [maker for maker, _ in self.sends]
        return len(makers) > len(set(makers))


class Seen:
    """What happened since a fault was let loose: give it every event from then on, in order.

    Calls that began before the fault do not count.
    """

    def __init__(self) -> None:
        # By trace id.
        self.calls: dict[str, SeenCall] = {}
        # Calls whose reply was lost on a link, by server.
        self.lost: dict[str, list[str]] = {}
        # By process: what became of its lease, and how many of its beats a registry took.
        self.leases: dict[str, list[str]] = {}
        self.beats: Counter[str] = Counter()

    def take(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Takes what came next."""
        for event in events:
            kind = event.get("k")
            needed = NEEDS.get(kind) if type(kind) is str else None
            if needed and all(type(event.get(name)) is str for name in needed):
                getattr(self, f"_take_{kind}")(event)

    def all_ended(self, count: int) -> bool:
        """Whether so many calls began, and all of them have ended."""
        return len(self.calls) >= count and all(call.outcome for call in self.calls.values())

    def count(self, outcome: str) -> int:
        """How many calls ended so."""
        return sum(call.outcome == outcome for call in self.calls.values())

    def went_to(self, name: str) -> list[SeenCall]:
        """The calls of which an attempt went to a process."""
        return [call for call in self.calls.values() if call.attempts_at(name)]

    def slowest_ms(self) -> float:
        """How long the slowest call took; 0.0 if none has ended."""
        return max((call.took_ms for call in self.calls.values()), default=0.0)

    def _take_fault(self, event: Mapping[str, Any]) -> None:
        # The burst is no fault, but what meets it.
        if event["what"] != "burst":
            self.calls.clear()

    def _take_call(self, event: Mapping[str, Any]) -> None:
        self.calls[event["id"]] = SeenCall(event["method"], event["t"])

    def _take_done(self, event: Mapping[str, Any]) -> None:
        call = self.calls.get(event["id"])
        if call:
            call.outcome, call.took_ms = event["outcome"], event["t"] - call.began_ms

    def _take_send(self, event: Mapping[str, Any]) -> None:
        call = self.calls.get(event["id"])
        if call and event.get("kind") not in ("opening", "resolve"):
            call.sends.append((event["p"], event["to"]))

    def _take_run(self, event: Mapping[str, Any]) -> None:
        call = self.calls.get(event["id"])
        if call:
            call.runs[event["p"]] += 1

    def _take_memo(self, event: Mapping[str, Any]) -> None:
        call = self.calls.get(event["id"])
        if call:
            call.from_memory += 1

    def _take_lost(self, event: Mapping[str, Any]) -> None:
        if event.get("what") == "reply":
            self.lost.setdefault(event["who"], []).append(event["id"])

    def _take_took(self, event: Mapping[str, Any]) -> None:
        self.beats[event["who"]] += 1

    def _take_lease(self, event: Mapping[str, Any]) -> None:
        self.leases.setdefault(event["who"], []).append(event["what"])
