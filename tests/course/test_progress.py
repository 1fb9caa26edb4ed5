"""What a student has done cannot be changed unseen, and nothing of it is lost."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from course import progress
from course.progress import FILE, LOCK_S, Progress, Spoilt
from ponte.process.own_files import FOLDER


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

    def test_a_line_that_is_none_of_ours_is_seen_though_its_hash_is_right(self) -> None:
        self.progress.add("check", "x")
        before = progress._hash(self.file.read_bytes().splitlines()[0])
        with open(self.file, "a", encoding="utf-8") as file:
            file.write(json.dumps({"what": "check", "before": before}) + "\n")
        with self.assertRaisesRegex(Spoilt, "line 2 does not follow"):
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

    def test_the_lock_of_a_process_that_has_died_is_free(self) -> None:
        self.progress.add("check", "x", number=1)
        with self.holder() as process:
            process.kill()
            process.wait()
            began = time.monotonic()
            self.progress.add("check", "x", number=2)
            self.assertLess(time.monotonic() - began, LOCK_S)
        self.assertEqual([entry["number"] for entry in self.progress.entries()], [1, 2])

    def test_a_lock_of_a_living_one_is_waited_for_and_then_named(self) -> None:
        """However long it is held: a process that was stopped (Ctrl-Z) goes on one day."""
        self.progress.add("check", "x")
        with self.holder() as process, mock.patch.object(progress, "LOCK_S", 0.0):
            with self.assertRaisesRegex(TimeoutError, "another terminal writes to it.*jsonl"):
                self.progress.add("check", "x")
            process.kill()

    @contextlib.contextmanager
    def holder(self) -> Iterator[subprocess.Popen[str]]:
        """Another process, which holds the lock."""
        with subprocess.Popen(
                [sys.executable, "-c", "import sys, time\nfrom course import progress\n"
                 "file = open(sys.argv[1], 'r+b')\nprint(progress._lock(file), flush=True)\n"
                 "time.sleep(60)", str(self.file)], cwd=FOLDER, stdout=subprocess.PIPE,
                encoding="utf-8") as process:
            try:
                assert process.stdout
                self.assertEqual(process.stdout.readline(), "True\n")
                yield process
            finally:
                process.kill()

    def test_a_file_system_without_locks_is_no_hindrance(self) -> None:
        with mock.patch.object(progress, "LOCK_S", 0.0), mock.patch(
                "msvcrt.locking" if sys.platform == "win32" else "fcntl.flock",
                side_effect=OSError(errno.ENOLCK, "no locks")):
            for number in (1, 2):
                self.progress.add("check", "x", number=number)
        self.assertEqual([entry["number"] for entry in self.progress.entries()], [1, 2])


if __name__ == "__main__":
    unittest.main()
