"""An attempt of a call as it arrives at a server or a proxy: what its headers say, and what becomes
of it. The headers are those of ponte/calls/hop.py.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import NamedTuple

from ponte.calls.hop import MAX_NUMBER, MAX_TIMEOUT_S, SESSION
from ponte.calls.once import (
    IT_RAN,
    KILL,
    NEVER,
    NOT_SENT,
    ORIGINAL,
    REFUSE,
    REPEAT,
    REPLY,
    RESOLVE,
    RUN,
    UNKNOWN,
    Memory,
    Record,
    V,
)
from ponte.calls.rule import MAX_ATTEMPTS
from ponte.net.message import ProtocolError, Reply, Request, text_reply
from ponte.net.target import path_in

# Characters of an Idempotency-Key.
MAX_KEY = 128
# Bytes of the digest of a body.
DIGEST_BYTES = 16
# The session of a request that asks for one, and carries no call.
NEW = "new"

_NUMBER = re.compile("([1-9][0-9]{0,14})-([1-9][0-9]{0,14})")

# What the reply says of an attempt that neither runs nor waits.
_TOLD = {
    UNKNOWN: "unknown: nothing is known of this call here",
    NEVER: "never runs: its caller has ended with this call",
    IT_RAN: "it has run, and its reply is gone",
    NOT_SENT: "it has not run, and never will",
    KILL: "it has not run, and never will",
}


class CallHeaders(NamedTuple):
    """The headers of a request about its call, besides its number.

    `timeout_s` is None where the caller did not give one; `first` and `last` number the attempts
    that may be made here; `session` is "" where there is none; `wanted` is ORIGINAL, REPEAT or
    RESOLVE; `key` is the Idempotency-Key of a foreign client, "" where there is none.
    """

    idempotent: bool
    timeout_s: float | None
    first: int
    last: int
    session: str
    wanted: int
    key: str

    @classmethod
    def parse(cls, headers: Mapping[str, str]) -> CallHeaders:
        """Reads the headers, whose names are in lower case; values above a limit are cut to it.

        Raises ProtocolError for a value that is not of its form; and 412 for If-Match, by which
        a stub of an earlier version repeats a call: it may have run in another life.

        >>> CallHeaders.parse({"call-timeout-ms": "1500", "call-attempt": "2-3"})
        CallHeaders(idempotent=False, timeout_s=1.5, first=2, last=3, session='', wanted=0, key='')
        """
        if "if-match" in headers:
            raise ProtocolError(412, "a repeat needs a call-session")
        timeout_ms = headers.get("call-timeout-ms")
        first, _, last = headers.get("call-attempt", "1").partition("-")
        session = headers.get("call-session", "")
        if session not in ("", NEW) and not SESSION.fullmatch(session):
            raise ProtocolError(400, "call-session is not a session")
        key = headers.get("idempotency-key", "")
        if "idempotency-key" in headers and not 0 < len(key) <= MAX_KEY:
            raise ProtocolError(400, f"Idempotency-Key has 1 to {MAX_KEY} characters")
        return cls(
            headers.get("call-idempotent") == "1",
            None if timeout_ms is None
            else min(_number(timeout_ms, "call-timeout-ms") / 1000, MAX_TIMEOUT_S),
            min(_number(first, "call-attempt") or 1, MAX_NUMBER),
            min(_number(last or str(MAX_ATTEMPTS), "call-attempt"), MAX_NUMBER),
            session, _wanted(headers), key)


def _wanted(headers: Mapping[str, str]) -> int:
    if headers.get("call-resolve") == "1":
        return RESOLVE
    return REPEAT if headers.get("call-repeat") == "1" else ORIGINAL


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ProtocolError(400, f"{name} is not a number")
    return int(text)


def look(memory: Memory[V, Reply], request: Request,
         call: CallHeaders) -> tuple[str, Record[V, Reply] | None]:
    """What becomes of an attempt that is not idempotent: see `Memory.look`, which notes it, too.

    Caller holds the lock that guards `memory`.
    An attempt without a session and a key runs, and there is no record of it. Raises ProtocolError
    for a number that is no number, and 422 for a key that came with another body.
    """
    if call.session == NEW:
        return REFUSE, None
    if call.session:
        match = _NUMBER.fullmatch(request.call_number or "")
        if match is None:
            raise ProtocolError(400, "call-number is not the number of a call")
        number, oldest = int(match[1]), int(match[2])
        if oldest > number:
            raise ProtocolError(400, "call-number is below the oldest number")
        return memory.look(call.session, number, oldest, call.wanted)
    if call.wanted is not ORIGINAL or request.call_number is not None:
        raise ProtocolError(400, "a repeat, a resolve and a number need a call-session")
    if call.key:
        digest = hashlib.blake2b(request.body, digest_size=DIGEST_BYTES).digest()
        try:
            # The same key may come to two services.
            return memory.look_by_key(f"{path_in(request.target)} {call.key}", digest)
        except ValueError as error:
            raise ProtocolError(422, f"Idempotency-Key: {error}") from None
    return RUN, None


def answer(memory: Memory[V, Reply], action: str, record: Record[V, Reply] | None,
           wanted: int) -> Reply:
    """The reply to an attempt that neither runs nor waits, as `look` has found.

    Gives out a new session where the attempt needs one. Caller holds the lock that guards `memory`.
    """
    if action is REFUSE:
        return not_executed("it needs the session that comes with this", Call_Session=memory.open())
    if action is REPLY:
        assert record and record.reply
        return resolved(record.reply) if wanted is RESOLVE else record.reply
    reply = text_reply(410, _TOLD[action])
    if action is IT_RAN:
        reply.headers["Call-Ran"] = "1"
    if action in (NOT_SENT, KILL):
        reply.headers["Call-Resolved"] = "dead"
    elif wanted is RESOLVE:
        reply.headers["Call-Resolved"] = "unknown"
    return reply


def not_executed(why: str, **headers: str) -> Reply:
    """A refusal: the call has not run. Underscores in header names become hyphens."""
    return text_reply(503, f"not executed: {why}", Not_Executed="1", **headers)


def resolved(reply: Reply) -> Reply:
    """The reply of a call's first attempt, as the reply to a resolve."""
    # The call was refused after all: its caller sends the resolve once more.
    if reply.status == 503:
        return reply
    # An error of the server itself does not say what came of the call.
    word = "reply" if reply.status < 500 else "unknown"
    return reply._replace(headers={**reply.headers, "Call-Resolved": word})
