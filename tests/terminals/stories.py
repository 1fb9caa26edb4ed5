"""The demo in terminals: what keys and other sizes do to its screens, and when it waits for Enter.

A screen is compared with that of a demo that nobody disturbs, without its numbers.
"""

from __future__ import annotations

import re
import unittest

from tests.terminals.emulator import Emulator
from tests.terminals.session import ENTER, Session

STEPS = 9
FIND_OUT, GO_ON = "Enter to find out…", "Enter to go on…"
# What differs from run to run: numbers, bars and hearts; names of servers; what the registry tells
# and when.
VARIES = ((re.compile(r"\d+([.,]\d+)?|[█░]+|(♥ )+"), "N"), (re.compile(r"\s+"), " "),
          (re.compile(r"server-N(, server-N)*"), "SERVERS"),
          (re.compile(r"\+N s registry: .*?(?=\+N s|PROOF)"), ""))


def page(screen: str) -> str:
    """What stands below the last rule, without what differs from run to run."""
    text = screen[screen.rindex("─") + 1:] if "─" in screen else screen
    for pattern, instead in VARIES:
        text = pattern.sub(instead, text)
    return text


def asks(text: str) -> bool:
    """Whether a question stands in the last line."""
    lines = text.splitlines()
    return bool(lines) and lines[-1].strip() in (FIND_OUT, GO_ON)


def question(number: int) -> str:
    return f"{number}/{STEPS}  "


def answer(session: Session, keys: bytes) -> None:
    """Presses keys at a question until it is answered: those of its first moment are dropped."""
    before = session.text()
    for _ in range(20):
        session.press(keys)
        if session.comes(lambda screen: screen.text() != before, within_s=1.0):
            return
    raise AssertionError(f"no key answers the question:\n{session.text()}")


def await_question(session: Session, number: int) -> None:
    session.wait_for(lambda screen: question(number) in screen.text() and asks(screen.text()),
                     f"question {number}")


class Story(unittest.TestCase):
    """The whole story at 80x36, where Enter and other keys are pressed while it moves."""

    def test_keys_at_the_wrong_moment_change_nothing(self) -> None:
        noise = ENTER + b"x" + ENTER + ENTER
        with Session(["demo.py", "--lang", "en"], 80, 36) as quiet, \
                Session(["demo.py", "--lang", "en"], 80, 36) as noisy:
            for number in range(1, STEPS + 1):
                for session, keys in ((quiet, ENTER), (noisy, ENTER + noise)):
                    await_question(session, number)
                    answer(session, keys)
                # While the step moves.
                noisy.press(noise)
                for session in (quiet, noisy):
                    session.wait_for_text(GO_ON)
                calm, screen = quiet.text(), noisy.text()
                self.assertIn("PASSED", screen)
                self.assertEqual(page(calm), page(screen))
                # The next question comes after Enter alone.
                self.assertNotIn(question(number + 1), screen)
                answer(quiet, ENTER)
                answer(noisy, ENTER)
            for session in (noisy, quiet):
                self.assertEqual(0, session.wait())
                self.assertTrue(session.echoes())
                self.assertIn("9 of 9 proofs passed", session.text())
                self.assertEqual([], session.screen.wrapped)

    def test_another_size_while_the_bars_move(self) -> None:
        """From step 4 on; wide, then as a pane, then as at first."""
        for reflows in (True, False):
            with Session(["demo.py", "--lang", "en", "--from", "4"], 120, 36,
                         reflows=reflows) as session:
                await_question(session, 4)
                answer(session, ENTER)
                session.wait_for_text("█")
                session.resize(59, 24)
                session.wait_for_text(GO_ON)
                self.has_three_bars(session, 59)
                session.resize(50, 24)
                self.has_three_bars(session, 50)
                session.resize(120, 36)
                self.has_three_bars(session, 100)
                with session.lock:
                    session.screen.wrapped.clear()
                answer(session, ENTER)
                session.wait_for_text(question(5))
                self.assertEqual([], session.screen.wrapped)

    def has_three_bars(self, session: Session, columns: int) -> None:
        """The page of step 4, drawn for so many columns: each row once, with its number."""
        def is_drawn(screen: Emulator) -> bool:
            lines = screen.lines()
            return asks(screen.text()) and "─" * columns in lines and len(
                [line for line in lines if re.fullmatch(r" +server-\d  █+░*  \d+", line)]) == 3
        session.wait_for(is_drawn, f"a page of {columns} columns")
        text = session.text()
        self.assertLessEqual(max(map(len, text.splitlines())), columns, text)
        for once in ("4/9", "PREDICT", "PROOF", "shares", GO_ON):
            self.assertEqual(1, text.count(once), text)
