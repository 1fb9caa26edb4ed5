"""A small world: callers, proxies and servers, what is in flight between them, and what may happen.

There is no time in it. Everything that may happen is an *event*, and all events that are possible
are tried, in every order:

    a caller        begins a call, gives an attempt up, gives the call up, or resolves it
    a request       arrives: at once, late, when nobody waits for its reply any more, or never
    a reply         arrives, unless who waited for it has given up
    a run           comes to its end
    a proxy         gives an attempt up, or the call
    a fault         a restart, a dropped reply or session, a stranger on the port, and others

A scenario says how often each fault may happen (`Scenario.faults`), so that the world stays finite.

The guards of the real system always miss: no server sees that a caller has left, and no connection
that was given up is reset. Requests outlive the process that they were sent to: they arrive at the
next life. So the world is worse than any network.
"""

from __future__ import annotations

import functools
import socket
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any, Callable, NamedTuple, Union

from lab.explore.freezing import Freezer
from lab.explore.nodes import (
    AFTER_IT,
    HOST,
    SERVICE,
    Node,
    ProxyNode,
    ServerNode,
    Stub,
    Told,
    body_of,
    clock,
    ends,
    give_session,
)
from ponte.calls.arrival import CallHeaders
from ponte.calls.once import KEPT, ORIGINAL, REPEAT, RESOLVE
from ponte.calls.rule import MAX_ATTEMPTS, Outcome
from ponte.net.message import Reply, Request, encode_reply
from ponte.net.parser import ReplyParser, RequestParser
from ponte.net.pool import ExchangeError

# What a stranger on a port answers: a plain web server, which knows nothing of Ponte.
STRANGER = Reply(200, {"Content-Type": "text/html"}, b"It works!")
# Events of a world that is left alone. More would be a circle.
MAX_HEALING = 400


class Scenario(NamedTuple):
    """A world to explore, and what may happen in it.

    `servers` and `proxies`: how many; the callers ask the proxies, or the servers if there are
    none, and then those that `then` names. `calls`: the caller of each call (0 or 1). `attempts`
    and `resolves` of a call, at most. `faults`: how often each may happen. `opening`: sessions are
    opened by messages, instead of being there. `in_turn`: a call begins when those before it have
    ended. `promises`: whether each server promises that the
    function is idempotent; `believes`: the callers believe it.
    """

    about: str
    proxies: int = 0
    servers: int = 1
    then: tuple[str, ...] = ()
    calls: tuple[int, ...] = (0,)
    attempts: int = 2
    resolves: int = 1
    faults: dict[str, int] = {}
    opening: bool = False
    in_turn: bool = False
    promises: tuple[bool, ...] = (False, False)
    believes: bool = False


class Event(NamedTuple):
    """Something that happens: the name of a method `_on_<what>`, and to what (`which`).

    `choices`: what was chosen in its course, such as the server that a proxy asks.
    """

    what: str
    which: tuple[Any, ...] = ()
    choices: tuple[int, ...] = ()


class _Task:
    """A program under way: a call of a caller, or what a node does with a request."""

    def __init__(self, at: str, call: int, program: Any, then: Callable[[Any], None],
                 request: _Message | None = None) -> None:
        self.at = at
        self.call = call
        self.program = program
        # What becomes of its result; and the request to which that is the reply.
        self.then = then
        self.request = request
        # The exchange, or the future, that it waits for.
        self.waits: _Message | Future[Reply] | None = None

    def rank(self) -> tuple[Any, ...]:
        """Puts tasks in order."""
        raw = self.waits.raw if isinstance(self.waits, _Message) else b""
        return (self.at, self.call, self.program.__qualname__, raw,
                self.request is not None and self.request.waiter is None)

    @property
    def is_idle(self) -> bool:
        """Whether it only waits for a reply, which it would pass on to nobody."""
        return isinstance(self.waits, Future) and bool(self.request and not self.request.waiter)


class _Message:
    """A request in flight, or delivered and not answered. `waiter` is None if it was given up."""

    def __init__(self, to: str, raw: bytes, call: int, waiter: _Task) -> None:
        self.to = to
        self.raw = raw
        self.call = call
        self.waiter: _Task | None = waiter
        self.reply: Reply | None = None


class _Run:
    """A function that runs. `end()` brings it to its end."""

    def __init__(self, node: ServerNode, call: int, label: str, end: Callable[[], Reply]) -> None:
        self.node = node
        self.life = node.life
        self.call = call
        self.label = label
        self.end = end
        self.done: Future[Reply] = Future()


class _Call:
    """A call of a caller. `task` is under way: the call, or a resolve; `told` its caller so far."""

    def __init__(self, stub: Stub, resolves: int) -> None:
        self.stub = stub
        self.resolves = resolves
        self.begun = False
        self.task: _Task | None = None
        self.told: Told | None = None
        # Labels of the runs that have begun.
        self.runs: list[str] = []
        # Whether all of them were runs of a function that may run twice.
        self.may_run_twice = True

    @property
    def is_unknown(self) -> bool:
        return bool(self.told and self.told.outcome is Outcome.UNKNOWN)


Thing = Union[_Message, _Run]


class World:
    """One world, in which events happen one after another.

    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.faults = dict(scenario.faults)
        # What was said of each event, to be put into words when somebody asks.
        self._story: list[list[tuple[object, ...]]] = []
        # What is to be chosen in the event under way, and what was chosen: (choice, of how many).
        self._script: tuple[int, ...] = ()
        self._chosen: list[tuple[int, int]] = []
        # A fault after which an outcome may stay unknown for ever.
        self._lost = False
        # Whether nobody has chosen a server yet, and it does not matter which one.
        self._alike = not scenario.then and scenario.promises[0] == scenario.promises[1]
        self._call = 0
        self.tasks: list[_Task] = []
        self.messages: list[_Message] = []
        self.replies: list[_Message] = []
        self.runs: list[_Run] = []
        # The nodes, by name.
        servers = [ServerNode("AB"[n], n + 1, scenario.promises[n], self._begins)
                   for n in range(scenario.servers)]
        proxies = [ProxyNode(f"P{n + 1}", n + 10, self.choose, servers)
                   for n in range(scenario.proxies)]
        self.nodes: dict[str, Node] = {node.name: node for node in (*proxies, *servers)}
        self._names = {node.endpoint.address: node.name for node in self.nodes.values()}
        # The callers. They know the proxies, or the servers.
        first: list[Node] = [*(proxies or servers)]
        groups = [[node.endpoint for node in first],
                  [self.nodes[name].endpoint for name in scenario.then]]
        stubs = [Stub(self.choose, groups) for _ in range(max(scenario.calls) + 1)]
        self.calls = [_Call(stubs[number], scenario.resolves) for number in scenario.calls]
        if not scenario.opening:
            balancers = [*(stub.balancer for stub in stubs), *(p.balancer for p in proxies)]
            for balancer in balancers:
                for member in balancer.members:
                    give_session(member, self.nodes[member.endpoint.instance].memory)

    # ---- events ----------------------------------------------------------------------------------

    def happens(self, event: Event) -> bool:
        """Makes an event happen. False if it was not possible after all."""
        self._script, self._chosen = event.choices, []
        self._story.append([])
        possible = getattr(self, f"_on_{event.what}")(*event.which)
        return possible is not False

    def alternatives(self, event: Event) -> Iterator[Event]:
        """The event that just happened, with other choices than those of its `choices`."""
        taken = tuple(choice for choice, _ in self._chosen)
        for place in range(len(event.choices), len(taken)):
            for other in range(1, self._chosen[place][1]):
                yield event._replace(choices=(*taken[:place], other))

    def choose(self, count: int) -> int:
        """One of `count` possibilities. All of them are explored."""
        # Of servers that are alike, A is the first to be asked: else A and B would only change names.
        if self._alike and count > 1:
            self._alike = False
            return 0
        place = len(self._chosen)
        choice = self._script[place] if place < len(self._script) else 0
        if count > 1:
            self._chosen.append((choice, count))
            return choice
        return 0

    def events(self) -> Iterator[Event]:
        """What may happen now."""
        # 1. The callers.
        for number, call in enumerate(self.calls):
            if not call.begun and all(
                    earlier.told or (earlier.begun and not self.scenario.in_turn)
                    for earlier in self.calls[:number]):
                yield Event("begin", (number,))
            if call.is_unknown and not call.task and call.resolves and call.told.places:
                yield Event("resolve", (number,))
        # 2. Whoever waits may give up.
        for index, task in enumerate(self.tasks):
            if isinstance(task.waits, _Message) and (task.at == "caller" or self._may("give up")):
                yield Event("timeout", (index,))
                if self._is_call(task):
                    yield Event("give_up", (index,))
                if task.waits in self.messages and self._may("no connection"):
                    yield Event("no_connection", (index,))
        # 3. What is in flight, and what runs.
        for index, message in enumerate(self.messages):
            yield Event("arrive", (index,))
            if self._may("refuse"):
                yield Event("refuse", (index,))
            if self._may("stranger"):
                yield Event("stranger", (index,))
            if self._may("other port"):
                for name, node in self.nodes.items():
                    if name != message.to and not node.is_proxy:
                        yield Event("other_port", (index, name))
        for index in range(len(self.replies)):
            yield Event("reply", (index,))
        for index in range(len(self.runs)):
            yield Event("end", (index,))
        # 4. Faults.
        for node in self.nodes.values():
            yield from self._faults_of(node)

    def _faults_of(self, node: Node) -> Iterator[Event]:
        kind = "proxy" if node.is_proxy else "server"
        if self._may(f"{kind} restarts"):
            yield Event("restart", (node.name,))
        for session_id, session in node.memory._sessions.items():
            if self._may(f"{kind} drops session"):
                yield Event("drop_session", (node.name, session_id))
            for number, record in session.records.items():
                if self._may("drop reply") and record.state == KEPT:
                    yield Event("drop_reply", (node.name, session_id, number))
                if self._may("full"):
                    yield Event("full", (node.name, session_id, number))

    def _may(self, fault: str) -> bool:
        return self.faults.get(fault, 0) > 0

    def _is_call(self, task: _Task) -> bool:
        """Whether it is a call, with a loop of attempts; else it is a resolve."""
        return "resolve" not in task.program.__qualname__

    # The callers.

    def _on_begin(self, number: int) -> None:
        call = self.calls[number]
        call.begun = True
        self._begin(call, call.stub.call(body_of(number), self.scenario.believes,
                                         self.scenario.attempts), number)

    def _on_resolve(self, number: int) -> None:
        call = self.calls[number]
        call.resolves -= 1
        assert call.told
        self._say(f"{self._who(number)} resolves call {number + 1}")
        self._begin(call, call.stub.resolve(call.told), number)

    def _begin(self, call: _Call, program: Any, number: int) -> None:
        def tell(told: Told) -> None:
            call.task, call.told = None, told
            word = {Outcome.ANSWERED: told.value, Outcome.NOT_SENT: "NotSent",
                    Outcome.UNKNOWN: "OutcomeUnknown"}[told.outcome]
            self._say(f"{self._who(number)} is told: {word}")

        call.task = _Task("caller", number, program, tell)
        self._start(call.task)

    def _on_timeout(self, index: int) -> None:
        self._give_up(index, "has waited long enough", 0.0)

    def _on_give_up(self, index: int) -> None:
        self._give_up(index, "waits no longer, and never again,", AFTER_IT)

    def _give_up(self, index: int, what: str, now: float) -> None:
        task = self.tasks[index]
        if task.at != "caller":
            self._spend("give up")
        self._say(f"{self._who(task.call, task.at)} {what} for an answer to ", task.waits)
        self._orphan(task)
        clock.now = now
        self._resume(task, ExchangeError("reply", socket.timeout()))
        clock.now = 0.0

    def _on_no_connection(self, index: int) -> None:
        task = self.tasks[index]
        message = task.waits
        assert isinstance(message, _Message)
        self._spend("no connection")
        self._say(f"{self._who(task.call, task.at)} cannot connect to {message.to}")
        self.messages.remove(message)
        self._resume(task, ExchangeError("connect", ConnectionRefusedError("refused")))

    # What is in flight.

    def _on_arrive(self, index: int) -> None:
        message = self.messages[index]
        self._arrive(message, self.nodes[message.to])

    def _on_other_port(self, index: int, name: str) -> None:
        message = self.messages[index]
        self._spend("other port", loses=True)
        self._say(f"the port of {message.to} is {name}'s now")
        self._arrive(message, self.nodes[name])

    def _on_refuse(self, index: int) -> bool:
        message = self.messages[index]
        self._spend("refuse")
        self._arrive(message, self.nodes[message.to], refuses=True)
        return bool(message.reply and b"its caller has left" in message.reply.body)

    def _on_stranger(self, index: int) -> None:
        message = self.messages[index]
        self._spend("stranger", loses=True)
        self._say(f"another process has the port of {message.to}, and gets ", message)
        self.messages.remove(message)
        self._answer(message, STRANGER)

    def _arrive(self, message: _Message, node: Node, refuses: bool = False) -> None:
        self.messages.remove(message)
        late = "" if message.waiter else ", for which nobody waits any more"
        self._say(f"{node.name} gets ", message, late)
        self._call = message.call
        answer = node.handle(request_in(message.raw), refuses)
        if isinstance(answer, Reply):
            self._answer(message, node.marked(answer))
            return
        self._start(_Task(node.name, message.call, answer,
                          lambda reply: self._answer(message, node.marked(reply)), message))

    def _answer(self, message: _Message, reply: Reply) -> None:
        message.reply = reply
        if message.waiter:
            self.replies.append(message)
        self._say("answer: ", reply)

    def _on_reply(self, index: int) -> None:
        message = self.replies.pop(index)
        task = message.waiter
        assert task and message.reply
        self._say(f"{self._who(task.call, task.at)} gets from {message.to}: ", message.reply)
        self._resume(task, as_read(encode_reply(message.reply)))

    # Runs.

    def _begins(self, node: ServerNode, end: Callable[[], Reply]) -> Future[Reply]:
        call = self.calls[self._call]
        label = f"value {self._call + 1}{'abcdef'[len(call.runs)]}"
        run = _Run(node, self._call, label, end)
        call.runs.append(run.label)
        call.may_run_twice &= node.promises
        self.runs.append(run)
        self._say(f"call {self._call + 1} RUNS at {node.name}")
        return run.done

    def _on_end(self, index: int) -> None:
        run = self.runs.pop(index)
        self._say(f"the run of call {run.call + 1} at {run.node.name} ends")
        run.done.set_result(ends(run.end, run.label))
        self._wake()

    # Faults.

    def _on_restart(self, name: str) -> None:
        node = self.nodes[name]
        self._spend(f"{'proxy' if node.is_proxy else 'server'} restarts", loses=True)
        self._say(f"{name} dies, and starts again")
        self.runs = [run for run in self.runs if run.node is not node]
        for task in [task for task in self.tasks if task.at == name]:
            self.tasks.remove(task)
            self._orphan(task)
            task.program.close()
        node.start()

    def _on_drop_session(self, name: str, session_id: str) -> bool:
        node = self.nodes[name]
        self._spend(f"{'proxy' if node.is_proxy else 'server'} drops session", loses=True)
        self._say(f"{name} has too many sessions, and drops one ({session_name(session_id)})")
        # The one that was not used for the longest time is dropped: here it may be any.
        node.memory._sessions.move_to_end(session_id, last=False)
        node.memory.drop_session()
        return session_id not in node.memory._sessions

    def _on_drop_reply(self, name: str, session_id: str, number: int) -> None:
        memory = self.nodes[name].memory
        self._spend("drop reply", loses=True)
        self._say(f"{name} needs memory, and drops its reply of number {number}")
        # The oldest one is dropped: here it may be any.
        record = memory._sessions[session_id].records[number]
        memory._kept = {record: None, **memory._kept}
        memory.drop_reply()

    def _on_full(self, name: str, session_id: str, number: int) -> None:
        memory = self.nodes[name].memory
        self._spend("full", loses=True)
        self._say(f"{name} has no room for more numbers of a session: its floor rises to "
                  f"{number + 1}")
        memory._raise_floor(memory._sessions[session_id], number + 1)

    def _spend(self, fault: str, *, loses: bool = False) -> None:
        self.faults[fault] -= 1
        self._lost |= loses

    # ---- programs --------------------------------------------------------------------------------

    def _start(self, task: _Task) -> None:
        self.tasks.append(task)
        self._resume(task, None)

    def _resume(self, task: _Task, answer: Any) -> None:
        """Carries a program on until it waits again, or has ended."""
        task.waits = None
        self._call = task.call
        try:
            wait = task.program.send(answer)
        except StopIteration as end:
            self.tasks.remove(task)
            task.then(end.value)
            return
        # 1. An exchange: its request is in flight from now on.
        if len(wait) == 2:
            address, raw = wait
            task.waits = message = _Message(self._names[address], raw, task.call, task)
            self.messages.append(message)
            self._say(f"{self._who(task.call, task.at)} sends to {message.to}: ", message)
        # 2. A run, or the first reply of a call.
        elif wait[0] is not None:
            task.waits = wait[0]
            if wait[0].done():
                self._resume(task, True)
            elif not any(run.done is wait[0] for run in self.runs):
                self._say("it waits for that run")
        # 3. A pause between two questions: nobody could tell. The caller may ask once more.
        else:
            task.program.close()
            self.tasks.remove(task)
            call = self.calls[task.call]
            assert call.told
            task.then(call.told)

    def _wake(self) -> None:
        """Carries on the programs whose future has a result."""
        for task in list(self.tasks):
            if isinstance(task.waits, Future) and task.waits.done():
                self._resume(task, True)

    def _orphan(self, task: _Task) -> None:
        """Nobody waits any more for the reply that this task waits for."""
        message = task.waits
        if isinstance(message, _Message):
            message.waiter = None
            if message in self.replies:
                self.replies.remove(message)
        task.waits = None

    # ---- states ----------------------------------------------------------------------------------

    def state(self) -> tuple[Any, ...]:
        """All on which the future depends, as a value."""
        freeze = Freezer().freeze
        # 1. Tasks and what is in flight, in an order that does not depend on what came first.
        tasks = sorted((task for task in self.tasks if not task.is_idle), key=_Task.rank)
        place = {None: -1, **{task: number for number, task in enumerate(tasks)}}
        messages = sorted((m.to, m.call, place[m.waiter], m.raw) for m in self.messages)
        replies = sorted((place[m.waiter], m.to, encode_reply(m.reply))
                         for m in self.replies if m.reply)
        # 2. The callers, the nodes, and the programs under way.
        calls = [(call.begun, call.resolves, tuple(call.runs), call.may_run_twice,
                  place[call.task], freeze(call.told), freeze(call.stub)) for call in self.calls]
        nodes = [(node.life, freeze(node.memory),
                  isinstance(node, ProxyNode) and freeze(node.balancer))
                 for node in self.nodes.values()]
        programs = [(task.at, task.call, freeze(task.program),
                     task.waits.raw if isinstance(task.waits, _Message) else freeze(task.waits),
                     place[task.request.waiter] if task.request else None) for task in tasks]
        runs = [(run.label, run.call, freeze(run.done)) for run in self.runs]
        return (tuple(self.faults.values()), self._lost, self._alike, tuple(messages), tuple(replies),
                tuple(calls), tuple(nodes), tuple(programs), tuple(runs))

    # ---- what must hold --------------------------------------------------------------------------

    def violation(self) -> str:
        """What is wrong in this state; "" if nothing is."""
        for number, call in enumerate(self.calls, 1):
            runs, told = call.runs, call.told
            if len(runs) > 1 and not call.may_run_twice:
                return f"call {number} RAN TWICE"
            if told and told.outcome is Outcome.NOT_SENT and runs:
                return f"call {number}: its caller was told NotSent, AND IT RAN"
            if told and told.outcome is Outcome.ANSWERED and told.value not in runs:
                return f"call {number}: its caller was told an answer, AND IT HAS NONE"
        return ""

    @property
    def can_heal(self) -> bool:
        """Whether all calls have ended, one is unknown, and nothing was lost that could tell."""
        return (not self._lost and not self.scenario.believes
                and all(not call.begun or call.told for call in self.calls)
                and any(call.is_unknown and not call.task for call in self.calls))

    def heal(self) -> str:
        """Delivers everything, and resolves each unknown call. Returns what is wrong then.

        The world is used up afterwards.
        """
        self.faults = {}
        asked: set[int] = set()
        self._story.append([("From now on nothing is lost. Everything arrives:",)])
        for _ in range(MAX_HEALING):
            event = next(self._healing(asked), None)
            if event is None:
                break
            self.happens(event)
            if self.violation():
                return self.violation()
        unknown = [number for number, call in enumerate(self.calls, 1) if call.is_unknown]
        if unknown:
            return f"call {unknown[0]} STAYS UNKNOWN, though everybody lives and remembers"
        return ""

    def _healing(self, asked: set[int]) -> Iterator[Event]:
        if self.replies:
            yield Event("reply", (0,))
        if self.messages:
            yield Event("arrive", (0,))
        if self.runs:
            yield Event("end", (0,))
        for number, call in enumerate(self.calls):
            if call.is_unknown and number not in asked and not call.task:
                asked.add(number)
                yield Event("resolve", (number,))

    # ---- words -----------------------------------------------------------------------------------

    @property
    def story(self) -> list[str]:
        """What has happened, a line for each event."""
        return ["; ".join("".join(map(_in_words, words)) for words in said)
                for said in self._story]

    def _say(self, *words: object) -> None:
        self._story[-1].append(words)

    def _who(self, call: int, at: str = "caller") -> str:
        if at != "caller":
            return at
        return "the caller" if len({*self.scenario.calls}) == 1 \
            else f"caller {self.scenario.calls[call] + 1}"


def _in_words(thing: object) -> str:
    if isinstance(thing, _Message):
        return title_of(request_in(thing.raw), thing.call)
    return words_of(thing) if isinstance(thing, Reply) else str(thing)


@functools.lru_cache(maxsize=100_000)
def request_in(raw: bytes) -> Request:
    """The request as a node reads it."""
    parser = RequestParser()
    parser.feed(raw)
    request = parser.next_message()
    assert request
    return request


@functools.lru_cache(maxsize=100_000)
def as_read(raw: bytes) -> Reply:
    """The reply as its caller reads it."""
    parser = ReplyParser()
    parser.feed(raw)
    read = parser.next_message()
    assert read
    return read


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
