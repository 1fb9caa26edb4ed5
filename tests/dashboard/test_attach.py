"""Watching processes that run already: what is made of their answers."""

from __future__ import annotations

import unittest
from unittest import mock

from dashboard.attach import Answer, Attached, Watched
from dashboard.processes import SERVER
from ponte.calls.endpoint import Endpoint
from ponte.net.message import Reply

OBSERVER = ("127.0.0.1", 9)


class AskingTest(unittest.TestCase):
    def setUp(self) -> None:
        self.attached = Attached(lambda event: None, OBSERVER, [])
        self.addCleanup(self.attached.close)

    def ask(self, status: int, body: bytes) -> Answer | None:
        """What is made of this answer of a process."""
        with mock.patch("dashboard.attach.wait_for", return_value=Reply(status, {}, body)):
            return self.attached._ask(Watched("server-1", SERVER, "kiosk", ("127.0.0.1", 9)))

    def test_a_process_says_who_it_is(self) -> None:
        self.assertEqual(Answer(4711, 3), self.ask(200, b'{"pid": 4711, "n": 3}'))

    def test_one_that_does_not_tell_says_why_in_one_line(self) -> None:
        answer = self.ask(409, b"events go to port 7\nalready")
        self.assertEqual(Answer(why="it does not tell: HTTP 409 events go to port 7 already"),
                         answer)

    def test_an_answer_that_cannot_be_read_ends_no_thread(self) -> None:
        for body in (b"", b"[]", b"{}", b"\xff", b'{"pid": null}', b'{"pid": Infinity}',
                     b'{"pid": 7, "n": NaN}', b"[" * 100_000):
            with self.subTest(body[:20]):
                self.assertEqual(Answer(why="it does not tell: its answer cannot be read"),
                                 self.ask(200, body))


class WatchingTest(unittest.TestCase):
    def setUp(self) -> None:
        self.attached = Attached(lambda event: None, OBSERVER, [("127.0.0.1", 4), ("127.0.0.1", 5)])
        self.addCleanup(self.attached.close)
        patch = mock.patch("threading.Thread")
        self.threads = patch.start()
        self.addCleanup(patch.stop)

    def look(self, *lives: tuple[str, int, int]) -> int:
        """A registry lists these (name, port, incarnation); returns how many threads begin."""
        self.threads.reset_mock()
        self.attached._take([Endpoint("kiosk", name, incarnation, "127.0.0.1", port, "up", ())
                             for name, port, incarnation in lives])
        return self.threads.call_count

    def test_each_process_is_watched_by_one_thread(self) -> None:
        self.assertEqual(2, self.look(("ana", 7, 100), ("bob", 8, 200)))
        self.assertEqual(0, self.look(("ana", 7, 100), ("bob", 8, 200)))

    def test_a_later_life_takes_the_place_of_the_one_before(self) -> None:
        self.look(("ana", 7, 100))
        self.assertEqual(1, self.look(("ana", 9, 101)))
        self.assertEqual(1, self.look(("ana", 9, 102)))

    def test_two_registries_that_list_different_lives_begin_no_thread_at_each_look(self) -> None:
        self.assertEqual(1, self.look(("ana", 7, 100)))
        self.assertEqual(1, self.look(("ana", 9, 101)))
        for _ in range(3):
            self.assertEqual(0, self.look(("ana", 7, 100)))
            self.assertEqual(0, self.look(("ana", 9, 101)))
            # The same life at two addresses, as behind a relay.
            self.assertEqual(0, self.look(("ana", 10, 101)))

    def test_a_server_with_the_name_of_a_registry_is_not_shown(self) -> None:
        self.assertEqual(0, self.look(("registry", 7, 100), ("registry-2", 8, 100)))


if __name__ == "__main__":
    unittest.main()
