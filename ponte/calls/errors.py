"""What a call raises when it has no answer: NotSent, or OutcomeUnknown, which can be resolved."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Callable, NamedTuple

from ponte.calls.endpoint import Endpoint
from ponte.net.address import show

# Seconds. How long `resolve` asks, unless its caller says otherwise.
RESOLVE_S = 5.0
NOBODY_TO_ASK = ("nobody can be asked: it was sent without a number, as idempotent (then call it "
                 "again) or to a server that remembers no calls; or this error is a copy")


class Trace(NamedTuple):
    """One attempt as it went: the endpoint, what happened, and how many seconds it took.

    `tried`: where a proxy has tried in vain during it, in words; "" if it did not, or none was
    asked.
    """

    endpoint: Endpoint
    what: str
    took_s: float
    tried: str = ""

    def __str__(self) -> str:
        where = f"{self.endpoint.instance} at {show(self.endpoint.address)}"
        tried = f", tried {self.tried}" if self.tried else ""
        return f"{where}: {self.what} ({self.took_s * 1000:.1f} ms){tried}"


class CallError(Exception):
    """A call without an answer. `attempts` has a Trace of each attempt; str() shows them all."""

    meaning = ""

    def __init__(self, call: str, attempts: Sequence[Trace], why: str = "") -> None:
        shown = "; ".join(f"{number}. {attempt}" for number, attempt in enumerate(attempts, 1))
        super().__init__(f"{call}: {self.meaning}: {shown or why}")
        self.attempts = tuple(attempts)
        self._call, self._why = call, why

    def __reduce__(self) -> tuple[Any, ...]:
        """For copies, also in other processes."""
        return type(self), (self._call, self.attempts, self._why)


class NotSent(CallError):
    """The call has not run, and never will: calling again is safe."""

    meaning = "not executed"


# Asks for so many seconds what came of a call. Returns what to do from then on: it returns the
# value of the call, or raises its Fault, or NotSent. Raises OutcomeUnknown if nobody can tell.
Ask = Callable[[float], Callable[[], Any]]


class OutcomeUnknown(CallError):
    """The call may have run once, or not at all; an idempotent one perhaps more than once.

    Attributes: `ran`, whether it is known that it ran, and only its reply is gone; `trace_id`, by
    which a watcher knows it, "" if none was told (ponte/process/observe.py).
    """

    meaning = "outcome unknown, it may have run"

    def __init__(self, call: str, attempts: Sequence[Trace], why: str = "", *, ran: bool = False,
                 ask: Ask | None = None) -> None:
        if ran:
            self.meaning = "outcome unknown, it has run, and nobody has its reply"
        super().__init__(call, attempts, why)
        self.ran = ran
        self.trace_id = ""
        self._ask = ask
        # What came of it, once that is known. Then nobody needs to remember the call any more.
        self._known: Callable[[], Any] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy knows whether the call ran, and can ask nobody."""
        make, parameters = super().__reduce__()
        return functools.partial(make, ran=self.ran), parameters

    def resolve(self, timeout_s: float = RESOLVE_S) -> Any:
        """Finds out what came of the call, by asking the process that got it. From any thread.

        Returns the value of the call, or raises its Fault, if it has run; waits for it while it
        runs. Raises NotSent if it has not run: from now on it never will, however late it arrives.
        Raises OutcomeUnknown if nobody can tell within `timeout_s` seconds: that process is gone,
        or out of reach, or it has forgotten the reply (`ran`). An idempotent call, and a call of
        a server that remembers no calls, cannot be resolved. Nor can a copy of the error in another
        process.
        """
        # Another thread may find it out at the same time: it sets `_known`, and then clears `_ask`.
        # So `_ask` is read first: if it is None here, `_known` is set.
        ask = self._ask
        if self._known is None:
            if ask is None:
                raise OutcomeUnknown(self._call, (), NOBODY_TO_ASK, ran=self.ran)
            self._known = ask(timeout_s)
            self._ask = None
        return self._known()
