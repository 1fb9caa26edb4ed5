"""Lesson 2: what its naive table does, its words, and the student's table inside the registry."""

from __future__ import annotations

import contextlib
import io
import itertools
import unittest
from pathlib import Path
from types import ModuleType
from unittest import mock

from course.lessons.leases import real
from course.lessons.leases.check import CHECKS, CRASH
from course.lessons.leases.world import LOOKS, World
from course.rung import Rung
from course.shelf import Lesson
from course.theirs import Theirs
from course.worker import load
from tests.course.solutions import module_of, verdict

LESSON = Lesson(2, "leases")
REFERENCE = Path(LESSON.file("reference.py")).read_text(encoding="utf-8")

# Right tables that are written in another way.
BY_TIME = '''
ACK, SUPERSEDED, OLD = "ack", "superseded", "old"

class Table:
    def __init__(self):
        self.newest, self.left = {}, {}

    def beat(self, beat, now):
        number, _, _ = self.newest.get(beat.name, ((0, 0), None, 0))
        if beat.life < number[0]:
            return SUPERSEDED
        if (beat.life, beat.seq) <= number or self.left.get(beat.name) == beat.life:
            return OLD
        if beat.leaving:
            self.left[beat.name] = beat.life
        self.newest[beat.name] = (beat.life, beat.seq), beat, now
        return ACK

    def expire(self, now):
        for name, (_, beat, at) in list(self.newest.items()):
            if now - at >= max(60, beat.lease_s):
                self.newest.pop(name)
                self.left.pop(name, None)

    def lookup(self, now):
        return {name: beat.port for name, (number, beat, at) in self.newest.items()
                if now - at < beat.lease_s and self.left.get(name) != number[0]}
'''
FROM_THE_END = REFERENCE.replace("now - lease.came_at > REMEMBER_S:",
                                 "now - lease.came_at - lease.beat.lease_s > REMEMBER_S:")


class Printed(io.TextIOBase):
    """Keeps what is printed, piece by piece, as io.StringIO does in some versions of Python."""

    def __init__(self) -> None:
        self.pieces: list[str] = []

    def write(self, text: str) -> int:
        self.pieces.append(text)
        return len(text)


def verdict_of(solution: ModuleType) -> tuple[str, str]:
    return verdict(CHECKS, solution)


class Verdicts(unittest.TestCase):
    def test_the_naive_table_fails_at_the_first_check_by_a_dead_server(self) -> None:
        solution = load(LESSON.file("start.py"))
        wrong = CHECKS["c1"].run(solution).wrong
        assert wrong
        self.assertEqual(wrong.key, "dead_listed")
        story = LESSON.story(wrong.story, "en")
        self.assertIn("   3.500 s  bank-1 (life 1, port 4001) CRASHES", story)
        self.assertEqual(story[-1], "   6.125 s  lookup: bank-1: 4001, bank-2: 4101")
        self.assertEqual(LESSON.story(wrong.story, "pt")[-1],
                         "   6,125 s  consulta: bank-1: 4001, bank-2: 4101")

    def test_right_tables_of_another_kind_pass(self) -> None:
        for text in (BY_TIME, FROM_THE_END):
            with self.subTest(text):
                self.assertNotEqual(text, REFERENCE)
                self.assertEqual(verdict_of(module_of(text)), ("", ""))

    def test_what_a_table_prints_is_not_what_it_keeps(self) -> None:
        for printed in ("beat", "beat.name", "f'{now:.2f} {beat.name} {beat.seq}'"):
            text = REFERENCE.replace(
                "        lease = self.leases.get(",
                f"        print({printed})\n        lease = self.leases.get(")
            self.assertNotEqual(text, REFERENCE)
            with self.subTest(printed), contextlib.redirect_stdout(Printed()):
                self.assertIsNone(CHECKS["c7"].run(module_of(text)).wrong)

    def test_what_another_thread_takes_meanwhile_is_not_what_a_table_keeps(self) -> None:
        solution = load(LESSON.file("reference.py"))
        for kept, key in (((0, 99, 0, 0), None), ((0, 99, 0) * LOOKS, "keeps_for_ever")):
            with mock.patch("sys.getallocatedblocks",
                            side_effect=itertools.chain(kept, itertools.repeat(0))):
                wrong = CHECKS["c7"].run(solution).wrong
            self.assertEqual(wrong.key if wrong else None, key)

    def test_every_schedule_is_run_before_a_student_is_bored(self) -> None:
        solution = load(LESSON.file("reference.py"))
        for name, check in CHECKS.items():
            with self.subTest(name):
                self.assertLess(check.run(solution).runs, 2000)


class Files(unittest.TestCase):
    def test_what_is_no_answer_is_told(self) -> None:
        for new in ("None", "True", "'yes'", "[]"):
            with self.subTest(new):
                text = REFERENCE.replace("        return ACK\n", f"        return {new}\n")
                self.assertEqual(verdict_of(module_of(text)), ("c1", "no_answer"))

    def test_what_is_no_lookup_is_told(self) -> None:
        for new in ("None", "True", "list(self.leases)"):
            with self.subTest(new):
                text = REFERENCE.replace("        return {name: lease",
                                         f"        return {new}\n        return {{name: lease")
                self.assertEqual(verdict_of(module_of(text)), ("c1", "no_lookup"))

    def test_a_port_that_nobody_has_is_told(self) -> None:
        for new in ("0", "'4001'", "None", "float(lease.beat.port)"):
            with self.subTest(new):
                text = REFERENCE.replace("{name: lease.beat.port ", f"{{name: {new} ")
                self.assertEqual(verdict_of(module_of(text)), ("c1", "no_port"))

    def test_a_stranger_is_told(self) -> None:
        text = REFERENCE.replace("        return {name: lease", "        return {name + 'x': lease")
        self.assertEqual(verdict_of(module_of(text)), ("c1", "lists_a_stranger"))

    def test_a_table_that_lists_nobody_fails(self) -> None:
        text = REFERENCE.replace("        return {name: lease",
                                 "        return {}\n        return {name: lease")
        self.assertEqual(verdict_of(module_of(text)), ("c1", "living_missing"))

    def test_what_a_file_lacks_is_told_as_the_student_s(self) -> None:
        for old, new, lacks in (
                ("class Table:", "class X:", "no Table"), ("def expire(", "def x(", "no expire"),
                ("def lookup(self, now)", "def lookup(self)", "lookup must take 1"),
                ("def beat(self, beat, now)", "def beat(self, beat)", "beat must take 2"),
                ("ACK, SUPERSEDED, OLD =", "ACK, SUPERSEDED, X =", "no word OLD")):
            with self.subTest(lacks), self.assertRaisesRegex(Theirs, lacks):
                CHECKS["c1"].run(module_of(REFERENCE.replace(old, new)))

    def test_a_check_without_a_case_says_that_it_says_nothing(self) -> None:
        check = Rung(World, ({"plot": CRASH, "until_s": 4.0},), 1, ("lost",))
        wrong = check.run(module_of(REFERENCE)).wrong
        assert wrong
        self.assertEqual((wrong.key, wrong.values), ("vacuous", {"missing": "lost"}))


class Real(unittest.TestCase):
    def test_the_right_table_keeps_the_new_port_and_loses_the_dead(self) -> None:
        seen = real.see(load(LESSON.file("reference.py")), 7)
        self.assertEqual((seen.old_port, seen.new_port), (4256, 4257))
        self.assertEqual((seen.restarted_port, seen.late_port, seen.still_listed),
                         (seen.new_port, seen.new_port, False))
        self.assertTrue(real.is_right(seen._asdict()))

    def test_the_naive_table_shows_the_old_port_and_keeps_the_dead(self) -> None:
        seen = real.see(load(LESSON.file("start.py")))
        self.assertEqual((seen.restarted_port, seen.late_port, seen.still_listed),
                         (seen.new_port, seen.old_port, True))
        self.assertFalse(real.is_right(seen._asdict()))

    def test_an_error_of_the_file_is_raised(self) -> None:
        text = REFERENCE.replace("    def beat(self, beat, now):\n", """\
    def beat(self, beat, now):
        beat.missing
""")
        # The registry answers nothing: how long shall the sender wait?
        with mock.patch.object(real, "ANSWER_S", 0.3), self.assertLogs("ponte"), \
                self.assertRaisesRegex(AttributeError, "missing"):
            real.see(module_of(text))

    def test_a_table_that_lists_nobody_is_not_right(self) -> None:
        text = REFERENCE.replace("        return {name: lease",
                                 "        return {}\n        return {name: lease")
        self.assertFalse(real.is_right(real.see(module_of(text))._asdict()))


if __name__ == "__main__":
    unittest.main()
