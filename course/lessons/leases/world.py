"""Servers that beat, a network that loses, doubles and holds back beats, and a registry with a
student's table.

What the servers do is a plot: who starts, crashes, freezes or says goodbye, and when. What becomes
of each beat is asked of the script. Threads: one.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from course.explore import Script
from course.theirs import Theirs, must_have
from course.worker import Printed
from course.world import SmallWorld

# Seconds: a lease, and a beat each third of it; a beat on its way, so that the first one comes when
# the clock shows 0; one that is held back, and one that is held back for very long; and between two
# turns of the registry.
LEASE_S, BEATS_A_LEASE = 3.0, 3
TRIP_S, LATE_S, VERY_LATE_S, TURN_S = 0.0, 8.0, 40.0, 0.25
# Turns stand between the moments of beats, so that no lease ends in the same moment as a turn.
FIRST_TURN_S = 0.125
# Seconds for which a table must remember; and after which it must have forgotten, from whichever
# moment it counts.
REMEMBER_S, FORGET_S = 60.0, 85.0
# Servers that shall be forgotten. What they send, each some of it: life, number, goodbye.
MANY = 200
_SENT = (((1, 1, False),), ((1, 1, True),), ((2, 1, True), (1, 1, False)),
         ((1, 1, False), (1, 2, True), (1, 1, False), (1, 2, True)),
         ((1, 1, False), (2, 1, False), (1, 2, False)))
# So often it must be seen that they are not.
LOOKS = 4

# What a plot has: the second, the server, and what it does. "registry" is one, too.
STARTS, CRASHES, FREEZES, THAWS, LEAVES, RESTARTS = (
    "starts", "crashes", "freezes", "thaws", "leaves", "restarts")
# The beating thread does not know yet that the goodbye has been sent.
BEATS_AGAIN = "beats again"
# From the next beat on it has leases of LEASE_S.
SHORTENS = "shortens"
Plot = Sequence[tuple[float, str, str]]
REGISTRY = "registry"

# When a beat comes, and its copies.
_DELAYS_S: dict[str, tuple[float, ...]] = {
    "arrives": (TRIP_S,), "late": (LATE_S,), "very late": (VERY_LATE_S,),
    "twice": (TRIP_S, LATE_S), "lost": ()}


class Beat(NamedTuple):
    """What a server sends."""

    name: str
    life: int
    seq: int
    port: int
    lease_s: float
    leaving: bool


class Server:
    """One life of a server."""

    def __init__(self, name: str, life: int, port: int, lease_s: float) -> None:
        self.name, self.life, self.port, self.lease_s = name, life, port, lease_s
        self.seq = 0
        self.lives, self.frozen = True, False

    @property
    def fields(self) -> dict[str, Any]:
        """What a story says of it."""
        return {"name": self.name, "life": self.life, "port": self.port}


class Came(NamedTuple):
    """A beat that came to the registry, at this time, and what becomes of it."""

    at_s: float
    beat: Beat
    verdict: str


class World(SmallWorld):
    """One run of the world with a student's table.

    Parameters: `solution`, the student's module; `script`, which decides; the `plot`; `until_s`,
    when every server stops; `fates` of a beat beside "arrives"; `looks`, the seconds at which
    somebody looks up (by default at every turn); `leases`, the seconds of each life by name,
    where they are not LEASE_S; `lives`, the numbers of the lives of a name; whether each life
    `moves` to another port; `dead`, the message if a dead server is listed; whether also the
    answers are judged (`strict`), and that a table `forgets`.
    """

    def __init__(self, solution: Any, script: Script, *, plot: Plot, until_s: float,
                 fates: Sequence[str] = (), looks: Sequence[float] = (),
                 leases: dict[str, Sequence[float]] | None = None,
                 lives: Sequence[int] = (1, 2), moves: bool = True, dead: str = "dead_listed",
                 strict: bool = False, forgets: bool = False) -> None:
        super().__init__(solution, script)
        self._plot, self._until_s, self._fates = plot, until_s, fates
        self._looks, self._leases = looks, leases or {}
        self._lives, self._moves = lives, moves
        self._dead, self._strict, self._forgets = dead, strict, forgets
        # By name, the youngest last.
        self._servers: dict[str, list[Server]] = {}
        # By name: the beats that have come to this life of the registry, and those that count.
        self._came: dict[str, list[Came]] = {}
        self._counted: dict[str, list[Came]] = {}
        # What the latest lookup returned.
        self._found: dict[str, int] = {}
        self._ends_s = until_s
        self.table = self._first_table()

    def run(self) -> list[str]:
        """Carries out everything; returns what was exercised. Raises Wrong."""
        self._judge_two()
        for at_s, who, does in self._plot:
            self.at(at_s, partial(self._does, who, does))
        self.at(self._until_s, self._all_crash)
        self.at(FIRST_TURN_S, self._turn)
        self.go()
        if self._forgets:
            # A file keeps what is printed in pieces.
            with contextlib.redirect_stdout(Printed()):
                self._judge_forgetting()
        return self.exercised

    # The servers: ours, and right.

    def _does(self, who: str, does: str) -> None:
        if who == REGISTRY:
            self.say("registry_restarts")
            self.exercised.append("restart")
            self._came, self._counted = {}, {}
            self.table = self.solution.Table()
            return
        if does == STARTS:
            self._start(who)
            return
        lives = self._servers[who]
        # Of two lives at once, the older one ends.
        server = next(each for each in lives if each.lives or each is lives[-1])
        if does in (LEAVES, BEATS_AGAIN):
            self._send(server, leaving=does == LEAVES)
        if does == THAWS:
            server.frozen = False
            self.say("goes_on", **server.fields)
            self._beats(server)
        elif does == SHORTENS:
            server.lease_s = LEASE_S
            self.say("shortens", **server.fields, lease_s=LEASE_S)
        elif does == FREEZES:
            server.frozen = True
            self.say("freezes", **server.fields)
        elif does in (CRASHES, LEAVES):
            server.lives = False
            self.say("crashes" if does == CRASHES else "stops", **server.fields)

    def _start(self, name: str) -> None:
        lives = self._servers.setdefault(name, [])
        number = list(self._servers).index(name)
        lengths = self._leases.get(name, (LEASE_S,))
        port = 4001 + 100 * number + (len(lives) if self._moves else 0)
        server = Server(name, self._lives[len(lives)], port,
                        lengths[min(len(lives), len(lengths) - 1)])
        lives.append(server)
        self.say("starts", **server.fields)
        self._beats(server)

    def _all_crash(self) -> None:
        for server in itertools.chain(*self._servers.values()):
            if server.lives:
                server.lives = False
                self.say("crashes", **server.fields)

    def _beats(self, server: Server) -> None:
        """Beats, and so on, while the server runs."""
        if not server.lives or server.frozen:
            return
        self._send(server)
        self.at(server.lease_s / BEATS_A_LEASE, lambda: self._beats(server))

    # The network.

    def _send(self, server: Server, leaving: bool = False) -> None:
        server.seq += 1
        fate = self.script.choose("beat", "arrives", *self._fates)
        self.exercised.append(fate)
        self.say("sends_goodbye" if leaving else "sends_beat", **server.fields, seq=server.seq,
                 fate=fate)
        beat = Beat(server.name, server.life, server.seq, server.port, server.lease_s, leaving)
        for delay_s in _DELAYS_S[fate]:
            self.at(delay_s, partial(self._arrives, beat, delay_s > TRIP_S))
            # Until its lease is over, and a little more.
            self._ends_s = max(self._ends_s, self.now + delay_s + server.lease_s + 4 * TURN_S)

    # The registry: ours, but for its table.

    def _arrives(self, beat: Beat, is_late: bool) -> None:
        if is_late:
            self.say("late_goodbye" if beat.leaving else "late_beat", name=beat.name,
                     life=beat.life, port=beat.port, seq=beat.seq)
        right = self._verdict(beat)
        came = Came(self.now, beat, right)
        self._came.setdefault(beat.name, []).append(came)
        if right == "ack":
            self._counted.setdefault(beat.name, []).append(came)
        self.exercised.append(right)
        if beat.leaving and right == "ack":
            self.exercised.append("goodbye")
        said = self.table.beat(beat, self.now)
        words = {self.solution.ACK: "ack", self.solution.SUPERSEDED: "superseded",
                 self.solution.OLD: "old"}
        if not isinstance(said, str) or said not in words:
            raise self.wrong("no_answer", name=beat.name, said=repr(said)[:60])
        if self._strict and words[said] != right:
            self.say("said", name=beat.name, life=beat.life, seq=beat.seq, said=said)
            raise self.wrong(f"said_{words[said]}", name=beat.name, life=beat.life,
                        seq=beat.seq, right=right)

    def _turn(self) -> None:
        """The registry does what is due, and somebody looks."""
        self.table.expire(self.now)
        if not self._looks or self.now in self._looks:
            self._look()
        if self.now < self._ends_s:
            self.at(TURN_S, self._turn)

    def _look(self) -> None:
        found = self._lookup(self.table)
        if found is self._found:
            self._fail("not_new", found)
        self._found = found
        self._judge(found)

    # What must hold at each look.

    def _verdict(self, beat: Beat) -> str:
        """What must become of a beat that comes now."""
        counted = [each.beat for each in self._counted.get(beat.name, ())]
        if any(each.life > beat.life for each in counted):
            return "superseded"
        same = [each for each in counted if each.life == beat.life]
        if any(each.leaving or each.seq >= beat.seq for each in same):
            return "old"
        return "ack"

    def _judge(self, found: dict[str, int]) -> None:
        for name in found:
            if name not in self._came:
                self._tell_lookup(found)
                raise self.wrong("lists_a_stranger", name=name)
        for name in self._came:
            self._judge_one(name, found)

    def _judge_one(self, name: str, found: dict[str, int]) -> None:
        newest = self._counted[name][-1]
        silent_s, beat = self.now - newest.at_s, newest.beat
        values = {"name": name, "port": found.get(name, 0)}
        if beat.leaving:
            if name in found:
                self._fail("goodbye_undone", found, **values)
        elif silent_s > beat.lease_s:
            self.exercised.append("over")
            if name in found:
                self._judge_dead(newest, found, **values, silent_s=round(silent_s, 1),
                                 lease_s=beat.lease_s)
        elif name in found:
            if repr(found[name]) != repr(beat.port):
                self._judge_port(name, found, beat.port)
        # A server that has died may go early. One that lives must stay.
        elif any(each.lives for each in self._servers[name] if each.life == beat.life):
            self._judge_missing(name, found, newest)

    def _judge_dead(self, newest: Came, found: dict[str, int], **values: Any) -> None:
        later = [each for each in self._came[newest.beat.name] if each.at_s > newest.at_s]
        if later:
            del values["silent_s"], values["lease_s"]
            self._fail("late_beat_revives", found, **values, seq=later[-1].beat.seq)
        self._fail(self._dead, found, **values)

    def _judge_port(self, name: str, found: dict[str, int], right: int) -> None:
        known, port = [repr(each.beat.port) for each in self._came[name]], repr(found[name])
        key = "old_port" if port in known else "no_port"
        self._fail(key, found, name=name, port=port[:30], right=right)

    def _judge_missing(self, name: str, found: dict[str, int], newest: Came) -> None:
        beat, before = newest.beat, self._counted[name][:-1]
        if before and before[-1].beat.life < beat.life:
            self._fail("new_life_missing", found, name=name, life=beat.life, port=beat.port)
        elder = self._came[name][-1]
        if elder.beat.leaving and elder.verdict == "superseded":
            self._fail("goodbye_of_another_life", found, name=name, life=elder.beat.life,
                       younger=beat.life)
        # Its lease was over, and since then it has beaten.
        gaps = [self._counted[name][place + 1].at_s - each.at_s > each.beat.lease_s
                for place, each in enumerate(before) if each.beat.life == beat.life]
        if any(gaps):
            self._fail("stays_out", found, name=name)
        self._fail("living_missing", found, name=name, silent_s=round(self.now - newest.at_s, 1),
                   lease_s=beat.lease_s)

    def _fail(self, key: str, found: dict[str, int], **values: Any) -> None:
        self._tell_lookup(found)
        raise self.wrong(key, **values)

    def _tell_lookup(self, found: dict[str, int]) -> None:
        self.say("lookup", found=_listed(found))

    def _judge_two(self) -> None:
        """What one table hears, another one does not know."""
        one, another = self.solution.Table(), self.solution.Table()
        first = Beat("bank-9", 1, 1, 4901, LEASE_S, False)
        one.beat(first, self.now)
        right, found = self._lookup(one), self._lookup(another)
        if found:
            self.say("first_table")
            self.say("second_table", found=_listed(found))
            raise self.wrong("not_empty", names=", ".join(map(str, found)))
        one.beat(Beat("bank-9", 1, 2, 4901, LEASE_S, True), self.now)
        one.beat(Beat("bank-9", 2, 1, 4902, LEASE_S, True), self.now)
        another.beat(first, self.now)
        found = self._lookup(another)
        if found != right:
            self.say("first_table_left")
            self.say("second_table_first")
            self.say("second_table", found=_listed(found))
            raise self.wrong("not_its_own")

    def _lookup(self, table: Any) -> dict[Any, Any]:
        found = table.lookup(self.now)
        if not isinstance(found, dict):
            raise self.wrong("no_lookup", found=repr(found)[:60])
        return found

    def _judge_forgetting(self) -> None:
        """The silent are forgotten: then others need no more memory than they did, nor than none.
        """
        self.story, names = [], (f"bank-{number}" for number in itertools.count(2))
        self.say("many", servers=MANY)
        # Another thread of this process may take memory, too, but not each time.
        if all(self._keeps(names) for _ in range(LOOKS)):
            self.say("silence", silent_s=FORGET_S)
            raise self.wrong("keeps_for_ever", servers=MANY)

    def _keeps(self, names: Iterator[str]) -> bool:
        """Whether a new table seems to keep something of these servers."""
        table, blocks = self.solution.Table(), list[int]()
        for servers in (MANY, MANY, 0):
            for sent, name in zip(itertools.cycle(_SENT), itertools.islice(names, servers)):
                for life, seq, leaving in sent:
                    table.beat(Beat(name, life, seq, 4002, 2 * LEASE_S, leaving), self.now)
            self.now += REMEMBER_S
            for _ in range(int((FORGET_S - REMEMBER_S) / TURN_S)):
                self.now += TURN_S
                table.beat(Beat("bank-1", 1, int(self.now / TURN_S), 4001, LEASE_S, False),
                           self.now)
                table.expire(self.now)
                table.lookup(self.now)
            gc.collect()
            blocks.append(sys.getallocatedblocks())
        return blocks[1] - min(blocks) > MANY / len(_SENT) / 2

    # Parts of the above.

    def _first_table(self) -> Any:
        """The student's table. Raises Theirs if it is not one."""
        for word in ("ACK", "SUPERSEDED", "OLD"):
            if not isinstance(getattr(self.solution, word, None), str):
                raise Theirs(f"the file has no word {word}")
        table = must_have(self.solution, "Table")()
        must_have(table, "beat", "beat", "now")
        must_have(table, "expire", "now")
        must_have(table, "lookup", "now")
        return table


def _listed(found: Any) -> str:
    """What a lookup found, for a sentence."""
    return ", ".join(f"{name}: {port!r:.30}" for name, port in found.items()) or "nobody"
