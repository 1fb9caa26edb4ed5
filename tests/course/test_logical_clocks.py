"""Lesson 7: what its naive clocks show, right ones of another kind, and real calls with stamps."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from course.explore import Wrong
from course.grade import run_real
from course.lessons.logical_clocks import real
from course.lessons.logical_clocks.check import CHECKS
from course.shelf import Lesson
from course.theirs import Theirs
from course.worker import load
from tests.course.solutions import failure, module_of, verdict

LESSON = Lesson(7, "logical_clocks")
REFERENCE = Path(LESSON.file("reference.py")).read_text(encoding="utf-8")
STEP = "        self.time += 1\n        return self.time\n"
LOG = "    return sorted(events, key=lambda event: (event.time, event.name))\n"
# Its stamps are of another kind of dict, and without zeros.
COUNTER = "from collections import Counter\n" + REFERENCE.replace(
    "dict.fromkeys(names, 0)", "Counter()").replace("dict(self.counts)", "self.counts.copy()")

# Right clocks of another kind: one that also follows the wall clock, vectors that are counters, a
# log by all that an event has.
RIGHT = (
    REFERENCE.replace(
        "        self.time = 0 ", "        self.wall, self.time = wall, wall() ").replace(
        STEP, "        self.time = max(self.time + 1e-6, self.wall())\n        return self.time\n"),
    COUNTER,
    REFERENCE.replace(LOG, "    events.sort()\n    return tuple(events)\n"))


def failure_of(text: str) -> tuple[str, Wrong | None]:
    return failure(CHECKS, module_of(text))


def verdict_of(text: str) -> tuple[str, str]:
    return verdict(CHECKS, module_of(text))


class Verdicts(unittest.TestCase):
    def test_the_naive_clock_logs_the_reply_before_the_request(self) -> None:
        name, wrong = failure_of(Path(LESSON.file("start.py")).read_text(encoding="utf-8"))
        assert wrong
        self.assertEqual((name, wrong.key, wrong.values), ("c1", "effect_first", {
            "effect": "bank → ana: ok", "cause": "ana → bank: put(100)"}))
        story = LESSON.story(wrong.story, "pt")
        self.assertIn("   0,000 s  o relógio da máquina de bank está 2 s ATRASADO", story)
        self.assertIn("             3  [8,003]  bank → ana: ok", story)

    def test_right_clocks_of_another_kind_pass(self) -> None:
        for text in RIGHT:
            with self.subTest(text):
                self.assertNotEqual(text, REFERENCE)
                self.assertEqual(verdict_of(text), ("", ""))

    def test_what_is_no_answer_is_told(self) -> None:
        for old, new, expected in (
                (STEP, STEP.replace("self.time\n", "str(self.time)\n"), ("c1", "no_time")),
                (STEP, "        return True\n", ("c1", "no_time")),
                (LOG, "    events.sort()\n", ("c1", "no_log")),
                (LOG, "    return []\n", ("c1", "not_the_same_events")),
                ("return dict(self.counts)", "return list(self.counts)", ("c4", "no_vector")),
                ("        return BEFORE\n", "        return None\n", ("c4", "no_order"))):
            with self.subTest(new):
                self.assertIn(old, REFERENCE)
                self.assertEqual(verdict_of(REFERENCE.replace(old, new)), expected)

    def test_a_log_by_the_hash_of_names_differs_from_collector_to_collector(self) -> None:
        text = REFERENCE.replace("(event.time, event.name)", "(event.time, hash(event.name))")
        self.assertEqual(verdict_of(text), ("c3", "two_logs"))

    def test_the_real_clock_is_nothing_that_a_message_told(self) -> None:
        text = REFERENCE.replace(STEP, "        import time\n        return time.perf_counter()\n")
        self.assertEqual(verdict_of(text), ("c1", "knows_without_a_message"))

    def test_what_a_file_lacks_is_told_as_the_student_s(self) -> None:
        for old, new, lacks in (
                ("class Lamport", "class X", "no Lamport"), ("def log(", "def x(", "no log"),
                ("class Vector", "class X", "no Vector"), ("def order(", "def x(", "no order"),
                ("AT_ONCE = ", "X = ", "no word AT_ONCE"),
                ("def receive(self, time)", "def receive(self)", "receive must take 1")):
            with self.subTest(lacks), self.assertRaisesRegex(Theirs, lacks):
                failure_of(REFERENCE.replace(old, new))


class Real(unittest.TestCase):
    def test_right_clocks_log_the_request_before_the_reply(self) -> None:
        seen = real.see(load(LESSON.file("reference.py")), personal=37)
        self.assertEqual((seen.amount, seen.request_place, seen.reply_place, seen.is_in_order),
                         (137, 1, 5, "yes"))
        self.assertEqual((seen.reply_order, seen.other_order), ("before", "at once"))
        self.assertIn("ana → bank: put(137)", [each["event"] for each in seen.log])
        self.assertTrue(real.is_right(seen._asdict()))

    def test_stamps_of_another_kind_of_dict_travel(self) -> None:
        self.assertTrue(real.is_right(real.see(module_of(COUNTER))._asdict()))

    def test_a_loop_on_which_every_caller_gives_up_is_told_with_its_line(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "solution.py")
            path.write_text(REFERENCE.replace(
                "    def receive(self, counts):\n", "    def receive(self, counts):\n"
                "        while True:\n            pass\n"), encoding="utf-8")
            outcome = run_real(LESSON.name, str(path))
            self.assertEqual(outcome.what, "too long", outcome)
            line = path.read_text(encoding="utf-8").splitlines()[outcome.line - 1]
        self.assertIn(line.strip(), ("while True:", "pass"))

    def test_naive_clocks_log_the_reply_before_the_request(self) -> None:
        seen = real.see(load(LESSON.file("start.py")))
        self.assertLess(seen.reply_place, seen.request_place)
        self.assertEqual(seen.is_in_order, "no")
        self.assertFalse(real.is_right(seen._asdict()))
        # A time has the point of each language.
        for language, point in (("en", "."), ("pt", ",")):
            told = LESSON.text("naive", language, **seen._asdict())
            self.assertRegex(told, rf"\n   1 +8\{point}\d+  bank ← ana: put\(100\)\n")

    def test_two_logs_are_told_up_to_where_they_differ(self) -> None:
        _, wrong = failure_of(REFERENCE.replace("(event.time, event.name)", "event.time"))
        assert wrong
        logged = [line.values["place"] for line in wrong.story if line.key == "logged"]
        self.assertEqual(logged, [*range(1, wrong.values["place"] + 1)] * 2)


if __name__ == "__main__":
    unittest.main()
