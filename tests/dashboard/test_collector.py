"""The collector: real datagrams on the loopback address."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
import unittest
import unittest.mock
from typing import Any

from dashboard import collector, ordering
from dashboard.collector import Collector
from ponte.process.shared_clock import shared_s

# Seconds after which a test gives up.
PATIENCE_S = 20.0
# Events of a flood.
FLOOD = 3000


class Collecting(unittest.TestCase):
    def setUp(self) -> None:
        self.collector = Collector("pt")
        self.addCleanup(self.collector.close)
        self.collector.start()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.socket.close)
        self.socket.connect(self.collector.address)

    def tell(self, number: int, **fields: Any) -> None:
        event = {"p": "server-1", "i": 7, "n": number, "t": shared_s(), "k": "run"}
        self.socket.send(json.dumps({**event, **fields}).encode())

    def until(self, count: int) -> list[dict[str, Any]]:
        """The events, once there are so many."""
        deadline = time.monotonic() + PATIENCE_S
        while self.collector.ring.next <= count and time.monotonic() < deadline:
            self.collector.ring.wait(self.collector.ring.next, PATIENCE_S)
        return self.collector.ring.events(0)

    def test_events_are_numbered_in_the_order_of_their_times(self) -> None:
        now = shared_s()
        self.tell(1, t=now + 0.002)
        self.tell(2, t=now + 0.001)
        events = self.until(3)
        self.assertEqual([1, 2, 3], [event["s"] for event in events])
        self.assertEqual(["start", "run", "run"], [event["k"] for event in events])
        self.assertEqual([1, 2, 1], [event["n"] for event in events])

    def test_the_first_event_says_when_the_page_began_and_in_which_language(self) -> None:
        (start,) = self.until(1)
        self.assertEqual(("start", 0, "pt"), (start["k"], start["t"], start["lang"]))
        self.assertLess(abs(start["at"] - time.time()), PATIENCE_S)

    def test_the_page_hands_in_its_own(self) -> None:
        self.collector.put({"k": "fault", "who": "server-2", "what": "kill"})
        event = self.until(2)[1]
        self.assertEqual(("page", os.getpid(), "fault", "server-2"),
                         (event["p"], event["i"], event["k"], event["who"]))
        self.collector.put({"k": "proc", "p": "laboratory", "who": "x"})
        self.assertEqual("laboratory", self.until(3)[2]["p"])

    def test_datagrams_that_are_no_events_are_counted_and_told(self) -> None:
        with unittest.mock.patch.object(collector, "REPORT_S", 0.0):
            self.socket.send(b"hello")
            self.socket.send(b"x" * 9000)
            self.tell(1)
            events = self.until(3)
        (bad,) = [event for event in events if event["k"] == "bad"][-1:]
        self.assertEqual((2, {"not JSON": 1, "too long": 1}), (bad["total"], bad["why"]))

    def test_no_datagram_makes_a_line_that_is_no_event(self) -> None:
        """A page could read no line after it."""
        for number, written in enumerate((" %s", "%s ", "\t%s\n", "%s"), 1):
            event = {"p": "evil", "i": 9, "n": number, "t": shared_s(), "k": "run"}
            text = json.dumps(event, separators=(",", ":"))
            self.socket.send((written % text).encode())
        self.socket.send((text[:-1] + ',"s":1}').encode())
        self.assertEqual([1, 2, 3, 4, 5], [event["s"] for event in self.until(5)])

    def test_numbers_are_counted_for_each_sender(self) -> None:
        self.tell(1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as liar:
            event = {"p": "server-1", "i": 7, "n": 2, "t": shared_s(), "k": "run"}
            liar.sendto(json.dumps(event).encode(), self.collector.address)
            self.until(3)
        self.tell(2)
        self.assertEqual([1, 2, 2], [event["n"] for event in self.until(4)[1:]])

    def test_a_loss_is_told(self) -> None:
        self.tell(1)
        self.tell(5)
        gap = self.until(4)[3]
        self.assertEqual(("gap", "server-1", 7, 3), (gap["k"], gap["p"], gap["i"], gap["lost"]))

    def test_the_end_keeps_what_was_told_just_before(self) -> None:
        self.until(1)
        with unittest.mock.patch.object(collector, "HOLD_S", 60.0), \
                unittest.mock.patch.object(ordering, "HOLD_S", 60.0):
            self.tell(1)
            self.collector.put({"k": "proc", "who": "server-1", "state": "gone"})
            self.collector.close()
        self.assertEqual({"start", "run", "proc"},
                         {event["k"] for event in self.collector.ring.events(0)})

    def test_lines_are_given_out_before_readers_get_them(self) -> None:
        """So a page never shows what its recording has not."""
        other = Collector()
        self.addCleanup(other.close)
        written: list[tuple[int, int]] = []
        other.on_lines = lambda lines: written.append((len(lines), other.ring.next))
        other.start()
        other.ring.wait(1, PATIENCE_S)
        self.assertEqual([(1, 1)], written)

    def test_while_more_comes_than_can_be_taken_events_go_on(self) -> None:
        with unittest.mock.patch.object(collector, "BATCH", 1):
            still = Collector()
            self.addCleanup(still.close)
            for number in range(1, 4):
                event = {"p": "server-1", "i": 7, "n": number, "t": still._began + number / 10,
                         "k": "run"}
                self.socket.sendto(json.dumps(event).encode(), still.address)
            with unittest.mock.patch.object(collector, "shared_s", lambda: still._began + 5):
                # The first one only woke the thread, for the start of the page.
                for shown in (0, 1, 1, 2):
                    still._turn()
                    self.assertTrue(still._is_behind)
                    self.assertLessEqual(shown, still.ring.next)
            self.assertEqual(["start", "run", "run"],
                             [event["k"] for event in still.ring.events(0)])

    def test_a_flood_ends_nothing(self) -> None:
        """More than fits into the buffer, as fast as one thread sends: all are there or told."""
        # A small buffer, so that some are lost on any machine.
        self.collector._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        for number in range(1, FLOOD):
            self.tell(number)
        # The next number shows what was lost at the end.
        while self.collector.ring.wait(self.collector.ring.next, 0.1):
            pass
        self.tell(FLOOD)
        deadline = time.monotonic() + PATIENCE_S
        there = 0
        while there < FLOOD and time.monotonic() < deadline:
            self.collector.ring.wait(self.collector.ring.next, 0.5)
            events = self.collector.ring.events(0, 100_000)
            there = sum(event["k"] == "run" for event in events) + sum(
                event["lost"] for event in events if event["k"] == "gap")
        self.assertEqual(FLOOD, there)

    @unittest.skipUnless(sys.platform == "linux",
                         "needs Linux: other kernels do not tell what they dropped")
    def test_the_kernel_tells_what_it_dropped(self) -> None:
        """A socket that nobody reads is full some time."""
        still = Collector()
        self.addCleanup(still.close)
        if still.dropped() is None:
            self.skipTest("/proc/net/udp is not there")
        self.assertEqual(0, still.dropped())
        still._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(100):
            self.socket.sendto(b"x" * 100, still.address)
        self.assertGreater(still.dropped() or 0, 10)


if __name__ == "__main__":
    unittest.main()
