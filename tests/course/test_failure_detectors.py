"""Lesson 4: what its hasty detector does, right ones of other kinds, and a computer that sleeps."""

from __future__ import annotations

import tempfile
import unittest
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import ClassVar

from course.explore import Wrong
from course.lessons.failure_detectors import real
from course.lessons.failure_detectors.check import CHECKS
from course.shelf import Lesson
from course.theirs import Theirs
from course.worker import load
from tests.course.solutions import failure, module_of, verdict

LESSON = Lesson(4, "failure_detectors")
REFERENCE = Path(LESSON.file("reference.py")).read_text(encoding="utf-8")
STEP = "        self.time += min(now - self.read_at, TURN_S)\n"

# Right detectors that are written in another way. This one counts nothing of a pause, and keeps the
# seconds of silence of each server instead of times.
COUNTS_SILENCE = '''
UP, SUSPECT, GONE = "up", "suspect", "gone"

class Detector:
    def __init__(self, lease_s, now):
        self.lease_s, self.now, self.silent_s = lease_s, now, {}

    def heard(self, beat, now):
        self.turn(now)
        self.silent_s[beat.name] = 0.0

    def state(self, name, now):
        self.turn(now)
        silent_s = self.silent_s.get(name)
        if silent_s is None or silent_s >= self.lease_s:
            return GONE
        return UP if silent_s < self.lease_s / 2 else SUSPECT

    def turn(self, now):
        step_s, self.now = now - self.now, now
        if step_s <= 0.55:
            for name in self.silent_s:
                self.silent_s[name] += step_s
'''
# This one notes its pauses, and moves what it has heard by their length.
MOVES_WHAT_IT_HEARD = '''
import enum

UP, SUSPECT, GONE = "alive", "perhaps", "dead"

class Detector:
    def __init__(self, lease_s, now):
        self.lease_s, self.called_at, self.heard_at = lease_s, now, {}

    def wake(self, now):
        if now - self.called_at > 0.5:
            pause_s = now - self.called_at - 0.25
            self.heard_at = {name: at + pause_s for name, at in self.heard_at.items()}
        self.called_at = now

    def heard(self, beat, now):
        self.wake(now)
        self.heard_at[beat.name] = now

    def state(self, name, now):
        self.wake(now)
        silent_s = now - self.heard_at.get(name, -1e9)
        return [UP, SUSPECT, GONE, GONE][min(3, int(2 * silent_s / self.lease_s))]
'''

# Wrong ones that are no small change of the right one: how they look at the time; what they note of
# a beat that comes, and ask for a state.
WRONG = {
    "each server's pause is its own": ("c6", "excused_for_ever", "pass", "now", """
        step_s, self.asked_at[name] = now - self.asked_at.get(name, now), now
        if step_s > 0.5:
            self.heard_at[name] += step_s
        silent_s = now - self.heard_at[name]"""),
    "only a beat after long silence shows a pause": ("c4", "up_for_ever", "pass", """now
        if now - self.called_at > self.lease_s / 2:
            self.heard_at = dict.fromkeys(self.heard_at, now)
        self.called_at = now""", """
        silent_s = now - self.heard_at[name]"""),
    "when all are silent, it is me": ("c2", "up_for_ever", "pass", "now", """
        silent_s = now - self.heard_at[name]
        if len(self.heard_at) > 1 and all(now - each > self.lease_s / 2
                                          for each in self.heard_at.values()):
            silent_s = 0"""),
    "another beat ends the excuse": ("c5", "gone_by_own_pause", """if now - self.called_at > 0.5:
            self.late_s += now - self.called_at
        self.called_at = now""", """now
        self.late_s = 0""", """
        silent_s = now - self.heard_at[name] - self.late_s"""),
    "one server's questions measure for all": ("c6", "excused_for_ever", "pass", "now", """
        if name == next(iter(self.heard_at)):
            if now - self.called_at > 0.5:
                for each in self.heard_at:
                    self.heard_at[each] += now - self.called_at
            self.called_at = now
        silent_s = now - self.heard_at[name]"""),
    "a false alarm doubles the lease": ("c2", "up_for_ever", "pass", """now
        if self.lease_s < now - self.asked_at.get(beat.name, now):
            self.lease_s *= 2
        self.asked_at[beat.name] = now""", """
        silent_s = now - self.heard_at[name]"""),
}
SKELETON = """
class Detector:
    def __init__(self, lease_s, now):
        self.lease_s, self.called_at, self.heard_at, self.asked_at = lease_s, now, {}, {}
        self.late_s = 0.0

    def look(self, now):
        LOOK

    def heard(self, beat, now):
        self.look(now)
        self.heard_at[beat.name] = HEARD

    def state(self, name, now):
        self.look(now)
        if name not in self.heard_at:
            return GONE
        ASKED
        return GONE if silent_s > self.lease_s else SUSPECT if silent_s > self.lease_s / 2 else UP

UP, SUSPECT, GONE = "up", "suspect", "gone"
"""


def failure_of(solution: ModuleType) -> tuple[str, Wrong | None]:
    return failure(CHECKS, solution)


def verdict_of(text: str) -> tuple[str, str]:
    return verdict(CHECKS, module_of(text))


def story_of(text: str, language: str = "en") -> list[str]:
    _, wrong = failure_of(module_of(text))
    assert wrong
    return LESSON.story(wrong.story, language)


class Stories(unittest.TestCase):
    def test_the_hasty_detector_buries_a_server_whose_beat_is_lost(self) -> None:
        start = Path(LESSON.file("start.py")).read_text(encoding="utf-8")
        self.assertEqual(verdict_of(start), ("c1", "gone_too_early"))
        self.assertEqual(story_of(start), [
            "   0.000 s  bank-1 starts: a beat each 1 s, a lease of 3 s",
            "   0.125 s  registry: bank-1 is UP",
            "   1.000 s  bank-1 → registry: a beat  LOST",
            "   1.625 s  registry: bank-1 is GONE"])
        self.assertEqual(story_of(start, "pt")[2:], [
            "   1,000 s  bank-1 → registro: um batimento  PERDIDO",
            "   1,625 s  registro: bank-1 está GONE"])

    def test_one_without_patience_buries_all_when_it_has_been_frozen(self) -> None:
        impatient = REFERENCE.replace(STEP, "        self.time += now - self.read_at\n")
        self.assertEqual(verdict_of(impatient), ("c5", "gone_by_own_pause"))
        self.assertEqual(story_of(impatient)[-3:], [
            "   2.900 s  the registry FREEZES (beats that wait for it: none)",
            "   9.100 s  the registry goes on",
            "   9.100 s  registry: bank-1 is GONE"])
        _, wrong = failure_of(module_of(impatient))
        assert wrong
        self.assertEqual((wrong.values["silent_s"], wrong.values["frozen_s"]), (0.89, 6.2))

    def test_a_word_that_does_not_change_is_told_at_the_end(self) -> None:
        text = REFERENCE.replace("        return SUSPECT if silent_s > self.lease_s / 2 else UP\n",
                                 "        return UP\n")
        self.assertEqual(story_of(text)[-1], "   1.625 s  registry: bank-1 is still UP")


class Verdicts(unittest.TestCase):
    def test_right_detectors_of_another_kind_pass(self) -> None:
        for text in (COUNTS_SILENCE, MOVES_WHAT_IT_HEARD):
            with self.subTest(text):
                self.assertEqual(verdict_of(text), ("", ""))

    def test_at_exactly_half_a_lease_or_a_lease_either_word_is_right(self) -> None:
        for old, new in (("silent_s > self.lease_s:", "silent_s >= self.lease_s:"),
                         ("silent_s > self.lease_s / 2", "silent_s >= self.lease_s / 2")):
            with self.subTest(new):
                self.assertEqual(verdict_of(REFERENCE.replace(old, new)), ("", ""))

    def test_wrong_detectors_of_another_kind_fail(self) -> None:
        for name, (check, key, look, heard, asked) in WRONG.items():
            with self.subTest(name):
                text = SKELETON.replace("LOOK", look).replace("HEARD", heard)
                self.assertEqual(verdict_of(text.replace("        ASKED", asked)), (check, key))

    def test_any_share_of_a_pause_up_to_half_a_second_may_count(self) -> None:
        for share in (0.0, 0.2, 0.5):
            with self.subTest(share):
                text = REFERENCE.replace(STEP, f"""\
        step_s = now - self.read_at
        self.time += step_s if step_s <= TURN_S else {share}
""")
                self.assertEqual(verdict_of(text), ("", ""))

    def test_a_larger_share_is_too_much(self) -> None:
        text = REFERENCE.replace(STEP, "        self.time += min(now - self.read_at, 1.25)\n")
        self.assertEqual(verdict_of(text), ("c5", "suspect_by_own_pause"))

    def test_what_is_no_answer_is_told(self) -> None:
        for new in ("None", "True", "'alive'", "[]", "{}"):
            with self.subTest(new):
                text = REFERENCE.replace("        time = self.running(now)\n",
                                         f"        return {new}\n")
                self.assertEqual(verdict_of(text), ("c1", "no_answer"))

    def test_one_word_for_all_fails(self) -> None:
        for word, key in (("UP", "knows_a_stranger"), ("SUSPECT", "knows_a_stranger"),
                          ("GONE", "not_trusted_again")):
            with self.subTest(word):
                text = REFERENCE.replace("        time = self.running(now)\n",
                                         f"        return {word}\n")
                self.assertEqual(verdict_of(text), ("c1", key))

    def test_what_a_file_lacks_is_told_as_the_student_s(self) -> None:
        for old, new, lacks in (
                ("class Detector:", "class X:", "no Detector"),
                ("def heard(", "def x(", "no heard"),
                ("def state(self, name, now)", "def state(self, name)", "state must take 2"),
                ("def __init__(self, lease_s, now)", "def __init__(self)", "Detector must take 2"),
                ("UP, SUSPECT, GONE =", "UP, SUSPECT, X =", "no word GONE")):
            with self.subTest(lacks), self.assertRaisesRegex(Theirs, lacks):
                CHECKS["c1"].run(module_of(REFERENCE.replace(old, new)))


class Real(unittest.TestCase):
    """All of them sleep at the same time."""

    seen: ClassVar[dict[str, Future[real.Seen]]]
    # Where the one that raises does.
    line: ClassVar[int]

    @classmethod
    def setUpClass(cls) -> None:
        right = load(LESSON.file("reference.py"))
        hasty = load(LESSON.file("start.py"))
        cls.line = REFERENCE[:REFERENCE.index(STEP)].count("\n") + 1
        with ThreadPoolExecutor() as pool:
            cls.seen = {
                "right": pool.submit(real.see, right),
                "right, blocked": pool.submit(real.see, right, 0, real.BLOCKED),
                "hasty": pool.submit(real.see, hasty, 234),
                "hasty, blocked": pool.submit(real.see, hasty, 234, real.BLOCKED),
                "raises": pool.submit(see_text, REFERENCE.replace(
                    STEP, "        self.time += 1 / 0\n")),
                "no answer": pool.submit(see_text, REFERENCE.replace(
                    "        time = self.running(now)\n", "        return\n"))}

    def test_the_right_one_keeps_the_living_and_loses_the_dead(self) -> None:
        for name, how in (("right", real.HOW), ("right, blocked", real.BLOCKED)):
            with self.subTest(how):
                seen = self.seen[name].result()
                self.assertEqual((seen.fewest, seen.still_listed, seen.how), (2, False, how))
                self.assertTrue(real.is_right(seen._asdict()), seen)

    def test_the_hasty_one_lists_nobody_when_the_computer_wakes_up(self) -> None:
        for name in ("hasty", "hasty, blocked"):
            with self.subTest(name):
                seen = self.seen[name].result()
                self.assertEqual((seen.fewest, seen.slept_ms), (0, real.SLEEP_MS + 234))
                self.assertFalse(real.is_right(seen._asdict()))

    def test_one_that_keeps_the_dead_is_not_right(self) -> None:
        seen = self.seen["right"].result()
        self.assertLess(seen.took_s, seen.lease_s + 0.5)
        self.assertFalse(real.is_right(seen._replace(still_listed=True)._asdict()))

    def test_an_error_inside_the_registry_is_told_with_its_line(self) -> None:
        with self.assertRaisesRegex(Theirs, "ZeroDivisionError") as raised:
            self.seen["raises"].result()
        self.assertEqual(raised.exception.line, self.line)
        with self.assertRaisesRegex(Theirs, "state returned None"):
            self.seen["no answer"].result()


def see_text(text: str) -> real.Seen:
    """What is seen with this file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "solution.py")
        file.write_text(text, encoding="utf-8")
        return real.see(load(str(file)))


if __name__ == "__main__":
    unittest.main()
