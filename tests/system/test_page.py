"""The live page as a user starts it: real processes, their events, a click, and the end.

How it looks in a browser: tests/browser.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dashboard.recording import read_recording
from ponte.net.address import Address
from tests.dashboard.asking import Answer, ask, do
from tests.system.harness import Process, wait_until
from tests.windows import windows_cannot

# Seconds for everything to come up. A healthy machine needs two.
UP_S = 30.0
SERVERS = ("server-1", "server-2", "server-3")


class Page:
    """A page that was started, and what it has shown so far."""

    def __init__(self, *options: str) -> None:
        self.process = Process(["demo.py", "page", "--no-browser", "--until-eof", "--lang", "en",
                                *options])
        found = self.process.wait_for_line(r"http://([\d.]+):(\d+)/#token=([\w-]+)", UP_S)
        self.address: Address = found[1], int(found[2])
        self.token = found[3]
        self.events: list[dict[str, Any]] = []
        self.next = 0

    def look(self) -> list[dict[str, Any]]:
        """All events so far."""
        answer = ask(self.address, "GET", f"/events?since={self.next}").json
        self.events += answer["events"]
        self.next = answer["next"]
        return self.events

    def until(self, holds: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Waits until an event is there for which `holds`; returns it."""
        return wait_until(lambda: list(filter(holds, self.look())), UP_S, what)[0]

    def until_up(self) -> None:
        """Waits until calls go through."""
        self.until(lambda event: event["k"] == "done" and event["outcome"] == "answered",
                   "an answered call")

    def do(self, what: str, **fields: Any) -> Answer:
        return do(self.address, self.token, {"what": what, **fields})

    def pids(self) -> set[int]:
        """All processes that it has started."""
        return {event["pid"] for event in self.events if event["k"] == "proc"}

    def close(self) -> None:
        self.process.close()


def is_there(pid: int) -> bool:
    """Whether a process exists, and is not only remembered for its parent."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
        return state not in ("Z", "X")
    return True


class PageTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "lesson.jsonl")

    def page(self, *options: str) -> Page:
        page = Page(*options)
        self.addCleanup(page.close)
        return page

    def test_what_happens_is_shown_and_a_click_makes_it_happen(self) -> None:
        page = self.page()
        page.until_up()
        started = {event["who"] for event in page.events if event["k"] == "proc"}
        self.assertLessEqual({"registry", "proxy", "client", *SERVERS}, started)
        # A click, and the truth.
        self.assertEqual(401, do(page.address, "guessed", {"what": "kill"}).status)
        self.assertEqual(200, page.do("kill", who="server-2").status)
        page.until(lambda event: event["k"] == "proc" and event["who"] == "server-2"
                   and event["state"] == "killed", "the killed server")
        refused = page.do("kill", who="nobody")
        self.assertEqual((400, 1), (refused.status, len(refused.json["error"].splitlines())))
        self.assertEqual([], [event for event in page.events if event["k"] in ("gap", "bad")])
        # The end.
        page.process.stop()
        self.assertEqual(0, page.process.wait(UP_S), page.process.log)
        self.assertEqual("", page.process.err)
        if sys.platform != "win32":
            self.assertEqual([], list(filter(is_there, page.pids())))

    @windows_cannot("it has not the signals of POSIX")
    def test_kill_9_leaves_no_process_also_none_that_is_frozen_and_a_whole_recording(self) -> None:
        page = self.page("--record", self.path)
        page.until_up()
        self.assertEqual(200, page.do("freeze", who="server-2").status)
        page.until(lambda event: event["k"] == "proc" and event["state"] == "frozen",
                   "a frozen process")
        shown = page.look()[-1]
        # As kill -9 does.
        page.process.close()
        wait_until(lambda: not list(filter(is_there, page.pids())), UP_S, "no process")
        # All that was shown is in the recording, and it is replayed.
        ring = read_recording(self.path)
        self.assertGreater(ring.next, shown["s"])
        self.assertEqual(page.events, ring.events(0, len(page.events)))
        replay = self.page("--replay", self.path)
        wait_until(lambda: len(replay.look()) >= len(page.events), UP_S, "the recording")
        self.assertEqual(page.events, replay.events[:len(page.events)])
        self.assertEqual([], replay.do("commands").json["commands"])
        saved = ask(replay.address, "GET", "/save")
        self.assertEqual(200, saved.status)
        self.assertIn(b'id="recording"', saved.body)

    def test_a_port_that_is_taken_is_one_line(self) -> None:
        Path(self.path).write_text('{"ponte":"recording","form":1,"at":1.0}\n'
                                   + json.dumps({"s": 1, "k": "start", "t": 0}) + "\n")
        page = self.page("--replay", self.path)
        other = Process(["demo.py", "page", "--no-browser", "--lang", "en", "--replay", self.path,
                         "--port", str(page.address[1])])
        self.addCleanup(other.close)
        self.assertEqual(2, other.wait(UP_S))
        self.assertRegex(other.err, r"\A[^\n]*--port[^\n]*\n\Z")


if __name__ == "__main__":
    unittest.main()
