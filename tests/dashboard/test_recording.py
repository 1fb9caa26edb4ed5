"""Events in a file, and back."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
import tempfile
import tracemalloc
import unittest
import unittest.mock
from pathlib import Path

from dashboard import recording
from dashboard.recording import NotARecording, Recorder, read_recording
from tests.windows import windows_cannot

LINES = [b'{"s":%d,"k":"run","p":"a","i":7,"n":%d,"t":%d.5}' % (number, number, number)
         for number in range(1, 6)]
HEADER = b'{"ponte":"recording","form":1,"at":5.0}\n'


class Case(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "lesson.jsonl")
        self.stopped: list[str] = []

    def recorder(self) -> Recorder:
        recorder = Recorder(self.path, 5.0, self.stopped.append)
        self.addCleanup(recorder.close)
        return recorder

    def read(self) -> bytes:
        return Path(self.path).read_bytes()

    def write(self, data: bytes) -> None:
        Path(self.path).write_bytes(data)


class Writing(Case):
    def test_each_turn_is_in_the_file_at_once(self) -> None:
        recorder = self.recorder()
        self.assertEqual(HEADER, self.read())
        recorder.write(LINES[:2])
        self.assertEqual(HEADER + b"\n".join(LINES[:2]) + b"\n", self.read())
        recorder.write(LINES[2:])
        self.assertEqual(HEADER + b"\n".join(LINES) + b"\n", self.read())

    def test_what_is_in_a_file_is_not_lost(self) -> None:
        self.write(b"my thesis")
        with self.assertRaises(FileExistsError):
            self.recorder()
        self.assertEqual(b"my thesis", self.read())

    def test_an_empty_file_may_be_there(self) -> None:
        self.write(b"")
        self.recorder()
        self.assertEqual(HEADER, self.read())

    def test_a_full_disk_ends_the_recording_behind_a_whole_line(self) -> None:
        recorder = self.recorder()
        recorder.write(LINES[:1])
        recorder._file.close()
        recorder._file = full = NearlyFull(self.path, 70)
        recorder.write(LINES[1:])
        self.assertEqual([os.strerror(errno.ENOSPC)], self.stopped)
        self.assertTrue(full.closed)
        self.assertEqual(HEADER + LINES[0] + b"\n", self.read())
        recorder.write(LINES[1:])
        self.assertEqual(HEADER + LINES[0] + b"\n", self.read())
        self.assertEqual(1, len(self.stopped))

    @windows_cannot("its file system has no pipes")
    def test_a_pipe_is_no_file(self) -> None:
        """To open it would block until somebody reads, and no signal would end that."""
        if sys.platform != "win32":
            os.mkfifo(self.path)
        for use in (self.recorder, lambda: read_recording(self.path)):
            with self.assertRaisesRegex(OSError, "not a regular file"):
                use()

    @unittest.skipUnless(os.path.exists("/dev/full"), "needs /dev/full")
    def test_a_disk_that_is_full_from_the_beginning_is_an_error(self) -> None:
        self.path = "/dev/full"
        with self.assertRaises(OSError):
            self.recorder()


class NearlyFull(io.FileIO):
    """A file on a disk with so many bytes left. It takes a part, as the system does."""

    def __init__(self, path: str, left: int) -> None:
        super().__init__(path, "ab")
        self.left = left

    def write(self, data: memoryview) -> int:  # type: ignore[override]
        if not self.left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = min(self.left, len(data))
        self.left -= taken
        return super().write(data[:taken])


class Reading(Case):
    def test_what_was_recorded_is_read(self) -> None:
        self.recorder().write(LINES)
        self.assertEqual((1, 6, LINES, []), read_recording(self.path).read(0))

    def test_a_last_line_that_is_torn_is_passed_over(self) -> None:
        """As kill -9 may leave it."""
        for end in range(1, len(LINES[-1])):
            self.write(HEADER + b"\n".join(LINES[:4]) + b"\n" + LINES[4][:end])
            self.assertEqual(LINES[:4], read_recording(self.path).read(0).lines)

    def test_what_is_no_recording_is_told_by_its_reason(self) -> None:
        whole = b"\n".join(LINES) + b"\n"
        for data, why in (
                (b"", "other"), (b"hello\n", "other"),
                (b"\x89PNG\r\n", "other"),
                (b"{}\n", "other"), (whole, "other"),
                (b"<!DOCTYPE html>\n<html>", "saved page"),
                (HEADER.replace(b"1,", b"2,"), "version"), (HEADER, "empty"),
                (HEADER + LINES[0][:20], "empty"),
                (HEADER + b"garbage\n" + whole, "line 2"),
                (HEADER + LINES[0] + b"\n" + LINES[2] + b"\n", "line 3"),
                (HEADER + LINES[0] + b"\n" + b'{"s":2}\n', "line 3"),
                *((HEADER + b'{"s":1,"k":"run","t":%b}\n' % time, "line 2") for time in (
                    b"1e999", b"1e300", b"-1e15", b"9" * 400, b"9" * 40, b"true", b"null", b'"1"',
                    b"NaN")),
                *((HEADER + b'{"s":%b,"k":"run","t":1}\n' % number, "line 2") for number in (
                    b"true", b"1.0", b'"1"', b"2")),
                (HEADER + b'{"s":1,"k":"run","t":1,"x":' + b"9" * 400 + b"}\n", "line 2"),
                (HEADER + b"x" * 70_000, "line 2"),
                (HEADER + b'{"s":1,"k":"run","t":' + b"[" * 60_000 + b"\n", "line 2"),
                (HEADER + b'{"s":1,"k":"run","t":1,"x":"' + b"x" * 70_000 + b'"}\n', "line 2")):
            with self.subTest(data[:60]):
                self.write(data)
                with self.assertRaises(NotARecording) as told:
                    read_recording(self.path)
                self.assertEqual(why, str(told.exception))

    def test_an_event_goes_on_as_ascii_on_one_line(self) -> None:
        self.write(HEADER + '{"s": 1, "k": "run", "t": 1, "why": "ação"}\n'.encode())
        (line,) = read_recording(self.path).read(0).lines
        self.assertTrue(line.isascii())
        self.assertEqual("ação", json.loads(line)["why"])

    def test_a_line_without_end_is_not_read_whole(self) -> None:
        with open(self.path, "wb") as file:
            file.write(HEADER)
            # It takes no room on the disk.
            file.truncate(100_000_000)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        with self.assertRaisesRegex(NotARecording, "line 2"):
            read_recording(self.path)
        self.assertLess(tracemalloc.get_traced_memory()[1], 2_000_000)

    def test_a_long_reading_can_be_ended(self) -> None:
        class Enough(Exception):
            pass

        self.write(HEADER + b"\n".join(LINES) + b"\n")
        looks = unittest.mock.Mock(side_effect=[None, Enough])
        with unittest.mock.patch.object(recording, "LOOK_LINES", 2), self.assertRaises(Enough):
            read_recording(self.path, looks)
        self.assertEqual(2, looks.call_count)

    def test_a_file_that_is_not_there_is_an_oserror(self) -> None:
        with self.assertRaises(OSError):
            read_recording(self.path)


if __name__ == "__main__":
    unittest.main()
