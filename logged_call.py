"""A call in one line of the proxy's log, for --verbose: who called what, and what came of it.

    127.0.0.1:53210 greeter.hello: answered by s-2 (3.1 ms), attempts: s-1 refused; s-2 answered
    127.0.0.1:53211 bank.deposit: unknown outcome: reply: reset (9.0 ms), attempts: s-1 reply: reset
    127.0.0.1:53212 bank.deposit: refused: this proxy is stopping (0.1 ms), attempts: none

Nothing here is used where nobody wants these lines. The proxy passes a body on unread; for the line
it looks for the name of the method at the beginning of it. A fault is an answer like any other.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable

from ponte.calls.arrival import CallHeaders
from ponte.calls.attempt import Result
from ponte.net.address import show
from ponte.net.message import ProtocolError, Reply, Request
from ponte.net.stream import Program
from ponte.rpc.called import Ended, tell_end
from relayed_call import RelayedCall, Route, SharedState, service_of

log = logging.getLogger("ponte.proxy")

# Bytes of a body in which the name of the method is looked for, and characters of each text that
# comes from elsewhere.
HEAD_BYTES, MAX_TEXT = 1024, 200
_METHOD = re.compile(rb"<methodName>\s*([\w.:/-]{1,100})\s*</methodName>")
_SERVED_BY = re.compile(r"^served-by: ([^;\r\n]*)", re.MULTILINE | re.IGNORECASE)


class CallLine:
    """The line of one request that calls something; `received_at` is a monotonic time."""

    def __init__(self, request: Request, received_at: float) -> None:
        self._request = request
        # The same moment on the clock for what people read: on Windows, up to Python 3.12,
        # time.monotonic moves in steps of 15.6 ms.
        self._began = time.perf_counter() - (time.monotonic() - received_at)
        # What each attempt came to.
        self.attempts: list[str] = []

    def call(self, shared: SharedState, request: Request, headers: CallHeaders,
             route: Route | None, deadline: float) -> RelayedCall:
        """A call whose attempts are noted for this line. Caller holds the lock of `shared`."""
        call = LoggedCall(shared, request, headers, route, deadline)
        call.attempts = self.attempts
        return call

    def log_end(self, begin: Callable[[], Reply | Program[Reply]]) -> Reply | Program[Reply]:
        """Returns what `begin` returns, and logs the line when there is a reply.

        Raises ProtocolError like `begin`, which is a refusal, too.
        """
        return tell_end(begin, self._log)

    def _log(self, ended: Ended) -> None:
        took_ms = (time.perf_counter() - self._began) * 1000
        peer = self._request.peer
        log.debug("%s %s: %s (%.1f ms), attempts: %s", show(peer) if peer[0] else "unknown",
                  self._called(), _outcome(ended), took_ms, "; ".join(self.attempts) or "none")

    def _called(self) -> str:
        """Service and method; what a request without a call wants instead."""
        service, headers = _plain(service_of(self._request)), self._request.headers
        if headers.get("call-session") == "new":
            return f"{service}, a new session"
        if headers.get("call-resolve") == "1":
            return f"{service}, resolve of call {_plain(self._request.call_number or '')}"
        found = _METHOD.search(self._request.body[:HEAD_BYTES])
        return f"{service}.{found[1].decode()}" if found else service


class LoggedCall(RelayedCall):
    """A relayed call. Attribute: `attempts`, to which it adds what each attempt came to."""

    attempts: list[str]

    def settle(self, result: Result, now: float) -> None:
        """Records the result of the latest attempt, also for the line."""
        super().settle(result, now)
        what = "gave a session" if result.session else _plain(result.what)
        self.attempts.append(f"{self._server} {what}")


def _outcome(ended: Ended) -> str:
    """What came of a call, as its caller learns it."""
    if ended is None:
        return "cut off"
    if isinstance(ended, ProtocolError):
        return f"refused: {ended.status} {ended.reason}"
    # Only the reply of a server has lines: `SharedState.conclude` writes them.
    served_by = _SERVED_BY.search(ended.lines)
    if served_by:
        status = "" if ended.status == 200 else f" with {ended.status}"
        return f"answered by {_plain(served_by[1])}{status}"
    text = _plain(ended.body.decode(errors="replace").strip())
    if "Not-Executed" in ended.headers:
        return f"refused: {text}"
    return text if text.startswith("unknown") else f"{ended.status} {text}"


def _plain(text: str) -> str:
    """A text from elsewhere, which must not look like another line of the log."""
    return ascii(text[:MAX_TEXT])[1:-1]
