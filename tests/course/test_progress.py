"""What a student has done cannot be changed unseen, and nothing of it is lost."""

from __future__ import annotations

import json
import os
import tempfile
import threading
import unittest
import unittest.mock
from pathlib import Path

from course import progress
from course.progress import FILE, Progress, Spoilt


class Lines(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = os.path.join(folder.name, "course-work")
        self.progress = Progress(self.folder)
        self.file = Path(self.folder, FILE)

    def test_the_newest_line_of_a_kind_is_found(self) -> None:
        self.assertEqual(self.progress.entries(), [])
        self.assertIsNone(self.progress.last("predict", "x"))
        for answer in "ab":
            self.progress.add("predict", "x", answer=answer)
        self.progress.add("predict", "y", answer="c")
        found = self.progress.last("predict", "x")
        assert found
        self.assertEqual(found["answer"], "b")

    def test_a_line_that_was_changed_put_in_or_taken_out_is_seen(self) -> None:
        for number in range(4):
            self.progress.add("check", "x", number=number)
        lines = self.file.read_bytes().splitlines(keepends=True)
        entry = {**json.loads(lines[1]), "number": 7}
        for changed in ([lines[0], json.dumps(entry).encode() + b"\n", *lines[2:]],
                        [lines[0], *lines[2:]], [lines[0], lines[0], *lines[1:]],
                        [*lines[:2], b"no json\n", *lines[2:]]):
            self.file.write_bytes(b"".join(changed))
            with self.assertRaisesRegex(Spoilt, "line [23] does not follow"):
                self.progress.entries()

    def test_a_line_that_is_far_too_long_is_not_read(self) -> None:
        """Python 3.9 takes minutes for a number of a million digits."""
        self.progress.add("check", "x", text="x" * progress.MAX_LINE_BYTES)
        with self.assertRaisesRegex(Spoilt, "line 1 does not follow"):
            self.progress.entries()

    def test_a_torn_last_line_is_passed_over_and_the_next_one_stands_behind_a_whole_one(self
                                                                                       ) -> None:
        self.progress.add("check", "x", number=1)
        with open(self.file, "ab") as file:
            file.write(b'{"at": 12, "wh')
        self.assertEqual(len(self.progress.entries()), 1)
        self.progress.add("check", "x", number=2)
        self.assertEqual([entry["number"] for entry in self.progress.entries()], [1, 2])

    def test_two_terminals_at_once_lose_nothing(self) -> None:
        def add_many(name: str) -> None:
            for number in range(20):
                Progress(self.folder).add("check", name, number=number)

        threads = [threading.Thread(target=add_many, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for name in "ab":
            self.assertEqual([entry["number"] for entry in self.progress.entries()
                              if entry["lesson"] == name], list(range(20)))

    def test_the_lock_of_a_process_that_has_died_is_passed_over(self) -> None:
        self.progress.add("check", "x")
        lock = Path(f"{self.file}.lock")
        lock.touch()
        os.utime(lock, (0, 0))
        self.progress.add("check", "x")
        self.assertFalse(lock.exists())

    def test_a_lock_of_a_living_one_is_waited_for_and_then_named(self) -> None:
        self.progress.add("check", "x")
        Path(f"{self.file}.lock").touch()
        with unittest.mock.patch.object(progress, "LOCK_S", 0.0), \
                self.assertRaisesRegex(TimeoutError, "lock: another terminal writes"):
            self.progress.add("check", "x")


if __name__ == "__main__":
    unittest.main()
