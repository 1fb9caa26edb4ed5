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

import re
import socket
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any, Callable

from lab.explore.flight import CallerCall, Event, Message, Run, Task, as_read, request_in
from lab.explore.nodes import (
    AFTER_IT,
    Node,
    ProxyNode,
    ServerNode,
    clock,
    ends,
    give_session,
)
from lab.explore.scenarios import Scenario
from lab.explore.stub import Stub, Told, body_of
from lab.explore.words import in_words, session_name
from ponte.calls.attempt import Outcome
from ponte.net.message import Reply, encode_reply
from ponte.net.pool import ExchangeError

# What a stranger on a port answers: a plain web server, which knows nothing of Ponte.
STRANGER = Reply(200, {"Content-Type": "text/html"}, b"It works!")
# What a server or proxy says that begins nothing now.
REFUSED = re.compile(b"calls are running already|is stopping")


class World:
    """One world, in which events happen one after another.

    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.faults = dict(scenario.faults)
        # What was said of each event, to be put into words when somebody asks.
        self._story: list[list[tuple[object, ...]]] = []
        # What is said first of the next event.
        self._opening: list[tuple[object, ...]] = []
        # What is to be chosen in the event under way, and what was chosen: (choice, of how many).
        self._script: tuple[int, ...] = ()
        self._chosen: list[tuple[int, int]] = []
        # A fault after which an outcome may stay unknown for ever.
        self.lost = False
        # Whether nobody has chosen a server yet, and it does not matter which one.
        self.is_alike = not scenario.then and scenario.promises[0] == scenario.promises[1]
        self._call = 0
        self.tasks: list[Task] = []
        self.messages: list[Message] = []
        self.replies: list[Message] = []
        self.runs: list[Run] = []
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
        self.calls = [CallerCall(stubs[number], scenario.resolves) for number in scenario.calls]
        if not scenario.opening:
            balancers = [*(stub.balancer for stub in stubs), *(p.balancer for p in proxies)]
            for balancer in balancers:
                for member in balancer.members:
                    give_session(member, self.nodes[member.endpoint.instance].memory)

    # ---- events ----------------------------------------------------------------------------------

    def happens(self, event: Event) -> bool:
        """Makes an event happen. False if it was not possible after all."""
        self._script, self._chosen = event.choices, []
        self._story.append(self._opening)
        self._opening = []
        possible = getattr(self, f"_on_{event.what}")(*event.which)
        self._sort()
        return possible is not False

    def _sort(self) -> None:
        """Puts what is under way in an order that does not depend on what came first.

        So in two worlds with equal states, the same event has the same number.
        """
        self.tasks.sort(key=lambda task: (task.is_idle, task.rank()))
        place: dict[Task | None, int] = {task: number for number, task in enumerate(self.tasks)}
        place[None] = -1
        self.messages.sort(key=lambda m: (m.to, m.call, place[m.waiter], m.raw))
        self.replies.sort(key=lambda m: (place[m.waiter], m.to, m.reply and encode_reply(m.reply)))
        self.runs.sort(key=lambda run: run.label)

    def alternatives(self, event: Event) -> Iterator[Event]:
        """The event that just happened, with other choices than those of its `choices`."""
        taken = tuple(choice for choice, _ in self._chosen)
        for place in range(len(event.choices), len(taken)):
            for other in range(1, self._chosen[place][1]):
                yield event._replace(choices=(*taken[:place], other))

    def choose(self, count: int) -> int:
        """One of `count` possibilities. All of them are explored."""
        # Of servers that are alike, A is asked first: else A and B would only change names.
        if self.is_alike and count > 1:
            self.is_alike = False
            return 0
        place = len(self._chosen)
        choice = self._script[place] if place < len(self._script) else 0
        if count > 1:
            self._chosen.append((choice, count))
            return choice
        return 0

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

    def _begin(self, call: CallerCall, program: Any, number: int) -> None:
        def tell(told: Told) -> None:
            call.task, call.told = None, told
            word = {Outcome.ANSWERED: told.value, Outcome.NOT_SENT: "NotSent",
                    Outcome.UNKNOWN: "OutcomeUnknown"}[told.outcome]
            self._say(f"{self._who(number)} is told: {word}")

        call.task = Task("caller", number, program, tell)
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
        assert isinstance(message, Message)
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
        return bool(message.reply and REFUSED.search(message.reply.body))

    def _on_copy(self, index: int) -> None:
        """Somebody on the way delivers a message twice."""
        message = self.messages[index]
        self._spend("copy")
        self._say("a second copy comes into being of ", message)
        copy = Message(message.to, message.raw, message.call, None)
        self.messages.append(copy)

    def _on_stranger(self, index: int) -> None:
        message = self.messages[index]
        self._spend("stranger", loses=True)
        self._say(f"another process has the port of {message.to}, and gets ", message)
        self.messages.remove(message)
        self._answer(message, STRANGER)

    def _arrive(self, message: Message, node: Node, refuses: bool = False) -> None:
        self.messages.remove(message)
        late = "" if message.waiter else ", for which nobody waits any more"
        self._say(f"{node.name} gets ", message, late)
        self._call = message.call
        answer = node.handle(request_in(message.raw), refuses)
        if isinstance(answer, Reply):
            self._answer(message, node.marked(answer))
            return
        self._start(Task(node.name, message.call, answer,
                          lambda reply: self._answer(message, node.marked(reply)), message))

    def _answer(self, message: Message, reply: Reply) -> None:
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
        run = Run(node, self._call, label, end)
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
        self.lost |= loses

    # ---- programs --------------------------------------------------------------------------------

    def _start(self, task: Task) -> None:
        self.tasks.append(task)
        self._resume(task, None)

    def _resume(self, task: Task, answer: Any) -> None:
        """Carries a program on until it waits again, or has ended."""
        task.waits = None
        self._call = task.call
        try:
            failed = isinstance(answer, Exception)
            wait = task.program.throw(answer) if failed else task.program.send(answer)
        except StopIteration as end:
            self.tasks.remove(task)
            task.then(end.value)
            return
        # 1. An exchange: its request is in flight from now on.
        if len(wait) == 2:
            address, raw = wait
            task.waits = message = Message(self._names[address], raw, task.call, task)
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

    def _orphan(self, task: Task) -> None:
        """Nobody waits any more for the reply that this task waits for."""
        message = task.waits
        if isinstance(message, Message):
            message.waiter = None
            if message in self.replies:
                self.replies.remove(message)
        task.waits = None

    # ---- words -----------------------------------------------------------------------------------

    @property
    def story(self) -> list[str]:
        """What has happened, a line for each event."""
        return ["; ".join("".join(map(in_words, words)) for words in said)
                for said in self._story]

    @property
    def depth(self) -> int:
        """How many events have happened."""
        return len(self._story)

    def _say(self, *words: object) -> None:
        self._story[-1].append(words)

    def _who(self, call: int, at: str = "caller") -> str:
        if at != "caller":
            return at
        return "the caller" if len({*self.scenario.calls}) == 1 \
            else f"caller {self.scenario.calls[call] + 1}"

    def begins_to_heal(self) -> None:
        """From now on there are no faults: the next event tells it."""
        self.faults = {}
        self._opening = [("FROM NOW ON NOTHING IS LOST",)]
