"""A follower: asks one registry for one service, again and again, for all readers of this process.

The idea is a long poll. A `watch` always waits at the registry, which answers it as soon as
something changes. (What registries answer is at the top of registry.py.)

Readers are directories (ponte/discovery/directory.py). Those that ask the same question share one
follower. A follower lives as long as a reader refers to it. Its thread has a weak reference only,
and ends when the follower has gone. So nobody has to say `close`, and it does no harm if Python
collects a reader late. That may happen on any thread, also on one that holds a lock: so the end of
a follower takes no lock.

Threads: each follower has one.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import queue
import random
import threading
import time
import weakref
from typing import Any, ClassVar, NamedTuple, Protocol, Union
from xmlrpc.client import Fault

from ponte.discovery.at_consul import consul
from ponte.discovery.lookup import JSON, PATH, LookupResult
from ponte.net.address import Address, ConsulAddress, show
from ponte.net.forking import leave_parent_in_child
from ponte.net.message import ProtocolError, encode_request
from ponte.net.parser import ReplyParser
from ponte.net.pool import ExchangeError, Pool
from ponte.net.sharing import Shared
from ponte.net.threads import wait_for
from ponte.net.tls import Tls
from ponte.rpc.marshal import CONTENT_TYPE, INVALID_PARAMETERS, decode_result, encode_call

log = logging.getLogger("ponte.follower")

# Seconds until a registry that failed is asked once more: after the first failure, and at most.
RETRY_S = (0.1, 1.0)
# Seconds for which an answer may be late: this share of the long poll, but so long at least. Then
# the registry counts as silent. Shorter takes a busy registry for a frozen one.
LATE_SHARE, LATE_S = 0.2, 0.5
# A view of some 180,000 endpoints, which takes a second to read; of 24,000 in the structs of an
# earlier version. Other messages have 1 MiB at most, since anybody may send them. Registries are
# few, and the user chose to trust them.
MAX_VIEW_BYTES = 16 * 1024 * 1024

# An answer, or why there is none.
Found = Union[LookupResult, Exception]


class Reader(Protocol):
    """An object that is told what a follower finds."""

    def expect(self, registry: Address, number: int) -> None:
        """Called first. A finding with a higher number answers a later question than `number`."""

    def hear(self, registry: Address, number: int, found: Found) -> None:
        """Takes what was found. Of two findings, the one with the higher number is the later one.

        Runs on the thread of the follower; at first, on that of the reader.
        """


class ViewParser(ReplyParser):
    """Reads the replies of registries, which may be long."""

    # Its own: a head that is known here may announce a body that is too long elsewhere.
    _known: ClassVar[dict[bytes, Any]] = {}
    max_body_bytes = MAX_VIEW_BYTES


class Question(NamedTuple):
    """What a follower asks, and where."""

    service: str
    registry: Address
    tls: Tls | None


class Follower:
    """Asks a question for all its readers. Safe to share between threads.

    Parameter: `wait_s`, the seconds of a long poll without a change.
    """

    def __init__(self, question: Question, wait_s: float) -> None:
        self._question = question
        self._lock = threading.Lock()
        # Guarded by self._lock: the readers, by their identity; what was found last, with its
        # number; whether there is a thread; and the life, with its attributes.
        self._readers: dict[int, weakref.ref[Reader]] = {}
        self._found: tuple[int, Found] | None = None
        self._has_thread = False
        self._life = _Life(self, question, wait_s)
        leave_parent_in_child(self)

    def hurry(self, wait_s: float) -> None:
        """From the next long poll on, waits for `wait_s` seconds at most."""
        with self._lock:
            self._life.wait_s = min(self._life.wait_s, wait_s)

    def tell(self, reader: Reader) -> None:
        """From now on, `reader` is told what is found: at once what is known already, and soon what
        the registry answers to a question that is asked now.
        """
        life, interrupted = self._life, None
        with self._lock:
            reader.expect(self._question.registry, life.number)
            self._readers[id(reader)] = weakref.ref(reader)
            known = self._found
            if self._has_thread:
                interrupted = life.ask_anew()
            else:
                threading.Thread(target=_follow, args=(life,), name="ponte-watch",
                                 daemon=True).start()
                self._has_thread = True
        if interrupted:
            interrupted.close()
        if known:
            reader.hear(self._question.registry, *known)

    def leave_parent(self) -> None:
        """In a forked child: has no thread, and has found nothing, until a reader asks."""
        self._lock = threading.Lock()
        self._readers, self._found, self._has_thread = {}, None, False
        self._life.end.detach()
        self._life = _Life(self, self._question, self._life.wait_s)

    def begin(self, index: int) -> tuple[int, int, Pool]:
        """For its thread: a question begins, by which the view of `index` is known. Returns its
        number, its index and its connections.
        """
        with self._lock:
            life = self._life
            life.number += 1
            life.index = 0 if life.must_ask_anew else index
            life.must_ask_anew = False
            return life.number, life.index, life.pool

    def publish(self, number: int, found: Found) -> None:
        """For its thread: tells all readers."""
        with self._lock:
            self._found = number, found
            readers = {key: each() for key, each in self._readers.items()}
            for key, reader in readers.items():
                if reader is None:
                    del self._readers[key]
        for reader in readers.values():
            if reader is not None:
                reader.hear(self._question.registry, number, found)


class _Life:
    """What the thread of a follower refers to, which may outlive the follower.

    The lock of the follower guards what changes. Its thread reads the pool and the time without it:
    an old value means one more answer, or one longer wait.
    """

    def __init__(self, follower: Follower, question: Question, wait_s: float) -> None:
        self.follower = weakref.ref(follower)
        self.question = question
        self.wait_s = wait_s
        # Asks it: with a pool, the index that is known, and the seconds to wait for another one.
        self.watch = (consul().watch_of(question.service, question.registry)
                      if isinstance(question.registry, ConsulAddress)
                      else functools.partial(_watch, question))
        self.pool = Pool(question.tls, ViewParser)
        # The number of the question that is asked now, and its index: 0 if it is answered at once.
        self.number = self.index = 0
        self.must_ask_anew = False
        # Ends a pause. `put` takes no lock that the thread which runs it could hold.
        self.wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.end = weakref.finalize(follower, _end, self)
        self.end.atexit = False

    def ask_anew(self) -> Pool | None:
        """Has the question asked without an index. Returns the connections of a long poll that
        waits, if there is one: close them, and that ends it. Caller holds the lock.
        """
        self.must_ask_anew = True
        self.wake.put(None)
        if not self.index:
            return None
        interrupted, self.pool = self.pool, Pool(self.question.tls, ViewParser)
        self.index = 0
        return interrupted


def _end(life: _Life) -> None:
    """The last reader has gone, and the follower with it."""
    life.pool.close()
    life.wake.put(None)


_followers: Shared[Follower] = Shared()


def follower_of(question: Question, wait_s: float) -> Follower:
    """The follower of this process for a question. It waits for `wait_s` seconds at most."""
    follower = _followers.get(question, lambda: Follower(question, wait_s))
    follower.hurry(wait_s)
    return follower


# ---- the thread ----------------------------------------------------------------------------------

def _follow(life: _Life) -> None:
    """The thread of a follower."""
    # No view has index 0: the first watch is answered at once.
    index, pause_s = 0, RETRY_S[0]
    while True:
        follower = life.follower()
        if follower is None:
            return
        number, asked, pool = follower.begin(index)
        # 1. Ask, without a reference to the follower: it may go meanwhile.
        del follower
        try:
            found: Found = life.watch(pool, asked, life.wait_s)
        except Exception as error:
            # Of any kind: nothing that a registry answers ends this thread.
            found = error
        follower = life.follower()
        if follower is None:
            return
        # 2. A reader has begun, and has ended the long poll: ask anew.
        if pool is not life.pool:
            index = 0
            continue
        # 3. Tell.
        follower.publish(number, found)
        del follower
        # 4. Ask for what is new since then; after a failure for everything, and not at once.
        if isinstance(found, LookupResult):
            index, pause_s = found.index, RETRY_S[0]
            continue
        log.debug("no answer from the registry %s: %s", show(life.question.registry), found)
        index = 0
        with contextlib.suppress(queue.Empty):
            life.wake.get(timeout=pause_s * random.uniform(0.5, 1))
        pause_s = min(pause_s * 2, RETRY_S[1])


def _watch(question: Question, pool: Pool, index: int, wait_s: float) -> LookupResult:
    """The answer of a registry to a long poll.

    Raises what `ask` does; KeyError, TypeError or ValueError for an answer that is not a view.
    """
    service, registry, _ = question
    timeout_s = wait_s + max(wait_s * LATE_SHARE, LATE_S)
    params = service, index, wait_s
    try:
        answer = ask(pool, registry, "watch", *params, JSON, timeout_s=timeout_s)
    except Fault as fault:
        # A registry of an earlier version refuses the fourth parameter at once. It is asked for
        # JSON the next time, too: by then it may have been upgraded.
        if fault.faultCode != INVALID_PARAMETERS:
            raise
        answer = ask(pool, registry, "watch", *params, timeout_s=timeout_s)
    return LookupResult.read(service, answer)


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
