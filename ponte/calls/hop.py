"""One hop of a call: the headers that go with an attempt, and the outcome that comes back.

Wire format: an ordinary HTTP request with these headers.

    Call-Session: <16 hex digits>    a session that the far end gave out (ponte/calls/once.py), or
                                     "new" in a request that asks for one, and carries no call
    Call-Number: <number>-<oldest>   the number of the call in it, and the oldest one whose outcome
                                     its caller still waits for
    Call-Repeat: 1                   its caller has sent it here before
    Call-Resolve: 1                  its caller asks what came of it; it must not run any more
    Call-Idempotent: 1               it does no harm if it runs twice, so it has no number
    Call-Timeout-Ms: <n>             how long this attempt may take; it shrinks at every hop
    Call-Told: 1                     a watcher of an earlier hop is told of it, so all tell, and
                                     its Traceparent is ours
    Call-Untold: 1                   a watcher of an earlier hop is not told of it, so nobody tells
                                     (ponte/process/observed_call.py, which also has Traceparent)
    Call-Attempt: <first>-<last>     1 plus the earlier attempts that may have run, and the highest
                                     number that the next hop may give to an attempt of its own

A reply has some of these:

    Served-By: <instance>; incarnation=<n>; service=<name>      who made it
    Not-Executed: 1                  a refusal: the call has not run
    Call-Session: <16 hex digits>    the session to use from now on, in a refusal
    Call-Idempotent: 0               a refusal: the function is not idempotent here
    Call-Resolved: <word>            the reply to a resolve: "reply" (the first reply), "dead" (it
                                     has not run, and never will) or "unknown"
    Call-Ran: 1                      it has run, and its reply is gone
    Call-Attempt: <n>                the number of the last attempt that was made
    Sent-To: <place>                 where a proxy sent a call whose outcome is unknown
    Call-Tried: <instance>           the server from which a proxy got no reply: ask it last
    Failed-Attempts: <text>          the attempts of a proxy that got no answer, for people

A client that sends none of them, like a stock XML-RPC client, gets the safe defaults: its call is
not idempotent. It may have an Idempotency-Key of its own.

A call makes one hop (stub to server) or two (stub to proxy, proxy to server). On each of them
ponte/calls/rule.py decides what may be tried, and this file carries one attempt out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from ponte.calls.attempt import Attempt, Kind, Outcome, Result
from ponte.calls.endpoint import PROXY, Endpoint
from ponte.calls.rule import outcome_of_failure, outcome_of_reply
from ponte.net.address import show
from ponte.net.known_heads import cached
from ponte.net.message import Reply
from ponte.net.pool import ExchangeError, Pool
from ponte.net.stream import Program

# A hop grants the next one less time than it has itself, by this share and by so many seconds at
# most: so the hop that is nearer to the server gives up first, and its reply still arrives. More
# leaves functions less time.
MARGIN_SHARE = 0.1
MARGIN_S = 0.1
# Seconds that an attempt may ask for at most.
MAX_TIMEOUT_S = 3600.0
# A larger number of an attempt cannot be right, and is cut to this.
MAX_NUMBER = 999
# Characters of Failed-Attempts. Three attempts fit; more only make a long line.
MAX_FAILED_ATTEMPTS = 400
# Why the outcome of a call to a foreign server stays unknown.
FORGETS = "it remembers no calls, so nobody can know"
# The id of a session.
SESSION = re.compile("[0-9a-f]{16}")
# An earlier version does not say the service.
_SERVED_BY = re.compile(r"([^\s;]+); incarnation=[0-9]+(?:; service=([^\s;]+))?")


def attempt_lines(attempt: Attempt) -> str:
    """The header lines that make a request an attempt of a call."""
    endpoint, kind, first, last, timeout_s, number = attempt
    lines = (f"Host: {show(endpoint.address)}\r\nCall-Timeout-Ms: {granted_ms(timeout_s)}\r\n"
             f"Call-Attempt: {first}-{last}\r\n")
    if number:
        lines += (f"Call-Session: {number.session_id}\r\n"
                  f"Call-Number: {number.value}-{number.oldest}\r\n")
        if kind is Kind.REPEAT:
            lines += "Call-Repeat: 1\r\n"
    elif kind is Kind.IDEMPOTENT:
        lines += "Call-Idempotent: 1\r\n"
    elif kind is Kind.OPENING:
        lines += "Call-Session: new\r\n"
    return lines


def granted_ms(timeout_s: float) -> int:
    """How many milliseconds a hop grants the next one.

    >>> granted_ms(0.5), granted_ms(5.0)
    (450, 4900)
    """
    granted_s = timeout_s - min(timeout_s * MARGIN_SHARE, MARGIN_S)
    return int(min(granted_s, MAX_TIMEOUT_S) * 1000) or 1


def exchange(pool: Pool, attempt: Attempt, service: str, request: bytes,
             now: float) -> Program[Result]:
    """A program: carries out an attempt that begins at `now` (monotonic). Never raises.

    It takes the attempt's timeout at most. `request` is the whole message, a call of `service`.
    """
    endpoint = attempt.endpoint
    try:
        reply = yield from pool.exchange(endpoint.address, request, now + attempt.timeout_s)
    except ExchangeError as error:
        result = failure(error)
    else:
        result = judge(reply, endpoint, service)
    if attempt.kind is Kind.PLAIN and result.outcome is Outcome.UNKNOWN:
        return result._replace(what=f"{result.what}; {FORGETS}")
    return result


def failure(error: ExchangeError) -> Result:
    """The result of an attempt that got no whole reply."""
    return Result(outcome_of_failure(error.sent), None, str(error), error.timed_out)


def judge(reply: Reply, endpoint: Endpoint, service: str) -> Result:
    """The result of an attempt of a call of `service` that got a whole reply."""
    marks = cached(Marks.parse, reply.headers)
    is_ours = marks.are_of(endpoint, service)
    if reply.status == 200 and is_ours:
        return Result(Outcome.ANSWERED, reply, marks.answered, False, marks.made)
    # 1. In words.
    lines = reply.body.decode("utf-8", "replace").strip().splitlines()
    what = f"HTTP {reply.status} {lines[0][:200] if lines else ''}".rstrip()
    if not is_ours:
        what = f"a stranger on this port: {what}"
    # 2. Dead is final, like an answer: nobody else is asked.
    if is_ours and marks.resolved == "dead":
        return Result(Outcome.ANSWERED, reply, what, False, marks.made)
    # 3. The outcome, and what else a refusal says.
    outcome = outcome_of_reply(reply.status, not_executed=marks.not_executed, is_ours=is_ours)
    is_refused = is_ours and outcome is Outcome.NOT_SENT
    return Result(outcome, reply, what, reply.status == 504, marks.made,
                  session=marks.session if is_refused else "",
                  needs_care=is_refused and marks.needs_care,
                  is_final=is_ours and reply.status == 410, ran=is_ours and marks.ran,
                  sent_to=reply.headers.get("sent-to", "") if is_ours else "",
                  tried=reply.headers.get("call-tried", "") if is_ours else "")


class Marks(NamedTuple):
    """What the headers of a reply say: who made it, and what came of the call.

    `instance` and `service` are "" where the reply does not have them; `answered` is for people.
    """

    instance: str
    service: str
    answered: str
    made: int
    not_executed: bool
    session: str
    needs_care: bool
    resolved: str
    ran: bool

    @classmethod
    def parse(cls, headers: Mapping[str, str]) -> Marks:
        """Reads the headers, whose names are in lower case.

        >>> Marks.parse({"served-by": "s-1; incarnation=7; service=greeter"}).answered
        'answered by s-1'
        """
        match = _SERVED_BY.fullmatch(headers.get("served-by", ""))
        instance, service = (match[1], match[2] or "") if match else ("", "")
        made = headers.get("call-attempt", "")
        session = headers.get("call-session", "")
        return cls(instance, service, f"answered by {instance}" if instance else "answered",
                   min(int(made[:9]), MAX_NUMBER) if made.isascii() and made.isdigit() else 0,
                   headers.get("not-executed") == "1",
                   session if SESSION.fullmatch(session) else "",
                   headers.get("call-idempotent") == "0", headers.get("call-resolved", ""),
                   headers.get("call-ran") == "1")

    def are_of(self, endpoint: Endpoint, service: str) -> bool:
        """Whether the endpoint that we asked made the reply, or another instance of its service.

        That instance may have come back on the port under another name. Replies of an endpoint that
        is not Ponte's own say nothing, and are not checked.
        """
        if not endpoint.remembers:
            return True
        # A proxy on the way may have refused it. An earlier version does not say its service.
        return bool(self.instance) and self.service in (service, PROXY, "")


def failed_attempts(text: str) -> str:
    """What Failed-Attempts may say. Parts of it come from another process: no line of its own.

    >>> failed_attempts("server-2: HTTP 503 caf\\u00e9\\r\\nServed-By: me")
    'server-2: HTTP 503 caf???Served-By: me'
    """
    return re.sub("[^ -~]", "?", text[:MAX_FAILED_ATTEMPTS])


def served_by(instance: str, incarnation: int, service: str) -> str:
    """The value of Served-By.

    >>> served_by("server-1", 7, "greeter")
    'server-1; incarnation=7; service=greeter'
    """
    return f"{instance}; incarnation={incarnation}; service={service}"
