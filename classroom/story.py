"""The guided demo: eight steps. Each asks for a prediction, shows what happens, and proves it with numbers.

Threads: the main one tells the story. Everything it starts ends with it.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import Callable, NamedTuple
from xmlrpc.client import Fault

from classroom.cast import Cast, StartFailed
from classroom.failing import CALLERS, CENTS, everything_down, freeze, kill, lost_reply
from classroom.screen import Screen
from classroom.stage import Skipped, Stage
from classroom.texts import Words
from classroom.working import CALLS, balancing, discovery, heartbeats, rpc
from client import CallError

PACE_S = 0.05           # between two pictures of a moving chart: slow enough for the eye
EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130


class Step(NamedTuple):
    """A step: the key of its title and question, and what runs after Enter."""

    key: str
    run: Callable[[Stage], None]


STEPS = (Step("discovery", discovery), Step("rpc", rpc), Step("heartbeats", heartbeats), Step("balancing", balancing),
         Step("kill", kill), Step("freeze", freeze), Step("lost", lost_reply), Step("down", everything_down))
QUESTION_VALUES: dict[str, dict[str, object]] = {
    "balancing": {"calls": CALLS}, "kill": {"callers": CALLERS, "name": "server-2"},
    "freeze": {"name": "server-3"}, "lost": {"cents": CENTS}}


def tell(words: Words, *, auto: bool) -> int:
    """Tells the whole story; returns the exit code: 0 if every proof passed."""
    screen = Screen(sys.stdout)
    if not auto and not sys.stdin.isatty():
        print(f"demo: {words('need.auto')}", file=sys.stderr)
        return EXIT_USAGE
    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, _interrupt)
    cast = Cast()
    stage = Stage(screen, words, cast, 0.0 if auto else PACE_S)
    try:
        return _tell_steps(stage, auto)
    except (KeyboardInterrupt, EOFError):
        _end(cast)
        screen.line()
        screen.line(words("interrupted"))
        return EXIT_INTERRUPTED
    finally:
        _end(cast)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _end(cast: Cast) -> None:
    """Ends all processes; a further Ctrl-C must not get in between."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cast.close()


def _tell_steps(stage: Stage, auto: bool) -> int:
    _introduce(stage)
    results: list[str] = []
    took_s = 0.0            # without the time that the class took to think
    for number, step in enumerate(STEPS, 1):
        result = _tell_step(stage, step, number, auto)
        results.append(result)
        took_s += stage.elapsed_s()
        if result == "ended":
            return EXIT_FAILED
    _sum_up(stage, results, took_s)
    stage.close()
    return EXIT_FAILED if "failed" in results else 0


def _introduce(stage: Stage) -> None:
    screen, words = stage.screen, stage.words
    screen.line(words("intro.title"), style="title")
    screen.line(words("intro.text"))
    screen.line()
    for line in words("intro.picture").splitlines():
        screen.line(line, lead="    ")


def _tell_step(stage: Stage, step: Step, number: int, auto: bool) -> str:
    """One step; returns "passed", "failed" or "skipped", or "ended" where the story cannot go on."""
    screen, words = stage.screen, stage.words
    screen.line()
    screen.rule()
    screen.line(f"{number}/{len(STEPS)}  {words(step.key + '.title')}", style="title")
    screen.line(words(f"{step.key}.predict", **QUESTION_VALUES.get(step.key, {})), lead=f"{words('predict')}: ",
                lead_style="predict")
    if not auto:
        screen.ask(words("enter"))
    stage.begin()
    try:
        step.run(stage)
    except Skipped as reason:
        screen.line(str(reason), lead=f"{words('skipped')}: ", lead_style="predict")
        return "skipped"
    except (StartFailed, CallError, Fault, OSError, subprocess.SubprocessError) as error:
        screen.line(words("ended", error=error), lead=f"{words('proof')}: {words('failed')}  ", lead_style="failed")
        return "ended"
    return _prove(stage)


def _prove(stage: Stage) -> str:
    words = stage.words
    result = "passed" if stage.checks and all(check.holds for check in stage.checks) else "failed"
    stage.screen.line(f"{words('proof')}: {words(result)}", style=result)
    for check in stage.checks:
        stage.screen.line(check.text, lead="  ✓ " if check.holds else "  ✗ ",
                          lead_style="passed" if check.holds else "failed")
    return result


def _sum_up(stage: Stage, results: list[str], took_s: float) -> None:
    screen, words = stage.screen, stage.words
    screen.line()
    screen.rule()
    screen.line(words("summary.title"), style="title")
    for number, (step, result) in enumerate(zip(STEPS, results), 1):
        screen.line(f"{number}  {words(step.key + '.title')}", lead=f"  {words(result)}  ",
                    lead_style="predict" if result == "skipped" else result)
    passed, skipped = results.count("passed"), results.count("skipped")
    told = words("summary.count", passed=passed, total=len(results) - skipped, took_s=took_s)
    screen.line(f"{told} {words('summary.skipped', skipped=skipped)}" if skipped else told, style="strong")
    screen.line(words("summary.next", command="python3 demo.py registry"))
