"""At most once: what becomes of an attempt, and what happens at the bounds of the memory."""

from __future__ import annotations

import gc
import itertools
import random
import tracemalloc
import unittest
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from unittest import mock

from ponte.calls import once
from ponte.calls.once import (
    DEAD,
    DROPPED,
    ENDED,
    IT_RAN,
    KEPT,
    KILL,
    NEVER,
    NO_SESSION,
    NOT_SENT,
    ORIGINAL,
    RECORD_BYTES,
    REFUSE,
    REPEAT,
    REPLY,
    RESOLVE,
    RUN,
    RUNNING,
    SESSION_BYTES,
    TABLE,
    UNKNOWN,
    UNSEEN,
    WAIT,
    Memory,
    Record,
)
from ponte.net.message import Reply

# The values and replies of these tests are words.
Words = Memory[str, str]


class MemoryCase(unittest.TestCase):
    """One memory, and the verbs to lead it.

    `where` has the session of an attempt, if it is not the first one, and its oldest number.
    """

    def setUp(self) -> None:
        self.has_room_for()

    def has_room_for(self, **bounds: int) -> None:
        """A new memory has these bounds, as `Memory` takes them, and one session."""
        ids = itertools.count(1)
        self.memory: Words = Memory(**bounds, new_id=lambda: f"session {next(ids)}")
        self.session = self.memory.open()

    def becomes(self, action: str, number: int, wanted: int = ORIGINAL, *, oldest: int = 1,
                session: str | None = None) -> Record[str, str] | None:
        """This becomes of an attempt. Returns what is known of its number."""
        found, record = self.memory.look(session or self.session, number, oldest, wanted)
        self.assertEqual(found, action)
        return record

    def begins(self, number: int, **where: Any) -> Record[str, str]:
        """An original arrives, and begins to run."""
        record = self.becomes(RUN, number, **where)
        assert record
        self.memory.begin(record, "a run")
        return record

    def ends(self, record: Record[str, str], reply: str = "reply", size_bytes: int = 0) -> None:
        """The run of a call has ended."""
        self.memory.end(record, reply, size_bytes)
        self.memory.leave(record)

    def runs(self, number: int, reply: str = "reply", size_bytes: int = 0,
             **where: Any) -> Record[str, str]:
        """An original arrives, runs, and its reply is kept."""
        record = self.begins(number, **where)
        self.ends(record, reply, size_bytes)
        return record

    def replies(self, reply: str, number: int, wanted: int = REPEAT, **where: Any) -> None:
        """An attempt gets this reply, which was kept."""
        record = self.becomes(REPLY, number, wanted, **where)
        assert record
        self.assertEqual(record.reply, reply)

    def holds(self, size_bytes: int, *, sessions: int = 1) -> None:
        self.assertEqual(len(self.memory), sessions)
        self.assertEqual(self.memory.size_bytes, size_bytes)


class Table(MemoryCase):
    """Every cell: number 3 is brought into each state, and an attempt of each kind arrives."""

    # Written out once more, as the design has it.
    EXPECTED: Mapping[str, Sequence[str]] = {
        NO_SESSION: (REFUSE, UNKNOWN, UNKNOWN),
        ENDED: (NEVER, UNKNOWN, UNKNOWN),
        UNSEEN: (RUN, RUN, KILL),
        RUNNING: (WAIT, WAIT, WAIT),
        KEPT: (REPLY, REPLY, REPLY),
        DROPPED: (IT_RAN, IT_RAN, IT_RAN),
        DEAD: (NEVER, NOT_SENT, NOT_SENT),
    }

    def brought_to(self, state: str) -> None:
        """From now on this is known of number 3."""
        self.has_room_for()
        if state == NO_SESSION:
            self.session = "of another life"
        elif state == ENDED:
            self.becomes(RUN, 4, oldest=4)
        elif state == DEAD:
            self.becomes(KILL, 3, RESOLVE)
        elif state != UNSEEN:
            record = self.begins(3)
            if state != RUNNING:
                self.ends(record)
            if state == DROPPED:
                self.assertTrue(self.memory.drop_reply())

    def test_every_cell_of_the_table(self) -> None:
        self.assertEqual(TABLE, self.EXPECTED)
        for state, cells in self.EXPECTED.items():
            for wanted, action in zip((ORIGINAL, REPEAT, RESOLVE), cells):
                with self.subTest(state, wanted=wanted):
                    self.brought_to(state)
                    self.becomes(action, 3, wanted)

    def test_to_look_changes_nothing_but_where_a_resolve_kills(self) -> None:
        """The same attempt a second time becomes the same. A killed number is dead from then on."""
        for state, cells in self.EXPECTED.items():
            for wanted, action in zip((ORIGINAL, REPEAT, RESOLVE), cells):
                with self.subTest(state, wanted=wanted):
                    self.brought_to(state)
                    self.becomes(action, 3, wanted)
                    self.becomes(NOT_SENT if action == KILL else action, 3, wanted)

    def test_the_word_of_a_dead_number_stays_true(self) -> None:
        """However late an attempt of it arrives. Its neighbours may run."""
        self.becomes(KILL, 3, RESOLVE)
        for _ in range(2):
            self.becomes(NEVER, 3)
            self.becomes(NOT_SENT, 3, REPEAT)
            self.becomes(NOT_SENT, 3, RESOLVE)
        self.becomes(RUN, 2)
        self.becomes(RUN, 4)

    def test_sessions_know_nothing_of_each_other(self) -> None:
        """The same number in another session is another call."""
        other = self.memory.open()
        self.runs(1, "of one")
        self.becomes(RUN, 1, session=other)
        self.becomes(KILL, 1, RESOLVE, session=other)
        self.replies("of one", 1)

    def test_every_session_has_an_id_of_its_own(self) -> None:
        """16 hex digits, made up anew by every life."""
        memories: list[Words] = [Memory() for _ in range(3)]
        ids = [memory.open() for memory in memories for _ in range(3)]
        self.assertEqual(len(set(ids)), 9)
        for session in ids:
            self.assertRegex(session, "^[0-9a-f]{16}$")


class Floor(MemoryCase):
    """What the caller says of its oldest number, true or not."""

    def test_numbers_below_the_oldest_have_ended(self) -> None:
        """Whatever was known of them, and for ever: a later attempt with a lower one is late."""
        self.runs(1)
        running = self.begins(2)
        self.becomes(KILL, 3, RESOLVE)
        self.becomes(RUN, 5, oldest=5)
        for oldest in (5, 1):
            for number in range(1, 5):
                self.becomes(NEVER, number, oldest=min(oldest, number))
                self.becomes(UNKNOWN, number, REPEAT, oldest=min(oldest, number))
                self.becomes(UNKNOWN, number, RESOLVE, oldest=min(oldest, number))
        self.ends(running)
        self.becomes(UNKNOWN, 2, REPEAT)
        self.holds(SESSION_BYTES)

    def test_the_oldest_of_a_resolve_counts_too(self) -> None:
        self.runs(1)
        self.becomes(KILL, 2, RESOLVE, oldest=2)
        self.becomes(UNKNOWN, 1, REPEAT)

    def test_numbers_may_arrive_out_of_order(self) -> None:
        """An original that was overtaken runs, as long as its caller waits for it."""
        for number in (3, 1, 5, 2, 4):
            self.runs(number, f"reply {number}")
        for number in range(1, 6):
            self.replies(f"reply {number}", number)

    def test_a_liar_may_jump_as_far_as_it_wants(self) -> None:
        """It costs the work of the numbers that are known, not of those between."""
        last = 10 ** 15 - 1
        for number in (1, 2, 10 ** 9, last):
            self.runs(number, size_bytes=10)
        self.becomes(RUN, 10 ** 14, oldest=10 ** 14)
        self.holds(SESSION_BYTES + RECORD_BYTES + 10)
        self.replies("reply", last)
        self.becomes(REPLY, last, oldest=last)
        for number in (1, 2, 3, 10 ** 9, 10 ** 14):
            self.becomes(NEVER, number)

    def test_a_liar_harms_no_other_session(self) -> None:
        self.runs(1)
        liar = self.memory.open()
        self.becomes(RUN, 10 ** 14, oldest=10 ** 14, session=liar)
        self.replies("reply", 1)
        self.becomes(RUN, 2)


class Window(MemoryCase):
    """A session has room for so many numbers. Here these are eight."""

    WINDOW = 8

    def setUp(self) -> None:
        super().setUp()
        patch = mock.patch.object(once, "WINDOW", self.WINDOW)
        patch.start()
        self.addCleanup(patch.stop)

    def known(self, numbers: range) -> list[int]:
        """Those of these numbers of which the reply is kept."""
        return [number for number in numbers
                if self.memory.look(self.session, number, 1, REPEAT)[0] == REPLY]

    def test_a_caller_that_keeps_to_the_window_loses_nothing(self) -> None:
        """Its oldest number is open all the time; in whatever order the numbers arrive."""
        numbers = list(range(1, self.WINDOW + 1))
        random.Random(1).shuffle(numbers)
        for number in numbers:
            self.runs(number)
        self.assertEqual(self.known(range(1, self.WINDOW + 1)), sorted(numbers))

    def test_beyond_the_window_the_floor_rises(self) -> None:
        """The lower half is given up: those numbers never run again. Memory stays bounded."""
        for number in range(1, 100):
            self.runs(number)
            self.assertLessEqual(self.memory.size_bytes,
                                 SESSION_BYTES + self.WINDOW * RECORD_BYTES)
        known = self.known(range(1, 100))
        self.assertEqual(known, list(range(100 - len(known), 100)))
        for number in range(1, known[0]):
            self.becomes(NEVER, number)
            self.becomes(UNKNOWN, number, REPEAT)

    def test_resolves_alone_cannot_fill_the_memory(self) -> None:
        """Each of them notes a number as dead. None of these runs, also when it is given up."""
        for number in range(1, 100):
            self.becomes(KILL, number, RESOLVE)
        self.assertLessEqual(self.memory.size_bytes, SESSION_BYTES + self.WINDOW * RECORD_BYTES)
        for number in range(1, 100):
            self.becomes(NEVER, number)

    def test_a_number_that_raises_the_floor_above_itself_runs_once(self) -> None:
        """A repeat of it finds it: it is under way, or its reply is kept."""
        for number in range(2, self.WINDOW + 2):
            self.runs(number)
        record = self.begins(1)
        self.becomes(WAIT, 1)
        self.ends(record)
        self.replies("reply", 1)
        self.becomes(NEVER, 3)
        # Its caller has ended with it.
        self.becomes(RUN, 50, oldest=50)
        self.becomes(NEVER, 1)
        self.holds(SESSION_BYTES)


class Bounds(MemoryCase):
    """Replies are dropped first, then sessions: so a call may be forgotten, but never run twice."""

    def test_replies_are_dropped_first_and_the_oldest_before_others(self) -> None:
        """In the order in which the calls ended, over all sessions. It is still known that they
        ran.
        """
        self.has_room_for(max_bytes=2 * SESSION_BYTES + 4 * RECORD_BYTES + 20)
        other = self.memory.open()
        late, last = self.begins(1), self.begins(3)
        self.runs(2, size_bytes=10)
        self.runs(1, size_bytes=10, session=other)
        self.becomes(REPLY, 2, REPEAT)
        self.ends(late, size_bytes=10)
        self.becomes(IT_RAN, 2, REPEAT)
        self.becomes(REPLY, 1, REPEAT, session=other)
        self.ends(last, size_bytes=10)
        self.becomes(IT_RAN, 1, REPEAT, session=other)
        self.becomes(REPLY, 1, REPEAT)
        self.becomes(REPLY, 3, REPEAT)
        self.holds(2 * SESSION_BYTES + 4 * RECORD_BYTES + 20, sessions=2)

    def test_a_memory_that_is_just_full_drops_nothing(self) -> None:
        """The bounds themselves are allowed."""
        self.has_room_for(max_sessions=2, max_bytes=2 * SESSION_BYTES + 2 * RECORD_BYTES + 10)
        other = self.memory.open()
        self.runs(1, size_bytes=5)
        self.runs(1, size_bytes=5, session=other)
        self.replies("reply", 1)
        self.replies("reply", 1, session=other)

    def test_idle_sessions_are_dropped_next(self) -> None:
        """When no reply is left: the one that was not used for the longest time."""
        self.has_room_for(max_bytes=3 * SESSION_BYTES + 2 * RECORD_BYTES)
        b, c = self.memory.open(), self.memory.open()
        self.runs(1, size_bytes=1)
        self.runs(1, session=b)
        # The first one is used, so b is now the one that was not used for the longest time.
        self.becomes(IT_RAN, 1)
        self.begins(1, session=c)
        self.becomes(REFUSE, 1, session=b)
        self.becomes(IT_RAN, 1)
        self.holds(2 * SESSION_BYTES + 2 * RECORD_BYTES, sessions=2)

    def test_a_session_is_not_dropped_while_a_call_of_it_is_under_way(self) -> None:
        """One for each attempt that is carried out, also beyond the bounds."""
        self.has_room_for(max_sessions=1)
        record = self.begins(1)
        self.memory.join(record)
        self.memory.open()
        self.memory.leave(record)
        self.memory.open()
        self.becomes(WAIT, 1, REPEAT)
        self.ends(record)
        self.memory.open()
        self.becomes(UNKNOWN, 1, REPEAT)

    def test_a_call_that_begins_does_not_push_its_own_session_out(self) -> None:
        """Also where the memory is too small for it."""
        self.has_room_for(max_bytes=SESSION_BYTES)
        record = self.begins(1)
        self.becomes(WAIT, 1, REPEAT)
        self.ends(record)
        self.becomes(IT_RAN, 1, REPEAT)

    def test_too_many_sessions_push_the_least_recently_used_out(self) -> None:
        """An original of it is refused, with a new session; what was unknown stays unknown."""
        self.has_room_for(max_sessions=3)
        b, c = self.memory.open(), self.memory.open()
        self.runs(1)
        d = self.memory.open()
        self.assertEqual(len(self.memory), 3)
        self.becomes(REFUSE, 1, session=b)
        self.becomes(UNKNOWN, 1, REPEAT, session=b)
        self.becomes(UNKNOWN, 1, RESOLVE, session=b)
        for session in (c, d):
            self.becomes(RUN, 1, session=session)
        self.replies("reply", 1)

    def test_a_reply_that_is_larger_than_the_memory_is_not_kept(self) -> None:
        """It is known that its call ran."""
        self.has_room_for(max_bytes=SESSION_BYTES + RECORD_BYTES + 10)
        self.runs(1, size_bytes=11)
        self.becomes(IT_RAN, 1, REPEAT)
        self.holds(SESSION_BYTES + RECORD_BYTES)

    def test_a_memory_without_room_for_a_session_runs_nothing(self) -> None:
        """Each attempt is refused: a caller gives up by and by."""
        self.has_room_for(max_bytes=SESSION_BYTES - 1)
        self.becomes(REFUSE, 1)
        self.assertEqual(self.memory.look_by_key("a key", b"")[0], REFUSE)
        self.holds(0, sessions=0)

    def test_what_was_dropped_ends_without_harm(self) -> None:
        """The session of a call went while its attempt was not carried out: it is gone."""
        self.has_room_for(max_sessions=1)
        record = self.begins(1)
        self.memory.leave(record)
        self.memory.open()
        self.memory.end(record, "reply", 10)
        self.memory.kill(record)
        self.memory.refuse(record)
        self.assertIsNone(record.value)
        self.assertIsNone(record.reply)
        self.holds(SESSION_BYTES)


class Endings(MemoryCase):
    """How a call that is under way ends."""

    def test_the_reply_takes_the_place_of_the_value(self) -> None:
        """What the server or proxy kept with a call is let go as soon as it is not needed."""
        record = self.begins(1)
        self.assertEqual(record.value, "a run")
        self.ends(record, "reply", 10)
        self.assertIsNone(record.value)
        self.replies("reply", 1)

    def test_only_the_first_reply_counts(self) -> None:
        """Two attempts that were carried out at the same time may both bring one."""
        record = self.begins(1)
        self.memory.join(record)
        self.ends(record, "first", 10)
        self.ends(record, "second", 20)
        self.replies("first", 1)
        self.holds(SESSION_BYTES + RECORD_BYTES + 10)

    def test_a_call_that_was_killed_is_dead(self) -> None:
        """A reply that comes for it nevertheless is not kept."""
        record = self.begins(1)
        self.memory.kill(record)
        self.assertIsNone(record.value)
        self.ends(record)
        self.becomes(NEVER, 1)
        self.becomes(NOT_SENT, 1, REPEAT)
        self.becomes(NOT_SENT, 1, RESOLVE)

    def test_a_call_that_has_ended_is_not_killed(self) -> None:
        record = self.runs(1)
        self.memory.kill(record)
        self.replies("reply", 1)

    def test_a_call_that_was_refused_never_runs(self) -> None:
        """Its caller was told so. A second copy of the request may come, however late."""
        for number, is_under_way in ((1, True), (2, False)):
            with self.subTest(is_under_way=is_under_way):
                if is_under_way:
                    record = self.begins(number)
                    self.memory.leave(record)
                else:
                    _, found = self.memory.look(self.session, number, 1, ORIGINAL)
                    assert found
                    record = found
                self.memory.refuse(record)
                self.becomes(NEVER, number)
                self.becomes(NOT_SENT, number, REPEAT)
                self.becomes(NOT_SENT, number, RESOLVE)

    def test_a_client_with_a_key_may_send_a_refused_call_once_more(self) -> None:
        """It has no other number to send it with."""
        for is_under_way in (True, False):
            action, record = self.memory.look_by_key("a key", b"digest")
            self.assertEqual(action, RUN)
            assert record
            if is_under_way:
                self.memory.begin(record)
                self.memory.leave(record)
            self.memory.refuse(record)
        self.assertEqual(self.memory.look_by_key("a key", b"digest")[0], RUN)

    def test_a_call_that_has_ended_is_not_refused(self) -> None:
        record = self.runs(1)
        self.memory.refuse(record)
        self.replies("reply", 1)

    def test_there_may_be_nothing_to_drop(self) -> None:
        self.assertFalse(self.memory.drop_reply())
        self.begins(1)
        self.assertFalse(self.memory.drop_reply())
        self.assertFalse(self.memory.drop_session())


class Keys(MemoryCase):
    """Calls of clients that have no session, but a key of their own."""

    def calls(self, action: str, key: str, digest: bytes = b"body") -> Record[str, str]:
        found, record = self.memory.look_by_key(key, digest)
        self.assertEqual(found, action)
        assert record
        return record

    def test_a_key_runs_once(self) -> None:
        """It waits while it runs, and then gets the first reply."""
        record = self.calls(RUN, "a")
        self.memory.begin(record, "a run")
        self.calls(WAIT, "a")
        self.ends(record)
        self.assertEqual(self.calls(REPLY, "a").reply, "reply")
        self.calls(RUN, "b")

    def test_a_key_with_another_body_is_refused(self) -> None:
        """In every state of its call, also before it has begun."""
        record = self.calls(RUN, "a")
        steps: list[Callable[[], object]] = [
            lambda: None, lambda: self.memory.begin(record, "a run"), lambda: self.ends(record),
            self.memory.drop_reply]
        for step in steps:
            step()
            with self.assertRaises(ValueError):
                self.memory.look_by_key("a", b"other body")

    def test_a_key_is_never_the_id_of_a_session(self) -> None:
        """Else a foreign client could name the session of another caller, or open one itself."""
        self.runs(1, "of the session")
        self.calls(RUN, self.session)
        self.calls(RUN, "of another life")
        self.becomes(REFUSE, 1, session="of another life")

    def test_a_key_that_was_dropped_runs_again(self) -> None:
        """The weaker promise. While its reply alone is gone, it does not."""
        self.has_room_for(max_sessions=2)
        record = self.calls(RUN, "a")
        self.memory.begin(record, "a run")
        self.ends(record)
        self.memory.drop_reply()
        self.calls(IT_RAN, "a")
        self.memory.open()
        self.memory.open()
        self.calls(RUN, "a", b"other body")


class Known:
    """What the naive memory knows of a number."""

    def __init__(self, state: str) -> None:
        self.state = state
        self.reply_bytes = 0


class Naive:
    """A memory that does as the rules say, in the slowest way: it looks everything up, and counts
    its bytes anew each time.
    """

    def __init__(self, max_sessions: int, max_bytes: int) -> None:
        self._max_sessions, self._max_bytes = max_sessions, max_bytes
        # The last used at the end.
        self._sessions: dict[str, dict[int, Known]] = {}
        self._floors: dict[str, int] = {}
        # The session of each attempt that is carried out.
        self.under_way: list[str] = []
        # Those that got a reply, in that order.
        self._replied: list[Known] = []

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def size_bytes(self) -> int:
        return sum(SESSION_BYTES + sum(RECORD_BYTES + known.reply_bytes
                                       for known in records.values())
                   for records in self._sessions.values())

    def open(self, session: str) -> None:
        while len(self._sessions) >= self._max_sessions and self.drop_session():
            pass
        self._sessions[session], self._floors[session] = {}, 1
        self._make_room()

    def look(self, session: str, number: int, oldest: int, wanted: int) -> tuple[str, Known]:
        if session not in self._sessions:
            return TABLE[NO_SESSION][wanted], Known(ENDED)
        records = self._sessions[session] = self._sessions.pop(session)
        self._floors[session] = max(self._floors[session], oldest)
        for each in [each for each in records if each < self._floors[session]]:
            del records[each]
        has_ended = number < self._floors[session]
        known = records.get(number) or Known(ENDED if has_ended else UNSEEN)
        action = TABLE[known.state][wanted]
        if action in (RUN, KILL):
            records[number] = known
            known.state = RUNNING if action == RUN else DEAD
            self.under_way += [session] if action == RUN else []
            self._make_room()
        return action, known

    def settle(self, session: str, known: Known, how: str, reply_bytes: int) -> None:
        """An attempt of a call has ended."""
        records = self._sessions.get(session, {})
        number, = [number for number, each in records.items() if each is known] or [0]
        if number and known.state == RUNNING:
            if how in ("kill", "refuse"):
                known.state = DEAD
            elif how == "end":
                known.state, known.reply_bytes = KEPT, reply_bytes
                self._replied.append(known)
                self._make_room()
        self.under_way.remove(session)

    def drop_reply(self) -> bool:
        there = [known for records in self._sessions.values() for known in records.values()]
        kept = [known for known in self._replied if known.state == KEPT and known in there]
        if kept:
            kept[0].state, kept[0].reply_bytes = DROPPED, 0
        return bool(kept)

    def drop_session(self) -> bool:
        idle = [session for session in self._sessions if session not in self.under_way]
        if idle:
            del self._sessions[idle[0]]
        return bool(idle)

    def _make_room(self) -> None:
        while self.size_bytes > self._max_bytes and (self.drop_reply() or self.drop_session()):
            pass


class Random(unittest.TestCase):
    """Whatever happens, in whatever order: the memory does as the naive one, byte for byte."""

    def follow(self, seed: int, max_sessions: int, max_bytes: int, steps: int = 400) -> None:
        rng = random.Random(seed)
        ids = (f"session {number}" for number in itertools.count(1))
        memory: Words = Memory(max_sessions, max_bytes, new_id=lambda: next(ids))
        naive = Naive(max_sessions, max_bytes)
        sessions = ["of another life"]
        # The attempts that are carried out: the session, and what each memory knows of the number.
        running: list[tuple[str, Record[str, str], Known]] = []

        def opens() -> None:
            sessions.append(memory.open())
            naive.open(sessions[-1])

        def arrives() -> None:
            session, number = rng.choice(sessions[-6:]), rng.randrange(1, 12)
            oldest = rng.randrange(1, number + 1) if rng.random() < 0.3 else 1
            wanted = rng.choice((ORIGINAL, REPEAT, RESOLVE))
            action, record = memory.look(session, number, oldest, wanted)
            if record and action == RUN:
                memory.begin(record, "a run")
            elif record and action == WAIT:
                memory.join(record)
                naive.under_way.append(session)
            expected, known = naive.look(session, number, oldest, wanted)
            self.assertEqual(action, expected)
            if record and action in (RUN, WAIT):
                running.append((session, record, known))

        def ends() -> None:
            if not running:
                return
            session, record, known = running.pop(rng.randrange(len(running)))
            how, size_bytes = rng.choice(("end", "kill", "refuse", "leave")), rng.randrange(1000)
            if how == "end":
                memory.end(record, "reply", size_bytes)
            elif how == "kill":
                memory.kill(record)
            elif how == "refuse":
                memory.refuse(record)
            memory.leave(record)
            naive.settle(session, known, how, size_bytes)

        def drops() -> None:
            what = rng.choice(("drop_reply", "drop_session"))
            self.assertEqual(getattr(memory, what)(), getattr(naive, what)())

        choices: list[Callable[[], None]] = [opens, arrives, ends, drops]
        for _ in range(steps):
            rng.choices(choices, (1, 20, 8, 1))[0]()
            self.assertEqual(memory.size_bytes, naive.size_bytes, f"seed {seed}")
            self.assertEqual(len(memory), len(naive), f"seed {seed}")

    def test_without_bounds(self) -> None:
        for seed in range(20):
            self.follow(seed, 1000, 10 ** 9)

    def test_with_few_sessions(self) -> None:
        for seed in range(20):
            self.follow(seed, 3, 10 ** 9)

    def test_with_few_bytes(self) -> None:
        for seed in range(20):
            self.follow(seed, 1000, 4 * SESSION_BYTES + 12 * RECORD_BYTES)

    def test_with_hardly_room_for_one_session(self) -> None:
        for seed in range(20):
            self.follow(seed, 2, SESSION_BYTES + RECORD_BYTES + 300)


class TrueSize(unittest.TestCase):
    """What the memory takes for its own size is near what it really takes."""

    BODY_BYTES = 100

    def filled(self, sessions: int, numbers: int) -> Memory[None, Reply]:
        """A memory with replies as servers make them."""
        memory: Memory[None, Reply] = Memory(10 ** 6, 10 ** 12)
        for _ in range(sessions):
            session = memory.open()
            for number in range(1, numbers + 1):
                _, record = memory.look(session, number, 1, ORIGINAL)
                assert record
                memory.begin(record, None)
                # Each has bytes and lines of its own, as on the way of a call.
                lines = (f"Content-Type: text/xml; charset=utf-8\r\nServed-By: greeter-{number}; "
                         f"incarnation=1700000000000; service=greeter\r\n")
                reply = Reply(200, {}, bytes(self.BODY_BYTES), True, lines)
                memory.end(record, reply, len(reply.body))
                memory.leave(record)
        return memory

    def test_sessions_and_records_take_about_what_is_counted(self) -> None:
        """It never takes more, and not less than half of it."""
        for sessions, numbers in ((1000, 0), (500, 1), (200, 10), (10, 500)):
            with self.subTest(sessions=sessions, numbers=numbers):
                gc.collect()
                tracemalloc.start()
                self.addCleanup(tracemalloc.stop)
                before, _ = tracemalloc.get_traced_memory()
                memory = self.filled(sessions, numbers)
                taken = tracemalloc.get_traced_memory()[0] - before
                tracemalloc.stop()
                self.assertLess(taken, memory.size_bytes)
                self.assertGreater(taken, memory.size_bytes / 2)


if __name__ == "__main__":
    unittest.main()
