"""What must hold in every state of a world; and what must come true when nothing more is lost.

    a call that is not idempotent    runs once at most
    NotSent                          it has not run; and since this holds in all later states, it
                                     never will
    an answer                        that of its one run
    OutcomeUnknown                   when everything has arrived, a resolve tells the outcome
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.explore.flight import Event
from lab.explore.world import World
from ponte.calls.attempt import Outcome

# Events of a world that is left alone. More would be a circle.
MAX_HEALING = 400


def violation(world: World) -> str:
    """What is wrong in this state; "" if nothing is."""
    for number, call in enumerate(world.calls, 1):
        runs, told = call.runs, call.told
        if len(runs) > 1 and not call.may_run_twice:
            return f"call {number} RAN TWICE"
        if told and told.outcome is Outcome.NOT_SENT and runs:
            return f"call {number}: its caller was told NotSent, AND IT RAN"
        if told and told.outcome is Outcome.ANSWERED and told.value not in runs:
            return f"call {number}: its caller was told an answer, AND IT HAS NONE"
    return ""


def can_heal(world: World) -> bool:
    """Whether all calls have ended, one is unknown, and nothing is gone that could tell."""
    return (not world.lost and not world.scenario.believes
            and all(not call.begun or call.told for call in world.calls)
            and any(call.is_unknown and not call.task for call in world.calls))


def heal(world: World) -> str:
    """Delivers everything, and resolves each unknown call. Returns what is wrong then.

    The world is used up afterwards.
    """
    world.begins_to_heal()
    asked: set[int] = set()
    for _ in range(MAX_HEALING):
        event = next(_next_to_heal(world, asked), None)
        if event is None:
            break
        world.happens(event)
        wrong = violation(world)
        if wrong:
            return wrong
    unknown = [number for number, call in enumerate(world.calls, 1) if call.is_unknown]
    if unknown:
        return f"call {unknown[0]} STAYS UNKNOWN, though everybody lives and remembers"
    return ""


def _next_to_heal(world: World, asked: set[int]) -> Iterator[Event]:
    """What happens next in a world where nothing is lost: first in, first out."""
    if world.replies:
        yield Event("reply", (0,))
    if world.messages:
        yield Event("arrive", (0,))
    if world.runs:
        yield Event("end", (0,))
    for number, call in enumerate(world.calls):
        if call.is_unknown and number not in asked and not call.task:
            asked.add(number)
            yield Event("resolve", (number,))
