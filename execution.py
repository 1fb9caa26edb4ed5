"""The calls of one server: which may run, which are running, and what is remembered of them.

An idempotent call runs whenever it comes. Any other call runs once at most: its memory
(ponte/calls/once.py) says what becomes of each attempt. An attempt that finds the call running
waits for its reply.

Threads: a call begins where the engine carries out programs; its function may run on another
thread. One lock guards what calls share.
"""

from __future__ import annotations

import logging
import math
import socket
import threading
import time
from concurrent.futures import Future
from functools import partial
from typing import Any, Callable

from ponte.calls.arrival import (
    NEW,
    CallHeaders,
    answer,
    look,
    not_executed,
    resolved,
)
from ponte.calls.hop import MAX_TIMEOUT_S
from ponte.calls.once import REFUSE, REPLY, RESOLVE, RUN, WAIT, Memory, Record
from ponte.net.forking import leave_parent_in_child
from ponte.net.message import Reply, Request, text_reply
from ponte.net.stream import Program, result_of
from ponte.process.measures import Durations, shown_durations
from ponte.rpc import current
from ponte.rpc.called import Called
from ponte.rpc.dispatcher import LONG_BYTES, Dispatcher, NotIdempotent
from ponte.rpc.marshal import CONTENT_TYPE, xml_of

log = logging.getLogger("ponte.server")

# Calls that run at the same time. More would only make each of them slower.
MAX_CALLS = 128

STOPPING = "this server is stopping"

# The name under which calls are counted that have no registered one.
OTHER = "(other)"

# What the memory has of a call. Only a proxy keeps a value with it.
Remembered = Record[None, Reply]
# Runs a function, which has a name, and returns its result, or a future of it.
RunBeside = Callable[[str, Callable[[], Reply]], Any]


class Executions:
    """Runs the calls of a server.

    Parameters: `dispatcher`, which knows the functions; `instance`, the server's name; `served_by`
    makes the Served-By of a reply; `run_beside(name, function)` runs a function where the engine
    wants it: at once, or on another thread. It raises RuntimeError if there is no thread.
    """

    def __init__(self, dispatcher: Dispatcher, instance: str, served_by: Callable[[], str],
                 run_beside: RunBeside) -> None:
        self._dispatcher = dispatcher
        self._instance = instance
        self._served_by = served_by
        self._run_beside = run_beside
        self._lock = threading.Lock()
        # Guarded by self._lock: what is remembered of calls; futures of the replies that other
        # attempts wait for; how many calls run, remembered or not; what /status counts,
        # and how long calls took, by method.
        self._memory: Memory[None, Reply] = Memory()
        self._awaited: dict[Remembered, Future[Reply]] = {}
        self._running = 0
        self._counts = {"calls": 0, "repeats": 0, "refused": 0}
        self._durations = Durations()
        # Set once. From then on, nothing new begins.
        self._is_stopping = False
        leave_parent_in_child(self)

    def leave_parent(self) -> None:
        """In a forked child: a call that goes on there may end. Nobody gets its reply."""
        self._lock = threading.Lock()

    def stop(self) -> None:
        """From now on nothing new begins. What is remembered is still told."""
        with self._lock:
            self._is_stopping = True

    @property
    def is_stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._is_stopping

    def status(self) -> dict[str, Any]:
        """What /status shows of the calls."""
        with self._lock:
            durations = self._durations.copy()
            status = {"state": "draining" if self._is_stopping else "up", "running": self._running,
                      "sessions": len(self._memory), "remembered_bytes": self._memory.size_bytes,
                      "requests": dict(self._counts)}
        return {**status, "faults": self._dispatcher.faults,
                "durations": shown_durations(durations)}

    def begin(self, request: Request, call: CallHeaders, received_at: float,
              caller_left: Callable[[], bool]) -> Reply | Program[Reply]:
        """The reply to an attempt of a call, or the program that makes it. Raises ProtocolError."""
        if not log.isEnabledFor(logging.DEBUG):
            return self._begin(request, call, received_at, caller_left, None)
        called = Called(request, received_at)
        return called.log_end(partial(self._begin, request, call, received_at, caller_left, called))

    def _begin(self, request: Request, call: CallHeaders, received_at: float,
               caller_left: Callable[[], bool], called: Called | None) -> Reply | Program[Reply]:
        """The same. `called` notes what --verbose logs."""
        expires_at = math.inf if call.timeout_s is None else received_at + call.timeout_s
        if not call.idempotent:
            return self._begin_careful(request, call, received_at, expires_at, caller_left(),
                                       called=called)
        xml = xml_of(request)
        with self._lock:
            why_not = self._admit(expires_at)
        return not_executed(why_not) if why_not \
            else self._run(request, xml, None, received_at, promised=True)

    def _begin_careful(self, request: Request, call: CallHeaders, received_at: float,
                       expires_at: float, caller_left: bool, *,
                       called: Called | None) -> Reply | Program[Reply]:
        """The reply to an attempt of a call that must run once at most."""
        memory, why_not = self._memory, ""
        # A request for a session, or a resolve, has no call in it.
        xml = b"" if call.session == NEW or call.wanted is RESOLVE else xml_of(request)
        with self._lock:
            action, record = look(memory, request, call)
            if request.observed:
                request.observed.note(action)
            # 1. It may run, and from now on a repeat finds it. Or it is refused: then a second copy
            #    does not run, if there is a caller who reads the refusal.
            if action is RUN:
                why_not = self._admit(expires_at, caller_left)
                if record and not why_not:
                    memory.begin(record)
                elif record and not caller_left:
                    memory.refuse(record)
            # 2. It has run, or never will. And nothing begins in a session that comes now.
            elif action is not WAIT:
                self._counts["repeats"] += action is REPLY
                if called and action is REPLY:
                    called.how = "answered from memory"
                if action is REFUSE and self._is_stopping:
                    return not_executed(STOPPING)
                return answer(memory, action, record, call.wanted)
            # 3. It is running: the reply is that of the first attempt.
            elif record:
                self._counts["repeats"] += 1
                if called:
                    called.how = "answered like its first attempt"
                running = self._awaited.setdefault(record, Future())
                return self._join(running, expires_at, call.wanted)
        return not_executed(why_not) if why_not \
            else self._run(request, xml, record, received_at)

    @staticmethod
    def _join(reply: Future[Reply], expires_at: float, wanted: int) -> Program[Reply]:
        """A program: waits for the first run of a call, until `expires_at` at most."""
        longest = time.monotonic() + MAX_TIMEOUT_S
        try:
            first = yield from result_of(reply, min(expires_at, longest))
        except socket.timeout:
            return text_reply(504, "the first attempt of this call is still running")
        return resolved(first) if wanted is RESOLVE else first

    def _admit(self, expires_at: float, caller_left: bool = False) -> str:
        """Counts a call that may run and returns ""; else returns why it must not run.

        Caller holds self._lock.
        """
        # 1. A draining server finishes what it runs, and begins nothing new.
        if self._is_stopping:
            why_not = STOPPING
        # 2. More calls at once would make all of them slower.
        elif self._running >= MAX_CALLS:
            why_not = f"{MAX_CALLS} calls are running already"
        # 3. Its caller has stopped waiting for the reply.
        elif caller_left:
            why_not = "its caller has left"
        elif time.monotonic() >= expires_at:
            why_not = "its deadline had passed before it could begin"
        else:
            self._running += 1
            self._counts["calls"] += 1
            return ""
        self._counts["refused"] += 1
        return why_not

    def _run(self, request: Request, xml: bytes, record: Remembered | None,
             received_at: float, *,
             promised: bool = False) -> Reply | Program[Reply]:
        """Runs an admitted call: at once, or on another thread where the engine says so.

        `promised`: its caller takes the function for idempotent.
        """
        try:
            name, _, run = (request.prepare(promised) if request.prepare
                            else self._dispatcher.prepare(xml, promised=promised))
            if request.observed and (name or len(xml) > LONG_BYTES):
                run = request.observed.running(name, run)
            context = self._instance, request, name
            done = self._run_beside(name,
                                    lambda: self._execute(run, record, context, received_at))
        except NotIdempotent as error:
            return self._take_back(record, str(error), Call_Idempotent="0")
        except RuntimeError as error:
            return self._take_back(record, f"the system gives no thread: {error}")
        return done if isinstance(done, Reply) else result_of(done)

    def _execute(self, run: Callable[[], bytes], record: Remembered | None,
                 context: current.Context, received_at: float) -> Reply:
        """Runs a call, on any thread. A function that raises makes a fault, which is a reply too.
        """
        thread = threading.get_ident()
        current.calls[thread] = context
        try:
            lines = f"Content-Type: {CONTENT_TYPE}\r\nServed-By: {self._served_by()}\r\n"
            reply = Reply(200, {}, run(), lines=lines)
        except NotIdempotent as error:
            return self._take_back(record, str(error), Call_Idempotent="0")
        except BaseException:
            log.exception("a call failed outside of its function")
            reply = text_reply(500, "internal error")
        finally:
            current.calls.pop(thread, None)
        self._end(record, reply, context[2], received_at)
        return reply

    def _end(self, record: Remembered | None, reply: Reply, name: str, received_at: float) -> None:
        """Notes that a call has ended. From now on a repeat finds its reply."""
        took_s = time.monotonic() - received_at
        with self._lock:
            self._running -= 1
            self._durations.note(name or OTHER, took_s)
            if record:
                self._memory.end(record, reply, len(reply.body))
            awaited = self._leave(record)
        # Those that wait for it get it.
        if awaited:
            awaited.set_result(reply)

    def _take_back(self, record: Remembered | None, why: str, **headers: str) -> Reply:
        """Refuses a call that was admitted already, and did not run."""
        reply = not_executed(why, **headers)
        with self._lock:
            self._running -= 1
            self._counts["calls"] -= 1
            self._counts["refused"] += 1
            if record:
                self._memory.refuse(record)
            awaited = self._leave(record)
        if awaited:
            awaited.set_result(reply)
        return reply

    def _leave(self, record: Remembered | None) -> Future[Reply] | None:
        """A call no longer runs. Returns the future of its reply, if an attempt waits for it.

        Caller holds self._lock.
        """
        if record is None:
            return None
        self._memory.leave(record)
        return self._awaited.pop(record, None) if self._awaited else None
