"""One follower for all readers of a process: it is shared, it ends with the last, and it survives.

The registry is only a function, which a test lets answer.
"""

from __future__ import annotations

import gc
import queue
import threading
import unittest
from typing import Any, Callable
from unittest import mock

from ponte.calls.endpoint import Endpoint
from ponte.discovery.directory import WATCH_EACH_S, WATCH_S, Directory
from ponte.discovery.follower import _end
from ponte.net.pool import Pool
from tests.discovery.test_view import answer
from tests.fakes import endpoint, eventually

A, B = ("10.0.0.1", 4100), ("10.0.0.2", 4100)
PATIENCE_S = 5.0


class FollowerTest(unittest.TestCase):
    """Registries that answer what a test puts in."""

    def setUp(self) -> None:
        self.asked: list[tuple[Any, tuple[Any, ...], float]] = []
        self.answers: dict[Any, queue.SimpleQueue[Any]] = {
            A: queue.SimpleQueue(), B: queue.SimpleQueue()}
        for name, fake in (("follower.ask", self.fake_ask), ("follower.RETRY_S", (0.001, 0.001)),
                           ("directory.log", mock.Mock())):
            patch = mock.patch(f"ponte.discovery.{name}", fake)
            patch.start()
            self.addCleanup(patch.stop)
        self.addCleanup(eventually, lambda: self.threads() == [])

    def fake_ask(self, pool: Pool, registry: Any, method: str, *params: Any,
                 timeout_s: float) -> Any:
        """Waits for an answer, or until the pool is closed, as a long poll does."""
        self.asked.append((registry, params, timeout_s))
        while not pool._closed:
            try:
                given = self.answers[registry].get(timeout=0.01)
            except queue.Empty:
                continue
            if isinstance(given, BaseException):
                raise given
            return given.to_json()
        raise OSError("the pool was closed")

    def threads(self) -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == "ponte-watch"]

    def say(self, registry: Any, *endpoints: Endpoint) -> None:
        self.answers[registry].put(answer(*endpoints))

    def follow(self, *registries: Any, **options: Any) -> Directory:
        directory = Directory("greeter", registries, **options)
        directory.start()
        self.addCleanup(directory.close)
        return directory

    def names(self, directory: Directory) -> list[str]:
        return [each.instance for each in directory.endpoints]


class Sharing(FollowerTest):
    """One for each registry, service and set of certificates."""

    def test_readers_of_the_same_share_one(self) -> None:
        directories = [self.follow(A) for _ in range(100)]
        self.assertEqual(len(self.threads()), 1)
        # Those that began after the first question wait for the answer to the second one.
        self.say(A, endpoint("a"))
        self.say(A, endpoint("a"))
        for directory in directories:
            self.assertTrue(directory.wait(PATIENCE_S))
            self.assertEqual(self.names(directory), ["a"])

    def test_threads_that_begin_at_once_share_one(self) -> None:
        begin = threading.Barrier(20)
        found: list[Directory] = []

        def follow() -> None:
            begin.wait(PATIENCE_S)
            found.append(self.follow(A))

        begun = [threading.Thread(target=follow) for _ in range(20)]
        for thread in begun:
            thread.start()
        for thread in begun:
            thread.join(PATIENCE_S)
        self.assertEqual((len(found), len(self.threads())), (20, 1))

    def test_a_reader_of_other_registries_shares_those_that_are_the_same(self) -> None:
        kept = self.follow(A), self.follow(B, A), self.follow(A, B)
        self.assertEqual(len(self.threads()), 2)
        del kept

    def test_another_service_or_other_certificates_need_another_one(self) -> None:
        kept = [self.follow(A)]
        other = Directory("bank", [A])
        other.start()
        self.addCleanup(other.close)
        kept.append(self.follow(A, tls=mock.Mock()))
        self.assertEqual(len(self.threads()), 3)

    def test_a_late_reader_knows_at_once_what_is_known(self) -> None:
        first = self.follow(A)
        self.say(A, endpoint("a"))
        first.wait(PATIENCE_S)
        late = self.follow(A)
        self.assertEqual(self.names(late), ["a"])

    def test_a_late_reader_waits_for_news(self) -> None:
        """A server that was started before the reader must be found, also when its registration has
        not yet reached the others.
        """
        first = self.follow(A)
        self.say(A, endpoint("a"))
        first.wait(PATIENCE_S)
        eventually(lambda: len(self.asked) == 2)
        late = self.follow(A)
        self.assertFalse(late.answered)
        # The long poll has ended. The new question has no index, and so is answered at once.
        eventually(lambda: len(self.asked) == 3)
        self.assertEqual([params[1] for _, params, _ in self.asked], [0, 1, 0])
        self.say(A, endpoint("a"), endpoint("b"))
        self.assertTrue(late.wait(PATIENCE_S))
        self.assertEqual(self.names(late), ["a", "b"])
        self.assertEqual(self.names(first), ["a", "b"])

    def test_a_question_that_is_answered_at_once_is_not_ended_by_readers(self) -> None:
        """However many begin at once: it is answered, and asked once more."""
        first = self.follow(A)
        eventually(lambda: len(self.asked) == 1)
        directories = [first, *(self.follow(A) for _ in range(50))]
        self.say(A, endpoint("a"))
        self.say(A, endpoint("b"))
        for directory in directories:
            self.assertTrue(directory.wait(PATIENCE_S))
        eventually(lambda: len(self.asked) == 3)
        self.assertEqual([params[1] for _, params, _ in self.asked], [0, 0, 1])

    def test_a_late_reader_does_not_wait_for_long_where_others_know(self) -> None:
        """The registry may be frozen; the endpoints that the others know may live."""
        first = self.follow(A)
        self.say(A, endpoint("a"))
        first.wait(PATIENCE_S)
        with mock.patch("ponte.discovery.directory.NEWS_S", 0.01):
            late = self.follow(A)
            self.assertTrue(late.wait(PATIENCE_S * 100))
        # It has waited once: its next call does not.
        self.assertTrue(late.answered)
        self.assertEqual(self.names(late), ["a"])

    def test_a_late_reader_learns_that_a_registry_is_silent(self) -> None:
        first = self.follow(A)
        self.answers[A].put(OSError("refused"))
        first.wait(PATIENCE_S)
        self.answers[A].put(OSError("refused"))
        late = self.follow(A)
        self.assertFalse(late.wait(PATIENCE_S * 100))

    def test_what_is_old_does_not_replace_what_is_new(self) -> None:
        """A reader that begins is told what was known, while the follower learns more."""
        directory = self.follow(A)
        directory.hear(A, 8, answer(endpoint("new")))
        directory.hear(A, 7, answer(endpoint("old")))
        self.assertEqual(self.names(directory), ["new"])

    def test_one_of_several_registries_is_asked_often(self) -> None:
        """So a frozen one is noticed soon. Beside the only one there is nothing to know."""
        kept = self.follow(A)
        eventually(lambda: len(self.asked) == 1)
        also = self.follow(A, B)
        self.say(A)
        eventually(lambda: len(self.asked) == 3)
        waits = [(registry, params[2]) for registry, params, _ in self.asked]
        self.assertEqual(sorted(waits), [(A, WATCH_EACH_S), (A, WATCH_S), (B, WATCH_EACH_S)])
        for _, params, timeout_s in self.asked:
            self.assertGreater(timeout_s, params[2])
        del kept, also


class Ending(FollowerTest):
    """It ends with the last of its readers, whether that one was closed or only dropped."""

    def test_with_the_last_that_is_closed(self) -> None:
        one, other = self.follow(A), self.follow(A)
        one.close()
        # The other one may have begun after the first question.
        self.say(A, endpoint("a"))
        self.say(A, endpoint("a"))
        self.assertTrue(other.wait(PATIENCE_S))
        self.assertEqual(self.names(one), [])
        other.close()
        eventually(lambda: self.threads() == [])

    def test_with_the_last_that_is_dropped(self) -> None:
        directory = Directory("greeter", [A])
        directory.start()
        self.assertEqual(len(self.threads()), 1)
        del directory
        eventually(lambda: self.threads() == [])

    def test_with_the_last_that_a_garbage_collection_finds(self) -> None:
        """Also on a thread that holds locks: the end takes none."""
        directory = Directory("greeter", [A])
        directory.start()
        circle: list[Any] = [directory]
        circle.append(circle)
        follower = directory._followers[0]
        with follower._lock:
            del directory, circle, follower
            gc.collect()
        eventually(lambda: self.threads() == [])

    def test_while_it_pauses_after_a_failure(self) -> None:
        with mock.patch("ponte.discovery.follower.RETRY_S", (1000.0, 1000.0)):
            directory = self.follow(A)
            self.answers[A].put(OSError("refused"))
            self.assertFalse(directory.wait(PATIENCE_S))
            directory.close()
            del directory
            self.doCleanups()
        eventually(lambda: self.threads() == [])

    def test_one_that_has_ended_is_followed_by_another_one(self) -> None:
        self.follow(A).close()
        eventually(lambda: self.threads() == [])
        self.answers[A] = queue.SimpleQueue()
        again = self.follow(A)
        self.say(A, endpoint("a"))
        self.assertTrue(again.wait(PATIENCE_S))


class Surviving(FollowerTest):
    """No answer, and no failure, ends its thread."""

    def test_a_failure_of_any_kind(self) -> None:
        failures: list[BaseException] = [OSError("reset"), KeyError("left"), MemoryError(),
                                         RecursionError(), OverflowError(), AssertionError()]
        directory = self.follow(A)
        for failure in failures:
            self.answers[A].put(failure)
        self.say(A, endpoint("a"))
        eventually(lambda: self.names(directory) == ["a"])

    def test_a_forked_child_follows_from_its_first_wait_on(self) -> None:
        """Until then it knows what its parent knew."""
        directory = self.follow(A)
        self.say(A, endpoint("a"))
        directory.wait(PATIENCE_S)
        # Here the thread of the parent lives on; in a child it would not be there.
        life = directory._followers[0]._life
        self.addCleanup(_end, life)
        in_child: list[Callable[[], None]] = [directory.leave_parent,
                                              directory._followers[0].leave_parent]
        for leave in in_child:
            leave()
        self.assertFalse(directory.answered)
        self.assertEqual(self.names(directory), ["a"])
        self.say(A, endpoint("b"))
        self.say(A, endpoint("b"))
        self.assertTrue(directory.wait(PATIENCE_S))
        self.assertEqual(self.names(directory), ["b"])


if __name__ == "__main__":
    unittest.main()
