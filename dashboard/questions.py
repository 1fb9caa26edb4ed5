"""The questions about faults: what a class may predict of each, and what the events then say. Pure.

A question has four answers, of which rule R, or the rule of the leases, makes one right. What came
true is found from the events alone: it may be another one, and then the page says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable, NamedTuple

from classroom.language import Words
from classroom.stage import Answers, Check
from dashboard.processes import Refused
from dashboard.seen import Seen
from ponte.discovery.beats import LEASE_S

# Calls that follow a fault: enough for each of eight servers to get one.
CALLS = 12
BUYS = 9
# How much longer a message takes on a slow link, in milliseconds.
SLOW_MS = 300
# How long is waited at least, in seconds: the page stretches what happens, for the eye.
LOOK_S = 2.0
# How long a lease is watched, in seconds: it expires, and the registry has time to notice.
WATCH_S = LEASE_S + 0.7
# The "process" of a question about all of them.
EVERYTHING = "everything"

# A command of the page, and what it is given.
Order = tuple[str, dict[str, Any]]


class Verdict(NamedTuple):
    """Which answer came true, None if none did; and the numbers, each with what the rule says."""

    answer: int | None
    checks: list[Check]


class Question(NamedTuple):
    """A question about one fault: `orders` let it loose, and make the calls that meet it.

    `calls`: how many calls then must end, before `judge` can say what came true; `watch_s`: how
    long is waited at least, in seconds; `before`: the order that is given when the question is
    asked, if there is one.
    """

    text: str
    answers: Answers
    orders: list[Order]
    calls: int
    judge: Callable[[Seen], Verdict]
    watch_s: float = LOOK_S
    before: Order | None = None


def question(words: Words, fault: str, who: str, role: str) -> Question:
    """The question about a fault of a process of this role. Raises Refused where there is none."""
    if who == EVERYTHING and fault == "kill":
        return everything_dies(words)
    if role == "server" and fault in OF_SERVERS:
        return OF_SERVERS[fault](words, who)
    if role in ("server", "proxy", "registry") and fault in ("kill", "freeze", "drain"):
        return how_many_are_answered(words, fault, who)
    raise Refused("no question",
                  f"there is no question about {fault or 'no fault'} at {who or 'nobody'}")


def burst(method: str, count: int) -> Order:
    """Many calls at once."""
    return "burst", {"count": count, "method": method}


# ---- kill, drain: any process; freeze: those that run nothing -----------------------------------

def how_many_are_answered(words: Words, fault: str, who: str) -> Question:
    """Calls go on without a process that is gone, or silent."""
    if fault == "kill":
        text = words("{name} dies by kill -9, and {calls} calls of hello follow at once. "
                     "How many are answered?", name=who, calls=CALLS)
    elif fault == "freeze":
        text = words("{name} freezes, and {calls} calls of hello follow at once. "
                     "How many are answered?", name=who, calls=CALLS)
    else:
        text = words("{name} is told to leave, and {calls} calls of hello follow at once. "
                     "How many are answered?", name=who, calls=CALLS)

    def judge(seen: Seen) -> Verdict:
        answered, calls = seen.count("answered"), len(seen.calls)
        more = sum(call.was_repeated for call in seen.calls.values())
        came_true = (3 if seen.count("unknown") else 2 if answered == calls else
                     1 if answered else 0)
        return Verdict(came_true if calls else None, [
            Check(calls > 0 and answered == calls,
                  words("{answered} of {calls} calls were answered; the slowest took "
                        "{slowest_ms:.0f} ms", answered=answered, calls=calls,
                        slowest_ms=seen.slowest_ms())),
            Check(True, words("calls that needed another attempt: {more}", more=more))])

    return Question(text, Answers("None, until its lease expires",
                                  "Only those that need nothing of it", "All of them",
                                  "Nobody can know", right=2),
                    [(fault, {"who": who}), burst("hello", CALLS)], CALLS, judge)


# ---- freeze: a server ---------------------------------------------------------------------------

def buy_from_a_frozen_server(words: Words, who: str) -> Question:
    """Silence tells nothing: the call may run when the server thaws."""
    def judge(seen: Seen) -> Verdict:
        met = seen.went_to(who)
        outcomes = {call.outcome for call in met}
        answers = {"answered": 0, "not sent": 1, "unknown": 2, "": 3}
        came_true = answers.get(outcomes.pop()) if len(outcomes) == 1 else None
        unknown = sum(call.outcome == "unknown" for call in met)
        runs = sum(call.runs[who] for call in met)
        others = [call for call in seen.calls.values() if call not in met]
        answered = sum(call.outcome == "answered" for call in others)
        return Verdict(came_true, [
            Check(bool(met) and unknown == len(met),
                  words("calls of buy that went to {name}: {met}; unknown outcomes: {unknown}",
                        name=who, met=len(met), unknown=unknown)),
            Check(runs == 0, words("executions at {name} so far: {runs}", name=who, runs=runs)),
            Check(answered == len(others),
                  words("{answered} of the {others} other calls were answered",
                        answered=answered, others=len(others)))])

    return Question(
        words("{name} freezes, and a call of buy goes to it. What is the caller told?", name=who),
        Answers("A count: another server sells the coffee", "That the coffee was not sold",
                "That nobody knows whether it is sold", "Nothing: the caller waits for ever",
                right=2),
        [("freeze", {"who": who}), burst("buy", BUYS)], BUYS, judge,
        # A proxy that has no session with the server yet would ask for that first, and for no more.
        before=burst("buy", BUYS))


# ---- a lost reply -------------------------------------------------------------------------------

def lost_reply_of_buy(words: Words, who: str) -> Question:
    """The call ran, and its repeat must not run again."""
    def judge(seen: Seen) -> Verdict:
        lost = [seen.calls[trace] for trace in seen.lost.get(who, ()) if trace in seen.calls]
        runs = sum(lost[0].runs.values()) if lost else 0
        memory = lost[0].from_memory if lost else 0
        outcome = lost[0].outcome if lost else ""
        came_true = (None if not lost else 3 if outcome == "unknown" else min(runs, 2))
        return Verdict(came_true, [
            Check(len(lost) == 1, words("replies of {name} that were lost: {lost}", name=who,
                                        lost=len(lost))),
            Check(runs == 1, words("executions of this call: {runs}", runs=runs)),
            Check(outcome == "answered" and memory == 1,
                  words("answers from memory: {memory}; attempts at {name}: {attempts}",
                        name=who, memory=memory,
                        attempts=lost[0].attempts_at(who) if lost else 0))])

    return Question(
        words('{name} runs buy("coffee"), and its reply is lost. How often is the coffee sold?',
              name=who),
        Answers("Never: the client got no answer", "Once: the repeat is answered from memory",
                "Twice: the client sends it again", "Nobody can know", right=1),
        [("lose reply", {"who": who, "method": "buy"}), burst("buy", BUYS)], BUYS, judge)


# ---- a link that is cut, or slow ----------------------------------------------------------------

def belief_behind_a_cut(words: Words, who: str) -> Question:
    """Heartbeats have another way than calls: the registry believes what it hears."""
    def judge(seen: Seen) -> Verdict:
        heard = seen.leases.get(who, [])
        beats = seen.beats[who]
        came_true = (0 if "expired" in heard else 1 if "suspect" in heard else
                     2 if "draining" in heard else 3 if beats else None)
        answered, calls = seen.count("answered"), len(seen.calls)
        return Verdict(came_true, [
            Check(beats > 0 and not heard,
                  words("heartbeats of {name} that the registry took meanwhile: {beats}",
                        name=who, beats=beats)),
            Check(answered == calls,
                  words("{answered} of {calls} calls were answered; the slowest took "
                        "{slowest_ms:.0f} ms", answered=answered, calls=calls,
                        slowest_ms=seen.slowest_ms()))])

    return Question(
        words("The link to {name} is cut, but its heartbeats have another way. "
              "What does the registry say of it?", name=who),
        Answers("It is gone", "It is suspect", "It is about to leave", "It is up", right=3),
        [("cut", {"who": who}), burst("hello", CALLS)], CALLS, judge, WATCH_S)


def calls_over_a_slow_link(words: Words, who: str) -> Question:
    """Only who meets the slow server waits."""
    def judge(seen: Seen) -> Verdict:
        calls = list(seen.calls.values())
        slow = [call for call in calls if call.took_ms >= SLOW_MS]
        answered = seen.count("answered")
        came_true = (3 if not answered else 0 if not slow else
                     1 if len(slow) < len(calls) else 2)
        met = sum(call.attempts_at(who) > 0 for call in slow)
        return Verdict(came_true if calls else None, [
            Check(0 < len(slow) < len(calls),
                  words("{slow} of {calls} calls took {slow_ms} ms or longer", slow=len(slow),
                        calls=len(calls), slow_ms=SLOW_MS)),
            Check(met == len(slow), words("those of them that went to {name}: {met}", name=who,
                                          met=met))])

    return Question(
        words("Each message to {name}, or from it, takes {slow_ms} ms longer. "
              "How many of {calls} calls take so long?", name=who, slow_ms=SLOW_MS, calls=CALLS),
        Answers("None: they go elsewhere at once", "Some: those that it answers",
                "All: each waits for it", "None: they all fail", right=1),
        [("slow", {"who": who, "ms": SLOW_MS}), burst("hello", CALLS)], CALLS, judge)


# ---- everything ---------------------------------------------------------------------------------

def everything_dies(words: Words) -> Question:
    """Nobody can be asked, and nothing was sent: that is an answer, too."""
    def judge(seen: Seen) -> Verdict:
        outcomes = {call.outcome for call in seen.calls.values()}
        answers = {"": 0, "not sent": 1, "unknown": 2, "answered": 3}
        not_sent, calls = seen.count("not sent"), len(seen.calls)
        return Verdict(answers.get(outcomes.pop()) if len(outcomes) == 1 else None, [
            Check(0 < calls == not_sent,
                  words("{not_sent} of {calls} callers were told that the call has not run",
                        not_sent=not_sent, calls=calls)),
            Check(calls > 0, words("the slowest was told after {slowest_ms:.0f} ms",
                                   slowest_ms=seen.slowest_ms()))])

    return Question(
        words("Registry, proxy and all servers die at once. What is a caller of hello told?"),
        Answers("Nothing: the caller waits for ever", "That the call has not run",
                "That nobody knows whether it ran", "World, from memory", right=1),
        [("kill", {"who": EVERYTHING}), burst("hello", 3)], 3, judge)


OF_SERVERS: dict[str, Callable[[Words, str], Question]] = {
    "freeze": buy_from_a_frozen_server, "lose reply": lost_reply_of_buy,
    "cut": belief_behind_a_cut, "slow": calls_over_a_slow_link}


def undoing(fault: str, names: Sequence[str]) -> list[Order]:
    """What makes the processes whole again."""
    undo = {"kill": "start", "drain": "start", "freeze": "thaw", "cut": "mend", "slow": "mend"}
    orders: list[Order] = [(undo[fault], {"who": name}) for name in names if fault in undo]
    # A server that thaws knows what became of the calls that it has got.
    return [*orders, ("resolve", {})] if fault == "freeze" else orders
