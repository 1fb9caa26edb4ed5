"""At most once: how long a call is remembered, and what happens at the bounds of memory."""

from __future__ import annotations

import unittest

from ponte.calls.once import KEEP_S, KEEP_TIMEOUTS, CallMemory, Forgotten


class Memory(unittest.TestCase):
    """Values by call id, bounded in entries, bytes and age."""

    def test_what_is_kept_is_recalled(self) -> None:
        """By a repeat and by a call with the same id alike; an unknown id is nothing."""
        memory: CallMemory[str] = CallMemory()
        memory.keep("a", "first", 0.0)
        for repeat in (True, False):
            self.assertEqual(memory.recall("a", 1.0, repeat=repeat), "first")
            self.assertIsNone(memory.recall("b", 1.0, repeat=repeat))

    def test_a_value_is_kept_as_long_as_a_repeat_may_come(self) -> None:
        """KEEP_S at least, and KEEP_TIMEOUTS times a longer timeout."""
        for timeout_s, keeps_s in ((0.0, KEEP_S), (1.0, KEEP_S), (KEEP_S, KEEP_S * KEEP_TIMEOUTS)):
            with self.subTest(timeout_s=timeout_s):
                memory: CallMemory[str] = CallMemory()
                memory.keep("a", "first", 0.0, timeout_s=timeout_s)
                memory.keep("b", "second", keeps_s - 0.1)
                self.assertEqual(memory.recall("a", keeps_s - 0.1, repeat=True), "first")
                memory.keep("c", "third", keeps_s)
                self.assertIsNone(memory.recall("a", keeps_s, repeat=True))

    def test_too_many_entries_push_the_oldest_out(self) -> None:
        """And a repeat of one is told that it is forgotten, instead of being run again."""
        memory: CallMemory[int] = CallMemory(max_entries=3)
        for number in range(5):
            memory.keep(str(number), number, 0.0)
        self.assertEqual(len(memory), 3)
        with self.assertRaises(Forgotten):
            memory.recall("0", 1.0, repeat=True)
        self.assertEqual([memory.recall(str(number), 1.0, repeat=True) for number in (2, 3, 4)], [2, 3, 4])

    def test_too_many_bytes_push_the_oldest_out(self) -> None:
        """The sum of the sizes stays within its bound, also when one value is larger than all of it."""
        memory: CallMemory[str] = CallMemory(max_bytes=10)
        memory.keep("a", "a", 0.0, size_bytes=6)
        memory.keep("b", "b", 0.0, size_bytes=6)
        self.assertEqual((len(memory), memory.size_bytes), (1, 6))
        memory.keep("c", "c", 0.0, size_bytes=11)
        self.assertEqual((len(memory), memory.size_bytes), (0, 0))

    def test_new_calls_are_never_told_that_they_are_forgotten(self) -> None:
        """Only who says that it repeats may have been here before."""
        memory: CallMemory[int] = CallMemory(max_entries=1)
        for number in range(3):
            memory.keep(str(number), number, 0.0)
        self.assertIsNone(memory.recall("new", 1.0, repeat=False))

    def test_doubt_ends_when_nobody_can_repeat_any_more(self) -> None:
        """Until the last of the dropped entries would have aged out."""
        memory: CallMemory[int] = CallMemory(max_entries=1)
        memory.keep("a", 1, 0.0, timeout_s=KEEP_S)
        memory.keep("b", 2, 1.0)
        memory.keep("c", 3, 2.0)
        ends_at = KEEP_S * KEEP_TIMEOUTS
        with self.assertRaises(Forgotten):
            memory.recall("a", ends_at - 0.1, repeat=True)
        self.assertIsNone(memory.recall("a", ends_at, repeat=True))

    def test_ageing_out_raises_no_doubt(self) -> None:
        """Who comes after that time is nobody's repeat."""
        memory: CallMemory[int] = CallMemory()
        memory.keep("a", 1, 0.0)
        memory.keep("b", 2, KEEP_S + 1)
        self.assertIsNone(memory.recall("a", KEEP_S + 1, repeat=True))

    def test_keeping_again_replaces(self) -> None:
        """One entry an id: its value, size and time are those of the last word."""
        memory: CallMemory[str] = CallMemory(max_entries=2)
        memory.keep("a", "running", 0.0)
        memory.keep("b", "other", 0.0)
        memory.keep("a", "reply", 1.0, size_bytes=5)
        self.assertEqual((len(memory), memory.size_bytes), (2, 5))
        memory.keep("c", "third", 1.0)
        self.assertEqual(memory.recall("a", 1.0, repeat=True), "reply", "b was the oldest")

    def test_what_did_not_run_is_dropped_without_a_trace(self) -> None:
        """It gives its bytes back, raises no doubt, and may be dropped twice."""
        memory: CallMemory[str] = CallMemory()
        memory.keep("a", "refused", 0.0, size_bytes=7)
        for _ in range(2):
            memory.drop("a")
        self.assertEqual((len(memory), memory.size_bytes), (0, 0))
        self.assertIsNone(memory.recall("a", 1.0, repeat=True))


if __name__ == "__main__":
    unittest.main()
