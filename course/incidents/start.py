"""The command `incident`: starts an incident, or answers the one that runs."""

from __future__ import annotations

from course import words
from course.incidents.running import INCIDENTS, read_state
from course.incidents.screen import Terminal, from_elsewhere, play
from course.incidents.texts import TEXTS
from course.keyboard import Input
from course.progress import Progress
from ponte.process.options import PYTHON, UsageError
from ponte.process.stopping import Stop

WORK = "course-work"
VERBS = ("", "answer", "hint")


def run(letter: str, language: str, verb: str = "", *given: str) -> int:
    """Runs the incident of a letter until it is ended; with "answer" or "hint": for the one that
    runs. `given`: the parts of the answer, in the order in which they would be asked for.

    On the main thread. Returns the exit code. Raises UsageError.
    """
    def refuse(key: str, **values: object) -> UsageError:
        return UsageError(words.fill(TEXTS, key, language, values))

    letter = letter.lower()
    command = words.typed_next(f"{PYTHON} -m course incident {letter}", language)
    if letter not in INCIDENTS:
        raise refuse("no_incident", letter=letter or "?", letters=", ".join(INCIDENTS))
    if verb not in VERBS:
        raise refuse("verb")
    state, progress = read_state(), Progress(WORK)
    if verb:
        if state is None or state.letter != letter:
            raise refuse("runs_not", letter=letter, command=command)
        keys = Input(Stop().has_come, typed=given)
        return from_elsewhere(state, verb, Terminal(language, keys, progress))
    if state is not None:
        raise refuse("runs_already", letter=state.letter)
    return play(letter, Terminal(language, Input(Stop().has_come), progress))
