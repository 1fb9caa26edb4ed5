"""How a process follows a service: a `Directory`, which always knows its endpoints. And `ask`.

The problem: a caller needs the endpoints of a service at once, at each call. Asking a registry
before each call takes longer than the call; asking once a second finds a dead server a second late.

The idea is a long poll. At each of its registries the directory always has a `watch` waiting, which
the registry answers as soon as something changes. What the answers of several registries mean
together is in ponte/discovery/view.py; what registries answer is at the top of registry.py.

Threads: a directory has one for each registry.

Not guaranteed: that an endpoint is alive now. It was, at most a lease ago; while no registry
answers, perhaps longer ago.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar
from xmlrpc.client import Fault

from ponte.calls.endpoint import Endpoint
from ponte.discovery.lookup import JSON, PATH, LookupResult
from ponte.discovery.view import View
from ponte.net.address import Address, show
from ponte.net.message import ProtocolError, encode_request
from ponte.net.parser import ReplyParser
from ponte.net.pool import ExchangeError, Pool
from ponte.net.threads import wait_for
from ponte.net.tls import Tls, why_refused
from ponte.rpc.marshal import CONTENT_TYPE, INVALID_PARAMETERS, decode_result, encode_call

log = logging.getLogger("ponte.directory")

# Seconds of a long poll without a change. Longer notices a frozen registry later; shorter sends
# more requests that change nothing.
WATCH_S = 10.0
# Seconds until a registry that failed is asked once more: after the first failure, and at most.
RETRY_S = (0.1, 1.0)
# A view of some 180,000 endpoints, which takes a second to read; of 24,000 in the structs of an
# earlier version. Other messages have 1 MiB at most, since anybody may send them. Registries are
# few, and the user chose to trust them.
MAX_VIEW_BYTES = 16 * 1024 * 1024


class ViewParser(ReplyParser):
    """Reads the replies of registries, which may be long."""

    # Its own: a head that is known here may announce a body that is too long elsewhere.
    _known: ClassVar[dict[bytes, Any]] = {}
    max_body_bytes = MAX_VIEW_BYTES


class Directory:
    """Follows one service ("*": all of them) at several registries. Safe to share between threads.

    Parameters: `registries` to ask; `on_change()` runs on a thread of the directory whenever
    `endpoints` has changed, on one thread at a time; `tls` to reach the registries.

    Attributes: `endpoints`, sorted; `answered`, whether any registry ever has; `unreadable`, the
    registries that answer, but with something that is not a view: address -> why.
    """

    def __init__(self, service: str, registries: Sequence[Address],
                 on_change: Callable[[], None] = lambda: None, tls: Tls | None = None) -> None:
        self.service = service
        # Each of these three is replaced as a whole: they may be read without the lock.
        self.endpoints: tuple[Endpoint, ...] = ()
        self.answered = False
        self.unreadable: dict[Address, str] = {}
        self._on_change = on_change
        self._pool = Pool(tls, ViewParser)
        # Held while a view is shown to readers: so they see the views in their order.
        self._publishing = threading.Lock()
        self._changed = threading.Condition()
        # Guarded by self._changed: the answers; and the registries from which neither an answer nor
        # a failure has come yet.
        self._view = View()
        self._untried = set(registries)
        self._closed = threading.Event()
        self._threads = [threading.Thread(target=self._follow, args=(registry,),
                                          name="ponte-watch", daemon=True)
                         for registry in registries]

    def start(self) -> None:
        """Begins to follow. Does not block."""
        for thread in self._threads:
            thread.start()

    def wait(self, timeout_s: float) -> bool:
        """Waits for the first answer. False after `timeout_s`, or once every registry failed."""
        with self._changed:
            self._changed.wait_for(lambda: self.answered or not self._untried, timeout_s)
            return self.answered

    def is_complete(self) -> bool:
        """Whether a service without an endpoint here does not exist, as far as registries know."""
        with self._changed:
            return self._view.is_complete()

    def close(self) -> None:
        """Stops following, and does not block: each thread ends when its last request has."""
        self._closed.set()
        self._pool.close()

    def _follow(self, registry: Address) -> None:
        """The thread of one registry."""
        # No view has index 0: the first watch is answered at once.
        index, pause_s = 0, RETRY_S[0]
        while not self._closed.is_set():
            try:
                answer = self._watch(registry, index)
                self._note_answer(registry, answer)
                index, pause_s = answer.index, RETRY_S[0]
            except (OSError, Fault, KeyError, TypeError, ValueError) as error:
                log.debug("no answer from the registry %s: %s", show(registry), error)
                self._note_failure(registry, error)
                self._closed.wait(pause_s * random.uniform(0.5, 1))
                index, pause_s = 0, min(pause_s * 2, RETRY_S[1])

    def _watch(self, registry: Address, index: int) -> LookupResult:
        """The answer of a registry to a long poll.

        Raises what `ask` does; KeyError, TypeError or ValueError for an answer that is not a view.
        """
        params = self.service, index, WATCH_S
        try:
            answer = ask(self._pool, registry, "watch", *params, JSON, timeout_s=WATCH_S + 2)
        except Fault as fault:
            # A registry of an earlier version refuses the fourth parameter at once. It is asked for
            # JSON the next time, too: by then it may have been upgraded.
            if fault.faultCode != INVALID_PARAMETERS:
                raise
            answer = ask(self._pool, registry, "watch", *params, timeout_s=WATCH_S + 2)
        return LookupResult.read(self.service, answer)

    def _note_answer(self, registry: Address, answer: LookupResult) -> None:
        with self._changed:
            self._view.hear_answer(registry, answer)
            self.unreadable = {address: why for address, why in self.unreadable.items()
                               if address != registry}
        self._publish(registry, answered=True)

    def _note_failure(self, registry: Address, error: Exception) -> None:
        # It is asked every second. The user is warned once, and once more after its next view.
        with self._changed:
            self._view.note_silence(registry, time.monotonic())
            why = "" if registry in self.unreadable else _why_unreadable(error)
            if why:
                self.unreadable = {**self.unreadable, registry: why}
        if why:
            log.warning("the answer of the registry %s cannot be read, its last view stays in use: "
                        "%s", show(registry), why)
        self._publish(registry, answered=False)

    def _publish(self, registry: Address, answered: bool) -> None:
        """Shows readers the view after an answer, or a failure, of `registry`."""
        with self._publishing:
            # 1. The endpoints.
            with self._changed:
                before, self.endpoints = self.endpoints, self._view.endpoints(time.monotonic())
                changed = self.endpoints != before
            # 2. Without self._changed: `on_change` may take long, or ask this directory.
            if changed:
                self._on_change()
        # 3. Last, so that a thread which returns from `wait` finds the change made.
        with self._changed:
            self.answered = self.answered or answered
            self._untried.discard(registry)
            self._changed.notify_all()


def _why_unreadable(error: Exception) -> str:
    """Why the answer of a registry is not a view. Empty if there was no answer."""
    if not isinstance(error, OSError):
        return f"not a view: {error!r:.200}"
    answered = isinstance(error, ExchangeError) and (isinstance(error.cause, ProtocolError)
                                                     or why_refused(error.cause))
    return str(error) if answered else ""


def ask(pool: Pool, registry: Address, method: str, *params: Any, timeout_s: float = 2.0) -> Any:
    """Calls `method` of a registry, and returns its result. Blocks for `timeout_s` at most.

    Raises ExchangeError if no reply comes, or the Fault that the registry replies.
    """
    headers = {"Host": show(registry), "Content-Type": CONTENT_TYPE}
    request = encode_request("POST", PATH, headers, encode_call(method, params))
    reply = wait_for(pool.exchange(registry, request, time.monotonic() + timeout_s))
    if reply.status != 200:
        raise ExchangeError("reply", ProtocolError(reply.status, f"HTTP {reply.status}"))
    return decode_result(reply.body)
