"""The parts of the driver that need no Chromium."""

from __future__ import annotations

import json
import os
import unittest

from tests.browser.keyboard import Key, key_of
from tests.browser.pipe import BrowserError, Message, Pipe, Splitter, joined
from tests.browser.tab import problems_in
from tests.browser.tracing import work_by_frame


class SplitterTest(unittest.TestCase):
    """Messages come in pieces of any size."""

    def test_a_message_may_come_in_pieces(self) -> None:
        data = joined({"id": 1, "text": "é"}) + joined({"id": 2})
        for size in range(1, len(data) + 1):
            splitter = Splitter()
            found = [message for at in range(0, len(data), size)
                     for message in splitter.feed(data[at:at + size])]
            self.assertEqual([{"id": 1, "text": "é"}, {"id": 2}], found)


class KeyTest(unittest.TestCase):
    """A key by its name is what a keyboard sends."""

    def test_keys(self) -> None:
        for name, key in (("a", Key("a", "KeyA", 65, "a", 0)),
                          ("A", Key("A", "KeyA", 65, "A", 8)),
                          ("2", Key("2", "Digit2", 50, "2", 0)),
                          (".", Key(".", "Period", 190, ".", 0)),
                          ("+", Key("+", "Equal", 187, "+", 0)),
                          (" ", Key(" ", "Space", 32, " ", 0)),
                          ("Enter", Key("Enter", "Enter", 13, "\r", 0)),
                          ("Shift+Tab", Key("Tab", "Tab", 9, "", 8)),
                          ("Control+s", Key("s", "KeyS", 83, "", 2))):
            with self.subTest(name):
                self.assertEqual(key, key_of(name))


class ProblemsTest(unittest.TestCase):
    """What the browser tells is an error, or it is not."""

    def test_errors_have_a_line(self) -> None:
        thrown = {"exceptionDetails": {"exception": {"description": "Error: no"}, "url": "u"}}
        self.assertEqual(["exception: Error: no (u:1)"],
                         problems_in("Runtime.exceptionThrown", thrown))
        said: Message = {"type": "error", "args": [{"value": "bad"}, {"value": 1}]}
        self.assertEqual(["console.error: bad 1"], problems_in("Runtime.consoleAPICalled", said))
        entry = {"source": "security", "level": "error", "text": "Refused", "url": "u"}
        self.assertEqual(["security: Refused u"], problems_in("Log.entryAdded", {"entry": entry}))

    def test_what_is_no_error_has_none(self) -> None:
        self.assertEqual([], problems_in("Runtime.consoleAPICalled", {"type": "log", "args": []}))
        self.assertEqual([], problems_in("Log.entryAdded", {"entry": {"level": "verbose"}}))
        self.assertEqual([], problems_in("Network.responseReceived", {}))


class FramesTest(unittest.TestCase):
    """Work of a frame is counted once, and of the page's own thread."""

    def test_work_inside_work_counts_once(self) -> None:
        def work(name: str, ts: float, dur: float, tid: int = 1) -> Message:
            return {"name": name, "ph": "X", "pid": 1, "tid": tid, "ts": ts, "dur": dur,
                    "tdur": dur / 2}

        def frame(ts: float) -> Message:
            return {"name": "AnimationFrame", "ph": "b", "pid": 1, "tid": 1, "ts": ts}
        events = [frame(0), work("FireAnimationFrame", 1000, 4000),
                  work("FunctionCall", 2000, 1000), work("Layout", 6000, 1000),
                  frame(16000), work("Layout", 17000, 500),
                  work("Paint", 18000, 9000), work("FunctionCall", 0, 9000, tid=2), frame(32000)]
        self.assertEqual([2.5, 0.25], work_by_frame(events))


class PipeTest(unittest.TestCase):
    """A command waits for its own answer."""

    def setUp(self) -> None:
        self.events: list[Message] = []
        self.commands, writing = os.pipe()
        reading, self.answers = os.pipe()
        self.pipe = Pipe(reading, writing, self.events.append)
        self.open = True
        self.addCleanup(os.close, self.commands)
        self.addCleanup(self.pipe.close)
        self.addCleanup(self.end)

    def end(self) -> None:
        """Chromium ends."""
        if self.open:
            os.close(self.answers)
            self.open = False

    def test_a_command_gets_its_answer_and_events_are_handed_on(self) -> None:
        for message in ({"method": "Page.loaded"}, {"id": 7, "result": {}},
                        {"id": 1, "result": {"value": 5}}):
            os.write(self.answers, joined(message))
        self.assertEqual({"value": 5}, self.pipe.call("Runtime.evaluate", "S", expression="5"))
        self.assertEqual([{"method": "Page.loaded"}], self.events)
        sent = json.loads(os.read(self.commands, 1000)[:-1])
        self.assertEqual({"id": 1, "method": "Runtime.evaluate", "sessionId": "S",
                          "params": {"expression": "5"}}, sent)

    def test_a_refused_command_raises(self) -> None:
        os.write(self.answers, joined({"id": 1, "error": {"message": "no such tab"}}))
        with self.assertRaisesRegex(BrowserError, "no such tab"):
            self.pipe.call("Page.reload")

    def test_an_end_raises_at_once(self) -> None:
        self.end()
        with self.assertRaisesRegex(BrowserError, "has ended"):
            self.pipe.call("Page.reload")


if __name__ == "__main__":
    unittest.main()
