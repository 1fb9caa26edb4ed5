"""How .ci/ reads documents: what may differ from run to run, and how edits are made."""

from __future__ import annotations

import unittest

from tests.house.pages import page


class Comparing(unittest.TestCase):
    def test_times_and_free_ports_may_differ(self) -> None:
        self.assertEqual("", page.difference(["12:00:01.000 at 127.0.0.1:40001 (1.5 ms)"],
                                             ["13:10:09.123 at 127.0.0.1:51234 (12.0 ms)"]))

    def test_the_ports_of_the_lesson_may_not(self) -> None:
        self.assertIn("4100", page.difference(["at 127.0.0.1:4100"], ["at 127.0.0.1:4101"]))

    def test_a_value_may_not_differ(self) -> None:
        self.assertTrue(page.difference(["2"], ["3"]))

    def test_a_missing_line_and_one_too_many_are_found(self) -> None:
        self.assertTrue(page.difference(["one", "two"], ["one"]))
        self.assertTrue(page.difference(["one"], ["one", "two"]))
        self.assertEqual("", page.difference(["one"], ["one", "two"], to_be_continued=True))

    def test_dots_stand_for_any_lines(self) -> None:
        four = ["one", "two", "three", "four"]
        self.assertEqual("", page.difference(["one", "...", "four"], four))
        self.assertTrue(page.difference(["one", "...", "five"], four))
        self.assertEqual("", page.difference(["reply: timed ..."], ["reply: timed out"]))

    def test_a_proof_that_failed_has_another_shape(self) -> None:
        shown = ["PROOF: ✓ PASSED", "  ✓ 300 of 300"]
        printed = ["PROOF: ✗ FAILED", "  ✗ 299 of 300"]
        self.assertTrue(page.difference(page.shape(shown), page.shape(printed)))

    def test_the_shape_has_no_numbers(self) -> None:
        self.assertEqual(page.shape(["  ✓ 3 calls by server-1, server-2"]),
                         page.shape(["  ✓ 4 calls by server-3"]))

    def test_a_promised_time_is_asked_for(self) -> None:
        """A call that waited for a frozen server is another one than the quick ones beside it."""
        slow, quick = "server-3 via proxy-4180  1208.4 ms", "server-1 via proxy-4180  1.4 ms"
        for text in (slow, slow.replace(".", ",")):
            self.assertTrue(page.counts(text, "1000 ms or more"))
        for text in (quick, "a line without a time"):
            self.assertFalse(page.counts(text, "1000 ms or more"))

    def test_a_promised_text_is_asked_for_to_the_letter(self) -> None:
        """Where a document says which server comes back, another one does not count."""
        self.assertTrue(page.counts("World  server-1 via proxy-4180", "server-1"))
        self.assertFalse(page.counts("World  server-2 via proxy-4180", "server-1"))
        self.assertTrue(page.counts("any line", ""))

    def test_the_number_of_calls_may_differ_and_that_of_failures_not(self) -> None:
        shown = ["64 calls, 0 failed; the slowest took 1227 ms"]
        self.assertEqual("", page.difference(shown, ["61 calls, 0 failed; the slowest took 9 ms"]))
        self.assertTrue(page.difference(shown, ["64 calls, 1 failed; the slowest took 1227 ms"]))


class Editing(unittest.TestCase):
    """A ```diff block changes lines that stand in a file once."""

    def edits(self, *lines: str) -> list[page.Edit]:
        return list(page.edits(page.Block("diff", lines, (), 1)))

    def test_lines_are_found_and_changed(self) -> None:
        edit, = self.edits("@@ a.py", " one", "-two", "+2", "+2.5", " three")
        self.assertEqual(page.edited("zero\none\ntwo\nthree\n", edit),
                         "zero\none\n2\n2.5\nthree\n")

    def test_one_block_changes_several_places(self) -> None:
        first, second = self.edits("@@ a.py", "-one", "@@ b.py", " two", "+3")
        self.assertEqual((first.file, second.file), ("a.py", "b.py"))

    def test_lines_that_are_not_there_or_there_twice_are_an_error(self) -> None:
        edit, = self.edits("@@ a.py", "-one", "+1")
        for text in ("two\n", "one\ntwo\none\n"):
            with self.subTest(text), self.assertRaises(page.Wrong):
                page.edited(text, edit)

    def test_a_line_without_a_mark_is_an_error(self) -> None:
        with self.assertRaises(page.Wrong):
            self.edits("@@ a.py", "one")


if __name__ == "__main__":
    unittest.main()
