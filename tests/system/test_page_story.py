"""The story on the live page, by commands as the page sends them: questions, votes, faults, proofs.

The processes are real, and so are the events from which a prediction counts.
"""

from __future__ import annotations

import time
import unittest
from typing import Any
from urllib.parse import urlsplit

from tests.dashboard.asking import Answer, ask, do
from tests.dashboard.test_page_stage import texts_in
from tests.system.harness import START_S, Process, wait_until
from tests.system.test_demo import is_alive, until

# Seconds for a step, on a machine that is busy with other things.
STEP_S = 60.0


class Page:
    """`demo.py page`, and all events that it has told so far."""

    def __init__(self, *options: str) -> None:
        self.process = Process(["demo.py", "page", "--no-browser", "--until-eof", *options],
                               {"PYTHONIOENCODING": "utf-8", "PONTE_LANG": "en"})
        url = urlsplit(self.process.wait_for_line(r"http://\S+", START_S)[0])
        assert url.hostname and url.port
        self.address = (url.hostname, url.port)
        self.token = url.fragment.partition("token=")[2]
        self.events: list[dict[str, Any]] = []

    def do(self, what: str, **fields: Any) -> Answer:
        return do(self.address, self.token, {"what": what, **fields})

    def must(self, what: str, **fields: Any) -> None:
        answer = self.do(what, **fields)
        assert answer.status == 200, answer.body

    def read(self) -> None:
        """Takes what is new."""
        since = self.events[-1]["s"] + 1 if self.events else 0
        self.events += ask(self.address, "GET", f"/events?since={since}&wait=0.2").json["events"]

    def told(self, k: str, **fields: Any) -> list[dict[str, Any]]:
        """The events of a kind that have these values."""
        self.read()
        return [event for event in self.events if event["k"] == k
                and all(event.get(name) == value for name, value in fields.items())]

    def await_told(self, k: str, count: int = 1, **fields: Any) -> dict[str, Any]:
        """Waits for the event number `count` of that kind, and returns it."""
        return wait_until(lambda: self.told(k, **fields)[count - 1:count], STEP_S,
                          f"{count} times {k} {fields}")[0]

    def story(self, what: str, count: int = 1) -> dict[str, Any]:
        return self.await_told("story", count, what=what)

    def up(self) -> dict[str, int]:
        """The pid of each process that is up now, by its name."""
        states = {event["who"]: event for event in self.told("proc")}
        return {who: event["pid"] for who, event in states.items() if event["state"] == "up"}


class StoryOnThePage(unittest.TestCase):
    def test_two_steps_and_then_a_question_about_a_fault_and_nothing_is_left(self) -> None:
        page = Page("--story")
        self.addCleanup(page.process.close)
        self.two_steps(page)
        self.the_end(page)
        self.a_prediction(page)
        self.kill(page)

    def two_steps(self, page: Page) -> None:
        """Each is proved by what really happened, and told in both languages."""
        for step in (1, 2):
            page.story("open", step)
            self.assertEqual(step, page.story("question", step)["step"])
            page.must("vote", answer=step, delta=1)
            page.must("next")
            proof = page.story("proof", step)
            self.assertTrue(proof["passed"], proof)
            self.assertTrue(all(check["holds"] for check in proof["checks"]))
            self.assertEqual([int(answer == step) for answer in range(4)],
                             page.told("vote", open=False)[-1]["counts"])
            if step == 1:
                self.assertEqual({"registry", "server-1", "server-2", "server-3", "proxy-1",
                                  "client"}, page.up().keys())
                page.must("next")
        # The client of step 2 is a process of its own, and a stock client is seen by the proxy.
        self.assertEqual(["World", "World"], [
            line["text"]["pt"][-5:] for line in page.told("story", what="line", style="")
            if line["text"]["en"].endswith("World")])
        self.assertGreaterEqual(len({event["id"] for event in page.told("run")}), 2)
        for event in page.told("story"):
            for text in texts_in(event):
                self.assertTrue(text["en"] and text["pt"], event)

    def the_end(self, page: Page) -> None:
        """The laboratory is there again, and a press of the remote has no meaning."""
        page.must("end story")
        self.assertEqual("stopped", page.story("end")["ended"])
        gone = {event["who"] for event in page.told("proc", state="gone", forget=True)}
        self.assertEqual({"registry", "server-1", "server-2", "server-3", "proxy-1", "client"},
                         gone)
        wait_until(lambda: {"registry", "server-1", "server-2", "server-3", "proxy",
                            "client"} == page.up().keys(), STEP_S, "the laboratory")
        self.assertEqual(400, page.do("next").status)
        self.assertEqual(400, page.do("vote", answer=0, delta=1).status)

    def a_prediction(self, page: Page) -> None:
        """One run, one answer from memory: counted by the page, and by us from the same events."""
        wait_until(lambda: page.told("run", method="hello"), STEP_S, "a call that ran")
        self.assertEqual(400, page.do("predict", fault="cut", who="registry").status)
        page.must("predict", fault="lose reply", who="server-2")
        page.story("open", 3)
        self.assertEqual(400, page.do("predict", fault="kill", who="server-1").status)
        page.must("next")
        proof = page.story("proof", 3)
        self.assertEqual((True, 1), (proof["passed"], proof["right"]), proof)
        lost = page.told("lost", who="server-2", what="reply")[-1]["id"]
        self.assertEqual((1, 1), (len(page.told("run", id=lost)), len(page.told("memo", id=lost))))
        page.must("next")
        page.story("end", 2)

    def kill(self, page: Page) -> None:
        """SIGKILL of the launcher, while a story has a process that is frozen."""
        page.must("freeze", who="server-1")
        pids = {event["pid"] for event in page.told("proc")} - {page.process.pid}
        self.assertTrue(any(map(is_alive, pids)))
        page.process.close()
        began = time.monotonic()
        self.assertTrue(until(lambda: not any(map(is_alive, pids)), 10.0),
                        f"alive after {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    unittest.main()
