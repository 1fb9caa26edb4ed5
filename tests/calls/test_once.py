"""At most once: for how long a call is remembered, and what happens at the bounds of the memory."""

from __future__ import annotations

import unittest
from typing import Any

from ponte.calls.once import KEEP_S, KEEP_TIMEOUTS, CallMemory, Forgotten


class Memory(unittest.TestCase):
    """Values by call id, bounded in entries, bytes and age. Here a value is a word."""

    def setUp(self) -> None:
        self.has_room_for()

    def has_room_for(self, **bounds: int) -> None:
        """A new memory has these bounds, as `CallMemory` takes them."""
        self.memory: CallMemory[str] = CallMemory(**bounds)

    def keeps(self, call_id: str, value: str = "reply", *, at: float = 0.0, **details: Any) -> None:
        """The value is kept; `details` as `keep` takes them."""
        self.memory.keep(call_id, value, at, **details)

    def recalls(self, call_id: str, value: str | None = "reply", *, at: float = 1.0,
                repeat: bool = True) -> None:
        """This is recalled of a call; None for nothing."""
        self.assertEqual(self.memory.recall(call_id, at, repeat=repeat), value)

    def doubts(self, call_id: str, *, at: float = 1.0) -> None:
        """A repeat of this call may have been here before: it is refused."""
        with self.assertRaises(Forgotten):
            self.memory.recall(call_id, at, repeat=True)

    def holds(self, *, entries: int, size_bytes: int) -> None:
        self.assertEqual(len(self.memory), entries)
        self.assertEqual(self.memory.size_bytes, size_bytes)

    def test_what_is_kept_is_recalled(self) -> None:
        """By a repeat, and by a call with the same id. Of an unknown id there is nothing."""
        self.keeps("a", "first")
        for repeat in (True, False):
            self.recalls("a", "first", repeat=repeat)
            self.recalls("b", None, repeat=repeat)

    def test_a_value_is_kept_as_long_as_a_repeat_may_come(self) -> None:
        """KEEP_S at least, or KEEP_TIMEOUTS times the timeout where that is longer."""
        for timeout_s, keeps_s in ((0.0, KEEP_S), (1.0, KEEP_S), (KEEP_S, KEEP_S * KEEP_TIMEOUTS)):
            with self.subTest(timeout_s=timeout_s):
                self.has_room_for()
                self.keeps("a", "first", timeout_s=timeout_s)
                self.keeps("b", at=keeps_s - 0.1)
                self.recalls("a", "first", at=keeps_s - 0.1)
                self.keeps("c", at=keeps_s)
                self.recalls("a", None, at=keeps_s)

    def test_too_many_entries_push_the_oldest_out(self) -> None:
        """A repeat of one that was pushed out is refused, instead of being run a second time."""
        self.has_room_for(max_entries=3)
        for call_id in "abcde":
            self.keeps(call_id, f"reply {call_id}")
        self.holds(entries=3, size_bytes=0)
        self.doubts("a")
        self.recalls("c", "reply c")
        self.recalls("d", "reply d")
        self.recalls("e", "reply e")

    def test_too_many_bytes_push_the_oldest_out(self) -> None:
        """The sum of the sizes stays within its bound."""
        self.has_room_for(max_bytes=10)
        self.keeps("a", size_bytes=6)
        self.keeps("b", size_bytes=6)
        self.holds(entries=1, size_bytes=6)
        self.doubts("a")
        self.recalls("b")

    def test_a_value_that_is_larger_than_the_memory_is_not_kept(self) -> None:
        """A repeat of its call is refused."""
        self.has_room_for(max_bytes=10)
        self.keeps("a", size_bytes=6)
        self.keeps("b", size_bytes=11)
        self.holds(entries=0, size_bytes=0)
        self.doubts("b")

    def test_a_memory_that_is_just_full_drops_nothing(self) -> None:
        """The bounds themselves are allowed."""
        self.has_room_for(max_entries=2, max_bytes=10)
        self.keeps("a", size_bytes=5)
        self.keeps("b", size_bytes=5)
        self.holds(entries=2, size_bytes=10)

    def test_new_calls_are_never_refused_as_forgotten(self) -> None:
        """Only a call that says that it is a repeat may have been here before."""
        self.has_room_for(max_entries=1)
        for call_id in "abc":
            self.keeps(call_id)
        self.recalls("new", None, repeat=False)

    def test_doubt_ends_when_no_repeat_can_come_any_more(self) -> None:
        """When the last of the dropped entries would have aged out."""
        self.has_room_for(max_entries=1)
        self.keeps("a", timeout_s=KEEP_S)
        self.keeps("b", at=1.0)
        self.keeps("c", at=2.0)
        ends_at = KEEP_S * KEEP_TIMEOUTS
        self.doubts("a", at=ends_at - 0.1)
        self.recalls("a", None, at=ends_at)

    def test_ageing_out_raises_no_doubt(self) -> None:
        """After that time no repeat comes, so this is none."""
        self.keeps("a")
        self.keeps("b", at=KEEP_S + 1)
        self.recalls("a", None, at=KEEP_S + 1)

    def test_keeping_a_call_a_second_time_replaces_its_entry(self) -> None:
        """One entry for each id: its value, size and age are the latest ones."""
        self.has_room_for(max_entries=2)
        self.keeps("a", "running")
        self.keeps("b", "other")
        self.keeps("a", "reply", at=1.0, size_bytes=5)
        self.holds(entries=2, size_bytes=5)
        self.keeps("c", at=1.0)         # the oldest is now "b", and is pushed out
        self.recalls("a", "reply")
        self.doubts("b")

    def test_a_call_that_was_dropped_leaves_no_trace(self) -> None:
        """Its bytes are free, and there is no doubt. It may be dropped twice."""
        self.keeps("a", size_bytes=7)
        for _ in range(2):
            self.memory._drop("a")
        self.holds(entries=0, size_bytes=0)
        self.recalls("a", None)


if __name__ == "__main__":
    unittest.main()
