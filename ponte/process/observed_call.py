"""A call as one process sees it: what the hooks of stub, proxy and server tell of it.

    stub     call, (send, settle)*, done; later perhaps resolving, (send, settle)*, resolved
    proxy    recv, (send, settle)*, reply
    server   recv, run, reply; or recv, memo, reply for what is answered from memory

What ties the events of a call together is the trace id of W3C Trace Context, in the header

    Traceparent: 00-<trace id, 32 hex digits>-<parent id, 16 hex digits>-<flags>

The parent id is the pid (8 digits) and the number (8 digits) of the event `send`: so a `recv` says
exactly which message it is. Who begins a call decides whether it is told; all others follow:

    Call-Told: 1         it is told: each process that is watched writes its own parent id
    flags 00             nobody tells it
    Call-Untold: 1       a stub or proxy that is watched has left it out of its sample
    none of them         the first process that is watched decides, and gives it an id
    another tracer's     the same, and it keeps its id: without Call-Told, it is another tracer's

A process that nobody watches passes these headers on as they came, whatever is in them; one that is
watched takes a Traceparent of a later version for what it knows of it, and any other that is not
valid for none (sections 3.2 and 4.3). https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Mapping
from functools import partial
from typing import Any, Callable, Union
from xmlrpc.client import Fault

from ponte.calls.attempt import Attempt, Outcome, Result
from ponte.calls.errors import NotSent, OutcomeUnknown
from ponte.calls.hop import Marks
from ponte.calls.once import IT_RAN, KILL, NEVER, NOT_SENT, REPLY, UNKNOWN, WAIT
from ponte.calls.resolving import Place, ask
from ponte.net.known_heads import cached
from ponte.net.message import ProtocolError, Reply, Request, lines_of
from ponte.net.pool import Pool
from ponte.net.stream import Program
from ponte.net.target import path_in
from ponte.process import observe
from ponte.process.attaching import PATH
from ponte.rpc import current
from ponte.rpc.called import Ended, tell_end

# Characters of an outcome in words.
MAX_WHY = 200
TOLD, UNTOLD = "Call-Told: 1\r\n", "Call-Untold: 1\r\n"

# Headers that say how a request is traced: a proxy that is watched writes them anew.
TRACE_HEADERS = frozenset(("traceparent", "call-told"))
# Version 00 ends with its flags; a later one may have more behind them. There is no version ff.
_TRACEPARENT = re.compile("(?!00.{53}.|ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-"
                          "(?!0{16})([0-9a-f]{8})([0-9a-f]{8})-([0-9a-f]{2})(?:-.*)?")
# What the memory says of an attempt that does not run (ponte/calls/once.py), in a word.
_HOW = {REPLY: "reply", WAIT: "wait", NOT_SENT: "dead", KILL: "dead", UNKNOWN: "unknown",
        NEVER: "never", IT_RAN: "ran"}

Begun = Union[Reply, Program[Reply]]


class ObservedCall:
    """Tells the events of one call. Each method tells one, if the call is in the sample.

    Parameters: `who` sees it; `trace_id`, "" for a call that is not told; `untold_lines`, the
    header lines that an attempt carries where it is not told, or where nobody watches any more.
    """

    def __init__(self, who: str, trace_id: str, untold_lines: str = "") -> None:
        self.id = trace_id
        # The answer, set by the stub; and in a word how it was found where nothing ran.
        self.reply: Reply | None = None
        self._who = who
        self._untold_lines = untold_lines
        self._how = ""
        # The numbers of the latest send, and of the recv.
        self._sent = self._received = 0

    def _tell(self, kind: str, /, **fields: Any) -> int:
        return observe.tell(self._who, kind, id=self.id, **fields) if self.id else 0

    # The stub.

    def __enter__(self) -> ObservedCall:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """Done: with a value, or with this error."""
        if isinstance(error, OutcomeUnknown):
            error.trace_id = self.id
        outcome = ("answered" if error is None else "fault" if isinstance(error, Fault)
                   else "not sent" if isinstance(error, NotSent) else "unknown")
        by = cached(Marks.parse, self.reply.headers).instance if self.reply else ""
        why = f"{error.faultCode}: {error.faultString}" if isinstance(error, Fault) else error
        self._tell("done", outcome=outcome, by=by, **({"why": str(why)[:MAX_WHY]} if why else {}))

    def resolving(self) -> None:
        """The stub begins to ask what came of a call."""
        self._tell("resolving")

    def resolved(self, result: Result) -> None:
        """It has asked."""
        is_dead = result.reply and result.reply.headers.get("call-resolved") == "dead"
        outcome = Outcome.NOT_SENT if is_dead and result.outcome is Outcome.ANSWERED \
            else result.outcome
        self._tell("resolved", outcome=outcome.value, why=result.what[:MAX_WHY])

    # Stub and proxy.

    def send(self, attempt: Attempt) -> str:
        """An attempt goes out. Returns the header line that it carries."""
        if not self.id:
            return self._untold_lines
        self._sent, line = self._send(attempt.endpoint.instance, attempt.kind.value, attempt.first,
                                      attempt.timeout_s)
        return line

    def _send(self, to: str, kind: str, attempt: int, timeout_s: float) -> tuple[int, str]:
        number = self._tell("send", to=to, kind=kind, attempt=attempt,
                            timeout=round(max(timeout_s, 0.0), 3))
        if not number:
            return 0, self._untold_lines
        return number, (f"Traceparent: 00-{self.id}-{observe.life.pid & 0xffffffff:08x}"
                        f"{number & 0xffffffff:08x}-01\r\n{TOLD}")

    def settle(self, result: Result, sent: int = 0) -> None:
        """The latest attempt has come to this."""
        if not self.id:
            return
        what = "gave a session" if result.session else result.what[:MAX_WHY]
        self._tell("settle", of=sent or self._sent, outcome=result.outcome.value, what=what)

    def ask(self, pool: Pool, place: Place, service: str, lines: str,
            deadline: float) -> Program[Result]:
        """A program: `ponte.calls.resolving.ask`, as one more message of this call."""
        sent, line = self._send(place.endpoint.instance, "resolve", 0,
                                deadline - time.monotonic())
        result = yield from ask(pool, place, service, lines + line, deadline)
        self.settle(result, sent)
        return result

    # Proxy and server.

    def receive(self, kind: str, **fields: Any) -> None:
        """An attempt has come in."""
        self._received = self._tell("recv", kind=kind, **fields)

    def note(self, action: str) -> None:
        """What the memory says of it. It is told soon: the caller may hold a lock."""
        self._how = _HOW.get(action, "")

    def begin(self, begin: Callable[[Request], Begun], request: Request) -> Begun:
        """Begins to carry it out. Nothing runs where the memory has something to say."""
        begun = begin(request)
        if self._how:
            self._tell("memo", of=self._received, how=self._how)
        return begun

    def running(self, method: str, run: Callable[[], bytes]) -> Callable[[], bytes]:
        """`run`, which tells that it begins, on the thread that runs it."""
        def told() -> bytes:
            self._tell("run", of=self._received, method=method[:MAX_WHY])
            return run()
        return told

    def answer(self, ended: Ended) -> None:
        """The reply leaves now."""
        if isinstance(ended, ProtocolError):
            status, why = ended.status, ended.reason
        elif ended is None:
            status, why = 0, "cut off"
        else:
            status = ended.status
            why = "" if status == 200 else ended.body[:MAX_WHY].decode(errors="replace").strip()
        self._tell("reply", of=self._received, status=status, **({"why": why} if why else {}))


# A call that its stub has left out of the sample.
UNTOLD_CALL = ObservedCall("", "", UNTOLD)


def begin_call(service: str, method: str, is_idempotent: bool) -> ObservedCall:
    """The stub begins a call: UNTOLD_CALL if it is not in the sample."""
    watcher = observe.watcher
    untold = watcher.take() if watcher else None
    if untold is None:
        return UNTOLD_CALL
    # A function of a server may call: then the server is who calls, in a call of its own.
    outer = current.calls.get(threading.get_ident())
    call = ObservedCall(outer[0] if outer else observe.own_name("client"), secrets.token_hex(16))
    fields: dict[str, Any] = {"untold": untold} if untold else {}
    if outer and outer[1].observed and outer[1].observed.id:
        fields["within"] = outer[1].observed.id
    call._tell("call", service=service, method=method[:MAX_WHY], idem=is_idempotent, **fields)
    return call


def is_new(request: Request) -> bool:
    """Whether `follow` has something to do for a request: a call that nobody has left out."""
    return (request.observed is None and "call-untold" not in request.headers
            and request.method == "POST" and path_in(request.target) != PATH)


def follow(who: str, request: Request, begin: Callable[[Request], Begun]) -> Begun:
    """Carries out a request that has come in at `who`, by `begin`, and tells what comes of it.

    `begin` gets the request with what tells its events. Raises ProtocolError like `begin`.
    """
    lines, found = as_it_came(request), _traced(request)
    # 1. Somebody has decided: it is not told.
    if found and not int(found[4], 16) & 1:
        return begin(request._replace(observed=ObservedCall(who, "", lines)))
    # 2. Or that it is; and else it is for us to decide.
    fields: dict[str, Any] = {}
    if found and request.headers.get("call-told") == "1":
        fields["of"] = [int(found[2], 16), int(found[3], 16)]
    else:
        watcher = observe.watcher
        untold = watcher.take() if watcher else None
        if untold is None:
            return begin(request._replace(observed=ObservedCall(who, "", lines + UNTOLD)))
        if untold:
            fields["untold"] = untold
    call = ObservedCall(who, found[1] if found else secrets.token_hex(16), lines)
    call.receive(_kind_of(request.headers), **fields)
    return tell_end(partial(call.begin, begin, request._replace(observed=call)), call.answer)


def as_it_came(request: Request) -> str:
    """The header lines by which a request says how it is traced, as a next hop shall get them."""
    headers = request.headers
    if "traceparent" not in headers and "call-told" not in headers:
        return request.trace_line
    # Kept apart is only what has the usual form.
    return request.trace_line + lines_of({
        name: headers[name] for name in TRACE_HEADERS
        if name in headers and name not in headers.get("connection", "").lower()})


def _traced(request: Request) -> re.Match[str] | None:
    """The parts of its Traceparent: trace id, pid, number and flags. None where it is not valid,
    or of another hop.
    """
    headers = request.headers
    given = request.traceparent
    if not given and "traceparent" not in headers.get("connection", "").lower():
        given = headers.get("traceparent", "")
    return _TRACEPARENT.fullmatch(given)


def _kind_of(headers: Mapping[str, str]) -> str:
    """How an attempt has come: the kinds of `send`."""
    if headers.get("call-idempotent") == "1":
        return "idempotent"
    session = headers.get("call-session", "")
    if session == "new":
        return "opening"
    if headers.get("call-resolve") == "1":
        return "resolve"
    if headers.get("call-repeat") == "1":
        return "repeat"
    return "original" if session else "plain"
