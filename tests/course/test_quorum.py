"""Lesson 8: what its naive register does, its words, and a student's register on three servers."""

from __future__ import annotations

import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from course.explore import Found, Script, Wrong
from course.lessons.quorum import real
from course.lessons.quorum.check import BOTH, CHECKS
from course.lessons.quorum.computers import program
from course.lessons.quorum.world import LATE, NEVER, Operation, World, is_linearizable
from course.rung import Rung
from course.shelf import Lesson
from course.theirs import Theirs
from course.worker import load

LESSON = Lesson(8, "quorum")
REFERENCE = Path(LESSON.file("reference.py")).read_text(encoding="utf-8")
WRITES_BACK = '        await self.majority("store", version, value)\n'

# Right registers that are written in another way.
BY_VALUE = '''
class Replica:
    def __init__(self):
        self.kept = 0, ""

    def ask(self):
        return self.kept

    def tell(self, newest):
        self.kept = max(self.kept, newest)
        return True

class Register:
    def __init__(self, me, count, ask):
        self.me, self.needed, self.ask, self.values = me, count // 2 + 1, ask, {}

    async def of_most(self, name, *rest):
        heard = {}
        answers = self.ask(name, *rest)
        while len(heard) < self.needed:
            replica, answer = await answers.__anext__()
            heard.setdefault(replica, answer)
        return heard

    async def write(self, value):
        newest = max((await self.of_most("ask")).values())
        await self.of_most("tell", (newest[0] + 1, self.me, value))

    async def read(self):
        newest = max((await self.of_most("ask")).values())
        await self.of_most("tell", newest)
        return newest[2] if len(newest) == 3 else None
'''
# It writes back only where the answers differ.
IF_THEY_DIFFER = REFERENCE.replace('''\
        version, value = max(await self.majority("fetch"))
        await self.majority("store", version, value)
''', '''\
        answers = list(await self.majority("fetch"))
        version, value = max(answers)
        if min(answers) != max(answers):
            await self.majority("store", version, value)
''')
# A writer that knows a higher number than the replicas need not take the next one.
HIGHER = REFERENCE.replace("(number + 1, self.me)", "(number + 7, self.me)")
# Dictionaries are messages, too.
LABELLED = REFERENCE.replace('        version, value = max(await self.majority("fetch"))\n', '''\
        told = [{"version": version, "value": value}
                for version, value in await self.majority("fetch")]
        newest = max(told, key=lambda each: each["version"])
        version, value = newest["version"], newest["value"]
''')


def verdict_of(text: str) -> tuple[str, Wrong | None]:
    """The first check that a solution fails, and how; ("", None) if it passes all."""
    for name, rung in CHECKS.items():
        wrong = run(rung, text).wrong
        if wrong is not None:
            return name, wrong
    return "", None


def run(rung: Rung, text: str) -> Found:
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "solution.py")
        Path(file).write_text(text, encoding="utf-8")
        return rung.run(load(file))


def key_of(text: str) -> tuple[str, str]:
    name, wrong = verdict_of(text)
    return name, wrong.key if wrong else ""


class Verdicts(unittest.TestCase):
    def test_the_naive_register_does_not_read_its_own_write(self) -> None:
        name, wrong = verdict_of(Path(LESSON.file("start.py")).read_text(encoding="utf-8"))
        assert wrong
        self.assertEqual((name, wrong.key, wrong.values), (
            "c1", "own_write_not_read", {"client": "ana", "value": "None", "written": 30}))
        self.assertEqual([line[12:].strip() for line in LESSON.story(wrong.story, "en")[4:]], [
            "ana writes 30", "ana → replicas: store(1001.0, 30)   LATE at r1",
            "r2 → ana: None", "ana: the write of 30 has ended", "ana reads",
            "ana → replicas: fetch()", "r1 → ana: (0, None)",
            "ana: the read has ended: None"])

    def test_right_registers_of_another_kind_pass(self) -> None:
        for text in (BY_VALUE, IF_THEY_DIFFER, HIGHER, LABELLED):
            with self.subTest(text):
                self.assertNotEqual(text, REFERENCE)
                self.assertEqual(key_of(text), ("", ""))

    def test_a_clock_or_a_counter_of_the_file_is_that_of_one_computer(self) -> None:
        number = '        (number, _), _ = max(await self.majority("fetch"))\n'
        for new in ("time.time()", "time.monotonic_ns()", "next(NUMBERS)"):
            with self.subTest(new):
                text = REFERENCE.replace(number, f"        number = {new}\n").replace(
                    "class Replica", "import time\nNUMBERS = iter(range(99))\n\nclass Replica")
                self.assertEqual(key_of(text), ("c5", "old_value"))

    def test_a_value_that_nobody_wrote_is_told(self) -> None:
        for new in ("version, value", "None if value is None else value + 1", "'?'"):
            with self.subTest(new):
                text = REFERENCE.replace("        return value\n", f"        return {new}\n")
                self.assertEqual(key_of(text), ("c1", "nobody_wrote"))

    def test_a_read_without_end_is_told(self) -> None:
        text = REFERENCE.replace(WRITES_BACK, f"        while True:\n    {WRITES_BACK}")
        self.assertEqual(key_of(text), ("c1", "asks_without_end"))

    def test_a_register_that_never_ends_anything_is_not_right(self) -> None:
        text = REFERENCE.replace("> self.count / 2", "> self.count")
        self.assertEqual(key_of(text), ("c1", "waits_for_ever"))

    def test_an_operation_without_a_majority_may_wait(self) -> None:
        self.assertIn("no majority", run(CHECKS["c2"], REFERENCE).exercised)

    def test_a_check_without_a_case_says_that_it_says_nothing(self) -> None:
        wrong = run(Rung(World, ({"plan": BOTH},), 1, (LATE,)), REFERENCE).wrong
        assert wrong
        self.assertEqual((wrong.key, wrong.values), ("vacuous", {"missing": LATE}))


class Files(unittest.TestCase):
    def test_what_a_file_lacks_is_told_as_the_student_s(self) -> None:
        for old, new, lacks in (
                ("class Replica:", "class X:", "no Replica"),
                ("class Register:", "class X:", "no Register"),
                ("async def read(", "async def x(", "no read"),
                ("async def write(self, value)", "async def write(self)", "write must take 1"),
                ("    async def read(", "    def read(", "SyntaxError|await"),
                ("def fetch(", "def x(", "no fetch"),
                ("def store(self, version, value)", "def store(self, value)", "store must take 2"),
                ('self.ask(*question)', "self.ask(7)", "name of a method"),
                ("return self.version, self.value", "return self", "cannot be in a message"),
                ("class Replica:", "import datetime\n\nclass Replica:", "no datetime")):
            with self.subTest(lacks):
                self.assertIn(old, REFERENCE)
                with self.assertRaisesRegex(Theirs, lacks):
                    run(CHECKS["c1"], REFERENCE.replace(old, new))

    def test_an_editor_of_windows_may_mark_the_file_as_utf_8(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "solution.py")
            path.write_text(f"\ufeff{REFERENCE}", encoding="utf-8")
            self.assertIsNone(CHECKS["c1"].run(load(str(path))).wrong)

    def test_what_is_not_async_is_told(self) -> None:
        text = REFERENCE + "\n    def read(self):\n        return None\n"
        with self.assertRaisesRegex(Theirs, "read must be async"):
            run(CHECKS["c1"], text)

    def test_only_answers_are_awaited(self) -> None:
        text = REFERENCE.replace(WRITES_BACK, "        import asyncio\n"
                                              "        await asyncio.sleep(0)\n")
        with self.assertRaisesRegex(Theirs, "await nothing but answers"):
            run(CHECKS["c1"], text)

    def test_each_run_begins_with_new_computers(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "solution.py")
            Path(file).write_text(REFERENCE + "\nKEPT = []\n", encoding="utf-8")
            each = program(load(file))
            first, second = each.start(lambda: 1.0), each.start(lambda: 2.0)
        self.assertIsNot(first.KEPT, second.KEPT)


class Orders(unittest.TestCase):
    """What is linearizable; each operation is (writes, value, began, ended)."""

    def judge(self, *operations: tuple[bool, int | None, int, float]) -> bool:
        history = []
        for writes, value, began, ended in operations:
            history.append(Operation("ana", writes, value, began))
            history[-1].ended = ended
        return is_linearizable(history)

    def test_one_after_the_other(self) -> None:
        self.assertTrue(self.judge((True, 1, 0, 1), (False, 1, 2, 3)))
        self.assertTrue(self.judge((False, None, 0, 1), (True, 1, 2, 3)))
        self.assertFalse(self.judge((True, 1, 0, 1), (False, None, 2, 3)))
        self.assertFalse(self.judge((True, 1, 0, 1), (True, 2, 2, 3), (False, 1, 4, 5)))
        self.assertFalse(self.judge((False, 1, 0, 1), (True, 1, 2, 3)))

    def test_at_the_same_time_either_order_is_right_but_only_one(self) -> None:
        both = (True, 1, 0, 4), (True, 2, 1, 5)
        self.assertTrue(self.judge(*both, (False, 1, 6, 7)))
        self.assertTrue(self.judge(*both, (False, 2, 6, 7)))
        self.assertFalse(self.judge(*both, (False, 1, 6, 7), (False, 2, 8, 9)))
        self.assertTrue(self.judge(*both, (False, 1, 2, 3), (False, 2, 8, 9)))

    def test_a_write_that_has_not_ended_may_count_or_not_and_does_not_go_back(self) -> None:
        dead = True, 1, 0, NEVER
        self.assertTrue(self.judge(dead, (False, None, 1, 2), (False, 1, 3, 4)))
        self.assertTrue(self.judge(dead, (False, None, 1, 2)))
        self.assertFalse(self.judge(dead, (False, 1, 1, 2), (False, None, 3, 4)))


class Real(unittest.TestCase):
    def test_the_right_register_waits_for_a_second_replica(self) -> None:
        seen = real.see(load(LESSON.file("reference.py")), 7)
        self.assertEqual(seen[:4], (2007, 1007, real.NO_ANSWER, "1007"))
        self.assertTrue(real.is_right(seen._asdict()))

    def test_the_naive_register_reads_an_old_price(self) -> None:
        with mock.patch.object(real, "ALONE_S", 3.0):
            seen = real.see(load(LESSON.file("start.py")), 7)
        self.assertEqual(seen[:4], (2007, 1007, "2007", "2007"))
        self.assertFalse(real.is_right(seen._asdict()))


class Scripts(unittest.TestCase):
    def test_a_client_that_crashed_ends_nothing(self) -> None:
        world = World(load(LESSON.file("reference.py")), Script((1,)), plan=BOTH,
                      fates=(("crash", 1, "ana"),))
        world.run()
        self.assertEqual([each.ended == NEVER for each in world.history], [True, False])


if __name__ == "__main__":
    unittest.main()
