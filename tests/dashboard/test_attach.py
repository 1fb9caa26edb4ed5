"""Watching processes that run already: what is made of their answers."""

from __future__ import annotations

import unittest
from unittest import mock

from dashboard.attach import Answer, Attached, Watched
from dashboard.processes import SERVER
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


if __name__ == "__main__":
    unittest.main()
