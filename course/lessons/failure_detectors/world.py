"""Servers that beat, a network that loses beats, and a registry with a student's detector, which
may be frozen itself.

What happens is a plot: who starts, crashes, freezes and thaws, and when. What becomes of each beat
is asked of the script. Threads: one.

The judge knows how long a server was silent while the registry ran. A detector only sees the times
at which it is called: of a pause it may count nothing, or MAX_TURN_S at most. So there are two
bounds, and between them both answers are right.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from course.explore import Script
from course.theirs import Theirs, must_have
from course.world import SmallWorld

# Seconds: the usual lease, with so many beats; a beat on its way; between two turns of the
# registry, at the most (what the student is promised) and usually.
LEASE_S, BEATS_A_LEASE = 3.0, 3
TRIP_S, MAX_TURN_S, TURN_S = 0.01, 0.5, 0.25
# Turns stand between the moments of beats.
FIRST_TURN_S = 0.125
# Two times that differ by less are one: then "more than" and "at least" are both right.
ALIKE_S = 1e-6

# What a plot has: the second, who, and what happens to it. "registry" is one, too.
STARTS, CRASHES, FREEZES, THAWS = "starts", "crashes", "freezes", "thaws"
# The clock of a server's computer is set back.
SET_BACK, HOUR_S = "set back", 3600.0
Plot = Sequence[tuple[float, str, str]]
REGISTRY = "registry"

UP, SUSPECT, GONE = "up", "suspect", "gone"
_BADNESS = {UP: 0, SUSPECT: 1, GONE: 2}


class Beat(NamedTuple):
    """What a server sends."""

    name: str
    sent_at: float


class Server:
    """A server: how far its clock is ahead, and what the registry has heard and said of it."""

    def __init__(self, name: str, ahead_s: float) -> None:
        self.name, self.ahead_s = name, ahead_s
        self.lives, self.frozen = True, False
        # Whether it has beaten; and since the last question.
        self.is_known = self.is_news = False
        # Since its last beat: how long the registry ran, and was frozen; and the bounds for what is
        # to be judged.
        self.silent_s = self.frozen_s = self.least_s = self.most_s = 0.0
        # The last word of the detector, and the one before the last beat.
        self.said, self.said_before = GONE, UP

    def is_silent(self, step_s: float) -> None:
        """The registry has heard nothing in this time, and it ran."""
        self.silent_s += step_s
        self.least_s += step_s
        self.most_s += step_s

    def is_not_heard(self, step_s: float, frozen_s: float, adds_up: bool) -> None:
        """The registry has heard nothing in this time, and for a part of it, it was frozen."""
        self.silent_s += step_s - frozen_s
        self.frozen_s += frozen_s
        self.most_s += MAX_TURN_S
        if not adds_up:
            self.least_s = 0.0

    def is_heard(self) -> None:
        self.silent_s = self.frozen_s = self.least_s = self.most_s = 0.0
        self.said_before = self.said if self.is_known else UP
        self.is_known = self.is_news = True


class World(SmallWorld):
    """One run of the world with a student's detector.

    Parameters: `solution`, the student's module; `script`, which decides; the `plot`; `until_s`,
    when it ends; `fates` of a beat beside "arrives"; `lease_s`; `turn_s` between two turns, and how
    often each of them asks (`asks`); `ahead`, by how many seconds the clocks of servers are ahead;
    `back_s`, by how many seconds one is set back; `keeps`: whose beats wait while the registry is
    frozen; those of others are lost then; `adds_up`: whether also the silence before a pause is
    judged.
    """

    def __init__(self, solution: Any, script: Script, *, plot: Plot, until_s: float,
                 fates: Sequence[str] = (), lease_s: float = LEASE_S, turn_s: float = TURN_S,
                 asks: int = 1, ahead: dict[str, float] | None = None, back_s: float = HOUR_S,
                 keeps: Sequence[str] = (), adds_up: bool = False) -> None:
        super().__init__(solution, script)
        self._plot, self._until_s, self._fates = plot, until_s, fates
        self._lease_s, self._turn_s, self._asks = lease_s, turn_s, asks
        self._ahead, self._back_s = ahead or {}, back_s
        self._keeps, self._adds_up = keeps, adds_up
        self._servers: dict[str, Server] = {}
        # When the detector was last called; whether the registry is frozen, since when, and for how
        # long it was the last time; and the beats that wait for it.
        self._called_at = self._froze_at = self._pause_s = 0.0
        self._is_frozen = False
        self._waiting: list[Beat] = []
        self.detector = self._first_detector()
        self._words = {solution.UP: UP, solution.SUSPECT: SUSPECT, solution.GONE: GONE}

    def run(self) -> list[str]:
        """Carries out everything; returns what was exercised. Raises Wrong."""
        self._judge_two()
        for at_s, who, does in self._plot:
            self.at(at_s, partial(self._does, who, does))
        self.at(FIRST_TURN_S, self._turn)
        self.go()
        return self.exercised

    # The servers: ours, and right.

    def _does(self, who: str, does: str) -> None:
        if who == REGISTRY:
            self._freeze() if does == FREEZES else self._thaw()
            return
        if does == STARTS:
            self._servers[who] = Server(who, self._ahead.get(who, 0.0))
            self.say("starts", name=who, beat_s=self._beat_s, lease_s=self._lease_s)
            if self._ahead.get(who):
                self.say("ahead", name=who, ahead_s=self._ahead[who])
            self._beats(self._servers[who])
            return
        server = self._servers[who]
        self.say(does.replace(" ", "_"), name=who, back_s=self._back_s)
        self.exercised.append(does)
        if does == CRASHES:
            server.lives = False
        elif does == SET_BACK:
            server.ahead_s -= self._back_s
        else:
            server.frozen = does == FREEZES
            self._beats(server)

    @property
    def _beat_s(self) -> float:
        return self._lease_s / BEATS_A_LEASE

    def _beats(self, server: Server) -> None:
        """Beats, and so on, while the server runs."""
        if not server.lives or server.frozen or self.now > self._until_s:
            return
        beat = Beat(server.name, self.now + server.ahead_s)
        # The first one comes: until then nobody asks. While the registry is frozen, one beat more
        # or less makes no difference.
        fates = self._fates if server.is_known and not self._is_frozen else ()
        if self.script.choose("beat", "arrives", *fates) == "lost":
            self.exercised.append("lost")
            self.say("lost", name=server.name)
        else:
            self.at(TRIP_S, partial(self._arrives, beat))
        self.at(self._beat_s, partial(self._beats, server))

    # The registry: ours, but for its detector.

    def _arrives(self, beat: Beat) -> None:
        if not self._is_frozen:
            self._hear(beat)
        elif beat.name in self._keeps:
            self._waiting.append(beat)

    def _hear(self, beat: Beat) -> None:
        self._call()
        self._servers[beat.name].is_heard()
        self.detector.heard(beat, self.now)

    def _turn(self) -> None:
        """Asks for the state of each server that has beaten."""
        if self._is_frozen or self.now > self._until_s:
            return
        for server in self._servers.values():
            for _ in range(self._asks if server.is_known else 0):
                self._ask(server)
        self.at(self._turn_s, self._turn)

    def _freeze(self) -> None:
        self._is_frozen, self._froze_at = True, self.now
        self.say("registry_freezes", kept=", ".join(self._keeps) or "none")

    def _thaw(self) -> None:
        self._is_frozen, self._pause_s = False, self.now - self._froze_at
        self.exercised.append("pause")
        self.say("registry_thaws")
        waiting, self._waiting = self._waiting, []
        comes_first = "asks"
        if waiting:
            comes_first = self.script.choose("thaw", "asks", "beats")
            self.exercised.append(f"{comes_first} first")
        if comes_first == "beats":
            self._hear_all(waiting)
        self._turn()
        if comes_first == "asks":
            self._hear_all(waiting)

    def _hear_all(self, beats: Sequence[Beat]) -> None:
        if beats:
            self.say("waited", count=len(beats))
        for beat in beats:
            self._hear(beat)

    def _call(self) -> None:
        """The detector is about to be called: counts the time since it was called before."""
        step_s, self._called_at = self.now - self._called_at, self.now
        for server in self._servers.values():
            if step_s > MAX_TURN_S + ALIKE_S:
                server.is_not_heard(step_s, self._pause_s, self._adds_up)
            else:
                server.is_silent(step_s)

    # What must hold at each answer.

    def _ask(self, server: Server) -> None:
        self._call()
        said = self._word(self.detector.state(server.name, self.now))
        before, server.said = server.said, said
        if said != before:
            self.say("says", name=server.name, said=said)
        self.exercised.append(said)
        if before != UP == said and server.said_before != UP:
            self.exercised.append("back")
        self._judge(server, before)
        server.is_news = False

    def _judge(self, server: Server, before: str) -> None:
        said, key = server.said, ""
        if _BADNESS[said] > _BADNESS[self._right(server.most_s + ALIKE_S)]:
            key = self._too_bad(server)
        elif _BADNESS[said] < _BADNESS[self._right(server.least_s - ALIKE_S)]:
            key = self._too_good(server)
        elif _BADNESS[said] < _BADNESS[before] and not server.is_news:
            key = "better_without_a_beat"
        if key:
            if said == before:
                self.say("says_still", name=server.name, said=said)
            raise self.wrong(key, name=server.name, said=said, was=before, lease_s=self._lease_s,
                             silent_s=round(server.silent_s, 2), ahead_s=server.ahead_s,
                             frozen_s=round(server.frozen_s, 2))

    def _right(self, silent_s: float) -> str:
        """What a server is after so many seconds of silence."""
        share = silent_s / self._lease_s
        return UP if share <= 0.5 else SUSPECT if share <= 1.0 else GONE

    def _too_bad(self, server: Server) -> str:
        if server.ahead_s:
            return "by_another_clock"
        if server.frozen_s:
            return f"{server.said}_by_own_pause"
        if server.said_before != UP and server.silent_s < self._beat_s:
            return "not_trusted_again"
        return f"{server.said}_too_early"

    def _too_good(self, server: Server) -> str:
        if server.ahead_s:
            return "by_another_clock"
        return "excused_for_ever" if self._pause_s else f"{server.said}_for_ever"

    def _judge_two(self) -> None:
        """What one detector hears, another one does not know; at first none knows anybody, and then
        whom it has heard.
        """
        first, second = (self.solution.Detector(LEASE_S, 0.0) for _ in range(2))
        said = self._word(first.state("bank-9", 0.0))
        if said != GONE:
            raise self.wrong("knows_a_stranger", said=said)
        first.heard(Beat("bank-9", 0.0), 0.0)
        said = self._word(first.state("bank-9", 0.0))
        if said != UP:
            self.say("first_moment")
            raise self.wrong("not_trusted_again", name="bank-9", said=said, was=GONE, silent_s=0.0)
        if self._word(second.state("bank-9", 0.0)) != GONE:
            self.say("two_registries")
            raise self.wrong("not_its_own")

    # The student's file.

    def _word(self, said: Any) -> str:
        word = self._words.get(said) if isinstance(said, str) else None
        if word is None:
            raise self.wrong("no_answer", said=repr(said)[:60])
        return word

    def _first_detector(self) -> Any:
        """The student's detector. Raises Theirs if it is not one."""
        for word in ("UP", "SUSPECT", "GONE"):
            if not isinstance(getattr(self.solution, word, None), str):
                raise Theirs(f"the file has no word {word}")
        detector = must_have(self.solution, "Detector", "lease_s", "now")(self._lease_s, 0.0)
        must_have(detector, "heard", "beat", "now")
        must_have(detector, "state", "name", "now")
        return detector
