"""Replicas of a register, clients that read and write it, and a network that is late, or parted.

Each question that a client asks all replicas asks the script what becomes of it. After each read
the history is judged: there must be one order of all reads and writes in which each read gives the
value of the last write before it, and in which what ended earlier stands before what began later.
That is what linearizable means (Herlihy and Wing, "Linearizability: a correctness condition for
concurrent objects", 1990). A small history has few orders, so all are tried.

The register itself is that of Attiya, Bar-Noy and Dolev, "Sharing memory robustly in
message-passing systems" (1995).

Threads: one. The student's coroutines are run here, an answer at a time.
"""

from __future__ import annotations

import itertools
import marshal
from collections import deque
from collections.abc import Coroutine, Generator, Iterator, Sequence
from functools import partial
from typing import Any, Callable, NamedTuple

from course.explore import Script
from course.lessons.quorum.computers import program
from course.theirs import Theirs, must_have
from course.world import SmallWorld

# Seconds: a message on its way, and one that is late. What clocks show when the world begins.
TRIP_S, LATE_S = 0.001, 10.0
CLOCK_S = 1000.0
# What may become of a question. "late": some replicas get it late. "twice": some get it twice, the
# others late. "crash": some get it, and the client is dead.
IN_TIME, LATE, TWICE, CRASH = "prompt", "late", "twice", "crash"
NEVER = float("inf")
# A right solution asks twice in each operation, or a few times more.
MAX_QUESTIONS = 20


class Cut(NamedTuple):
    """These clients and these replicas do not reach each other, from this second on."""

    clients: tuple[str, ...]
    replicas: tuple[str, ...]
    from_s: float = 0.0


class Operation:
    """A read or a write of a client. `began` and `ended` count the steps of the history."""

    def __init__(self, client: str, is_write: bool, value: Any, began: int) -> None:
        self.client, self.is_write, self.value, self.began = client, is_write, value, began
        self.ended = NEVER
        self.coroutine: Coroutine[Any, Any, Any]
        self.waits_for: Question | None = None
        self.questions = 0


class Question:
    """What `ask` returns: the answers of replicas to a question, one by one, as they come."""

    def __init__(self, client: str, name: str, values: Sequence[Any]) -> None:
        self.client, self.name, self.values = client, name, values
        self.answers: deque[tuple[str, Any]] = deque()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(_shown, self.values))})"

    def __aiter__(self) -> Question:
        return self

    def __anext__(self) -> Question:
        return self

    def __await__(self) -> Generator[Question, Any, Any]:
        while not self.answers:
            yield self
        return self.answers.popleft()


class World(SmallWorld):
    """One run of the world with a student's file.

    Parameters: `solution` and `script`; the `plan`, in which each step has a time, a client and the
    value that it writes, or None: it reads; how many replicas there are (`count`); `fates` of a
    question: the kind, which replicas or how many of them, and whose questions (default: all);
    `late_s`; which replicas are `cuts` off from which clients, and from when on; how many seconds
    each clock is `ahead`.
    """

    def __init__(self, solution: Any, script: Script, *,
                 plan: Sequence[tuple[float, str, int | None]], count: int = 3,
                 fates: Sequence[tuple[Any, ...]] = (), late_s: float = LATE_S,
                 cuts: Sequence[Cut] = (), ahead: Sequence[tuple[str, float]] = ()) -> None:
        super().__init__(solution, script)
        self._plan, self._late_s, self._cuts, self._ahead = plan, late_s, cuts, dict(ahead)
        # A client and a replica that do not reach each other, and from when on.
        self._parted = {(client, replica): cut.from_s for cut in cuts
                        for client in cut.clients for replica in cut.replicas}
        self._program = program(solution)
        self._steps = itertools.count()
        names = [f"r{number}" for number in range(1, count + 1)]
        self._replicas = {name: self._new("Replica", name) for name in names}
        self._registers: dict[str, Any] = {}
        self._options = {client: [f"{kind} {' '.join(chosen)}" for kind, which, *clients in fates
                                  for chosen in _choices(which, names)
                                  if not clients or client in clients]
                         for _, client, _ in plan}
        self.history: list[Operation] = []
        self._dead: set[str] = set()
        # What clients want to begin when they have ended what they do.
        self._due: list[tuple[str, int | None]] = []

    def run(self) -> list[str]:
        """Carries out everything; returns what was exercised. Raises Wrong."""
        for cut in self._cuts:
            self.exercised.append("cut")
            self.at(cut.from_s, partial(self.say, "cut", clients=", ".join(cut.clients),
                                        replicas=", ".join(cut.replicas)))
        for at_s, client, value in self._plan:
            if client not in self._registers:
                self._registers[client] = self._new(
                    "Register", client, client, len(self._replicas), partial(self._ask, client))
            self.at(at_s, partial(self._begin, client, value))
        self.go()
        self._judge_liveness()
        return self.exercised

    # The clients.

    def _begin(self, client: str, value: int | None) -> None:
        """The next operation of a client; it waits until the one before has ended."""
        if self._running(client):
            self._due.append((client, value))
            return
        operation = Operation(client, value is not None, value, next(self._steps))
        self.history.append(operation)
        register = self._registers[client]
        self.say("reads" if value is None else "writes", client=client, value=value)
        method = "read" if value is None else "write"
        operation.coroutine = getattr(register, method)(*() if value is None else (value,))
        if not isinstance(operation.coroutine, Coroutine):
            raise Theirs(f"{method} must be async: async def {method}")
        self._go_on(operation)

    def _running(self, client: str) -> Operation | None:
        """The operation of a client that has not ended."""
        return next((each for each in self.history
                     if each.client == client and each.ended == NEVER), None)

    def _go_on(self, operation: Operation) -> None:
        """Runs the student's code until it waits for an answer again, or has ended."""
        try:
            waits_for = operation.coroutine.send(None)
        except StopIteration as end:
            self._end(operation, end.value)
            return
        if not isinstance(waits_for, Question):
            raise Theirs("await nothing but answers of self.ask")
        operation.waits_for = waits_for

    def _end(self, operation: Operation, value: Any) -> None:
        if operation.client in self._dead:
            return
        operation.ended, operation.waits_for = next(self._steps), None
        for due in [each for each in self._due if each[0] == operation.client][:1]:
            self._due.remove(due)
            self.at(0.0, partial(self._begin, *due))
        if operation.is_write:
            self.say("written", client=operation.client, value=operation.value)
            return
        operation.value = value
        self.say("read", client=operation.client, value=_shown(value))
        if any(each.is_write and each.client != operation.client
               and each.ended > operation.began for each in self.history):
            self.exercised.append("meanwhile")
        if not is_linearizable(self.history):
            raise self._explained(operation)

    # The network.

    def _ask(self, client: str, name: str, *values: Any) -> Question:
        """A client's question to all replicas is on its way; returns what its answers come to."""
        if not isinstance(name, str):
            raise Theirs(f"ask takes the name of a method of Replica, not {name!r:.60}")
        self._limit_questions(client)
        question = Question(client, name, values)
        chosen = self.script.choose(f"{client}: {name}", IN_TIME, *self._options[client])
        fate, *names = chosen.split()
        self.exercised.append(fate)
        self.say("asks", client=client, question=str(question), fate=fate,
                 replicas=", ".join(names))
        if fate == CRASH:
            self._dead.add(client)
        for replica in names if fate == CRASH else self._replicas:
            is_named = replica in names
            is_late = (fate == LATE and is_named) or (fate == TWICE and not is_named)
            gets = partial(self._gets, question, replica, copied(values), is_late=is_late)
            for number in range(2 if fate == TWICE and is_named else 1):
                self._carry(client, replica, gets, self._late_s * is_late + TRIP_S * number)
        return question

    def _limit_questions(self, client: str) -> None:
        operation = self._running(client)
        if operation is None:
            return
        operation.questions += 1
        if operation.questions > MAX_QUESTIONS:
            raise self.wrong("asks_without_end", client=client, questions=MAX_QUESTIONS)

    def _gets(self, question: Question, replica: str, values: Any, *, is_late: bool) -> None:
        """A replica gets a question, and answers it."""
        if is_late:
            self.say("gets_late", client=question.client, replica=replica, question=str(question))
        method = getattr(self._replicas[replica], question.name, None)
        if not callable(method):
            raise Theirs(f"class Replica has no {question.name}")
        try:
            answer = method(*values)
        except TypeError:
            # Where it takes other parameters, that is what to say.
            must_have(self._replicas[replica], question.name, *map(_shown, values))
            raise
        self._carry(question.client, replica,
                    partial(self._hears, question, replica, copied(answer)))

    def _hears(self, question: Question, replica: str, answer: Any) -> None:
        """A client gets the answer of a replica."""
        question.answers.append((replica, answer))
        operation = self._running(question.client)
        if operation is not None and operation.waits_for is question \
                and question.client not in self._dead:
            self.say("answers", client=question.client, replica=replica, answer=_shown(answer))
            self._go_on(operation)

    def _carry(self, client: str, replica: str, deliver: Callable[[], None],
               late_s: float = 0.0) -> None:
        """Delivers a message, so much later than usual, where there is a way."""
        if self.now < self._parted.get((client, replica), NEVER):
            self.at(TRIP_S + late_s, deliver)

    def _new(self, kind: str, name: str, *arguments: Any) -> Any:
        """A Replica or a Register of the student's, on a computer of its own."""
        ahead_s = CLOCK_S + self._ahead.get(name, 0.0)
        return getattr(self._program.start(lambda: self.now + ahead_s), kind)(*arguments)

    # What must hold.

    def _judge_liveness(self) -> None:
        """A client that reaches more than half of the replicas has ended what it began."""
        for each in self.history:
            if each.ended != NEVER or each.client in self._dead:
                continue
            reached = [name for name in self._replicas
                       if (each.client, name) not in self._parted]
            if len(reached) > len(self._replicas) / 2:
                raise self.wrong("waits_for_ever", client=each.client, reached=len(reached),
                                 count=len(self._replicas),
                                 what="a write" if each.is_write else "a read")
            self.exercised.append("no majority")

    def _explained(self, read: Operation) -> Exception:
        """What to say of a read after which there is no order any more."""
        values = {"client": read.client, "value": _shown(read.value)}
        written = next((each for each in self.history
                        if each.is_write and each.value == read.value), None)
        if written is None and read.value is not None:
            return self.wrong("nobody_wrote", **values)
        # When the value that was read was new.
        old = written.ended if written else -1
        for newer in self.history:
            if newer.is_write and old < newer.began and newer.ended < read.began:
                if newer.client == read.client:
                    return self.wrong("own_write_not_read", **values, written=newer.value)
                return self.wrong("old_value", **values, written=newer.value, writer=newer.client)
        for other in self.history:
            if not other.is_write and other.ended < read.began and other.value != read.value:
                return self.wrong("went_back", **values, first=_shown(other.value),
                                  other=other.client)
        return self.wrong("no_order", **values)


def is_linearizable(history: Sequence[Operation]) -> bool:
    """Whether there is an order in which each read gives the value of the last write before it.

    An operation that has not ended may stand anywhere behind its begin; a write then also nowhere.
    """
    ended = [each for each in history if each.is_write or each.ended != NEVER]
    return any(True for _ in _orders(ended, None))


def _orders(left: Sequence[Operation], value: Any) -> Iterator[None]:
    """Each order of these operations, while the register has that value."""
    if all(each.ended == NEVER for each in left):
        yield None
        return
    first_end = min(each.ended for each in left)
    for each in left:
        if each.began < first_end and (each.is_write or each.value == value):
            rest = [other for other in left if other is not each]
            yield from _orders(rest, each.value if each.is_write else value)


def _choices(which: int | Sequence[str], names: Sequence[str]) -> Iterator[Sequence[str]]:
    """Those replicas, or all ways to choose so many."""
    return itertools.combinations(names, which) if isinstance(which, int) else iter((which,))


def copied(value: Any) -> Any:
    """A message as another computer gets it. Raises Theirs if it cannot travel."""
    try:
        return marshal.loads(marshal.dumps(value))
    except ValueError:
        raise Theirs(f"this cannot be in a message: {value!r:.60}") from None


def _shown(value: Any) -> str:
    return f"{value!r:.60}"
