"""How others read a registry: `ask` for one answer; a `Directory` to follow a service; a `View`, the union of several.

What a registry answers, and over what, stands at the top of registry.py. Registries do not talk to each other: servers
beat to all of them, and readers take the union of what they say. A reader always has an open `watch` at each of its
registries (a long poll), so that it learns of a change at once.

Threads: a `Directory` has one for each registry that it follows.

Not guaranteed: that an endpoint is alive now. It was, at most a lease ago; for longer while no registry answers.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Sequence
from typing import Any, Callable, ClassVar
from xmlrpc.client import Fault

from ponte.calls.endpoint import Endpoint
from ponte.net.address import Address, show
from ponte.net.message import ProtocolError, encode_request
from ponte.net.parser import ReplyParser
from ponte.net.pool import ExchangeError, Pool
from ponte.net.tls import Tls, why_refused
from ponte.rpc.marshal import CONTENT_TYPE, decode_result, encode_call

log = logging.getLogger("ponte.directory")

PATH = "/registry"
WATCH_S = 10.0              # a long poll: how long a frozen registry can hold up one reader
RETRY_S = (0.1, 1.0)        # pause of a reader whose registry does not answer: at first, and at most
KEEP_S = 5.0                # the last word of a registry that does not answer counts this long beside others
# A view of some 24,000 endpoints, which takes a second to read. Other messages have 1 MiB at most: anybody may send
# them; registries are few, and we have chosen to believe them.
MAX_VIEW_BYTES = 16 * 1024 * 1024


class View:
    """What several registries say together. Pure; not thread-safe.

    Of one instance the higher incarnation wins; a tombstone beats an equal or lower one; what one registry
    hears suffices. A registry that warms up adds to what was known of it. The last word of one that does not
    answer counts for KEEP_S beside others, and for ever when none answers: an outage freezes the view.
    """

    def __init__(self) -> None:
        self._said: dict[Address, dict[tuple[str, str], Endpoint]] = {}
        self._left: dict[Address, dict[tuple[str, str], int]] = {}
        self._lost_at: dict[Address, float] = {}
        self._warming: dict[Address, bool] = {}

    def take(self, registry: Address, answer: dict[str, Any]) -> None:
        """Takes an answer of lookup or watch; raises KeyError, TypeError or ValueError if it is not one."""
        endpoints = [Endpoint.from_struct(struct) for struct in answer["endpoints"]]
        said = {(e.service, e.instance): e for e in endpoints}
        left = {(t["service"], t["instance"]): int(t["incarnation"]) for t in answer["left"]}
        if answer["warming"]:
            said = {**self._said.get(registry, {}), **said}
        self._said[registry], self._left[registry], self._warming[registry] = said, left, answer["warming"]
        self._lost_at.pop(registry, None)

    def lose(self, registry: Address, now: float) -> None:
        """Notes that a registry does not answer."""
        self._lost_at.setdefault(registry, now)

    def is_complete(self) -> bool:
        """Whether some registry has answered that was not warming up: what it did not name is not there."""
        return not all(self._warming.values())

    def endpoints(self, now: float) -> tuple[Endpoint, ...]:
        """All endpoints, sorted."""
        if self._said.keys() <= self._lost_at.keys():
            now = max(self._lost_at.values(), default=now)      # time stands still when nobody answers
        heard = [r for r in self._said if r not in self._lost_at or now - self._lost_at[r] < KEEP_S]
        merged: dict[tuple[str, str], Endpoint] = {}
        for registry in heard:
            for key, endpoint in self._said[registry].items():
                if key not in merged or _weight(endpoint) > _weight(merged[key]):
                    merged[key] = endpoint
        for registry in heard:
            for key, incarnation in self._left[registry].items():
                if key in merged and merged[key].incarnation <= incarnation:
                    del merged[key]
        return tuple(sorted(merged.values()))


def _weight(endpoint: Endpoint) -> tuple[int, int]:
    """Which of two words about one instance counts: the higher. Draining is its own word, suspect only silence."""
    return endpoint.incarnation, ("suspect", "up", "draining").index(endpoint.state)


class ViewParser(ReplyParser):
    """Reads the replies of registries."""

    _known: ClassVar[dict[bytes, Any]] = {}
    max_body_bytes = MAX_VIEW_BYTES


class Directory:
    """Follows one service ("*": all) at several registries. Safe to share; a thread for each registry.

    Parameters: `on_change()` runs on such a thread whenever `endpoints` has changed.
    """

    def __init__(self, service: str, registries: Sequence[Address],
                 on_change: Callable[[], None] = lambda: None, tls: Tls | None = None) -> None:
        self.service = service
        self.endpoints: tuple[Endpoint, ...] = ()       # replaced whole: may be read without a lock
        self.answered = False                           # any registry has, at any time
        self.unreadable: dict[Address, str] = {}        # who is there but cannot be read, and why; replaced whole
        self._on_change = on_change
        self._pool = Pool(tls, ViewParser)
        self._changed = threading.Condition()
        self._view = View()                             # Guarded by self._changed.
        self._untried = set(registries)                 # Guarded by self._changed.
        self._closed = threading.Event()
        self._threads = [threading.Thread(target=self._follow, args=(registry,), name="ponte-watch", daemon=True)
                         for registry in registries]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def wait(self, timeout_s: float) -> bool:
        """Waits for the first answer; False after `timeout_s`, or when every registry has failed to give one."""
        with self._changed:
            self._changed.wait_for(lambda: self.answered or not self._untried, timeout_s)
            return self.answered

    def is_complete(self) -> bool:
        """Whether a service that has no endpoint here does not exist, as far as any registry knows."""
        with self._changed:
            return self._view.is_complete()

    def close(self) -> None:
        """Stops following. Threads end on their own once their last request has failed."""
        self._closed.set()
        self._pool.close()

    def _follow(self, registry: Address) -> None:
        index, pause_s = 0, RETRY_S[0]
        while not self._closed.is_set():
            try:
                answer = ask(self._pool, registry, "watch", self.service, index, WATCH_S, timeout_s=WATCH_S + 2)
                self._take(registry, answer)
                index, pause_s = answer["index"], RETRY_S[0]
            except (OSError, Fault, KeyError, TypeError, ValueError) as error:
                log.debug("no answer from the registry %s: %s", show(registry), error)
                self._lose(registry, error)
                self._closed.wait(pause_s * random.uniform(0.5, 1))
                index, pause_s = 0, min(pause_s * 2, RETRY_S[1])

    def _take(self, registry: Address, answer: dict[str, Any]) -> None:
        with self._changed:
            self._view.take(registry, answer)
            self.unreadable = {other: why for other, why in self.unreadable.items() if other != registry}
        self._publish(registry, answered=True)

    def _lose(self, registry: Address, error: Exception) -> None:
        with self._changed:
            self._view.lose(registry, time.monotonic())
            why = _why_unreadable(error) if registry not in self.unreadable else ""
            if why:
                self.unreadable = {**self.unreadable, registry: why}
        if why:         # said once, until it is read again: it is tried every second
            log.warning("the registry %s cannot be read; what it said before stays: %s", show(registry), why)
        self._publish(registry, answered=False)

    def _publish(self, registry: Address, answered: bool) -> None:
        with self._changed:
            before, self.endpoints = self.endpoints, self._view.endpoints(time.monotonic())
            changed = self.endpoints != before
        if changed:
            self._on_change()
        with self._changed:         # only now: whoever waits finds the change made
            self.answered = self.answered or answered
            self._untried.discard(registry)
            self._changed.notify_all()


def _why_unreadable(error: Exception) -> str:
    """Why a registry's answer is of no use; empty if none came: it is only out of reach, as when it starts anew."""
    if not isinstance(error, OSError):
        return f"not a view: {error!r:.200}"
    is_there = isinstance(error, ExchangeError) and (isinstance(error.cause, ProtocolError) or why_refused(error.cause))
    return str(error) if is_there else ""


def ask(pool: Pool, registry: Address, method: str, *params: Any, timeout_s: float = 2.0) -> Any:
    """One call to a registry. Raises ExchangeError, or the Fault that it answers."""
    headers = {"Host": show(registry), "Content-Type": CONTENT_TYPE}
    request = encode_request("POST", PATH, headers, encode_call(method, params))
    reply = pool.exchange(registry, request, time.monotonic() + timeout_s)
    if reply.status != 200:
        raise ExchangeError("reply", ProtocolError(reply.status, f"HTTP {reply.status}"))
    return decode_result(reply.body)
