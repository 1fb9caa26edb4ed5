"""Sessions on the caller's side: which numbers are open, and which of them is the oldest."""

from __future__ import annotations

import gc
import sys
import threading
import unittest
from collections.abc import Iterator
from unittest import mock

from ponte.calls.once import WINDOW
from ponte.calls.session import CallNumber, Session


class Numbers(unittest.TestCase):
    """One session. A number is open until nothing refers to it any more."""

    def setUp(self) -> None:
        self.session = Session("9f86d081884c7d65")

    def takes(self, text: str) -> CallNumber:
        """The next number goes out as this text."""
        number = self.session.take()
        self.assertEqual(str(number), text)
        return number

    def test_a_number_goes_out_with_the_oldest_one_that_is_open(self) -> None:
        """In whatever order the calls end."""
        one, two, three = self.takes("1-1"), self.takes("2-1"), self.takes("3-1")
        del two
        self.assertEqual(self.session.oldest, 1)
        del one
        self.assertEqual(self.session.oldest, 3)
        four = self.takes("4-3")
        del three
        self.assertEqual(self.session.oldest, 4)
        del four

    def test_without_an_open_number_the_oldest_is_the_next_one(self) -> None:
        """So nothing that was ended before can be taken for open."""
        self.assertEqual(self.session.oldest, 1)
        number = self.takes("1-1")
        del number
        self.assertEqual(self.session.oldest, 2)
        self.takes("2-2")
        self.assertEqual(self.session.oldest, 3)

    def test_a_number_keeps_the_text_with_which_it_went_out(self) -> None:
        """Also when older ones end: a repeat or a resolve names the same number."""
        one, two = self.takes("1-1"), self.takes("2-1")
        del one
        self.assertEqual(self.session.oldest, 2)
        self.assertEqual(str(two), "2-1")
        self.assertEqual(two.session_id, "9f86d081884c7d65")
        self.assertEqual((two.value, two.oldest), (2, 1))

    def test_a_number_is_open_as_long_as_anything_refers_to_it(self) -> None:
        number = self.takes("1-1")
        route = [number]
        del number
        self.assertEqual(self.session.oldest, 1)
        route.clear()
        self.assertEqual(self.session.oldest, 2)

    def test_numbers_are_never_taken_twice(self) -> None:
        """Not even after all others have ended."""
        self.assertEqual([self.session.take().value for _ in range(100)], list(range(1, 101)))

    def test_a_number_may_live_longer_than_its_session(self) -> None:
        """The error of a call may be kept after the stub has taken another session."""
        number = self.takes("1-1")
        del self.session
        gc.collect()
        self.assertEqual(str(number), "1-1")


class Threads(unittest.TestCase):
    """A number may end on any thread, also while another one looks for the oldest."""

    def test_numbers_end_on_other_threads(self) -> None:
        """With threads that change places as often as can be: none is lost."""
        session = Session("9f86d081884c7d65")
        lock = threading.Lock()
        interval_s = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        self.addCleanup(sys.setswitchinterval, interval_s)
        out_of_order: list[str] = []

        def call() -> None:
            for _ in range(500):
                with lock:
                    number = session.take()
                if not number.oldest <= number.value:
                    out_of_order.append(str(number))
                # Without the lock.
                del number

        threads = [threading.Thread(target=call) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(out_of_order, [])
        self.assertEqual(session.oldest, 4001)

    def test_a_number_may_end_while_its_session_is_looked_at(self) -> None:
        """On another thread, just between two steps of the look. Then it looks once more."""
        session = Session("9f86d081884c7d65")
        numbers = [session.take() for _ in range(3)]

        class Restless(type(session._open)):      # type: ignore[misc]
            """The open numbers. One of them ends while they are looked at."""

            def __iter__(self) -> Iterator[int]:
                found: Iterator[int] = super().__iter__()
                if len(numbers) > 1:
                    numbers.pop(0)
                return found

        session._open = Restless(session._open)
        for number in numbers:
            number._open = session._open
        del number
        self.assertEqual(session.oldest, 3)


class UsedUp(unittest.TestCase):
    """When another session must take the place of this one."""

    def test_after_the_window(self) -> None:
        """The far end keeps so many numbers of a session, from the oldest to the newest."""
        with mock.patch("ponte.calls.session.WINDOW", 3):
            session = Session("9f86d081884c7d65")
            oldest = session.take()
            for _ in range(2):
                self.assertFalse(session.is_used_up)
                session.take()
            self.assertTrue(session.is_used_up)
            del oldest
            self.assertFalse(session.is_used_up)

    def test_calls_that_end_never_use_it_up(self) -> None:
        session = Session("9f86d081884c7d65")
        for _ in range(2 * WINDOW):
            session.take()
            self.assertFalse(session.is_used_up)


if __name__ == "__main__":
    unittest.main()
