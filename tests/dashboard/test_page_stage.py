"""The demo's steps on the page: the very sentences of the terminal, in both languages."""

from __future__ import annotations

import inspect
import io
import unittest
from collections.abc import Iterator, Mapping
from typing import Any

import dashboard.story
from classroom import story
from classroom.both import Both, BothLanguages, in_both
from classroom.cast import Cast
from classroom.language import Words
from classroom.screen import Screen
from classroom.stage import Answers, Skipped, Stage
from dashboard.ballot import Ballot
from dashboard.page_stage import PageStage
from dashboard.remote import Ended, Remote
from tests.classroom.portuguese import english_in, has_decimal_point


class Pressed(Remote):
    """A remote that is pressed before anybody waits."""

    def __init__(self, *presses: str) -> None:
        super().__init__()
        self.presses = list(presses)

    def wait(self) -> str:
        if not self.presses:
            raise Ended
        return self.presses.pop(0)

    def pause(self, seconds: float) -> None:
        self.look()


def texts_in(value: Any) -> Iterator[dict[str, str]]:
    """Every text for a class, anywhere in an event."""
    if isinstance(value, Mapping):
        if set(value) == {"en", "pt"}:
            yield dict(value)
        for each in value.values():
            yield from texts_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts_in(each)


def kill(stage: Stage) -> None:
    """A step like those of the demo, without a process."""
    stage.predict("A SERVER DIES",
                  "{callers} callers never pause. {name} dies by kill -9. How many calls fail?",
                  "KILL → FALLBACK",
                  Answers("All, until the proxy learns of it", "A third, until its lease expires",
                          "Only those that it is running", "None", right=3),
                  callers=8, name="server-2")
    stage.tell("kill -9 {name} (process {pid})", style="failed", name="server-2", pid=7)
    stage.say("1. server-2 at 127.0.0.1:4242: connect: timed out (0.3 ms)")
    stage.last(lambda columns: [f"server-1  {columns}"])
    stage.check(True, "{name} left lookup {gone_s:.2f} s after its death (at most {limit_s:.1f} s)",
                name="server-2", gone_s=1.5, limit_s=2.5)


class OneSource(unittest.TestCase):
    def setUp(self) -> None:
        self.events: list[Mapping[str, Any]] = []
        self.ballot = Ballot(self.events.append)
        self.addCleanup(self.ballot.stop)
        self.cast = Cast()
        self.addCleanup(self.cast.close)

    def page(self, *presses: str) -> PageStage:
        return PageStage(self.events.append, self.ballot, Pressed(*presses), self.cast, steps=9)

    def told(self, what: str) -> list[Mapping[str, Any]]:
        return [event for event in self.events
                if event["k"] == "story" and event["what"] == what]

    def test_the_steps_are_those_of_the_terminal(self) -> None:
        self.assertIs(story.STEPS, vars(dashboard.story)["STEPS"])

    def test_the_checks_of_a_step_are_the_same_in_each_language(self) -> None:
        page = self.page("next")
        self.assertEqual("passed", story.play(page, kill).what)
        terminals = {}
        for language in ("en", "pt"):
            terminal = Stage(Screen(io.StringIO(), {}), Words(language), self.cast, steps=9,
                             auto=True)
            story.play(terminal, kill)
            terminals[language] = [check.text for check in terminal.checks]
        shown = [in_both(check.text) for check in page.checks]
        self.assertEqual(terminals["en"], [text["en"] for text in shown])
        self.assertEqual(terminals["pt"], [text["pt"] for text in shown])
        self.assertNotEqual(terminals["en"], terminals["pt"])

    def test_a_step_becomes_question_votes_fault_lines_and_proof(self) -> None:
        page = self.page("next")
        page.show_proof(story.play(page, kill))
        whats = [event["what"] for event in self.events if event["k"] == "story"]
        self.assertEqual(["question", "open", "close", "fault", "line", "line", "line", "proof"],
                         whats)
        question, = self.told("question")
        self.assertEqual((1, 9, {"en": "A SERVER DIES", "pt": "UM SERVIDOR MORRE"}),
                         (question["step"], question["of"], question["title"]))
        self.assertEqual(["None", "Nenhuma"], list(question["answers"][3].values()))
        proof, = self.told("proof")
        self.assertEqual((True, 3), (proof["passed"], proof["right"]))
        self.assertEqual([{"holds": True, "text": {
            "en": "server-2 left lookup 1.50 s after its death (at most 2.5 s)",
            "pt": "server-2 saiu do lookup 1,50 s depois de morrer (limite: 2,5 s)"}}],
            proof["checks"])

    def test_nothing_gives_the_answer_away_before_the_proof(self) -> None:
        page = self.page("next")
        story.play(page, kill)
        self.assertNotIn("right", str(self.events))
        shown = self.ballot.shown()
        assert shown
        self.assertNotIn("right", shown)
        page.show_proof(story.Ending("passed"))
        shown = self.ballot.shown()
        assert shown
        self.assertEqual(3, shown["right"])

    def test_a_proof_that_failed_makes_no_answer_right(self) -> None:
        page = self.page("next")
        story.play(page, kill)
        page.checks.append(page.checks[0]._replace(holds=False))
        page.show_proof(story.Ending("failed"))
        proof, = self.told("proof")
        self.assertEqual((False, None), (proof["passed"], proof["right"]))

    def test_a_step_that_is_passed_over_lets_nothing_loose(self) -> None:
        page = self.page("skip")
        ending = story.play(page, kill)
        page.show_proof(ending)
        self.assertEqual("skipped", ending.what)
        self.assertEqual([], self.told("fault") + self.told("line"))
        proof, = self.told("proof")
        self.assertIsNone(proof["passed"])
        self.assertEqual("quem apresenta pulou este passo", proof["text"]["pt"])

    def test_a_step_without_answers_is_asked_without_votes(self) -> None:
        """Such as one that a reader has added for the terminal."""
        def step(stage: Stage) -> None:
            stage.predict("DISCOVERY", "Now nobody calls anybody. Is the network silent?",
                          "HEARTBEATS")
            stage.check(True, "{name} answers calls again", name="server-1")

        page = self.page("next")
        page.show_proof(story.play(page, step))
        self.assertEqual([], self.told("question")[0]["answers"])
        self.assertIsNone(self.ballot.shown())
        self.assertEqual((True, None), (self.told("proof")[0]["passed"],
                                        self.told("proof")[0]["right"]))
        self.assertEqual([], [event for event in self.events if event["k"] == "vote"])

    def test_votes_are_open_while_the_story_waits_and_at_no_other_time(self) -> None:
        class Votes(Pressed):
            def wait(remote) -> str:
                self.ballot.vote("a", 2)
                self.ballot.press(3, 1)
                return super().wait()

        page = PageStage(self.events.append, self.ballot, Votes("next"), self.cast, steps=9)
        story.play(page, kill)
        shown = self.ballot.shown()
        assert shown
        self.assertEqual(([0, 0, 1, 1], False), (shown["counts"], shown["open"]))
        votes = [event for event in self.events if event["k"] == "vote"]
        self.assertEqual(([0, 0, 1, 1], False), (votes[-1]["counts"], votes[-1]["open"]))
        with self.assertRaises(ValueError):
            self.ballot.vote("b", 0)

    def test_a_story_that_is_ended_goes_no_further(self) -> None:
        for step in (kill, lambda stage: stage.until(lambda: False, 60.0)):
            page = self.page()
            page._remote.end()
            with self.assertRaises(Ended):
                story.play(page, step)

    def test_every_text_has_both_languages(self) -> None:
        page = self.page("next")
        page.show_proof(story.play(page, kill))
        texts = [text for event in self.events for text in texts_in(event)]
        self.assertGreater(len(texts), 8)
        for text in texts:
            with self.subTest(text):
                self.assertTrue(text["en"] and text["pt"])
                self.assertEqual([], english_in(text["pt"]))
                self.assertFalse(has_decimal_point(text["pt"]))

    def test_a_chart_is_told_at_its_end(self) -> None:
        page = self.page("next")
        story.play(page, kill)
        chart = self.told("line")[-1]
        self.assertEqual(("chart", "server-1  60"), (chart["style"], chart["text"]["en"]))


class FourAnswers(unittest.TestCase):
    def test_every_step_of_the_demo_has_four_answers_and_a_right_one(self) -> None:
        for step in story.STEPS:
            with self.subTest(step.__name__):
                answers = self.answers_of(step)
                self.assertEqual(4, len(set(answers.sentences)))
                self.assertIn(answers.right, range(4))
                for text in answers.texts(BothLanguages()):
                    assert isinstance(text, Both)
                    self.assertLessEqual(max(len(text), len(text.pt)), 60, text)

    def test_the_right_answer_has_no_usual_place(self) -> None:
        right = [self.answers_of(step).right for step in story.STEPS]
        self.assertGreaterEqual(len(set(right)), 4)
        self.assertLessEqual(max(map(right.count, right)), 4)

    def answers_of(self, step: Any) -> Answers:
        """What a step asks: it is stopped at its question."""
        class Asked(Stage):
            def ask(self, title: str, question: str) -> None:
                raise Skipped("asked")

        cast = Cast()
        self.addCleanup(cast.close)
        stage = Asked(Screen(io.StringIO(), {}), Words("en"), cast, steps=9, auto=True)
        story.play(stage, step)
        assert stage.answers, inspect.getsource(step)
        return stage.answers


class Languages(unittest.TestCase):
    def test_a_sentence_in_a_sentence_has_both_languages_too(self) -> None:
        words = BothLanguages()
        said = words("The story ends here: {error}", error=words("None"))
        self.assertEqual(("The story ends here: None", "A história termina aqui: Nenhuma"),
                         (said, said.pt))

    def test_what_a_program_said_is_quoted_in_both(self) -> None:
        said = BothLanguages().quoted("connect: timed out (0.3 ms)")
        self.assertEqual({"en": "connect: timed out (0.3 ms)",
                          "pt": "ao conectar: o tempo acabou (0,3 ms)"}, in_both(said))


if __name__ == "__main__":
    unittest.main()
