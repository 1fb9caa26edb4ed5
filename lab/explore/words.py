"""The words of a story: what a request is, and what a reply says."""

from __future__ import annotations

from lab.explore.flight import Message, as_read, request_in
from ponte.calls.arrival import CallHeaders
from ponte.calls.once import ORIGINAL, REPEAT, RESOLVE
from ponte.net.message import Reply, Request, encode_reply


def in_words(thing: object) -> str:
    """A request, a reply, or a text that is in words already."""
    if isinstance(thing, Message):
        return title_of(request_in(thing.raw), thing.call)
    return words_of(thing) if isinstance(thing, Reply) else str(thing)


def session_name(session_id: str) -> str:
    """The name of a session in a story: A#1 is the first one of A, A'#1 that of its second life.
    """
    node, life, number = int(session_id[:4], 16), int(session_id[4:8], 16), int(session_id[8:], 16)
    name = f"P{node - 9}" if node >= 10 else "?AB"[node]
    return f"{name}{chr(39) * (life - 1)}#{number}"


def title_of(request: Request, call: int) -> str:
    """A request in words."""
    headers = CallHeaders.parse(request.headers)
    name = f"call {call + 1}"
    if headers.session == "new":
        return f"a request for a session (for {name})"
    what = {ORIGINAL: "", REPEAT: "the repeat of ",
            RESOLVE: "the question what came of "}[headers.wanted]
    if not headers.session:
        return f"{what}{name}{' as idempotent' if headers.idempotent else ''}"
    number, _, oldest = (request.call_number or "").partition("-")
    waits = "" if oldest == number or headers.wanted == RESOLVE else f", oldest {oldest}"
    return f"{what}{name} [session {session_name(headers.session)}, number {number}{waits}]"


def words_of(reply: Reply) -> str:
    """A reply in words."""
    headers = as_read(encode_reply(reply)).headers
    if reply.status == 200:
        return "the reply of a run" if "served-by" in headers else "a page of a stranger"
    if headers.get("call-resolved") == "dead":
        return "dead: it has not run, and never will"
    if headers.get("call-ran") == "1":
        return "unknown: it ran, and its reply is gone"
    if headers.get("not-executed") == "1":
        if "call-session" in headers:
            return f"not executed, here is a session ({session_name(headers['call-session'])})"
        return "not executed"
    return f"unknown ({reply.status})"
