"""A bank, its callers, and a network that loses, doubles and holds back messages.

A caller puts 100 into the account, call after call. Each message asks the script what becomes of
it. Threads: one.
"""

from __future__ import annotations

import gc
import itertools
import time
import weakref
from collections.abc import Sequence
from functools import partial
from typing import Any, Callable

from course.explore import Script
from course.theirs import Theirs, must_have
from course.world import SmallWorld

# Seconds: a message on its way; a quick run and a long one; until a caller sends again; and a
# message that is held back until its caller has long gone on.
TRIP_S, QUICK_S, LONG_S, TIMEOUT_S, LATE_S = 0.001, 0.001, 9.0, 4.0, 60.0
ATTEMPTS = 3
AMOUNT = 100
CALLERS = ("ana", "bia", "caio", "davi", "eva", "fabio", "gabi", "hugo", "iara", "joana", "lia",
           "mario")
# What Python's clocks show at the beginning: some day. Seconds.
FIRST_DAY_S = 1e9
# Seconds in which a call without a fault must be answered.
PROMPT_S = 1.0


class Reply:
    """A reply, of which the world knows whether anybody still keeps it.

    It is a balance: 0 counts as False, as each 0 does, and is a reply.
    """

    def __init__(self, balance: int, life: int) -> None:
        self.balance, self.life = balance, life

    def __bool__(self) -> bool:
        return self.balance != 0

    def __repr__(self) -> str:
        return f"balance {self.balance}"


class Call:
    """One deposit, as its caller knows it."""

    def __init__(self, name: str, caller: str, began_s: float) -> None:
        self.name, self.caller, self.began_s = name, caller, began_s
        self.session, self.number = "", 0
        self.attempts = 0
        self.told: Any = None
        self.told_s = 0.0
        self.runs = 0


class World(SmallWorld):
    """One run of the world with a student's memory.

    Parameters: `solution`, the student's module; `script`, which decides; `fates` of a message
    beside "arrives", and whether runs may take `long` and the server may `restart`; how many calls
    each of how many callers makes, one after the other or `together`, so many seconds `apart`; how
    many seconds a caller comes `later` than the one before; how many `attempts` it makes of a call;
    the balance `before` them.
    """

    def __init__(self, solution: Any, script: Script, *, fates: Sequence[str] = (),
                 long: bool = False, restart: bool = False, calls: int = 2,
                 callers: int = 1, together: bool = False, apart_s: float = 0.0,
                 later_s: float = 0.0, attempts: int = ATTEMPTS, before: int = 0) -> None:
        super().__init__(solution, script)
        _show_time(solution, lambda: FIRST_DAY_S + self.now)
        self._fates, self._long, self._restart = fates, long, restart
        self._count, self._together, self._apart_s = calls, together, apart_s
        self._later_s, self._attempts = later_s, attempts
        self._ids = itertools.count(1)
        self.balance = before
        self.calls: list[Call] = []
        self._replies: dict[str, weakref.ref[Reply]] = {}
        # By session and number: the attempts that wait for a run.
        self._waiting: dict[tuple[str, int], list[int]] = {}
        # What this life of the server runs now, and the sessions that it has opened.
        self._running: set[tuple[str, int]] = set()
        self._opened: set[str] = set()
        # By caller: its session, and the number of its latest call in it. And the sessions of all
        # lives.
        self._sessions: dict[str, tuple[str, int]] = {}
        self._ever_opened: set[str] = set()
        # By session: below which number the server was told that all have ended.
        self._ended: dict[str, int] = {}
        self._life = 1
        self.memory = self._new_memory()
        self._callers = CALLERS[:callers]

    def run(self) -> list[str]:
        """Carries out everything; returns what was exercised. Raises Wrong."""
        for place, caller in enumerate(self._callers):
            self.at(place * self._later_s, partial(self._begins, caller))
        self.go()
        self._judge_all()
        return self.exercised

    # The callers: ours, and right.

    def _oldest(self, call: Call) -> int:
        """The oldest number whose outcome its caller still waits for."""
        return min(each.number for each in self.calls
                   if each.session == call.session and each.told is None)

    def _begins(self, caller: str) -> None:
        self._open(caller)
        self._next_call(caller)
        for after in range(1, self._count if self._together else 1):
            self.at(after * self._apart_s, partial(self._next_call, caller))

    def _open(self, caller: str) -> None:
        session = self.memory.open()
        if not isinstance(session, str):
            raise Theirs(f"open returned {session!r:.40}, and no id")
        if session in self._ever_opened:
            raise self.wrong("id_was_used", id=session[:40])
        if len(self._callers) > 1 or caller in self._sessions:
            self.say("opens", caller=caller, session=session)
        self._opened.add(session)
        self._ever_opened.add(session)
        self._sessions[caller] = session, 0

    def _next_call(self, caller: str) -> None:
        made = sum(call.caller == caller for call in self.calls)
        if made == self._count:
            return
        call = Call(f"put-{len(self.calls) + 1}", caller, self.now)
        session, latest = self._sessions[caller]
        call.session, call.number = self._sessions[caller] = session, latest + 1
        self.calls.append(call)
        self._send(call)

    def _send(self, call: Call) -> None:
        call.attempts += 1
        attempt = call.attempts
        oldest = self._oldest(call)
        fate = self._carry(partial(self._arrives, call, attempt, oldest), call)
        self.say("repeat" if attempt > 1 else "call", caller=call.caller, call=call.name,
                 number=call.number, oldest=oldest, fate=fate)
        self.at(TIMEOUT_S, lambda: self._times_out(call, attempt))

    def _times_out(self, call: Call, attempt: int) -> None:
        if call.told is not None or call.attempts != attempt:
            return
        if attempt < self._attempts:
            self._send(call)
        else:
            self._tell(call, "unknown")

    def _tell(self, call: Call, told: Any) -> None:
        if call.told is not None:
            return
        call.told, call.told_s = told, self.now
        self.say("told_reply" if isinstance(told, Reply) else "told", caller=call.caller,
                 call=call.name, told=_shown(told))
        if told == "refused" and call.session == self._sessions[call.caller][0]:
            if not self.script.faults:
                raise self.wrong("not_prompt", call=call.name, told=told)
            self._open(call.caller)
        # From now on its number is below the oldest one: it must not run any more.
        self._next_call(call.caller)

    # The server: ours, but for its memory.

    def _arrives(self, call: Call, attempt: int, oldest: int) -> None:
        if self._restart and self.script.choose("the server", "runs on", "restarts") == "restarts":
            self._restart = False
            self._life += 1
            self.memory = self._new_memory()
            self._waiting, self._running, self._opened = {}, set(), set()
            self.say("restarts")
            self.exercised.append("restart")
        solution, place = self.solution, (call.session, call.number)
        self._ended[call.session] = max(self._ended.get(call.session, 1), oldest)
        action = self.memory.arrives(*place, oldest, attempt > 1)
        mistake = self._mistake(action, call, attempt)
        if mistake:
            self.say("says", call=call.name, action=_shown(action))
            raise self.wrong(mistake, call=call.name, action=_shown(action))
        if action == solution.RUN:
            self._begin(call, attempt)
        elif action == solution.WAIT:
            self.say("waits", call=call.name)
            self.exercised.append("wait")
            self._waiting.setdefault(place, []).append(attempt)
        elif action == solution.REFUSE:
            self.exercised.append("refused")
            self._answer(call, attempt, "refused")
        elif action == solution.NEVER:
            self.exercised.append("never")
            self.say("never", call=call.name)
        elif action == solution.UNKNOWN:
            self._answer(call, attempt, "unknown")
        elif isinstance(action, Reply):
            self.exercised.append("from memory")
            self.say("from_memory", call=call.name)
            self._answer(call, attempt, action)
        else:
            raise self.wrong("no_action", call=call.name, action=repr(action)[:60])

    def _mistake(self, action: Any, call: Call, attempt: int) -> str:
        """What is wrong already when it is said, whether or not it does harm this time; or ""."""
        solution, known = self.solution, call.session in self._opened
        if isinstance(action, Reply) and action.life != self._life:
            return "knows_an_earlier_life"
        if action == solution.WAIT and (call.session, call.number) not in self._running:
            return "waits_for_nothing" if known else "knows_an_earlier_life"
        has_ended = known and call.number < self._ended[call.session]
        if has_ended and action in (solution.REFUSE, solution.UNKNOWN):
            return "ended_is_never"
        if action == solution.NEVER and not has_ended:
            return self._dropped(known, call, attempt)
        if action == solution.UNKNOWN and attempt == 1 and not call.runs:
            return "cannot_have_run"
        return ""

    def _dropped(self, known: bool, call: Call, attempt: int) -> str:
        """What is wrong with NEVER of a call that has not ended; or ""."""
        if not known:
            return "session_is_not_known" if call.told is None else ""
        # A copy of an attempt may be dropped: the attempt itself is answered. A repeat may not.
        return "has_not_ended" if attempt > 1 else ""

    def _begin(self, call: Call, attempt: int) -> None:
        call.runs += 1
        self.balance += AMOUNT
        self.say("runs", call=call.name, balance=self.balance)
        if call.runs > 1:
            zero = self.balance == AMOUNT and self._replies[call.name]() is not None
            raise self.wrong("zero_is_a_reply" if zero else "ran_twice", call=call.name,
                             balance=self.balance)
        if call.told == "refused":
            raise self.wrong("ran_though_refused", call=call.name)
        if call.told is not None:
            raise self.wrong("ran_late", call=call.name, told=_shown(call.told))
        takes_s = QUICK_S
        if self._long and self.script.choose(f"the run of {call.name}", "is quick",
                                             "takes long") == "takes long":
            takes_s = LONG_S
        reply, life = Reply(self.balance, self._life), self._life
        self._running.add((call.session, call.number))
        self._replies[call.name] = weakref.ref(reply)

        def ends(reply: Reply = reply) -> None:
            if life == self._life:
                place = call.session, call.number
                self._running.discard(place)
                if takes_s == LONG_S:
                    self.say("has_run", call=call.name)
                self.memory.finished(*place, reply)
                for each in (attempt, *self._waiting.pop(place, ())):
                    self._answer(call, each, reply)

        self.at(takes_s, ends)

    def _answer(self, call: Call, attempt: int, reply: Any) -> None:
        # Each attempt has a connection of its own, which its caller closes when it gives up.
        if attempt != call.attempts or call.told is not None:
            self.say("to_nobody", caller=call.caller)
            return
        fate = self._carry(lambda: self._hears(call, attempt, reply), call)
        self.say("reply" if isinstance(reply, Reply) else "answer", caller=call.caller,
                 call=call.name, reply=_shown(reply), fate=fate)

    def _hears(self, call: Call, attempt: int, reply: Any) -> None:
        if call.told is not None or attempt != call.attempts:
            return
        if isinstance(reply, Reply):
            if call.runs == 0:
                raise self.wrong("answered_without_a_run", call=call.name)
            if self._replies[call.name]() is not reply:
                raise self.wrong("reply_of_another_call", call=call.name,
                            reply=_shown(reply))
        self._tell(call, reply)

    # The network.

    def _carry(self, deliver: Callable[[], None], call: Call) -> str:
        """Delivers a message of a call, or not; returns what becomes of it."""
        def arrives_late() -> None:
            self.say("late", call=call.name)
            deliver()

        fate = self.script.choose("message", "arrives", *self._fates)
        self.exercised.append(fate)
        if fate == "late":
            self.at(LATE_S, arrives_late)
        elif fate != "lost":
            self.at(TRIP_S, deliver)
        if fate == "twice":
            self.at(2 * TRIP_S, deliver)
        return fate

    def _new_memory(self) -> Any:
        """The student's memory. Raises Theirs if it is not one."""
        memory = must_have(self.solution, "Memory", "new_id")(self._new_id)
        must_have(memory, "open")
        must_have(memory, "arrives", "name", "number", "oldest", "is_repeat")
        must_have(memory, "finished", "name", "number", "reply")
        return memory

    def _new_id(self) -> str:
        # One id may begin as another one does.
        return "s" + next(self._ids) * "1"

    # What must hold at the end.

    def _judge_all(self) -> None:
        for call in self.calls:
            if call.told is None:
                raise self.wrong("never_told", call=call.name)
            if call.told == "refused" and call.runs:
                raise self.wrong("refused_though_it_ran", call=call.name)
        faults = self.script.faults
        for call in self.calls:
            if faults == 0 and (not isinstance(call.told, Reply)
                                or call.told_s - call.began_s > PROMPT_S):
                raise self.wrong("not_prompt", call=call.name, told=_shown(call.told))
            if faults == 1 and self._attempts > 1 and not self._life > 1 \
                    and not isinstance(call.told, Reply):
                raise self.wrong("unknown_though_it_is_known", call=call.name,
                            told=_shown(call.told))
        self._judge_forgetting()

    def _judge_forgetting(self) -> None:
        """No reply is kept that the server was told not to be needed any more."""
        for call in self.calls:
            # Its caller may keep it; here only the server is judged.
            call.told = bool(call.told)
        self._waiting = {}
        if self._kept_too_long():
            # It may be garbage that nobody has collected yet.
            gc.collect()
        for call in self._kept_too_long():
            raise self.wrong("keeps_old_replies", call=call.name)

    def _kept_too_long(self) -> list[Call]:
        return [call for call in self.calls
                if self._replies.get(call.name, _nothing)() is not None
                and call.number < self._ended.get(call.session, 1)]


class _Shown:
    """Stands where a student's file has Python's `time`, or one of its clocks."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.time = self.monotonic = self.perf_counter = now

    def __call__(self) -> float:
        return self.time()

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


def _show_time(solution: Any, now: Callable[[], float]) -> None:
    """The clocks that a student's file has imported show the time of this world: so a memory that
    forgets by age has forgotten when a late message comes.
    """
    clocks = (time, time.time, time.monotonic, time.perf_counter)
    for name, value in list(vars(solution).items()):
        if isinstance(value, _Shown) or any(value is clock for clock in clocks):
            setattr(solution, name, _Shown(now))


def _nothing() -> None:
    """The reply of a call that has not run."""


def _shown(told: Any) -> Any:
    """What a caller was told, for a sentence: a balance, or a word."""
    return told.balance if isinstance(told, Reply) else str(told)
