"""The stories of how "at most once" was once broken, as far as they are short.

The others take `python3 -m tests.chaos --stories`, and one the real time: `--long-freeze`.
"""

from __future__ import annotations

import unittest
import unittest.mock

from tests.chaos import stories
from tests.chaos.stories import Stage, tell


class Stories(unittest.TestCase):
    def setUp(self) -> None:
        patched = unittest.mock.patch.object(stories, "SETTLE_S", 0.3)
        patched.start()
        self.addCleanup(patched.stop)

    def test_a_late_original_does_not_run_after_its_repeat_was_answered_and_forgotten(self) -> None:
        self.assertEqual(tell(stories.late_original), [])

    def test_a_call_of_a_caller_that_has_gone_does_not_begin_at_thaw(self) -> None:
        for engine in ("threads", "events"):
            with self.subTest(engine=engine):
                self.assertEqual(tell(stories.zombie, engine), [])

    def test_a_multicall_whose_reply_is_lost_runs_once(self) -> None:
        self.assertEqual(tell(stories.multicall), [])

    def test_a_server_refuses_what_it_no_longer_promises(self) -> None:
        self.assertEqual(tell(stories.dropped_promise), [])

    def test_a_service_cannot_be_named_proxy(self) -> None:
        self.assertEqual(tell(stories.taken_name), [])

    def test_calls_go_on_past_a_proxy_that_does_not_know_the_service(self) -> None:
        for engine in ("threads", "events"):
            with self.subTest(engine=engine):
                self.assertEqual(tell(stories.unknowing_proxy, engine), [])

    def test_a_story_that_fails_complains(self) -> None:
        def story(stage: Stage) -> None:
            stage.expect("two is three", False)

        def stopped(stage: Stage) -> None:
            raise OSError("no more")

        self.assertEqual(tell(story), ["not so: two is three"])
        self.assertEqual(tell(stopped), ["the story could not go on: OSError('no more')"])


if __name__ == "__main__":
    unittest.main()
