"""The caller's side of at most once: a session at the life of one endpoint, and its numbers.

The far end is ponte/calls/once.py. A number is *open* as long as its caller may still ask what came
of it: while the call is under way, and after an unknown outcome until that is resolved, or until
nobody can ask any more. The oldest open number goes out with each call, so that the far end may
forget all numbers below it.

A `CallNumber` is open as long as somebody refers to it: the call that uses it, the route of
a proxy, or the error OutcomeUnknown. So no path through the code can forget to end it.

A forked child has a copy of each session. Its parent goes on to take the same numbers, so the child
must not take any: its client begins without a session (client.py, `leave_parent`).
"""

from __future__ import annotations

from ponte.calls.once import WINDOW


class Session:
    """A session that an endpoint gave out. Not thread-safe; a `CallNumber` may end on any thread.

    >>> session = Session("9f86d081884c7d65")
    >>> one, two = session.take(), session.take()
    >>> str(one), str(two)
    ('1-1', '2-1')
    >>> del one                                     # its call has been answered
    >>> str(session.take())
    '3-2'
    """

    def __init__(self, session_id: str) -> None:
        self.id = session_id
        self._next = 1
        # The numbers that are open, in order. One ends by one operation of the dict, which is
        # atomic: the last reference may go on any thread, also on one that holds the lock of the
        # session's user.
        self._open: dict[int, None] = {}

    @property
    def oldest(self) -> int:
        """The oldest number that is open; the next one if none is."""
        while True:
            try:
                return next(iter(self._open), self._next)
            except RuntimeError:
                # A number has ended on another thread just now.
                continue

    @property
    def is_used_up(self) -> bool:
        """Whether a further number needs another session: the far end may have no room for it."""
        return self._next - self.oldest >= WINDOW

    def take(self) -> CallNumber:
        """The next number."""
        value = self._next
        self._next = value + 1
        self._open[value] = None
        return CallNumber(self.id, value, self.oldest, self._open)


class CallNumber:
    """A number of a session, which is open until nothing refers to this object any more.

    Attributes: `session_id`, `value`, and the `oldest` number when this one was taken.
    """

    __slots__ = ("_open", "oldest", "session_id", "value")

    def __init__(self, session_id: str, value: int, oldest: int,
                 open_numbers: dict[int, None]) -> None:
        self.session_id = session_id
        self.value = value
        self.oldest = oldest
        self._open = open_numbers

    def __str__(self) -> str:
        """As it goes out."""
        return f"{self.value}-{self.oldest}"

    def __del__(self) -> None:
        del self._open[self.value]
