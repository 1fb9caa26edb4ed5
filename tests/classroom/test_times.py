"""Times that a class reads come from the fine clock."""

from __future__ import annotations

import ast
import unittest

from classroom import doctor
from classroom.language import Words
from classroom.silence import Told
from tests.classroom.sentences import CLASSROOM
from tests.clocks import coarse_clock


class Times(unittest.TestCase):
    def test_they_are_honest_where_the_clock_of_deadlines_is_coarse(self) -> None:
        """On Windows "in 0 ms" would be told of many things."""
        with coarse_clock():
            self.assertAlmostEqual(3.1, Told(lambda: 100).took_ms)
            found = doctor.check_loopback(Words("en"), "TCP", lambda: b"ponte")
            self.assertIn(" arrives in 3.1 ms", found.text)

    def test_the_clock_of_deadlines_is_used_for_deadlines_alone(self) -> None:
        """Which other rooms take: it is added to, and nothing is subtracted from it."""
        for path in sorted(CLASSROOM.glob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            added = [node.left for node in ast.walk(tree)
                     if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add)]
            wrong = [node.lineno for node in ast.walk(tree)
                     if isinstance(node, ast.Attribute) and node.attr == "monotonic"
                     and not any(isinstance(left, ast.Call) and left.func is node
                                 for left in added)]
            with self.subTest(path.name):
                self.assertEqual([], wrong)


if __name__ == "__main__":
    unittest.main()
