"""What may happen next: whoever waits may give up, whatever is in flight may arrive.

And as often as a scenario says so, there are faults.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.explore.flight import Event, Message, Task
from lab.explore.nodes import Node
from lab.explore.world import World
from ponte.calls.once import KEPT


def events(world: World) -> Iterator[Event]:
    """What may happen now in a world."""
    yield from _of_callers(world)
    for index, task in enumerate(world.tasks):
        yield from _of_task(world, index, task)
    for index, message in enumerate(world.messages):
        yield from _of_message(world, index, message)
    for index in range(len(world.replies)):
        yield Event("reply", (index,))
    for index in range(len(world.runs)):
        yield Event("end", (index,))
    for node in world.nodes.values():
        yield from _of_node(world, node)


def _of_callers(world: World) -> Iterator[Event]:
    before_have = True
    for number, call in enumerate(world.calls):
        if not call.begun and before_have:
            yield Event("begin", (number,))
        before_have &= bool(call.told) if world.scenario.in_turn else call.begun
        told = call.told
        if told and told.places and call.is_unknown and call.resolves and not call.task:
            yield Event("resolve", (number,))


def _of_task(world: World, index: int, task: Task) -> Iterator[Event]:
    """Whoever waits may give up."""
    if not isinstance(task.waits, Message):
        return
    if task.at == "caller" or _may(world, "give up"):
        yield Event("timeout", (index,))
        # A resolve has no second attempt.
        if "resolve" not in task.program.__qualname__:
            yield Event("give_up", (index,))
    if task.waits in world.messages and _may(world, "no connection"):
        yield Event("no_connection", (index,))


def _of_message(world: World, index: int, message: Message) -> Iterator[Event]:
    yield Event("arrive", (index,))
    for fault in ("refuse", "stranger", "copy"):
        if _may(world, fault):
            yield Event(fault, (index,))
    if _may(world, "other port"):
        for name, node in world.nodes.items():
            if name != message.to and not node.is_proxy:
                yield Event("other_port", (index, name))


def _of_node(world: World, node: Node) -> Iterator[Event]:
    kind = "proxy" if node.is_proxy else "server"
    if _may(world, f"{kind} restarts"):
        yield Event("restart", (node.name,))
    for session_id, session in node.memory._sessions.items():
        if _may(world, f"{kind} drops session"):
            yield Event("drop_session", (node.name, session_id))
        for number, record in session.records.items():
            if _may(world, "drop reply") and record.state == KEPT:
                yield Event("drop_reply", (node.name, session_id, number))
            if _may(world, "full"):
                yield Event("full", (node.name, session_id, number))


def _may(world: World, fault: str) -> bool:
    return world.faults.get(fault, 0) > 0
