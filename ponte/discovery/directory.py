"""How a process follows a service: a `Directory`, which always knows its endpoints.

The problem: a caller needs the endpoints of a service at once, at each call. Asking a registry
before each call takes longer than the call; asking once a second finds a dead server a second late.

The idea: one follower for each registry hears of each change (ponte/discovery/follower.py). All
directories of a process that ask the same share it. What the answers of several registries mean
together is in ponte/discovery/view.py.

Threads: none of its own.

Not guaranteed: that an endpoint is alive now. It was, at most a lease ago; while no registry
answers, perhaps longer ago.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from ponte.calls.endpoint import Endpoint
from ponte.discovery.at_consul import check_consul
from ponte.discovery.follower import Follower, Found, Question, follower_of
from ponte.discovery.lookup import LookupResult
from ponte.discovery.view import View
from ponte.net.address import Address, show
from ponte.net.forking import leave_parent_in_child
from ponte.net.message import ProtocolError
from ponte.net.pool import ExchangeError
from ponte.net.tls import Tls, why_refused

log = logging.getLogger("ponte.directory")

# Seconds of a long poll without a change: at the only registry, and at one of several. Shorter
# notices a frozen registry sooner, and sends more requests that change nothing. While the only
# registry is frozen there is nothing to know; beside another one, its last answer must end soon.
WATCH_S, WATCH_EACH_S = 10.0, 1.0
# Seconds for which a reader that begins waits for news, where others of its process know endpoints
# already. A server that has just started is in the news. Longer delays the first call while the
# registry is silent.
NEWS_S = 0.5


class Directory:
    """Follows one service ("*": all of them) at several registries. Safe to share between threads.

    Parameters: `registries` to ask; `on_change()` runs whenever `endpoints` has changed, on one
    thread at a time: that of a follower, or one that calls `start` or `wait`; `tls` to reach the
    registries. Raises ValueError where one is a Consul agent, and interop/ is not here.

    Attributes: `endpoints`, sorted; `answered`, whether any registry ever has; `unreadable`, the
    registries that answer, but with something that is not a view, and `nowhere`, those whose names
    have no address: address -> why.
    """

    def __init__(self, service: str, registries: Sequence[Address],
                 on_change: Callable[[], None] = lambda: None, tls: Tls | None = None) -> None:
        check_consul(registries)
        self.service = service
        # Each of these four is replaced as a whole: they may be read without the lock.
        self.endpoints: tuple[Endpoint, ...] = ()
        self.answered = False
        self.unreadable: dict[Address, str] = {}
        self.nowhere: dict[Address, str] = {}
        self._registries = tuple(dict.fromkeys(registries))
        self._on_change = on_change
        self._tls = tls
        # A follower lives as long as a directory refers to it.
        self._followers: list[Follower] = []
        self._is_following = self._is_closed = False
        self._view = View()
        # Whether the endpoints that readers see are all there are. Read without the lock.
        self._is_complete = False
        self._begin()
        leave_parent_in_child(self)

    def _begin(self) -> None:
        # Held while a view is shown to readers: so they see the views in their order.
        self._publishing = threading.Lock()
        self._changed = threading.Condition()
        # Guarded by self._changed, as is the view: the registries that have neither answered nor
        # failed since this directory began; for each registry, the number of the question that was
        # the latest one then; and the number of the finding that was heard last.
        self._untried = set(self._registries)
        self._began_at: dict[Address, int] = {}
        self._numbers: dict[Address, int] = {}

    def start(self) -> None:
        """Begins to follow. Does not block."""
        with self._changed:
            if self._is_following:
                return
            self._is_following = True
        wait_s = WATCH_S if len(self._registries) == 1 else WATCH_EACH_S
        self._followers = [follower_of(Question(self.service, registry, self._tls), wait_s)
                           for registry in self._registries]
        for follower in self._followers:
            follower.tell(self)

    def wait(self, timeout_s: float) -> bool:
        """Waits for the first answer; where endpoints are known already, for NEWS_S at most.

        False where none is known after `timeout_s`, or once every registry failed.

        In a forked child, it begins to follow.
        """
        self.start()
        with self._changed:
            is_short = bool(self.endpoints) and timeout_s > NEWS_S
            self._changed.wait_for(lambda: self.answered or not self._untried,
                                   NEWS_S if is_short else timeout_s)
            # What the others know was an answer, too: the next call does not wait once more.
            self.answered = self.answered or is_short
            return self.answered

    def is_complete(self) -> bool:
        """Whether a service without an endpoint here does not exist, as far as registries know.

        Ask this before you read `endpoints`, or what `on_change` made of them: they are as new, at
        least, as a yes.
        """
        return self._is_complete

    def close(self) -> None:
        """Stops following, and does not block. A follower ends with the last of its readers."""
        self._is_closed = True
        self._followers = []

    def leave_parent(self) -> None:
        """In a forked child: knows what its parent knew, and follows from the next `wait` on."""
        self._begin()
        self._is_following = self.answered = False
        self._followers = []

    def expect(self, registry: Address, number: int) -> None:
        """Findings with a higher number are news: see `follower.Reader`."""
        with self._changed:
            self._began_at[registry] = number

    def hear(self, registry: Address, number: int, found: Found) -> None:
        """Takes an answer of a registry, or a failure: see `follower.Reader`."""
        warning = ""
        with self._changed:
            # A reader that begins is told what is known, while the follower may learn more.
            if self._is_closed or number <= self._numbers.get(registry, 0):
                return
            self._numbers[registry] = number
            is_news = number > self._began_at.get(registry, 0)
            if isinstance(found, LookupResult):
                self._view.hear_answer(registry, found)
                self.unreadable = _without(self.unreadable, registry)
                self.nowhere = _without(self.nowhere, registry)
            else:
                self._view.note_silence(registry, time.monotonic())
                # It is asked every second. The user is warned once, and once more after its next
                # view.
                warning = "" if registry in self.unreadable else _why_unreadable(found)
                if warning:
                    self.unreadable = {**self.unreadable, registry: warning}
                if isinstance(found, ExchangeError) and found.is_nowhere:
                    self.nowhere = {**self.nowhere, registry: str(found.cause)}
        if warning:
            log.warning("the answer of the registry %s cannot be read, its last view stays in use: "
                        "%s", show(registry), warning)
        self._publish(registry, is_news, answered=isinstance(found, LookupResult))

    def _publish(self, registry: Address, is_news: bool, answered: bool) -> None:
        """Shows readers the view after an answer, or a failure, of `registry`."""
        with self._publishing:
            # 1. The endpoints.
            with self._changed:
                before, self.endpoints = self.endpoints, self._view.endpoints(time.monotonic())
                changed = self.endpoints != before
                is_complete = self._view.is_complete()
                self._is_complete = self._is_complete and is_complete
            # 2. Without self._changed: `on_change` may take long, or ask this directory.
            if changed:
                self._on_change()
            # Only now: what readers made of the endpoints before may lack some.
            self._is_complete = is_complete
        # 3. Last, so that a thread which returns from `wait` finds the change made.
        if is_news:
            with self._changed:
                self.answered = self.answered or answered
                self._untried.discard(registry)
                self._changed.notify_all()


def _without(reasons: dict[Address, str], registry: Address) -> dict[Address, str]:
    return {address: why for address, why in reasons.items() if address != registry}


def _why_unreadable(error: Exception) -> str:
    """Why the answer of a registry is not a view. Empty if there was no answer."""
    if not isinstance(error, OSError):
        return f"not a view: {error!r:.200}"
    answered = isinstance(error, ExchangeError) and (isinstance(error.cause, ProtocolError)
                                                     or why_refused(error.cause))
    return str(error) if answered else ""
