"""What can happen in a run, and what is drawn for one round of it."""

from __future__ import annotations

import random
from typing import Callable, NamedTuple

from lab.fates import healthy, random_delays, random_fates
from tests.chaos.callers import CALL_TIMEOUT_S
from tests.chaos.system import WHOLE_S, Node, System

# Port 9 ("discard"): no registry is there.
NO_REGISTRY = "127.0.0.1:9"
STRANGERS = ("200", "403", "404", "500", "silent", "garbage", "other service")


class Fault(NamedTuple):
    """A fault of a node: how it begins and how it ends; it lasts for `shortest_s` at least."""

    name: str
    begin: Callable[[System, Node], None]
    end: Callable[[Node], None]
    shortest_s: float = 0.0


def _kill(system: System, node: Node) -> None:
    node.process.close()


def _stop(system: System, node: Node) -> None:
    node.process.stop()


def _wait_and_restart(node: Node) -> None:
    node.process.wait(WHOLE_S)
    node.restart()


def _freeze(system: System, node: Node) -> None:
    node.process.freeze()


def _thaw(node: Node) -> None:
    node.process.thaw()


def _break_connections(system: System, node: Node) -> None:
    assert node.relay
    node.relay.fates = random_fates(random.Random(system.rng.getrandbits(64)))
    node.relay.hang_up()


def _hold_messages(system: System, node: Node) -> None:
    assert node.relay
    node.relay.fates = random_delays(random.Random(system.rng.getrandbits(64)))
    node.relay.hang_up()


def _heal_connections(node: Node) -> None:
    # What is held stays held: it is delivered in a later round.
    assert node.relay
    node.relay.fates = healthy
    node.relay.hang_up()


def _give_port_away(system: System, node: Node) -> None:
    """The server dies, and until its lease ends its callers meet somebody else."""
    node.process.close()
    kind = system.rng.choice(STRANGERS)
    if kind == "other service":
        node.stranger = system.cluster.start_role("server.py", system.other_service,
                                                  "--registry", NO_REGISTRY)
    else:
        node.stranger = system.cluster.start_role("-m", "lab.strangers", kind)
    node.occupy(node.stranger)


def _take_port_back(node: Node) -> None:
    assert node.stranger
    node.stranger.close()
    node.restart()


def _drop_promise(system: System, node: Node) -> None:
    """The server dies, and its next life no longer promises that `waver` is idempotent."""
    node.process.close()
    node.restart(system.journal.strict_file)


def _promise_once_more(node: Node) -> None:
    node.process.close()
    node.restart()


def _lose_beats(system: System, node: Node) -> None:
    loss = system.rng.choice([0.1, 0.3, 0.5])
    # Both ways, or one way only.
    there, back = system.rng.choice([(loss, loss), (loss, 0.0), (0.0, loss)])
    for relay in node.beats:
        relay.loss, relay.answer_loss, relay.duplication, relay.reordering = there, back, loss, loss


def _cut_off(system: System, node: Node) -> None:
    # One registry hears none of its beats; the other one hears all.
    system.rng.choice(node.beats).loss = 1.0


def _heal_beats(node: Node) -> None:
    for relay in node.beats:
        relay.calm()


KILL = Fault("kill -9", _kill, Node.restart)
DRAIN = Fault("drain", _stop, _wait_and_restart)
FREEZE = Fault("freeze", _freeze, _thaw)
# Its callers give up before it is thawed.
LONG_FREEZE = Fault("long freeze", _freeze, _thaw, shortest_s=CALL_TIMEOUT_S + 1)
BREAK = Fault("break connections", _break_connections, _heal_connections)
DELAY = Fault("hold messages", _hold_messages, _heal_connections)
STRANGER = Fault("stranger on its port", _give_port_away, _take_port_back)
PROMISE = Fault("change its promise", _drop_promise, _promise_once_more)
LOSE = Fault("lose beats", _lose_beats, _heal_beats)
CUT_OFF = Fault("cut off from a registry", _cut_off, _heal_beats)

# The faults of processes that calls go through, of servers alone, of registries, of callers, and of
# beats. Long ones are rare, because a round is as long as its longest fault.
IN_THE_PATH = (KILL, KILL, DRAIN, DRAIN, FREEZE, FREEZE, BREAK, BREAK, DELAY, DELAY, LONG_FREEZE)
OF_SERVERS = (*IN_THE_PATH, STRANGER, STRANGER, PROMISE, PROMISE)
OF_REGISTRIES = (KILL, FREEZE)
OF_CALLERS = (FREEZE, FREEZE, LONG_FREEZE)
OF_BEATS = (LOSE, CUT_OFF)


def draw_round(system: System) -> list[tuple[Fault, Node]]:
    """The faults of one round.

    They hit up to two processes that calls go through, at most one of them a proxy; either a
    registry, or the beats of up to two servers; and at most one caller.
    """
    rng = system.rng
    path = rng.sample(system.servers, rng.randint(0, 2))
    faults = [(rng.choice(OF_SERVERS), node) for node in path]
    if len(path) < 2 and rng.random() < 0.4:
        faults.append((rng.choice(IN_THE_PATH), rng.choice(system.proxies)))
    if system.callers and rng.random() < 0.3:
        faults.append((rng.choice(OF_CALLERS), rng.choice(system.callers)))
    if rng.random() < 0.3:
        faults.append((rng.choice(OF_REGISTRIES), rng.choice(system.registries)))
    # Only while both registries work: a server that is cut off from one must reach the other.
    elif rng.random() < 0.4:
        faults += [(rng.choice(OF_BEATS), node) for node in rng.sample(system.servers, 2)
                   if node not in path]
    return faults
