"""Lines that are written by a thread which may wait."""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import sys
import threading
import unittest
from typing import TextIO
from unittest import mock

from ponte.process import output
from ponte.process.output import Lines, leave
from tests.windows import windows_cannot

# Seconds. A test that waits so long has failed.
WITHIN_S = 10.0


def fork() -> int:
    # Windows has no fork; the type checker knows that.
    if sys.platform == "win32":
        raise OSError("no fork")
    return os.fork()


class Blocked(io.StringIO):
    """A stream on which each write waits, like one to a full pipe."""

    def __init__(self) -> None:
        super().__init__()
        self.is_read = threading.Event()
        self.began = threading.Event()

    def write(self, text: str) -> int:
        self.began.set()
        self.is_read.wait(WITHIN_S)
        return super().write(text)


class Full(io.StringIO):
    """A stream on a disk that is full."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


class Writing(unittest.TestCase):
    def test_lines_are_written_in_their_order(self) -> None:
        stream = io.StringIO()
        lines = Lines(lambda: stream)
        for line in ("one", "two", "three"):
            lines.put(line)
        self.assertTrue(lines.flush(WITHIN_S))
        self.assertEqual(stream.getvalue(), "one\ntwo\nthree\n")
        self.assertIsNone(lines.error)

    def test_a_stream_that_is_blocked_holds_nobody_up(self) -> None:
        """`put` returns at once, `flush` says that it was in vain; and lines are lost in the end.
        """
        stream = Blocked()
        self.addCleanup(stream.is_read.set)
        lines = Lines(lambda: stream)
        with mock.patch.object(output, "MAX_LINES", 3):
            lines.put("first")
            self.assertTrue(stream.began.wait(WITHIN_S))
            for number in range(5):
                lines.put(f"line {number}")
        self.assertFalse(lines.flush(0.0))
        stream.is_read.set()
        self.assertTrue(lines.flush(WITHIN_S))
        self.assertEqual(stream.getvalue(), "first\nline 0\nline 1\nline 2\n")

    def test_an_error_is_kept_and_the_next_line_is_tried(self) -> None:
        stream: TextIO = Full()
        lines = Lines(lambda: stream)
        lines.put("lost")
        self.assertTrue(lines.flush(WITHIN_S))
        assert lines.error
        self.assertEqual(lines.error.errno, errno.ENOSPC)
        stream = io.StringIO()
        lines.put("written")
        self.assertTrue(lines.flush(WITHIN_S))
        self.assertEqual(stream.getvalue(), "written\n")

    def test_a_stream_that_is_closed_takes_every_line(self) -> None:
        """Python has None for it, if it was closed when the process began."""
        lines = Lines(lambda: None)
        lines.put("x")
        self.assertTrue(lines.flush(WITHIN_S))
        self.assertIsNone(lines.error)


class Leaving(unittest.TestCase):
    """The end of a process."""

    def leaves(self, stream: TextIO) -> list[int]:
        """The codes with which the process ends here, because the usual way would wait."""
        with mock.patch.object(output, "standard_output", Lines(lambda: stream)) as lines, \
                mock.patch.object(output, "standard_error", Lines(lambda: None)), \
                mock.patch.object(output, "FLUSH_S", 0.01 if isinstance(stream, Blocked)
                                  else WITHIN_S), \
                mock.patch.object(os, "_exit") as ends:
            lines.put("the last words")
            self.assertEqual(leave(7), 7)
        return [call.args[0] for call in ends.call_args_list]

    def test_it_waits_for_the_last_words(self) -> None:
        stream = io.StringIO()
        self.assertEqual(self.leaves(stream), [])
        self.assertEqual(stream.getvalue(), "the last words\n")

    def test_a_blocked_output_does_not_keep_the_process_alive(self) -> None:
        stream = Blocked()
        self.addCleanup(stream.is_read.set)
        self.assertEqual(self.leaves(stream), [7])


@windows_cannot("it has no fork")
class Forking(unittest.TestCase):
    """A child has the memory of its parent, and none of its threads."""

    def test_the_lines_of_a_child_are_written_whatever_its_parent_was_doing(self) -> None:
        """Here another thread of the parent holds all its locks. What waited is not written twice.

        The child ends without `leave`, as those of multiprocessing do.
        """
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        with open(write, "w", encoding="utf-8") as stream:
            lines = Lines(lambda: stream)
            with mock.patch.object(lines, "_start"):
                lines.put("of the parent")
            with contextlib.ExitStack() as held:
                held.enter_context(lines._lock)
                child = fork()
                if child == 0:
                    lines.leave_parent()
                    lines.put("of the child")
                    os._exit(0)
            os.waitpid(child, 0)
        self.assertEqual(os.read(read, 1000), b"of the child\n")

    def test_a_childs_log_lines_are_written_while_its_parents_queue_is_busy(self) -> None:
        """The lines of the process itself leave their parent with every fork."""
        with mock.patch.object(output.standard_error, "_find", io.StringIO), \
                mock.patch.object(logging, "raiseExceptions", True):
            busy = output.standard_error._waiting
            read, write = os.pipe()
            self.addCleanup(os.close, read)
            self.addCleanup(os.close, write)
            with output.standard_error._lock:
                child = fork()
                if child == 0:
                    fresh = (output.standard_error._waiting is not busy
                             and output.standard_error._lock.acquire(blocking=False))
                    os.write(write, b"fresh" if fresh else b"stale")
                    os._exit(0)
            os.waitpid(child, 0)
            self.assertEqual(os.read(read, 5), b"fresh")


if __name__ == "__main__":
    unittest.main()
