"""A call in one line of the log, for --verbose: who has called what, and what came of it.

    127.0.0.1:53210 hello: value (0.3 ms)
    127.0.0.1:53210 buy: fault -32500 (0.9 ms)
    127.0.0.1:53211 buy: value, answered from memory (0.1 ms)
    127.0.0.1:53212 buy: 503 not executed: this server is stopping (0.1 ms)

Nothing here is used where nobody wants these lines. So everything is found out afterwards, from the
request and from the reply.
"""

from __future__ import annotations

import logging
import re
import time
from typing import Callable, Union

from ponte.net.address import show
from ponte.net.message import ProtocolError, Reply, Request
from ponte.net.stream import Program
from ponte.rpc.marshal import xml_of
from ponte.rpc.raised import one_line

log = logging.getLogger("ponte.server")

# Characters of a name, or of the reason of a refusal, in the line.
MAX_WORDS = 100
# Where the name of a method stands: near the beginning of a call.
HEAD_BYTES = 1024
_METHOD = re.compile(rb"<methodName>\s*([^<]*?)\s*</methodName>")
_FAULT = re.compile(rb"<methodResponse>\s*<fault>.*?<name>faultCode</name>\s*<value><int>(-?\d+)",
                    re.DOTALL)

# What a call ended with: its reply, or the error that refused it; None if it was cut off.
Ended = Union[Reply, ProtocolError, None]


class Called:
    """One attempt of a call. `how`: in which way it is answered if its function does not run."""

    def __init__(self, request: Request, received_at: float) -> None:
        self._request = request
        # The same moment on the clock for what people read: on Windows, up to Python 3.12,
        # time.monotonic moves in steps of 15.6 ms.
        self._began = time.perf_counter() - (time.monotonic() - received_at)
        self.how = ""

    def log_end(self, begin: Callable[[], Reply | Program[Reply]]) -> Reply | Program[Reply]:
        """Returns what `begin` returns, and logs the line when there is a reply.

        Raises ProtocolError like `begin`, which is a refusal, too.
        """
        return tell_end(begin, self._log)

    def _log(self, ended: Ended) -> None:
        took_ms = (time.perf_counter() - self._began) * 1000
        how = f", {self.how}" if self.how else ""
        log.debug("%s %s: %s%s (%.1f ms)", show(self._request.peer), self._method(),
                  one_line(_outcome(ended)[:MAX_WORDS]), how, took_ms)

    def _method(self) -> str:
        """The name of the method; what a request without a call wants instead."""
        headers = self._request.headers
        if headers.get("call-session") == "new":
            return "a new session"
        if headers.get("call-resolve") == "1":
            return f"resolve of call {one_line(self._request.call_number or '')}"
        try:
            found = _METHOD.search(xml_of(self._request)[:HEAD_BYTES])
        except ProtocolError:
            found = None
        return one_line(found[1].decode(errors="replace")[:MAX_WORDS]) if found else "no method"


def tell_end(begin: Callable[[], Reply | Program[Reply]],
             tell: Callable[[Ended], None]) -> Reply | Program[Reply]:
    """Returns what `begin` returns, and calls `tell` with what the call has ended with.

    Raises ProtocolError like `begin`.
    """
    try:
        begun = begin()
    except ProtocolError as error:
        tell(error)
        raise
    if isinstance(begun, Reply):
        tell(begun)
        return begun
    return _follow(begun, tell)


def _follow(program: Program[Reply], tell: Callable[[Ended], None]) -> Program[Reply]:
    """A program: the same one, and `tell` at its end."""
    reply: Reply | None = None
    try:
        reply = yield from program
        return reply
    finally:
        tell(reply)


def _outcome(ended: Ended) -> str:
    """What came of a call."""
    if ended is None:
        return "cut off"
    if isinstance(ended, ProtocolError):
        return f"{ended.status} {ended.reason}"
    if ended.status != 200:
        return f"{ended.status} {ended.body.decode(errors='replace').strip()}"
    fault = _FAULT.search(ended.body[:HEAD_BYTES])
    return f"fault {fault[1].decode()}" if fault else "value"
