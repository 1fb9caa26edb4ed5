"""Rule R: what happened to a call, and what may be tried next. The heart of Ponte.

The problem: a client sends a call, and no reply comes. Has the call run? If it is sent again, it
may run twice. If it is not sent again, it may be lost. A guess is wrong sometimes: rule R does not
guess. Each attempt of a call comes to exactly one of three outcomes:

    NOT_SENT   it cannot have run. Any function: ask the next endpoint. Each is asked once.
    ANSWERED   a whole reply came from the process that we asked, and it is not a refusal. Final: a
               value, a fault, or an error of the call.
    UNKNOWN    it may have run. Ask again, while the number of attempts, the retry budget and the
               time allow it:
               - a function that is idempotent (it does no harm if it runs twice): ask another
                 endpoint, and the same one again when there is no other. This is a *retry*.
               - any other: ask the same life of the same endpoint, with the same session and
                 number (ponte/calls/once.py). It remembers the call, and sends the first reply
                 again. This is a *repeat*.

The outcome of the call: ANSWERED as soon as one attempt is answered; else UNKNOWN if one attempt is
unknown, whatever came after it; else NOT_SENT.

This module is pure: it has no socket, no clock and no thread. `now` is a monotonic time in seconds.
The stub and the proxy drive it in the same way:

    call = Call(balancer, idempotent, deadline)
    while (attempt := call.next_attempt(now)):          # decide, under the caller's lock
        ...exchange with attempt.endpoint...            # act, outside of the lock
        call.settle(result, now)                        # decide, under the lock
    call.outcome                                        # the outcome of the whole call

Nothing here is thread-safe. A Call works on its Balancer: one lock guards the balancer and all
calls that were made with it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ponte.calls.attempt import Attempt, Kind, Outcome, Result, Sent
from ponte.calls.balancing import Balancer, Member
from ponte.calls.endpoint import PROXY
from ponte.calls.session import CallNumber, Session

# Attempts of one call that may have run, over all hops. More only adds load to servers in trouble.
MAX_ATTEMPTS = 3
# Seconds. An endpoint that misses a deadline shorter than this is not blamed: it had no chance.
FAIR_TIMEOUT_S = 0.2
# How often one endpoint may tell a call to ask in another way: to take a session, another one in
# place of it, and to take care. More would let a confused endpoint hold it up.
MAX_HINTS = 4


def outcome_of_reply(status: int, *, not_executed: bool, is_ours: bool) -> Outcome:
    """The outcome of an attempt that got a whole reply.

    Parameters: `status`, the HTTP status; `not_executed`, whether the reply says Not-Executed: 1;
    `is_ours`, whether it has the mark of the process that we asked; else a stranger has the port.

    >>> outcome_of_reply(200, not_executed=False, is_ours=True).value
    'answered'
    >>> outcome_of_reply(200, not_executed=False, is_ours=False).value
    'not sent'
    >>> outcome_of_reply(503, not_executed=True, is_ours=True).value
    'not sent'
    >>> outcome_of_reply(503, not_executed=False, is_ours=True).value
    'unknown'
    """
    if not is_ours:
        # A stranger does not have our function. But a proxy on the way makes 5xx of its own.
        return Outcome.NOT_SENT if 200 <= status < 500 else Outcome.UNKNOWN
    if not_executed and status in (404, 503, 508):
        return Outcome.NOT_SENT
    # 410: the far end knows nothing more of this call, or has forgotten its reply.
    if status == 200 or (400 <= status < 500 and status != 410):
        return Outcome.ANSWERED
    return Outcome.UNKNOWN


def outcome_of_failure(sent: bool) -> Outcome:
    """The outcome of an attempt without a whole reply.

    `sent`: the last byte of the request may have left this process.
    """
    return Outcome.UNKNOWN if sent else Outcome.NOT_SENT


class Call:
    """One call on its way through rule R.

    Parameters: `balancer`, the endpoints to ask; `idempotent`, it does no harm to run it twice;
    `deadline`, a monotonic time; `first` and `last`, the numbers of the first and the last attempt
    that this hop may make; `sent`, where an earlier attempt of this call went, whose outcome is
    unknown.

    Attributes: `outcome`, that of the call so far; `sent`, where a call that is not idempotent was
    sent, None while it cannot have run; `may_have_run`, how many attempts may have run,
    with those of earlier and later hops; `has_learned`, the latest attempt came to no outcome, but
    told how to ask. A new call earns a share of a retry in the budget.

    >>> from ponte.calls.endpoint import Endpoint
    >>> servers = [Endpoint("bank", name, 1, "127.0.0.1", 4242, "up", ()) for name in ("a", "b")]
    >>> balancer = Balancer()
    >>> balancer.update(servers)
    >>> call = Call(balancer, idempotent=False, deadline=10.0)
    >>> attempt = call.next_attempt(0.0)
    >>> attempt.endpoint.instance, attempt.kind.value
    ('a', 'opening')
    >>> call.settle(Result(Outcome.NOT_SENT, None, "", session="9f86d081884c7d65"), 0.0)
    >>> call.next_attempt(0.0).kind.value
    'original'
    >>> call.settle(Result(Outcome.UNKNOWN, None, "its reply is lost"), 1.0)
    >>> repeat = call.next_attempt(1.0)
    >>> repeat.endpoint.instance, repeat.kind.value             # never "b"
    ('a', 'repeat')
    """

    def __init__(self, balancer: Balancer, idempotent: bool, deadline: float, *,
                 first: int = 1, last: int = MAX_ATTEMPTS, sent: Sent | None = None) -> None:
        self.outcome = Outcome.UNKNOWN if sent else Outcome.NOT_SENT
        self.sent = sent
        self.may_have_run = first - 1
        self.has_learned = False
        self._balancer = balancer
        self._idempotent = idempotent
        self._deadline = deadline
        self._last = min(last, MAX_ATTEMPTS)
        # The member with the unknown outcome, which was not asked again yet.
        self._unknown_at: Member | None = sent.member if sent else None
        # The member that is asked next, since it refused only the way in which it was asked.
        self._same: Member | None = None
        # How many members were asked; and those to ask after the first one, each once.
        self._asked = 0
        self._others: Iterator[Member] | None = None
        # Servers from which a proxy got no reply. They are asked last.
        self._tried: set[str] = set()
        # The next attempt is a retry that was not paid from the budget yet.
        self._owes_retry = False
        # Hints that the endpoint gave on how to ask, and requests for a session that it lost.
        self._hints = 0
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
        # 3. Who is asked, and how?
        member = self._choose(now)
        if member is None:
            return None
        kind, number = self._way_to(member)
        # 4. While another attempt may follow, a proxy may make one attempt itself: if its reply is
        #    lost, no more than that one may have run.
        first = self.may_have_run + 1
        follows = first < self._last and self._may_follow(kind)
        last = first if follows or member.endpoint.service != PROXY else self._last
        # 5. And it gets half of the time. But the only server may be slow, and no other is quicker.
        if follows and not (kind is Kind.IDEMPOTENT and self._balancer.servers == 1):
            remaining_s /= 2
        member.calls += 1
        self._member = member
        self._attempt = Attempt(member.endpoint, kind, first, last, remaining_s, number)
        return self._attempt

    def settle(self, result: Result, now: float) -> None:
        """Records the result of the latest attempt. Call it once after each `next_attempt`."""
        member, attempt, outcome = self._member, self._attempt, result.outcome
        assert member and attempt, "settle comes after next_attempt"
        # 1. It refused only the way in which it was asked: it is asked in another way.
        self.has_learned = self._learns(result, attempt, member)
        if self.has_learned:
            self._balancer.note_answer(member)
            return
        # 2. The balancer learns how the endpoint behaves. An answer to the call is final.
        is_opening = attempt.kind is Kind.OPENING
        if outcome is Outcome.ANSWERED and not is_opening:
            self._balancer.note_answer(member)
            self.outcome = outcome
            return
        if result.timed_out and attempt.timeout_s < FAIR_TIMEOUT_S:
            self._balancer.note_unfair_timeout(member)
        else:
            self._balancer.note_failure(member, now)
        # 3. An attempt that was not sent takes nothing back: an unknown call stays unknown.
        if outcome is Outcome.NOT_SENT and self.outcome is Outcome.NOT_SENT:
            self.sent = None
        if outcome is not Outcome.UNKNOWN:
            return
        # 4. After an unknown one the next is a retry. The request for a session carried no call: it
        #    may be made there once more.
        self._owes_retry = True
        if is_opening:
            if not self._hints:
                self._unknown_at = member
            self._hints += 1
            return
        # 5. An attempt that may have run counts. If the reply was lost that would tell how many the
        #    next hop made, it made all that it might.
        self.outcome = outcome
        self._tried.add(result.tried)
        self.may_have_run = max(self.may_have_run + 1, result.made or attempt.last)
        self._unknown_at = None if result.is_final or attempt.kind is Kind.PLAIN else member

    def _choose(self, now: float) -> Member | None:
        """The member that is asked next."""
        member, self._same = self._same, None
        # 1. A call that may have run, and must not run twice, goes nowhere else.
        if member is None and (self._idempotent or self.outcome is not Outcome.UNKNOWN):
            member = self._next_candidate(now)
        # 2. For a repeat, or when there is no other endpoint: the one with the unknown outcome.
        if member is None:
            member, self._unknown_at = self._unknown_at, None
        return member

    def _way_to(self, member: Member) -> tuple[Kind, CallNumber | None]:
        """How a member is asked, and with which number. An original takes the next one."""
        if self._idempotent:
            return Kind.IDEMPOTENT, None
        if self.sent:
            # Its outcome is unknown: if it had not been sent, there would be no such place.
            return Kind.REPEAT, self.sent.number
        if not member.remembers:
            return Kind.PLAIN, None
        if member.session is None or member.session.is_used_up:
            return Kind.OPENING, None
        self.sent = Sent(member, member.session.take())
        return Kind.ORIGINAL, self.sent.number

    def _may_follow(self, kind: Kind) -> bool:
        """Whether an early end of an attempt of this kind would help."""
        # Only where there is somebody else to ask.
        if kind in (Kind.IDEMPOTENT, Kind.OPENING):
            return len(self._balancer.members) > self._asked
        # After a plain attempt that may have run nobody may be asked; else it is repeated.
        return kind is not Kind.PLAIN

    def _learns(self, result: Result, attempt: Attempt, member: Member) -> bool:
        """Takes the hint of a reply, for this call and for later ones. Whether there was one."""
        known = member.session
        if result.session:
            # Another call may have got a session in the meantime.
            stale = attempt.number and attempt.number.session_id
            if known is None or known.id == stale or known.is_used_up:
                member.session = Session(result.session)
        elif attempt.kind is Kind.OPENING and result.reply and result.reply.status == 200 \
                and result.outcome is Outcome.ANSWERED:
            # A version that knows no sessions: it took the empty body for a call.
            member.remembers = False
        elif result.needs_care and self._idempotent:
            self._idempotent = False
        else:
            return False
        self._hints += 1
        if self.outcome is Outcome.NOT_SENT:
            self.sent = None
        # After an unknown attempt, a call that turns out not to be idempotent has ended.
        if self.outcome is Outcome.UNKNOWN:
            self._unknown_at = None
        elif self._hints <= MAX_HINTS:
            self._same = member
        return True

    def _next_candidate(self, now: float) -> Member | None:
        """The next member that was not asked for this call yet."""
        self._asked += 1
        if self._member is None:
            return self._balancer.choose(now)
        if self._others is None:
            self._others = self._in_order(self._member)
        member = next(self._others, None)
        if member:
            self._hints = 0
        return member

    def _in_order(self, asked: Member) -> Iterator[Member]:
        """The other members, those last that a proxy has tried in vain."""
        last = []
        for member in self._balancer.others(asked):
            if member.endpoint.instance in self._tried:
                last.append(member)
            else:
                yield member
        yield from last

    def _pay_for_retry(self) -> bool:
        """Whether attempts and budget allow a retry; each retry is paid for once."""
        if self.may_have_run < self._last and self._balancer.budget.spend():
            self._owes_retry = False
        return not self._owes_retry
