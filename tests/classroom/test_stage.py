"""What a step of the demo is given: checks of its proof, and what it says of a busy computer."""

from __future__ import annotations

import signal
import unittest
from collections.abc import Sequence
from unittest import mock

from classroom import stage, story
from classroom.cast import Cast
from classroom.language import Words
from classroom.screen import Screen
from classroom.stage import BUSY_LOAD, BUSY_PAUSE_S, Stage
from tests.classroom.streams import Stream


class Busy(unittest.TestCase):
    """A limit that was missed on a busy computer says so, with what was seen."""

    def setUp(self) -> None:
        self.cast = Cast()
        self.addCleanup(self.cast.close)
        self.stream = Stream()
        self.stage = Stage(Screen(self.stream, {}), Words("en"), self.cast, steps=1, auto=True)
        cores = mock.patch("os.cpu_count", return_value=2)
        cores.start()
        self.addCleanup(cores.stop)

    def missed(self, load: float = 0.0) -> str:
        """What stands below a limit that was missed."""
        with mock.patch.object(stage, "programs_that_run", return_value=load):
            self.stage.check_limit(False, "{name} answers calls again", name="server-1")
        return self.stage.checks[-1].excuse

    def test_a_long_pause_is_told(self) -> None:
        self.stage._longest_pause_s = BUSY_PAUSE_S * 2
        self.assertEqual("this computer was busy: a pause of 10 ms took 200 ms", self.missed())

    def test_many_programs_are_told(self) -> None:
        self.assertEqual("this computer was busy: 6.5 programs wanted its cores, of which it has 2",
                         self.missed(BUSY_LOAD * 2 + 0.5))

    def test_a_computer_with_nothing_to_do_has_no_excuse(self) -> None:
        self.assertEqual("", self.missed(load=1.0))

    def test_a_limit_that_was_kept_needs_none(self) -> None:
        self.stage._longest_pause_s = BUSY_PAUSE_S * 2
        self.stage.check_limit(True, "{name} answers calls again", name="server-1")
        self.assertEqual("", self.stage.checks[-1].excuse)

    def test_a_late_pause_is_noticed_while_the_step_waits(self) -> None:
        times = iter([0.0, 0.0, 0.5, 0.6, 0.7])
        # The stage's own clock alone: other threads may look at theirs meanwhile.
        clock = mock.Mock(perf_counter=lambda: next(times))
        with mock.patch("classroom.stage.time", clock), \
                mock.patch.object(self.stage, "_tell_news"):
            answers = iter([False, True])
            self.assertTrue(self.stage.until(lambda: next(answers), 5.0))
        self.assertIn("took 500 ms", self.missed())

    def test_the_proof_shows_it_below_its_line(self) -> None:
        def step(told: Stage) -> None:
            told._longest_pause_s = BUSY_PAUSE_S * 2
            told.check_limit(False, "{name} answers calls again", name="server-1")
            told.check(True, "{name} answers calls again", name="server-2")

        self.assertEqual("failed", story._tell_step(self.stage, step))
        self.assertEqual(["PROOF: ✗ FAILED", "  ✗ server-1 answers calls again",
                          "    this computer was busy: a pause of 10 ms took 200 ms",
                          "  ✓ server-2 answers calls again"], self.stream.getvalue().splitlines())


class Order(unittest.TestCase):
    """The class discusses each proof before the next question, and the last before the sum."""

    def told(self, *, first: int, auto: bool) -> Sequence[str]:
        happened: list[str] = []

        def step(told: Stage) -> None:
            told.number += 1
            happened.append(f"step {told.number}")

        with mock.patch.object(story, "STEPS", [step] * 4), \
                mock.patch.object(story, "prepare", lambda told: happened.append("prepare")), \
                mock.patch.object(story, "_sum_up", lambda told, results: happened.append(
                    f"sum of {[result.number for result in results]}")), \
                mock.patch.object(Screen, "ask", lambda screen, text: happened.append(
                    text.strip())):
            cast = Cast()
            self.addCleanup(cast.close)
            story._tell_steps(Stage(Screen(Stream(), {}), Words("en"), cast, steps=4, auto=auto),
                              story.demo(), first)
        return happened

    def test_each_proof_is_followed_by_a_wait(self) -> None:
        wait = "Enter to go on…"
        self.assertEqual(["step 1", wait, "step 2", wait, "step 3", wait, "step 4", wait,
                          "sum of [1, 2, 3, 4]"], self.told(first=1, auto=False))

    def test_with_auto_nobody_waits(self) -> None:
        self.assertEqual(["step 1", "step 2", "step 3", "step 4", "sum of [1, 2, 3, 4]"],
                         self.told(first=1, auto=True))

    def test_a_story_may_begin_later(self) -> None:
        self.assertEqual(["prepare", "step 3", "step 4", "sum of [3, 4]"],
                         self.told(first=3, auto=True))


class Signals(unittest.TestCase):
    def test_those_that_ask_to_end_have_names_that_exist(self) -> None:
        """A misspelt one would be passed over."""
        self.assertTrue(all(hasattr(signal, name) or name in ("SIGHUP", "SIGQUIT", "SIGBREAK")
                            for name in story.ASK_TO_END))


if __name__ == "__main__":
    unittest.main()
