"""How events are told: their form, their numbers, which calls are told, and who is not asked."""

from __future__ import annotations

import json
import os
import socket
import sys
import unittest
from typing import Any
from unittest import mock

from ponte.process import observe
from ponte.process.observe import (
    BURST_CALLS,
    CALLS_PER_S,
    MAX_EVENT_BYTES,
    MAX_TEXT,
    Watcher,
    parse_observer,
)
from ponte.process.shared_clock import shared_s
from tests.windows import windows_cannot

NOWHERE = ("127.0.0.1", 9)


class ObserveTest(unittest.TestCase):
    """A watcher with a socket of its own, whose events are read at once: loopback keeps them."""

    def setUp(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.socket.close)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(5.0)
        self.addCleanup(observe.stop)
        observe.start(self.socket.getsockname())

    def next_event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.socket.recv(65_535))
        return event


class Events(ObserveTest):
    def test_an_event_says_who_in_which_life_when_and_what(self) -> None:
        before, last = shared_s(), observe.life.last
        self.assertEqual(observe.tell("server-1", "beat", seq=7, who="x", kind="y"), last + 1)
        event = self.next_event()
        self.assertLessEqual(before, event.pop("t"))
        self.assertEqual(event, {"p": "server-1", "i": os.getpid(), "n": last + 1, "k": "beat",
                                 "seq": 7, "who": "x", "kind": "y"})

    def test_numbers_have_no_gap_and_come_in_order(self) -> None:
        """Whoever tells in this process, and after another start, too."""
        first = observe.tell("a", "beat")
        observe.tell("b", "beat")
        observe.stop()
        self.assertEqual(observe.tell("a", "beat"), 0)
        observe.start(self.socket.getsockname())
        observe.tell("a", "beat")
        self.assertEqual([self.next_event()["n"] for _ in range(3)], [first, first + 1, first + 2])

    def test_a_long_text_is_cut_so_that_the_event_fits(self) -> None:
        """Any characters: JSON writes some of them with twelve bytes."""
        texts = dict.fromkeys(("service", "method", "what", "why", "to"), "\U0001f309" * 5000)
        observe.tell("s" * 5000, "call", **texts, idem=True)
        data = self.socket.recv(65_535)
        self.assertLess(len(data), MAX_EVENT_BYTES)
        event = json.loads(data)
        self.assertEqual((event["k"], event["idem"], event["why"]),
                         ("call", True, "\U0001f309" * MAX_TEXT))

    def test_any_text_is_one_datagram_of_ascii(self) -> None:
        observe.tell("server-1", "lease", what="a\n\x00\ud800</script>")
        data = self.socket.recv(65_535)
        self.assertTrue(data.isascii())
        self.assertEqual(json.loads(data)["what"], "a\n\x00\ud800</script>")

    def test_a_failing_send_is_no_error_and_shows_as_a_gap(self) -> None:
        first = observe.tell("a", "beat")
        assert observe.watcher
        with mock.patch.object(observe.watcher, "_socket") as broken:
            broken.sendto.side_effect = OSError(105, "No buffer space available")
            self.assertEqual(observe.tell("a", "beat"), first + 1)
        observe.tell("a", "beat")
        self.assertEqual([self.next_event()["n"] for _ in range(2)], [first, first + 2])

    def test_nobody_listens_there(self) -> None:
        """Then events are lost, and nothing else happens."""
        self.socket.close()
        for _ in range(3):
            self.assertTrue(observe.tell("a", "beat"))

    def test_the_end_of_a_lease_takes_nothing_from_a_watcher_that_came_meanwhile(self) -> None:
        """One thread has seen that it is over, and another one renews or replaces it."""
        observe.start(NOWHERE, lease_s=-1.0)
        over = observe.watcher
        assert over
        observe.start(NOWHERE, lease_s=60.0)
        observe._replace(None, over)
        self.assertIs(over, observe.watcher)
        observe.start(NOWHERE, lease_s=-1.0)
        observe.start(("127.0.0.1", 10), lease_s=60.0)
        later = observe.watcher
        observe._replace(None, over)
        self.assertIs(later, observe.watcher)
        observe.start(("127.0.0.1", 10), lease_s=-1.0)
        self.assertEqual((0, None), (observe.tell("a", "beat"), observe.watcher))

    @windows_cannot("it has no fork")
    def test_a_forked_child_is_a_life_of_its_own(self) -> None:
        """Watched like its parent, with a pid and numbers of its own; whoever held the lock."""
        # The type checker knows that Windows has none.
        if sys.platform == "win32":
            return
        last = observe.tell("a", "beat")
        with observe.life.lock:
            pid = os.fork()
            if not pid:
                observe.tell("child", "beat")
                os._exit(0)
        os.waitpid(pid, 0)
        observe.tell("a", "beat")
        events = [self.next_event() for _ in range(3)]
        self.assertEqual([(event["i"], event["n"]) for event in events],
                         [(os.getpid(), last), (pid, 1), (os.getpid(), last + 1)])


class Sample(unittest.TestCase):
    """Which calls are told: pure, with a clock."""

    def setUp(self) -> None:
        self.now = 0.0
        clock: Any = mock.patch("ponte.process.observe.shared_s", lambda: self.now)
        clock.start()
        self.addCleanup(clock.stop)

    def watcher(self, every: int) -> Watcher:
        watcher = Watcher(NOWHERE, every, "", float("inf"))
        self.addCleanup(watcher.close)
        return watcher

    def test_one_of_so_many_is_told(self) -> None:
        """Exactly; and not always the same of calls that take turns."""
        watcher, told = self.watcher(4), []
        for call in range(400):
            if watcher.take() is not None:
                told.append(call)
        self.assertEqual([call // 4 for call in told], list(range(100)))
        self.assertGreater(len({call % 4 for call in told}), 1)

    def test_a_burst_is_seen_and_a_flood_is_not(self) -> None:
        watcher = self.watcher(1)
        self.assertEqual(sum(watcher.take() is not None for _ in range(1000)), BURST_CALLS)
        self.now += 1.0
        self.assertEqual(sum(watcher.take() is not None for _ in range(1000)), CALLS_PER_S)
        self.now += 3600.0
        self.assertEqual(sum(watcher.take() is not None for _ in range(1000)), BURST_CALLS)

    def test_the_next_told_call_says_how_many_were_not(self) -> None:
        watcher = self.watcher(1)
        taken = [watcher.take() for _ in range(int(BURST_CALLS) + 7)]
        self.assertEqual(taken, [0] * int(BURST_CALLS) + [None] * 7)
        self.now += 1.0
        self.assertEqual([watcher.take(), watcher.take()], [7, 0])


class Turning(unittest.TestCase):
    def setUp(self) -> None:
        self.addCleanup(observe.stop)
        observe.stop()

    def test_nobody_watches_at_first(self) -> None:
        self.assertIsNone(observe.watcher)
        self.assertEqual(observe.tell("a", "beat"), 0)
        self.assertEqual(observe.own_name("client"), "client")

    def test_only_this_machine_may_watch(self) -> None:
        for host in ("10.0.0.7", "0.0.0.0", "example.org", "::"):
            with self.assertRaisesRegex(ValueError, "not on this machine"):
                observe.start((host, 5000))
        self.assertIsNone(observe.watcher)

    def test_no_name_is_looked_up(self) -> None:
        for host, place in (("localhost", "127.0.0.1"), ("127.0.0.2", "127.0.0.2"),
                            ("::1", "::1")):
            observe.start((host, 5000))
            assert observe.watcher
            self.assertEqual(observe.watcher.address, (place, 5000))

    def test_another_start_takes_the_place_of_the_first(self) -> None:
        observe.start(NOWHERE, name="client-2")
        before = observe.watcher
        observe.start(NOWHERE, every=64)
        self.assertIs(observe.watcher, before)
        assert observe.watcher
        self.assertEqual((observe.watcher.every, observe.watcher.name), (64, ""))
        observe.start(("127.0.0.1", 10))
        self.assertIsNot(observe.watcher, before)

    def test_the_option(self) -> None:
        self.assertEqual(parse_observer("127.0.0.1:5000"), (("127.0.0.1", 5000), ""))
        self.assertEqual(parse_observer("registry-2@localhost:5000"),
                         (("localhost", 5000), "registry-2"))
        for text in ("", "5000", "127.0.0.1", "127.0.0.1:0", "10.0.0.7:5000", "0.0.0.0:5000",
                     "a b@127.0.0.1:5000", "@127.0.0.1:5000", "x@y@127.0.0.1:5000"):
            with self.assertRaises(ValueError) as refused:
                parse_observer(text)
            self.assertNotIn("\n", str(refused.exception))


if __name__ == "__main__":
    unittest.main()
