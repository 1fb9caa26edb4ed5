"""Whether a listener serves: a process whose driver is stuck, failing or dead must stop beating.

What makes a loop stuck or dead: test_loop.py.
"""

from __future__ import annotations

import contextlib
import logging
import math
import socket
import threading
import unittest
from typing import Any
from unittest import mock

from ponte.net.address import Address
from ponte.net.loop import Loop
from ponte.net.message import Reply, Request
from ponte.net.serving import Listener
from ponte.net.stream import NOTHING, Program
from ponte.net.workers import WATCH_S
from tests.fakes import eventually, hurry_listeners

# Seconds.
PATIENCE_S = 5.0
STUCK_S = 0.3


def setUpModule() -> None:
    hurry_listeners()


def answer(request: Request, *_: object) -> Reply:
    return Reply(200, {}, b"")


class AliveTest(unittest.TestCase):
    """A listener on a driver that goes wrong."""

    engine = "events"

    def setUp(self) -> None:
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        self.limit("STUCK_S", STUCK_S)
        self.limit("ERROR_PAUSE_S", 0.01)
        self.listener = Listener("127.0.0.1", 0, answer, engine=self.engine)
        self.assertFalse(self.listener.is_serving())
        self.listener.start()
        self.addCleanup(self.listener.close)

    def limit(self, name: str, seconds: float) -> None:
        patch = mock.patch(f"ponte.net.loop.{name}", seconds)
        patch.start()
        self.addCleanup(patch.stop)

    def serves(self, serves: bool) -> None:
        """From soon on the listener serves, or does not."""
        eventually(lambda: self.listener.is_serving() == serves)


class OfAnyEngine(AliveTest):
    """What is so with threads and with a loop."""

    def test_it_serves_until_it_is_closed(self) -> None:
        self.assertTrue(self.listener.is_serving())
        self.listener.close()
        self.assertFalse(self.listener.is_serving())

    def test_when_nobody_is_accepted_it_does_not_serve(self) -> None:
        """The program that accepts has failed. That is counted."""
        def fail(sock: socket.socket, peer: Address) -> None:
            sock.close()
            raise ValueError("a bug")

        with mock.patch.object(self.listener, "_welcome", fail), \
                contextlib.closing(socket.create_connection(self.listener.address, PATIENCE_S)):
            self.serves(False)
        self.assertEqual(self.listener.driver.errors, 1)

    def test_one_connection_that_fails_is_no_harm(self) -> None:
        """It is counted, and others are served."""
        with mock.patch.object(self.listener, "_serve_one", side_effect=ValueError("a bug")), \
                contextlib.closing(socket.create_connection(self.listener.address, PATIENCE_S)):
            eventually(lambda: self.listener.driver.errors == 1)
        self.assertTrue(self.listener.is_serving())


class OfThreads(OfAnyEngine):
    """The same, where each connection has a thread."""

    engine = "threads"


class OfALoop(AliveTest):
    """A loop can also be stuck, and its turns can fail."""

    def setUp(self) -> None:
        super().setUp()
        assert isinstance(self.listener.driver, Loop)
        self.loop = self.listener.driver

    def test_a_loop_whose_turns_all_fail_at_their_end_does_not_serve(self) -> None:
        """Not even if some things are done before that."""
        with mock.patch.object(self.loop, "_sound_alarms", side_effect=ValueError("a bug")):
            self.serves(False)
        self.serves(True)

    def test_a_loop_that_was_handed_over_serves(self) -> None:
        """Its new thread counts, and not the one that is blocked for long."""
        blocks = threading.Event()
        self.addCleanup(blocks.set)
        self.loop._workers._quick.add("f")

        def run() -> None:
            self.loop.call("f", lambda: blocks.wait(PATIENCE_S))

        self.loop.post(run)
        threading.Event().wait(STUCK_S + 5 * WATCH_S)
        self.assertTrue(self.listener.is_serving())


class Rings(unittest.TestCase):
    """What other threads post to a loop that waits is done at once."""

    def test_no_ring_is_lost(self) -> None:
        """Also one that comes in the moment in which the loop hears the ring before it."""
        def wait_for_ever() -> Program[None]:
            while True:
                yield None, NOTHING, math.inf

        loop = Loop()
        loop.start(wait_for_ever())
        self.addCleanup(loop.stop)
        # It has heard the ring of its start. From now on the test decides when the bell rings.
        eventually(lambda: not loop._is_rung)
        first, second, third = (threading.Event() for _ in range(3))
        ear: Any = loop._ear
        ear.socket = Ear(ear.socket, lambda: loop.post(second.set))
        for done in (first, second, third):
            if done is not second:
                loop.post(done.set)
            self.assertTrue(done.wait(PATIENCE_S))


class Ear:
    """The socket by which a loop hears rings. Another thread posts just before the first is heard.
    """

    def __init__(self, sock: socket.socket, post: Any) -> None:
        self._socket = sock
        self._post = post

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def recv(self, size: int) -> bytes:
        post, self._post = self._post, None
        if post:
            thread = threading.Thread(target=post)
            thread.start()
            thread.join()
        return self._socket.recv(size)


if __name__ == "__main__":
    unittest.main()
