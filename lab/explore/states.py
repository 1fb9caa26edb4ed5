"""The state of a world: two orders of events that lead to equal states need not be told apart."""

from __future__ import annotations

from typing import Any

from lab.explore.flight import Message, Task
from lab.explore.freezing import Freezer
from lab.explore.nodes import ProxyNode
from lab.explore.world import World
from ponte.net.message import encode_reply


def state_of(world: World) -> tuple[Any, ...]:
    """All on which the future of a world depends, as a value that can be compared."""
    freeze = Freezer().freeze
    # 1. Tasks and what is in flight. A world keeps them in an order that tells nothing.
    tasks = [task for task in world.tasks if not task.is_idle]
    place: dict[Task | None, int] = {task: number for number, task in enumerate(tasks)}
    place[None] = -1
    messages = [(m.to, m.call, place[m.waiter], m.raw) for m in world.messages]
    replies = [(place[m.waiter], m.to, encode_reply(m.reply)) for m in world.replies if m.reply]
    # 2. The callers, the nodes, and the programs under way.
    calls = [(call.begun, call.resolves, tuple(call.runs), call.may_run_twice,
              place[call.task], freeze(call.told), freeze(call.stub)) for call in world.calls]
    nodes = [(node.life, freeze(node.memory),
              isinstance(node, ProxyNode) and freeze(node.balancer))
             for node in world.nodes.values()]
    programs = [(task.at, task.call, freeze(task.program),
                 task.waits.raw if isinstance(task.waits, Message) else freeze(task.waits),
                 place[task.request.waiter] if task.request else None) for task in tasks]
    runs = [(run.label, run.node.name, run.life, freeze(run.done))
            for run in world.runs]
    return (tuple(world.faults.values()), world.lost, world.is_alike, tuple(messages),
            tuple(replies), tuple(calls), tuple(nodes), tuple(programs), tuple(runs))
