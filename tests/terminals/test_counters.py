"""The counters of a role: keys, another size, a stop and a crash leave no second row of them.

And what a role and the help print at the sizes of a class.
"""

from __future__ import annotations

import socket
import unittest

from tests.system.harness import free_port
from tests.terminals.emulator import Emulator
from tests.terminals.session import ENTER, Session
from tests.windows import windows_cannot

SHELL = ("-m", "tests.terminals.shell")
# Its number, which Windows does not know.
SIGQUIT = 3
CTRL_Z, CTRL_BACKSLASH = b"\x1a", b"\x1c"


def counters(screen: Emulator) -> list[str]:
    """The rows that are counters, or what is left of them."""
    return [row for row in screen.lines() if "♥" in row or "suspeit" in row or " no ar" in row]


def registry(*, columns: int, rows: int, reflows: bool = True) -> Session:
    session = Session([*SHELL, "demo.py", "registry", "--port", str(free_port()), "--lang", "pt"],
                      columns, rows, reflows=reflows)
    session.wait_for(counters, "the counters")
    return session


@windows_cannot("it has no pseudo-terminals")
class CountersTest(unittest.TestCase):
    def has_one_row(self, session: Session) -> None:
        """The counters are a single row, once they have been drawn anew."""
        with session.lock:
            session.screen.erased = 0
        session.wait_for(lambda screen: screen.erased and len(counters(screen)) == 1,
                         "a single row of counters")

    def test_keys_and_a_stop(self) -> None:
        with registry(columns=59, rows=11) as session:
            for key in (ENTER, b"abc", b"\x1b[A", ENTER, ENTER):
                session.press(key)
            self.has_one_row(session)
            self.assertNotIn("abc", session.text())
            session.press(CTRL_Z)
            session.wait_for_text("stopped, with echo")
            self.assertEqual([], counters(session.screen), session.text())
            session.press(b"fg" + ENTER)
            session.wait_for(counters, "the counters")
            self.has_one_row(session)
            self.assertFalse(session.echoes())
            session.press(CTRL_BACKSLASH)
            self.assertEqual(256 - SIGQUIT, session.wait())
            self.assertTrue(session.echoes())
            self.assertEqual([], counters(session.screen), session.text())
            self.assertNotIn("^", session.text())

    def test_why_a_role_does_not_start_is_broken_between_words(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for columns in (80, 59):
                with Session(["demo.py", "registry", "--port", str(port), "--lang", "en"], columns,
                             24) as session:
                    self.assertEqual(2, session.wait())
                    self.assertIn("choose another", " ".join(session.text().split()))
                    self.assertEqual([], session.screen.wrapped)

    def test_the_help_is_broken_between_words(self) -> None:
        for columns in (80, 59):
            with Session(["demo.py", "--help", "--lang", "pt"], columns, 50) as session:
                self.assertEqual(0, session.wait())
                self.assertIn("doctor", session.text())
                self.assertEqual([], session.screen.wrapped)

    def test_another_size(self) -> None:
        """In terminals of both kinds."""
        with registry(columns=80, rows=24, reflows=True) as first, \
                registry(columns=80, rows=24, reflows=False) as second:
            for columns in (50, 80, 50):
                for session in (first, second):
                    session.resize(columns, 24)
                for session in (first, second):
                    self.has_one_row(session)
            for session in (first, second):
                session.press(b"\x03")
                self.assertEqual(0, session.wait())
                self.assertTrue(session.echoes())


if __name__ == "__main__":
    unittest.main()
