"""Leaving: the order of a drain, and how long each part of it may take."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import unittest
import warnings
from typing import cast

from ponte.net.serving import Listener
from ponte.process import output
from ponte.process.options import LINGER_S
from ponte.process.stopping import CTRL_C_GRACE_S, STEP_S, SUPERSEDED, WAKE_S, Stop, drain, grace

# Seconds after which a child ends by itself.
PATIENCE_S = 10.0


class Steps:
    """Stands in for a listener, an announcer and a refuser. It writes down in which order they are
    used.
    """

    def __init__(self, *, finishes: bool = True) -> None:
        self.taken: list[str] = []
        # Seconds that it served on in any case, and then for callers to leave.
        self.lingered_s = self.idle_s = 0.0
        self._finishes = finishes

    def announce(self, state: str, timeout_s: float) -> bool:
        self.taken.append(state)
        return True

    def refuse(self) -> None:
        self.taken.append("refuse")

    def retire(self) -> None:
        self.taken.append("retire")

    def retire_door(self) -> bool:
        self.taken.append("retire door")
        return False

    def sleep(self, time_s: float) -> None:
        self.taken.append("serve on")
        self.lingered_s = time_s

    def wait_until_quiet(self, timeout_s: float, *, idle_too: bool = False) -> bool:
        self.taken.append("wait for idle" if idle_too else "wait for running")
        if idle_too:
            self.idle_s = timeout_s
        return self._finishes

    def close(self, grace_s: float = 0.0) -> None:
        self.taken.append("close")

    def drain(self, grace_s: float, linger_s: float = LINGER_S) -> bool:
        """Drains this listener."""
        return drain(cast(Listener, self), self.announce, self.refuse, grace_s=grace_s,
                     linger_s=linger_s, sleep=self.sleep)


class Draining(unittest.TestCase):
    """Leaving without losing a call."""

    def test_callers_are_told_before_one_of_them_is_refused(self) -> None:
        """Announce, serve on until they have left, refuse, finish, announce the end, close."""
        steps = Steps()
        self.assertTrue(steps.drain(10.0))
        self.assertEqual(steps.taken, ["draining", "retire", "serve on", "retire door",
                                       "wait for idle", "refuse", "wait for running", "leaving",
                                       "close"])

    def test_it_serves_on_for_a_while_whoever_is_connected(self) -> None:
        """But calls that run keep half of the grace. Without it, callers get a moment to leave."""
        for grace_s, linger_s, lingered_s, idle_s in (
                (10.0, 2.0, 2.0, 0.0), (10.0, 0.0, 0.0, STEP_S), (10.0, 0.2, 0.2, STEP_S - 0.2),
                (0.4, 2.0, 0.2, 0.0), (0.4, 0.0, 0.0, 0.1), (CTRL_C_GRACE_S, 0.5, 0.5, 0.0)):
            steps = Steps()
            steps.drain(grace_s, linger_s)
            self.assertEqual((steps.lingered_s, steps.idle_s), (lingered_s, idle_s))

    def test_calls_that_were_cut_off_are_reported(self) -> None:
        """False, so that the process can say so."""
        steps = Steps(finishes=False)
        self.assertFalse(steps.drain(0.1))
        self.assertEqual(steps.taken[-1], "close")


class Looking(unittest.TestCase):
    def test_who_has_other_work_can_look_whether_it_is_time(self) -> None:
        def look() -> None:
            stop = Stop()
            seen.append(stop.has_come())
            stop.set("enough")
            seen.append(stop.has_come())
            stop.wait()
            seen.append(stop.has_come())

        seen: list[bool] = []
        # The main thread would take the signals of the tests.
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        self.assertEqual([False, True, True], seen)


class Grace(unittest.TestCase):
    """How long running calls may go on."""

    def test_ctrl_c_is_less_patient_than_sigterm(self) -> None:
        """A person is waiting; a shorter --grace stays as short as it is."""
        self.assertEqual(grace("SIGTERM", 10.0), 10.0)
        self.assertEqual(grace("Ctrl-C", 10.0), CTRL_C_GRACE_S)
        self.assertEqual(grace("Ctrl-C", 0.5), 0.5)

    def test_a_process_whose_name_is_taken_lets_its_calls_finish(self) -> None:
        self.assertEqual(grace(SUPERSEDED, 10.0), 10.0)

    def test_the_constants_make_sense_together(self) -> None:
        """Ctrl-C ends every process within 2 s: all that an end waits for must fit."""
        goodbye_s = CTRL_C_GRACE_S / 4
        self.assertLess(CTRL_C_GRACE_S + goodbye_s + WAKE_S + output.FLUSH_S, 2.0)
        self.assertGreaterEqual(CTRL_C_GRACE_S / 2, LINGER_S)


class Children(unittest.TestCase):
    """A process that serves has handlers for signals. Its forked children have none."""

    def test_a_signal_ends_a_child(self) -> None:
        """Else `multiprocessing` could not end the processes of a function that uses them. Also one
        that comes at once after the fork.
        """
        if sys.platform == "win32":
            self.skipTest("not on Windows: it has no fork")
        for number in (signal.SIGTERM, signal.SIGINT):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        kept = Stop()
        with warnings.catch_warnings():
            # Python 3.12 warns of a fork where there are threads.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if not child:
            time.sleep(PATIENCE_S)
            os._exit(0)
        os.kill(child, signal.SIGTERM)
        _, status = os.waitpid(child, 0)
        self.assertTrue(os.WIFSIGNALED(status))
        self.assertEqual(kept.reason, "")


class OffTheMainThread(unittest.TestCase):
    """Only the main thread may set what a signal does."""

    def test_a_stop_waits_for_set_and_leaves_the_signals_alone(self) -> None:
        before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        reasons: list[str] = []

        def stop() -> None:
            waits = Stop()
            waits.set("enough")
            reasons.append(waits.wait())

        thread = threading.Thread(target=stop)
        thread.start()
        thread.join()
        self.assertEqual(reasons, ["enough"])
        self.assertEqual([signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
                         before)


if __name__ == "__main__":
    unittest.main()
