"""The incident that runs, seen from any terminal: its state, and whether its process lives."""

from __future__ import annotations

import json
import os
import random
import socket
from typing import NamedTuple

from course.incidents.incident import Incident
from course.incidents.legacy_client import LegacyClient
from course.incidents.lost_answers import LostAnswers
from course.incidents.slow_server import SlowServer
from course.incidents.stale_view import StaleView
from course.incidents.system import FOLDER, STATE
from course.incidents.wrong_key import WrongKey

INCIDENTS: dict[str, type[Incident]] = {
    each.letter: each
    for each in (WrongKey, LostAnswers, LegacyClient, StaleView, SlowServer)}
# Seconds that its process may take to answer.
ALIVE_S = 2.0


class State(NamedTuple):
    """What the file says: the letter; which run it is (the seed of all that is drawn); whether the
    trouble is there; who takes part; where the process of the incident listens, and which word it
    says there.
    """

    letter: str
    seed: str
    planted: bool
    alive: str
    word: str
    parts: dict[str, dict[str, str]]

    def incident(self) -> Incident:
        """The same incident, to ask it for its answer."""
        return drawn(self.letter, self.seed)


def drawn(letter: str, seed: str) -> Incident:
    """The incident of a letter, drawn by a seed."""
    return INCIDENTS[letter](random.Random(f"{letter} {seed}"))


def read_state(folder: str = FOLDER) -> State | None:
    """The incident that runs now; None if there is none."""
    try:
        with open(os.path.join(folder, STATE), encoding="utf-8") as file:
            state = State(**json.load(file))
        host, _, port = state.alive.rpartition(":")
        # Whoever was killed has left the file, and somebody else may listen there now.
        with socket.create_connection((host, int(port)), ALIVE_S) as asking:
            said = asking.recv(100)
    except (OSError, ValueError, TypeError):
        return None
    return state if said == state.word.encode() else None
