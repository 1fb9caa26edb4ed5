"""The screen of an incident: it starts the processes, plants the trouble, and takes the answer.

Threads: the main one does all of it. Another one reads the keyboard: so the processes end at once
on Ctrl-C and SIGTERM, and at the end of the input.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from typing import Any, Callable, NamedTuple

from classroom.actor import StartFailed
from classroom.screen import Screen
from course import personal, words
from course.incidents import answer as grading
from course.incidents.answer import HINT_POINTS, HINTS, MOST_TRIES, TRY_POINTS, Answer
from course.incidents.incident import COMMANDS, KINDS, MOMENT_S, REMEDIES, Incident
from course.incidents.legacy_client import DEPOSITS
from course.incidents.running import State, drawn
from course.incidents.system import FOLDER, LOG, Pages, System
from course.incidents.texts import TEXTS
from course.keyboard import Ended, Input
from course.progress import Progress
from ponte.process.options import PYTHON
from ponte.process.own_files import DEMO


class Terminal(NamedTuple):
    """Where a student sits: the language, the keyboard, and what they have done so far."""

    language: str
    keys: Input
    progress: Progress


class Desk:
    """What a student may do with an incident, from the terminal of the incident or another one."""

    def __init__(self, terminal: Terminal, incident: Incident, seed: str,
                 parts: dict[str, dict[str, str]]) -> None:
        self._language, self._keys, self._progress = terminal
        self._incident, self._seed, self._parts = incident, seed, parts
        self._screen = Screen(sys.stdout)

    @property
    def _lesson(self) -> str:
        return f"incident-{self._incident.letter}"

    def text(self, key: str, **values: Any) -> str:
        return words.fill(TEXTS, key, self._language, values)

    def say(self, key: str, **values: Any) -> None:
        self._screen.line(self.text(key, **values))

    def own(self, key: str) -> str:
        """A text of this incident."""
        return self.text(f"{self._incident.letter}.{key}", **facts(self._incident))

    def show_parts(self) -> None:
        for name, part in self._parts.items():
            where = (f"http://{part['door']}" if "door" in part else
                     self.text("no_port", log=os.path.join(FOLDER, f"{name}{LOG}")))
            print(f"  {name:<12}{where}")
        server = self._a_server()
        registries = [part for part in self._parts.values() if part["role"] == "registry"]
        self.say("look")
        for key, shown in {
                "look_tap": {"command": words.typed_next(f"{PYTHON} -m course tap {server}",
                                                         self._language)},
                "look_status": {"command": f"curl -s http://{self._parts[server]['door']}/status"},
                "look_log": {"file": os.path.join(FOLDER, f"{server}{LOG}")},
                "look_call": {"command": f"{PYTHON} client.py {self._incident.example} "
                                         f"--trace --registry {_listed(registries, 'door')}"},
                "look_page": {"command": f"{PYTHON} {DEMO} page --attach "
                                         f"{_listed(registries, 'real')}"}}.items():
            print(f"  {self.text(key, **shown)}", flush=True)

    def hint(self) -> int:
        given = len(self._entries("incident_hint"))
        if given >= HINTS:
            self.say("no_hint")
            return 1
        self._progress.add("incident_hint", self._lesson, seed=self._seed, number=given + 1)
        self.say("hint_line", number=given + 1, count=HINTS, points=HINT_POINTS,
                 text=self.own(f"hint.{given + 1}"))
        return 0

    def answer(self) -> int:
        """Asks for an answer, and grades it; returns 0 if all of it is right. Raises Ended."""
        tries = self._entries("incident")
        earlier = len(tries)
        # Who was told the kind once would know it in a new run, too.
        is_practice = earlier >= MOST_TRIES or any(len(entry["right"]) == len(grading.POINTS)
                                                   for entry in tries)
        if is_practice:
            self.say("practice")
        given, shown = self._ask()
        self.say("measuring")
        pages = Pages(self._parts)
        try:
            figures = self._incident.measure(pages, self._keys.wait)
        except (OSError, ValueError) as error:
            self.say("not_readable", why=str(error))
            return 1
        finally:
            pages.close()
        hints = len(self._entries("incident_hint"))
        found = grading.grade(given, self._incident, figures, hints, earlier)
        right = [part for part, is_right in found.right.items() if is_right]
        if is_practice:
            self._progress.add("incident_again", self._lesson, seed=self._seed, right=right)
        else:
            self._progress.add("incident", self._lesson, name=self._incident.letter,
                               seed=self._seed, points=found.points, hints=hints,
                               attempt=earlier + 1, right=right)
        for part, is_right in found.right.items():
            self._screen.line(self.text(f"part.{part}", given=shown[part]),
                              lead=f"  {'✓' if is_right else '✗'} ")
        if not is_practice:
            self.say("points", points=found.points, hints=hints, attempt=earlier + 1,
                     most=MOST_TRIES)
        if found.is_all or earlier + 1 == MOST_TRIES:
            if not found.is_all:
                self.say("was", who=self._incident.who)
            self._screen.line(self.own("story"))
        elif not is_practice:
            self.say("again", points=TRY_POINTS)
        return 0 if found.is_all else 1

    def complain(self) -> None:
        """Tells what somebody complains of, with a bell."""
        print("\a")
        self._screen.line(self.own("symptom"), lead=f"{time.strftime('%H:%M:%S')}  ")
        self.say("what_to_type")

    def _a_server(self) -> str:
        """The server that was started last."""
        return [name for name, part in self._parts.items() if part["role"] == "server"][-1]

    def _entries(self, what: str) -> list[dict[str, Any]]:
        """The lines of that kind, of all runs of this incident."""
        return [entry for entry in self._progress.entries()
                if (entry["what"], entry["lesson"]) == (what, self._lesson)]

    def _ask(self) -> tuple[Answer, dict[str, Any]]:
        """The answer, and how its parts are shown."""
        incident = self._incident
        registry = next(part for part in self._parts.values() if part["role"] == "registry")
        who = self._choose("ask.who", {name: name for name in self._parts})
        kind = self._choose("ask.kind", {key: self.text(f"kind.{key}") for key in KINDS})
        figures = [self._number(f"figure{number}") for number in (1, 2)]
        fields = {"python": PYTHON, "called": self._a_server(), "registry": f"http://{registry['door']}",
                  "where": registry["door"], "example": incident.example}
        command = self._choose("ask.command", {key: self.text(f"command.{key}", **fields)
                                               for key in COMMANDS})
        remedy = self._choose("ask.remedy", {key: self.own(f"remedy.{key}") for key in REMEDIES})
        given = Answer(who, kind, figures[0], figures[1], command, remedy)
        return given, {**given._asdict(), "kind": self.text(f"kind.{kind}"),
                       "command": self.text(f"command.{command}", **fields),
                       "remedy": self.own(f"remedy.{remedy}")}

    def _choose(self, key: str, options: dict[str, str]) -> str:
        self.say(key)
        for number, shown in enumerate(options.values(), 1):
            self._screen.line(shown, lead=f"  {number}  ")
        while True:
            text = self._typed("choose", count=len(options))
            if text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= len(options):
                return list(options)[int(text) - 1]

    def _number(self, key: str) -> float:
        print(self.own(key))
        while True:
            try:
                return float(self._typed("number").replace(",", "."))
            except ValueError:
                continue

    def _typed(self, key: str, **values: Any) -> str:
        print(self.text(key, **values), end="", flush=True)
        line = self._keys.line()
        assert line is not None
        return line


def facts(incident: Incident) -> dict[str, Any]:
    """What the texts of an incident are filled in with."""
    return {"who": incident.who, "python": PYTHON, "cents": getattr(incident, "cents", 0),
            "slow_ms": getattr(incident, "slow_s", 0.0) * 1000,
            "count": len(getattr(incident, "old", ())) or DEPOSITS}


def _listed(registries: Sequence[dict[str, str]], way: str) -> str:
    return ",".join(part[way] for part in registries)


def play(letter: str, terminal: Terminal, after_s: float | None = None) -> int:
    """Runs an incident until it is ended; returns the exit code. `after_s`: the moment of the
    trouble, by default drawn.
    """
    language, keys, progress = terminal
    name = f"incident-{letter}"
    runs = sum((entry["what"], entry["lesson"]) == ("incident_began", name)
               for entry in progress.entries())
    number = personal.number(progress, name)
    seed = f"{number}.{runs + 1}"
    incident = drawn(letter, seed)
    progress.add("incident_began", name, seed=seed, personal=number)

    screen = Screen(sys.stdout)

    def say(key: str, **values: Any) -> None:
        screen.line(words.fill(TEXTS, key, language, values))

    say("starts", letter=letter.upper())
    system = System()
    try:
        incident.begin(system)
        system.write_state(letter=letter, seed=seed, planted=False)
        Desk(terminal, incident, seed, system.parts()).show_parts()
        say("wait", within_s=MOMENT_S[1] + incident.lasts_s)
        keys.wait(incident.after_s if after_s is None else after_s)
        incident.plant(system, keys.wait)
        system.write_state(letter=letter, seed=seed, planted=True)
        desk = Desk(terminal, incident, seed, system.parts())
        desk.complain()
        _obey(desk, keys)
    except Ended:
        pass
    except StartFailed as error:
        say("not_started", why=str(error))
        return 1
    finally:
        system.close()
    say("ended")
    return 0


def _obey(desk: Desk, keys: Input) -> None:
    """Does what is typed, until an empty line; without a keyboard, until a signal. Raises Ended."""
    verbs: dict[str, Callable[[], object]] = {"answer": desk.answer, "hint": desk.hint,
                                              "ports": desk.show_parts}
    verbs.update(resposta=desk.answer, dica=desk.hint, portas=desk.show_parts)
    try:
        while line := keys.line():
            verbs.get(line.lower(), lambda: desk.say("what_to_type"))()
    except Ended:
        while not keys.has_keyboard:
            keys.wait(60.0)
        raise


def from_elsewhere(state: State, verb: str, terminal: Terminal) -> int:
    """An answer or a hint in another terminal than that of the incident."""
    desk = Desk(terminal, state.incident(), state.seed, state.parts)
    if not state.planted:
        desk.say("too_early")
        return 1
    try:
        return desk.answer() if verb == "answer" else desk.hint()
    except Ended:
        print()
        return 1
