"""A program of strangers is ended in time, with what it has started, and whatever it writes."""

from __future__ import annotations

import os
import subprocess
import threading
import time
import unittest
from unittest import mock

from course import bounded
from course.bounded import MAX_OUTPUT_BYTES, run
from tests.windows import windows_cannot

# Seconds: none of these programs needs half of it.
LIMIT_S = 20.0


class Programs(unittest.TestCase):
    def test_what_it_writes_and_what_it_was_told(self) -> None:
        ended = run(["-c", "import sys; print(input(), 'é'.encode()); sys.stderr.write('no\\n')"],
                    "hello\n", LIMIT_S)
        self.assertEqual(ended, ("hello b'\\xc3\\xa9'\n", "no\n", True))

    def test_one_that_does_not_end_is_ended(self) -> None:
        ended = run(["-c", "import time\nprint('here', flush=True)\ntime.sleep(60)"], "", 2.0)
        self.assertEqual(ended, ("here\n", "", False))

    def test_one_that_has_ended_while_we_were_frozen_was_in_time(self) -> None:
        """Ctrl-Z: the time is over, and its end is not noticed yet."""
        with mock.patch.object(bounded, "LAST_S", LIMIT_S):
            self.assertEqual(run(["-c", "print('here')"], "", 0.0), ("here\n", "", True))

    def test_one_that_does_not_read_is_no_error(self) -> None:
        self.assertTrue(run(["-c", "import os; os.close(0)"], "x" * 1_000_000, LIMIT_S).in_time)

    def test_output_without_an_end_is_cut_and_its_program_ended(self) -> None:
        for stream in (1, 2):
            ended = run(["-c", f"import os\nwhile True: os.write({stream}, b'x' * 9999)"], "",
                        LIMIT_S)
            self.assertEqual((len(ended.out) + len(ended.err), ended.in_time),
                             (MAX_OUTPUT_BYTES, True))

    @windows_cannot("a program's children have no group there")
    def test_what_it_has_started_ends_with_it(self) -> None:
        began = time.monotonic()
        ended = run(["-c", "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', "
                     "'import time; time.sleep(60)']).pid)"], "", LIMIT_S)
        self.assertLess(time.monotonic() - began, LIMIT_S)
        self.assertTrue(ended.in_time)
        self.wait_for_the_end_of(int(ended.out))

    def test_a_system_without_threads_is_an_error_of_the_system_and_nothing_goes_on(self) -> None:
        with mock.patch.object(threading.Thread, "start", side_effect=RuntimeError("no thread")), \
                mock.patch.object(bounded, "_end", wraps=bounded._end) as end, \
                self.assertRaisesRegex(OSError, "no thread"):
            run(["-c", "import time; time.sleep(60)"], "", LIMIT_S)
        program = end.call_args.args[0]
        self.assertNotEqual(program.wait(LIMIT_S), 0)
        for pipe in (program.stdin, program.stdout, program.stderr):
            pipe.close()

    @windows_cannot("no fork")
    def test_what_has_left_its_group_is_not_waited_for(self) -> None:
        """And it holds the output open."""
        began = time.monotonic()
        ended = run(["-c", "import os, time\nif os.fork() == 0:\n    os.setsid()\n"
                     "    time.sleep(8)\nelse: print('parent')"], "", LIMIT_S)
        self.assertLess(time.monotonic() - began, 6)
        self.assertEqual((ended.out, ended.in_time), ("parent\n", True))

    @windows_cannot("a program's children have no group there")
    def test_ctrl_c_ends_it(self) -> None:
        def interrupted(event: threading.Event, timeout: float | None = None) -> bool:
            if timeout == LIMIT_S:
                raise KeyboardInterrupt
            return wait(event, timeout)

        def noted(program: subprocess.Popen[bytes]) -> None:
            ended.append(program.pid)
            end(program)

        wait, end = threading.Event.wait, bounded._end
        ended: list[int] = []
        with mock.patch.object(threading.Event, "wait", interrupted), \
                mock.patch.object(bounded, "_end", noted), \
                self.assertRaises(KeyboardInterrupt):
            run(["-c", "import time; time.sleep(60)"], "", LIMIT_S)
        self.wait_for_the_end_of(ended[0])

    def wait_for_the_end_of(self, pid: int) -> None:
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            try:
                os.kill(pid, 0)
                with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                    if file.read().split()[2] == "Z":
                        return
            except OSError:
                return
            time.sleep(0.02)
        self.fail(f"process {pid} goes on")


if __name__ == "__main__":
    unittest.main()
