"""Lesson 3: what its naive balancer does, its words, and the student's balancer in the real proxy.
"""

from __future__ import annotations

import unittest
from pathlib import Path
from types import ModuleType
from unittest import mock

from course.lessons.load_balancing import real
from course.lessons.load_balancing.check import CHECKS
from course.lessons.load_balancing.world import World
from course.rung import Rung
from course.shelf import Lesson
from course.theirs import Theirs
from course.worker import load
from tests.course.solutions import module_of, verdict

LESSON = Lesson(3, "load_balancing")
REFERENCE = Path(LESSON.file("reference.py")).read_text(encoding="utf-8")

# A right balancer of another kind: the turn is a place in the list, as in Ponte's own; each failed
# trial doubles the quarantine; a server with calls in flight is not tried.
BY_PLACE = '''
class Balancer:
    def __init__(self):
        self.turn, self.calls, self.ends, self.failures = -1, {}, {}, {}

    def pick(self, servers, now):
        self.turn += 1
        start = self.turn % len(servers)
        order = servers[start:] + servers[:start]
        well = [s for s in order if s not in self.ends]
        due = [s for s in order if s in self.ends and now >= self.ends[s] and not self.calls.get(s)]
        server = due[0] if due else min(well or order, key=lambda s: self.calls.get(s, 0))
        self.calls[server] = self.calls.get(server, 0) + 1
        return server

    def settle(self, server, answered, now):
        self.calls[server] -= 1
        if answered:
            self.ends.pop(server, None)
            self.failures.pop(server, None)
        elif server not in self.ends or now >= self.ends[server]:
            self.failures[server] = self.failures.get(server, 0) + 1
            self.ends[server] = now + 2.0 ** (self.failures[server] - 1)
'''
# The quarantine counts from the latest failure.
LATEST = REFERENCE.replace("        elif record.trial_at is None or record.on_trial:\n",
                           "        else:\n")


def verdict_of(solution: ModuleType) -> tuple[str, str]:
    return verdict(CHECKS, solution)


class Verdicts(unittest.TestCase):
    def test_the_naive_balancer_sends_the_next_call_to_the_server_that_failed(self) -> None:
        wrong = CHECKS["c1"].run(load(LESSON.file("start.py"))).wrong
        assert wrong
        self.assertEqual(wrong.key, "asks_in_quarantine")
        self.assertEqual(LESSON.story(wrong.story, "en"), [
            "   0.000 s  call 1 → bank-1: it FAILS at once, the server is BROKEN",
            "   0.100 s  call 2 → bank-1: it FAILS at once"])
        self.assertEqual(LESSON.story(wrong.story, "pt")[1],
                         "   0,100 s  chamada 2 → bank-1: FALHA na hora")

    def test_right_balancers_of_another_kind_pass(self) -> None:
        for text in (BY_PLACE, LATEST):
            with self.subTest(text):
                self.assertNotEqual(text, REFERENCE)
                self.assertEqual(verdict_of(module_of(text)), ("", ""))


class Files(unittest.TestCase):
    def test_what_is_no_answer_is_told(self) -> None:
        for new in ("None", "True", "'bank-1'", "servers", "0", "picked.name"):
            with self.subTest(new):
                text = REFERENCE.replace("        return picked\n", f"        return {new}\n")
                self.assertEqual(verdict_of(module_of(text)), ("c1", "no_answer"))

    def test_what_a_file_lacks_is_told_as_the_student_s(self) -> None:
        for old, new, lacks in (
                ("class Balancer:", "class X:", "no Balancer"), ("def pick(", "def x(", "no pick"),
                ("def settle(", "def x(", "no settle"),
                ("def pick(self, servers, now)", "def pick(self, servers)", "pick must take 2")):
            with self.subTest(lacks), self.assertRaisesRegex(Theirs, lacks):
                CHECKS["c1"].run(module_of(REFERENCE.replace(old, new)))

    def test_a_check_without_a_case_says_that_it_says_nothing(self) -> None:
        wrong = Rung(World, ({"calls": (0.0, 0.1)},), 1, ("trial",)).run(module_of(REFERENCE)).wrong
        assert wrong
        self.assertEqual((wrong.key, wrong.values), ("vacuous", {"missing": "trial"}))


class Real(unittest.TestCase):
    def test_behind_the_right_balancer_hardly_a_deposit_fails(self) -> None:
        seen = real.see(load(LESSON.file("reference.py")), 7)
        self.assertEqual((seen.amount, seen.came_back), (107, "yes"))
        self.assertEqual(seen.balance, (seen.calls - seen.failed) * 107)
        self.assertTrue(real.is_right(seen._asdict()))

    def test_behind_the_naive_balancer_all_of_them_fail(self) -> None:
        seen = real.see(load(LESSON.file("start.py")))
        self.assertEqual((seen.calls, seen.failed, seen.balance), (1000, 1000, 0))
        self.assertFalse(real.is_right(seen._asdict()))

    def test_one_that_never_tries_again_does_not_bring_the_bank_back(self) -> None:
        text = REFERENCE.replace("now + QUARANTINE_S", "float('inf')")
        with mock.patch.multiple(real, CALLS=50, LOOK_S=0.2):
            seen = real.see(module_of(text))
        self.assertEqual(seen.came_back, "no")
        self.assertFalse(real.is_right(seen._asdict()))

    def test_an_error_of_the_file_is_raised(self) -> None:
        with mock.patch.multiple(real, CALLS=50, LOOK_S=0.2), \
                self.assertRaisesRegex(Theirs, "pick returned 'bank-1'"):
            real.see(module_of(REFERENCE.replace("return picked\n", "return picked.name\n")))


if __name__ == "__main__":
    unittest.main()
