"""The attack: a second guided story. A thief steals the calls of a service; then a key stops it.

    python3 demo.py attack

It is the attack lab of docs/security.md, told by itself. Here are its steps 1 and 2, without a key;
attack_key.py has the others. Each step predicts, shows what happens, and adds the checks of its
proof. story.py tells them. The thief (lab/thief.py) is a process of its own: it beats from the
first step to the last one, and never learns the key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

from classroom import story
from classroom.attack_key import replay_a_beat, try_again, turn_the_key, without_a_beat
from classroom.attack_scene import PATIENCE_S, VICTIM, call_greeter, listed, loot, shown
from classroom.language import Words
from classroom.stage import Stage
from ponte.net.address import show
from ponte.process.own_files import DEMO


def run(words: Words, *, auto: bool) -> int:
    """Tells the attack; returns the exit code, as story.run does."""
    return story.run(words, auto=auto,
                     plot=story.Plot(f"{DEMO} attack", _introduce, STEPS, _hand_on))


def _introduce(stage: Stage) -> None:
    screen, words = stage.screen, stage.words
    screen.line(words("PONTE: an attack, and a defence"), style="title")
    screen.line(words("Six steps, on this computer alone: a thief, real processes, real beats."))
    screen.line()
    picture = words("client ───► server-1       thief\n"
                    "   │           │ ♥          │ ♥ forged\n"
                    "   └─ who? ─► registry ◄────┘")
    for line in picture.splitlines():
        screen.line(line, lead="    ")


def _hand_on(stage: Stage) -> None:
    stage.screen.line(stage.words("Your turn: the attack lab in docs/security.md has every "
                                  "command, and the thief to type."))


# ---- 1 a forged beat ----------------------------------------------------------------------------

def forge_a_beat(stage: Stage) -> None:
    stage.predict("FORGE A BEAT",
                  "A stranger sends a beat in the name of {name}, and there is no key. "
                  "Who is believed?", "WITHOUT A KEY, ANY PROGRAM CAN BE A SERVER", name=VICTIM)
    registry = stage.cast.start_registry()
    server = stage.cast.start_server(VICTIM, "greeter", registry).await_banner()
    stage.until(lambda: listed(stage, VICTIM) == server.address, PATIENCE_S)
    before = listed(stage, VICTIM)

    thief = stage.cast.start_thief("thief", VICTIM, "greeter", registry,
                                   stage.words("I have your"))
    stage.tell("the thief has a trap at {address}, and sends UDP datagrams. Its beat:",
               address=show(thief.address))
    stage.until(lambda: listed(stage, VICTIM) == thief.address
                and loot(thief.lines()).answers[-1:] == ["ack"], PATIENCE_S)
    said = loot(thief.lines())
    for beat in said.beats:
        # The screen breaks lines at spaces.
        stage.say(beat.replace(',"', ', "'))
    stage.tell("the registry answered the thief: {answers}", answers=", ".join(said.answers))
    ended = stage.until(lambda: not server.is_running, PATIENCE_S)
    if ended:
        stage.tell("{name} was told that a younger process has its name, and has ended itself",
                   name=VICTIM)

    now = listed(stage, VICTIM)
    stage.check_limit(before == server.address,
                      "before: lookup named {address}, where {name} listened",
                      address=shown(before), name=VICTIM)
    stage.check_limit(now == thief.address, "now: lookup names {address}, the trap of the thief",
                      address=shown(now))
    stage.check_limit(ended, "the true {name} is still running: {runs}", name=VICTIM,
                      runs=stage.words("no") if ended else stage.words("yes"))


# ---- 2 a stolen call ----------------------------------------------------------------------------

def steal_a_call(stage: Stage) -> None:
    # Nobody but the server is to read it.
    secret = stage.words("password")
    stage.predict("STEAL A CALL",
                  "A client sends its {text} to greeter.hello. What does it see, "
                  "and who else sees it?", "A STOLEN CALL → NO ERROR ANYWHERE", text=secret)
    value, code = call_greeter(stage, secret)
    thief = stage.cast["thief"]
    # What it prints reaches us a little later.
    stage.until(lambda: bool(loot(thief.lines()).calls), PATIENCE_S)
    calls = loot(thief.lines()).calls
    for call in calls:
        stage.tell("the thief took {call}", call=call, style="failed")

    stage.check(calls == [f"hello({secret!r})"], "calls that the thief got: {calls}",
                calls=", ".join(calls) or "-")
    stage.check((value, code) == (f"{stage.words('I have your')} {secret}", 0),
                'the client printed what the thief wished, "{value}"; exit code {code}: no error',
                value=value, code=code)


STEPS: Sequence[Callable[[Stage], None]] = (
    forge_a_beat, steal_a_call, turn_the_key, try_again, replay_a_beat, without_a_beat)
