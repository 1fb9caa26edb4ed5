"""Rule R: what happened to a call, and what may be tried next. The heart of Ponte.

The problem: a client sends a call, and no reply comes. Has the call run? If it is sent again, it
may run twice. If it is not sent again, it may be lost. A guess is wrong sometimes: rule R does not
guess. Each attempt of a call comes to exactly one of three outcomes:

    NOT_SENT   it cannot have run. Any function: ask the next endpoint. Each is asked once.
    ANSWERED   a whole reply came, and it is no refusal. Final: a value, a fault, or an error.
    UNKNOWN    it may have run. Ask again, while the number of attempts, the retry budget and the
               time allow it:
               - a function that is idempotent (it does no harm if it runs twice): ask another
                 endpoint, and the same one again when there is no other. This is a *retry*.
               - any other: ask the same life of the same endpoint, with the same call id. It
                 remembers the call and sends the first reply again. This is a *repeat*.

The outcome of the call: ANSWERED as soon as one attempt is answered; else UNKNOWN if one attempt is
unknown, whatever came after it; else NOT_SENT.

This module is pure: it has no socket, no clock and no thread. `now` is a monotonic time in seconds.
The stub and the proxy drive it in the same way:

    call = Call(balancer, idempotent, deadline)
    while (attempt := call.next_attempt(now)):          # decide, under the caller's lock
        ...exchange with attempt.endpoint...            # act, outside of the lock
        call.settle(outcome, now)                       # decide, under the lock
    call.outcome                                        # the outcome of the whole call

Nothing here is thread-safe. A Call works on its Balancer: one lock guards the balancer and all
calls that were made with it.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import NamedTuple

from ponte.calls.balancing import Balancer, Member
from ponte.calls.endpoint import Endpoint

# Attempts of one call that may have run, over all hops. More only adds load to servers in trouble.
MAX_ATTEMPTS = 3
# Seconds. An endpoint that misses a deadline shorter than this is not blamed: it had no chance.
FAIR_TIMEOUT_S = 0.2


class Outcome(enum.Enum):
    """What one attempt, or a whole call, came to."""

    NOT_SENT = "not sent"
    ANSWERED = "answered"
    UNKNOWN = "unknown"


def outcome_of_reply(status: int, not_executed: bool) -> Outcome:
    """The outcome of an attempt that got a whole reply.

    Parameters: `status`, the HTTP status; `not_executed`, whether the reply says Not-Executed: 1.

    >>> outcome_of_reply(200, False).value, outcome_of_reply(404, False).value
    ('answered', 'answered')
    >>> outcome_of_reply(503, True).value, outcome_of_reply(503, False).value
    ('not sent', 'unknown')
    """
    if status == 200:
        return Outcome.ANSWERED
    # 412: the attempt was meant for another life of the endpoint.
    if status == 412 or (status in (503, 508) and not_executed):
        return Outcome.NOT_SENT
    if 400 <= status <= 500:
        return Outcome.ANSWERED
    return Outcome.UNKNOWN


def outcome_of_failure(sent: bool) -> Outcome:
    """The outcome of an attempt without a whole reply.

    `sent`: the last byte of the request may have left this process.
    """
    return Outcome.UNKNOWN if sent else Outcome.NOT_SENT


class Attempt(NamedTuple):
    """What to do next: send the call to `endpoint`, and wait for `timeout_s` seconds at most.

    `number` is 1 plus the earlier attempts that may have run. `repeat`: the call is not idempotent,
    and an earlier attempt of it went to this endpoint. Only the same life of the endpoint, which
    remembers the call, may answer.
    """

    endpoint: Endpoint
    number: int
    timeout_s: float
    repeat: bool


class Call:
    """One call on its way through rule R.

    Parameters: `balancer`, the endpoints to ask; `idempotent`, it does no harm to run it twice;
    `deadline`, a monotonic time; `first_number`, the number of the first attempt at this hop, more
    than 1 where an earlier hop has made attempts; `asked`, the endpoint that got an earlier attempt
    of this call with an unknown outcome: a call that is not idempotent may be repeated only there.

    Attributes: `outcome`, that of the call so far; `may_have_run`, how many attempts may have run,
    with those of earlier and later hops. A new call earns a share of a retry in the budget.

    >>> from ponte.calls.balancing import Balancer
    >>> servers = [Endpoint("bank", name, 1, "127.0.0.1", 4242, "up", ()) for name in ("a", "b")]
    >>> balancer = Balancer()
    >>> balancer.update(servers)
    >>> call = Call(balancer, idempotent=False, deadline=10.0)
    >>> call.next_attempt(0.0).endpoint.instance
    'a'
    >>> call.settle(Outcome.UNKNOWN, 1.0)               # its reply is lost: it may have run
    >>> repeat = call.next_attempt(1.0)
    >>> repeat.endpoint.instance, repeat.repeat         # never "b"
    ('a', True)
    """

    def __init__(self, balancer: Balancer, idempotent: bool, deadline: float, *,
                 first_number: int = 1, asked: Endpoint | None = None) -> None:
        self.outcome = Outcome.UNKNOWN if asked else Outcome.NOT_SENT
        self.may_have_run = first_number - 1
        self._balancer = balancer
        self._idempotent = idempotent
        self._deadline = deadline
        # The member whose attempt has an unknown outcome, and which was not asked again yet.
        self._unknown_at: Member | None = balancer.member_of(asked) if asked else None
        # The members to ask after the first one, each once; None until a second one is needed.
        self._others: Iterator[Member] | None = None
        # The next attempt is a retry that was not paid from the budget yet.
        self._owes_retry = False
        # The latest attempt, and the member that it goes to.
        self._attempt: Attempt | None = None
        self._member: Member | None = None
        balancer.budget.earn()

    def next_attempt(self, now: float) -> Attempt | None:
        """What to try at `now`; None when the call has come to its outcome."""
        # 1. An answer is final, and after the deadline the caller no longer waits for one.
        remaining_s = self._deadline - now
        if self.outcome is Outcome.ANSWERED or remaining_s <= 0:
            return None
        # 2. An attempt after an unknown outcome is a retry: it must be allowed, and it costs.
        if self._owes_retry and not self._pay_for_retry():
            return None
        # 3. A call that may have run, and must not run twice, goes nowhere else.
        repeat = self.outcome is Outcome.UNKNOWN and not self._idempotent
        member = None if repeat else self._next_candidate(now)
        # 4. For a repeat, or when there is no other endpoint: the one with the unknown outcome.
        if member is None:
            member, self._unknown_at = self._unknown_at, None
        if member is None:
            return None
        # 5. While another attempt may follow, this one gets half of the time.
        number = self.may_have_run + 1
        timeout_s = remaining_s if number >= MAX_ATTEMPTS else remaining_s / 2
        member.calls += 1
        self._member, self._attempt = member, Attempt(member.endpoint, number, timeout_s, repeat)
        return self._attempt

    def settle(self, outcome: Outcome, now: float, *, timed_out: bool = False,
               number: int = 0) -> None:
        """Records the outcome of the latest attempt. Call it once after each `next_attempt`.

        `timed_out`: the attempt ended by its time, not by an error. `number`: of the last attempt
        that the next hop made (Call-Attempt in its reply), 0 if the reply has none. So all hops
        together stay within MAX_ATTEMPTS.
        """
        assert self._member and self._attempt, "settle comes after next_attempt"
        # 1. The balancer learns how the endpoint behaves. An answer is final.
        if outcome is Outcome.ANSWERED:
            self._balancer.note_answer(self._member)
            self.outcome = outcome
            return
        if timed_out and self._attempt.timeout_s < FAIR_TIMEOUT_S:
            self._balancer.note_unfair_timeout(self._member)
        else:
            self._balancer.note_failure(self._member, now)
        # 2. An attempt that may have run counts, and the next one is a retry.
        if outcome is Outcome.UNKNOWN:
            self.may_have_run = max(self.may_have_run + 1, number)
            self._unknown_at, self._owes_retry = self._member, True
        # 3. An attempt that was not sent takes nothing back: an unknown call stays unknown.
        if outcome is not Outcome.NOT_SENT:
            self.outcome = outcome

    def _next_candidate(self, now: float) -> Member | None:
        """The next member that was not asked for this call yet."""
        if self._member is None:
            return self._balancer.choose(now)
        if self._others is None:
            self._others = self._balancer.others(self._member)
        return next(self._others, None)

    def _pay_for_retry(self) -> bool:
        """Whether attempts and budget allow a retry; each retry is paid for once."""
        if self.may_have_run < MAX_ATTEMPTS and self._balancer.budget.spend():
            self._owes_retry = False
        return not self._owes_retry
