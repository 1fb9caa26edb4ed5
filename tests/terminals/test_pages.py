"""A page in a real terminal: keys and another size leave nothing on it. The echo comes back."""

from __future__ import annotations

import signal
import unittest

from tests.system.harness import free_port
from tests.terminals.session import ENTER, Session
from tests.windows import windows_cannot

# A page with rows that move for a while, a line that is broken, and a question.
PAGE = """
import sys, time
from classroom.screen import Screen, bar
screen, count = Screen(sys.stdout), 0

def rows(columns):
    return [f"row {row} {bar(count / 40, columns - 12)} {count}" for row in range(3)]

with screen.hushed():
    screen.line("before the page")
    screen.rule()
    screen.line("the title", style="title")
    for count in range(41):
        screen.live(rows)
        time.sleep(0.01)
    screen.last(rows)
    screen.line("a proof " * 12, lead="  ok ")
    screen.ask("Enter to go on")
    screen.line("the end")
"""
MOVES, ASKS, ENDS = "row 2", "Enter to go on", "the end"
SHELL = ("-m", "tests.terminals.shell")
CTRL_Z = b"\x1a"
SIZES = ((120, 36), (80, 24), (59, 20), (50, 24))


@windows_cannot("it has no pseudo-terminals")
class PageTest(unittest.TestCase):
    expected: dict[int, str]

    @classmethod
    def setUpClass(cls) -> None:
        """The page in terminals of each size that nobody disturbs."""
        sessions = [Session(["-c", PAGE], *size) for size in SIZES]
        cls.expected = {}
        for (columns, _), session in zip(SIZES, sessions):
            with session:
                session.wait_for_text(ASKS)
                text = session.text()
                assert not session.screen.wrapped, session.screen.wrapped
                cls.expected[columns] = text[text.index("─"):]

    def shows_the_page(self, session: Session, columns: int) -> None:
        """The page and nothing else, but for what stood above it."""
        wanted = self.expected[columns]
        session.wait_for(lambda screen: screen.text().replace("before the page\n", "") == wanted,
                         f"the page\n{wanted}\n")

    def test_each_row_has_its_number_in_each_size(self) -> None:
        for columns, page in self.expected.items():
            for row in range(3):
                self.assertRegex(page, rf"(?m)^row {row} █+ 40$", columns)

    def test_keys_leave_nothing(self) -> None:
        with Session(["-c", PAGE], 80, 24) as session:
            session.wait_for_text(MOVES)
            for key in (ENTER, b"a", ENTER, b"\x1b[A", b"q", ENTER):
                session.press(key)
            session.wait_for_text(ASKS)
            self.shows_the_page(session, 80)
            session.press(b"no" + ENTER)
            session.wait_for_text(ENDS)
            self.assertEqual(0, session.wait())
            self.assertNotIn("Enter", session.text())
            self.assertNotIn("no\n", session.text())

    def test_another_size_leaves_nothing(self) -> None:
        """While rows move, and while somebody is asked; in terminals of both kinds."""
        for reflows in (True, False):
            with self.subTest(reflows=reflows), \
                    Session(["-c", PAGE], 120, 36, reflows=reflows) as session:
                session.wait_for_text(MOVES)
                session.resize(59, 20)
                session.wait_for_text(ASKS)
                self.shows_the_page(session, 59)
                session.resize(80, 24)
                self.shows_the_page(session, 80)
                session.resize(50, 24)
                self.shows_the_page(session, 50)

    def test_a_stop_leaves_nothing(self) -> None:
        """Ctrl-Z while rows move, and twice while somebody is asked; what is typed after `fg`."""
        with Session([*SHELL, "-c", PAGE], 80, 24) as session:
            for seen in (MOVES, ASKS, ASKS):
                session.wait_for_text(seen)
                session.press(CTRL_Z)
                session.wait_for_text("stopped, with echo")
                session.press(b"fg" + ENTER)
                session.wait_for(lambda screen: "stopped" not in screen.text(), "a new page")
                self.assertFalse(session.echoes())
                session.press(b"xyz")
            session.wait_for_text(ASKS)
            self.shows_the_page(session, 80)
            session.press(ENTER)
            session.wait_for_text(ENDS)
            self.assertEqual(0, session.wait())
            self.assertTrue(session.echoes())
            self.assertNotIn("xyz", session.text())


@windows_cannot("it has no pseudo-terminals")
class EchoTest(unittest.TestCase):
    """However the demo ends, the terminal shows keys as before."""

    def setUp(self) -> None:
        self.session = Session(["demo.py", "--lang", "en"], 80, 24)
        self.addCleanup(self.session.__exit__)
        self.session.wait_for_text("Enter to find out")
        self.session.wait_for(lambda screen: not self.session.echoes(), "a terminal without echo")

    def ends(self, code: int) -> None:
        self.assertEqual(code, self.session.wait())
        self.assertTrue(self.session.echoes())
        self.assertIn("Stopped.", self.session.text())

    def test_ctrl_c(self) -> None:
        self.session.press(b"\x03")
        self.ends(130)

    def test_the_key_that_kills(self) -> None:
        self.session.press(b"\x1c")
        self.ends(130)

    def test_a_signal(self) -> None:
        self.session.send(signal.SIGTERM)
        self.ends(130)

    def test_the_end_of_the_input(self) -> None:
        # One of the question's first moment is dropped, as any key is.
        for _ in range(20):
            self.session.press(b"\x04")
            if self.session.comes(lambda screen: "Stopped." in screen.text(), within_s=1.0):
                break
        self.ends(130)


@windows_cannot("it has no pseudo-terminals")
class ErrorTest(unittest.TestCase):
    def test_the_echo_comes_back_after_an_error(self) -> None:
        program = PAGE.replace('screen.rule()', 'raise ValueError("wrong")')
        with Session(["-c", program], 80, 24) as session:
            self.assertEqual(1, session.wait())
            self.assertTrue(session.echoes())
            self.assertIn("ValueError: wrong", session.text())


@windows_cannot("it has no pseudo-terminals")
class CommandTest(unittest.TestCase):
    def test_the_next_command_stays_whole_in_colour(self) -> None:
        """Readers copy it: nothing is left out, and only the terminal breaks it."""
        local, everywhere = free_port(), free_port()
        for lead, wanted, words in (
                ("next terminal: ", f" server --registry 127.0.0.1:{local}",
                 ("--port", str(local), "--lang", "en")),
                ("próximo terminal: ", " server --host 0.0.0.0 --insecure",
                 ("--host", "0.0.0.0", "--insecure", "--port", str(everywhere), "--lang", "pt"))):
            with self.subTest(lead), Session(["demo.py", "registry", *words], 80, 24) as session:
                session.wait_for_text("♥")
                line, = (line for line in session.screen.unbroken() if line.startswith(lead))
                self.assertIn("demo.py server", line)
                for word in wanted.split():
                    self.assertIn(f" {word}", line)


if __name__ == "__main__":
    unittest.main()
