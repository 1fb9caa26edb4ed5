"""The guided demo: nine steps. Each asks for a prediction, shows what happens, and proves it.

A new step is a function like those in classroom/working.py, and its place in STEPS.

Threads: the main one tells the story. Everything that it starts ends with it.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Callable, NamedTuple
from xmlrpc.client import Fault

from classroom.cast import Cast, StartFailed
from classroom.failing import freeze, kill
from classroom.language import Words
from classroom.outcomes import everything_down, lost_reply
from classroom.screen import Screen
from classroom.silence import silence
from classroom.stage import Skipped, Stage
from classroom.working import balancing, discovery, heartbeats, prepare, rpc
from client import CallError
from ponte.process.options import PYTHON
from ponte.process.own_files import DEMO

STEPS: Sequence[Callable[[Stage], None]] = (discovery, rpc, heartbeats, balancing, kill, freeze,
                                            lost_reply, everything_down, silence)
EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
# What ends a story too early.
ENDS = (StartFailed, CallError, Fault, OSError, subprocess.SubprocessError)
# Signals that ask a program to end, beside Ctrl-C; Windows has not all of them. Without a handler
# they would leave the terminal without echo.
ASK_TO_END = ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGBREAK")


class Plot(NamedTuple):
    """What a story tells: `begin` introduces it, and `end` says what the class can do next.

    `command`: the words after `python3` that tell it.
    """

    command: str
    begin: Callable[[Stage], None]
    steps: Sequence[Callable[[Stage], None]]
    end: Callable[[Stage], None]


class Ending(NamedTuple):
    """How a step ended: `what` is "passed", "failed" or "skipped"; "ended" if the story must end.

    `reason`: why it was skipped, or why the story must end.
    """

    what: str
    reason: str = ""


class Result(NamedTuple):
    """How a step ended: `what` is "passed", "failed" or "skipped"."""

    number: int
    proves: str
    what: str
    took_s: float


def run(words: Words, *, auto: bool, first: int = 1, plot: Plot | None = None) -> int:
    """Tells the story from step `first` on; returns the exit code: 0 if every proof passed.

    `plot`: another story than the demo. It begins at its step 1.
    """
    plot = plot or demo()
    screen = Screen(sys.stdout)
    if not auto and not sys.stdin.isatty():
        hint = words("standard input is not a terminal, so nobody can press Enter: use  {command}",
                     command=words.command(f"{PYTHON} {plot.command} --auto"))
        print(f"demo: {hint}", file=sys.stderr)
        return EXIT_USAGE
    for number in _ends():
        # One that was ignored when we began, as under nohup, stays so.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    with screen.hushed():
        cast = Cast()
        try:
            stage = Stage(screen, words, cast, steps=len(plot.steps), auto=auto)
            return _tell_steps(stage, plot, first)
        except (KeyboardInterrupt, EOFError):
            _end(cast)
            # The terminal may have gone.
            with contextlib.suppress(OSError):
                screen.line()
                screen.line(words("Stopped. All processes are gone."))
            return EXIT_INTERRUPTED
        finally:
            _end(cast)


def demo() -> Plot:
    """The guided demo."""
    return Plot(DEMO, _introduce, STEPS, _hand_on)


def _ends() -> list[int]:
    return [getattr(signal, name) for name in ASK_TO_END if hasattr(signal, name)]


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _end(cast: Cast) -> None:
    """Ends all processes. From here on Ctrl-C does nothing, so that none of them is forgotten."""
    for number in (signal.SIGINT, *_ends()):
        signal.signal(number, signal.SIG_IGN)
    cast.close()


def _tell_steps(stage: Stage, plot: Plot, first: int) -> int:
    plot.begin(stage)
    if first > 1 and not _begin_at(stage, first):
        return EXIT_FAILED
    results: list[Result] = []
    for step in plot.steps[first - 1:]:
        what = _tell_step(stage, step)
        if what == "ended":
            return EXIT_FAILED
        # Without the time that the class took to think.
        results.append(Result(stage.number, stage.proves, what, stage.elapsed_s()))
        stage.discuss()
    _sum_up(stage, results)
    plot.end(stage)
    stage.close()
    return EXIT_FAILED if "failed" in {result.what for result in results} else 0


def _introduce(stage: Stage) -> None:
    screen, words = stage.screen, stage.words
    screen.line(words("PONTE: a bridge between processes"), style="title")
    screen.line(words("Nine steps. Real processes, real sockets, real failures: "
                      "nothing is simulated."))
    screen.line()
    picture = words("client ──► proxy ──► server-1 · server-2 · server-3\n"
                    "   │         │          │ ♥        │ ♥        │ ♥\n"
                    "   └─ who? ──┴─────► registry ◄────┴──────────┘\n"
                    "                        ♥ heartbeats")
    for line in picture.splitlines():
        screen.line(line, lead="    ")


def _begin_at(stage: Stage, first: int) -> bool:
    """Starts what the steps before `first` have started. Whether that went well."""
    stage.screen.line()
    stage.screen.line(stage.words("The processes of step 1 start, for a story that begins at "
                                  "step {first}.", first=first))
    ending = play(stage, prepare)
    if ending.what == "ended":
        _show_end(stage, ending)
        return False
    stage.number = first - 1
    return True


def _tell_step(stage: Stage, step: Callable[[Stage], None]) -> str:
    """Runs one step and shows its proof; returns how it ended: "ended" if the story must end."""
    ending = play(stage, step)
    screen, words, what = stage.screen, stage.words, ending.what
    if what == "ended":
        _show_end(stage, ending)
        return what
    if what == "skipped":
        screen.line(ending.reason, lead=f"{_name(words, what)}: ", lead_style="predict")
        return what
    screen.line(f"{words('PROOF')}: {_name(words, what)}", style=what)
    for check in stage.checks:
        screen.line(check.text, lead="  ✓ " if check.holds else "  ✗ ",
                    lead_style="passed" if check.holds else "failed")
        _show_excuse(stage, check.excuse)
    return what


def play(stage: Stage, step: Callable[[Stage], None]) -> Ending:
    """Runs one step, and judges its proof."""
    try:
        step(stage)
    except Skipped as reason:
        return Ending("skipped", reason.args[0])
    except ENDS as error:
        return Ending("ended", stage.words("The story ends here: {error}", error=error))
    passed = stage.checks and all(check.holds for check in stage.checks)
    return Ending("passed" if passed else "failed")


def _show_end(stage: Stage, ending: Ending) -> None:
    words = stage.words
    stage.screen.line(ending.reason, lead=f"{words('PROOF')}: {_name(words, 'failed')}  ",
                      lead_style="failed")
    _show_excuse(stage, stage.why_slow())


def _show_excuse(stage: Stage, excuse: str) -> None:
    if excuse:
        stage.screen.line(excuse, lead="    ", style="strong")


def _name(words: Words, what: str) -> str:
    """How the screen shows the result of a step."""
    return {"passed": words("✓ PASSED"), "failed": words("✗ FAILED"),
            "skipped": words("- SKIPPED")}[what]


def _sum_up(stage: Stage, results: Sequence[Result]) -> None:
    screen, words = stage.screen, stage.words
    screen.line()
    screen.rule()
    screen.line(words("WHAT WE PROVED"), style="title")
    for result in results:
        screen.line(f"{result.number}  {result.proves}", lead=f"  {_name(words, result.what)}  ",
                    lead_style="predict" if result.what == "skipped" else result.what)
    ends = [result.what for result in results]
    passed, skipped = ends.count("passed"), ends.count("skipped")
    summary = words("{passed} of {total} proofs passed, in {took_s:.1f} s.", passed=passed,
                    total=len(results) - skipped, took_s=sum(result.took_s for result in results))
    if skipped:
        summary += " " + words("{skipped} skipped.", skipped=skipped)
    screen.line(summary, style="strong")


def _hand_on(stage: Stage) -> None:
    stage.screen.line(stage.words("Your turn, one role per terminal. Start with: {command}",
                                  command=stage.words.command(f"{PYTHON} {DEMO} registry")))
