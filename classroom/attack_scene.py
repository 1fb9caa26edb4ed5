"""What the steps of the attack measure: what the registry says, and what the thief has got."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from classroom.cast import Actor, StartFailed, run_program
from classroom.stage import Stage
from lab.thief import ANSWERS, BEATS, TOOK
from ponte.net.address import Address, show
from ponte.process.options import PYTHON
from ponte.process.typed import typed

# The server whose name the thief takes.
VICTIM = "server-1"
# How long we wait for what should have happened long before, in seconds.
PATIENCE_S = 10.0


class Loot(NamedTuple):
    """What a thief tells: its first beat, in `beats`; the `answers` of the registry, each that
    differs from the one before it; and the `calls` that went to its trap.
    """

    beats: list[str]
    answers: list[str]
    calls: list[str]


def loot(lines: Sequence[str]) -> Loot:
    """What a thief has told, in the lines that it printed.

    >>> loot(["thief: the registry answers: ack", "thief: took hello('x')"])
    Loot(beats=[], answers=['ack'], calls=["hello('x')"])
    """
    return Loot(*([line[len(lead):] for line in lines if line.startswith(lead)]
                  for lead in (BEATS, ANSWERS, TOOK)))


def restart_registry(stage: Stage) -> Actor:
    """Ends the registry, and starts it again at the same port. Raises StartFailed."""
    old = stage.cast["registry"]
    old.kill()
    try:
        return stage.cast.start_registry(port=old.address[1])
    except StartFailed as error:
        # The registry names this option where another program has its port.
        if "--port" not in str(error):
            raise
        raise StartFailed(stage.words("{error} - or start this story again: it takes other ports",
                                      error=error)) from None


def listed(stage: Stage, name: str, service: str = "greeter") -> Address | None:
    """The address that lookup gives for a server; None if it has none."""
    found = stage.cast.lookup(service).get(name)
    return (found["host"], found["port"]) if found else None


def shown(address: Address | None) -> str:
    return show(address) if address else "-"


def datagrams(stage: Stage, reason: str) -> int:
    """How many datagrams the registry has counted under a reason."""
    return int(stage.cast["registry"].status()["datagrams"].get(reason, 0))


def call_greeter(stage: Stage, text: str, *options: str) -> tuple[str, int]:
    """Calls greeter.hello(text) by client.py: what it printed, and its exit code."""
    return run_client(stage, "greeter", "hello", text, *options)


def run_client(stage: Stage, *words: str) -> tuple[str, int]:
    """Runs client.py and shows it: what it printed, and its exit code."""
    command = ["client.py", *words, "--registry", show(stage.cast["registry"].address)]
    say_command(stage, command)
    ran = run_program(*command)
    value = ran.stdout.strip()
    stage.say(value or ran.stderr.strip())
    return value, ran.returncode


def say_command(stage: Stage, words: Sequence[str]) -> None:
    """Shows a command as a reader would type it."""
    stage.say(f"$ {PYTHON} {typed(list(words))}", style="strong")
