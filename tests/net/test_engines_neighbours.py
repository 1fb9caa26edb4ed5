"""One slow, stuck or greedy peer of a proxy does not delay its other peers, with either engine."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import unittest
from typing import Any
from unittest import mock

from ponte.calls.attempt import Outcome
from ponte.net.message import Reply, Request
from ponte.net.parser import ReplyParser
from tests.fakes import eventually, hurry_listeners
from tests.net.engines import EngineCase, OfEvents, OfThreads, Trying
from tests.net.peers import (
    OK,
    ONE_MIB,
    PATIENCE_S,
    SOON_S,
    Connection,
    Mute,
    Peer,
    connected,
    no_file_descriptors,
    post,
    slow_reader,
    soon,
)
from tests.windows import not_under_wine, windows_cannot


def setUpModule() -> None:
    hurry_listeners()


class Neighbours(EngineCase):
    """A slow, stuck or greedy peer does not delay others."""

    @not_under_wine("its wineserver crashes in one of ten runs")
    def test_a_stuck_server_holds_up_no_other_call(self) -> None:
        """While twenty calls wait for a server, others are answered; later these are, too."""
        def begin(request: Request, *_: object) -> Trying:
            return Trying(stuck.address if request.target == "/stuck" else peer.address)

        with Mute() as stuck, Peer(*[OK] * 3) as peer, self.running(begin) as engine, \
                contextlib.ExitStack() as stack:
            callers = [stack.enter_context(connected(engine.address)) for _ in range(20)]
            for caller in callers:
                caller.send(post("/stuck"), soon())
            asked = [stack.enter_context(stuck.asked()) for _ in callers]
            with connected(engine.address) as other:
                self.assertEqual([self.ask(other).body for _ in range(3)], [b"ok"] * 3)
            for connection in asked:
                connection.send(OK, soon())
            for caller in callers:
                self.assertIsNotNone(caller.read(soon()))

    def test_a_server_that_takes_no_connection_holds_up_no_other_call(self) -> None:
        """Its backlog is full: to connect takes long, as for a host that is gone."""
        with contextlib.closing(socket.create_server(("127.0.0.1", 0), backlog=0)) as full, \
                Peer(OK) as peer, contextlib.ExitStack() as stack:
            for _ in range(3):
                filler = stack.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
            late = Trying(full.getsockname(), timeout_s=SOON_S)
            relays = {"/late": late, "/greeter": Trying(peer.address)}
            with self.running(lambda request, *_: relays[request.target]) as engine, \
                    connected(engine.address) as caller, \
                    connected(engine.address) as other:
                caller.send(post("/late"), soon())
                self.assertEqual(self.ask(other).body, b"ok")
                self.assertIsNotNone(caller.read(soon()))
            self.assertEqual(late.result.outcome, Outcome.NOT_SENT)
            self.assertTrue(late.result.timed_out)
            self.assertEqual(late.result.what, "connect: timed out")

    def test_a_name_that_is_looked_up_holds_up_no_other_call(self) -> None:
        """A resolver may take half a minute."""
        go_on = threading.Event()

        def look_up(*args: Any, **options: Any) -> socket.socket:
            go_on.wait(PATIENCE_S)
            raise socket.gaierror(socket.EAI_NONAME, "unknown")

        def begin(request: Request, *_: object) -> Reply | Trying:
            if request.target == "/slow":
                return Trying(("slow.invalid", 1))
            return Reply(200, {}, b"quick")

        with self.running(begin) as engine, connected(engine.address) as caller, \
                connected(engine.address) as other, mock.patch("socket.getaddrinfo", look_up):
            caller.send(post("/slow"), soon())
            self.assertEqual(self.ask(other).body, b"quick")
            go_on.set()
            self.assertIsNotNone(caller.read(soon()))

    def test_a_stuck_caller_holds_up_no_other_call(self) -> None:
        """It never reads its long reply."""
        bodies = {"/long": ONE_MIB * 8, "/greeter": b""}
        with self.running(lambda request, *_: Reply(200, {}, bodies[request.target])) as engine, \
                slow_reader(engine.address) as stuck, connected(engine.address) as other:
            stuck.send(post("/long"), soon())
            for _ in range(3):
                self.assertEqual(self.ask(other).status, 200)

    def test_a_long_burst_does_not_starve_another_caller(self) -> None:
        """Its requests take turns with those of others."""
        order: list[str] = []

        def begin(request: Request, *_: object) -> Reply:
            if not order:
                # The whole burst has arrived by now.
                other.send(post("/other"), soon())
            order.append(request.target)
            return Reply(200, {}, b"")

        with self.running(begin) as engine, connected(engine.address) as other:
            self.assertEqual(len(self.exchange(engine.address, post("/burst") * 1000)), 1000)
            self.assertIsNotNone(other.read(soon()))
        self.assertLess(order.index("/other"), 900)

    def test_a_flood_of_connections_holds_up_no_caller(self) -> None:
        """Three hundred come at once, and send nothing."""
        with self.running() as engine, connected(engine.address) as caller, \
                contextlib.ExitStack() as stack:
            self.ask(caller)
            for _ in range(300):
                sock = stack.enter_context(socket.socket())
                sock.setblocking(False)
                sock.connect_ex(engine.address)
            started = time.monotonic()
            self.ask(caller)
            self.assertLess(time.monotonic() - started, 1.0)
            # On Windows, a loop has room for fewer. The others were turned away.
            expected = min(301, engine.driver.max_connections)
            eventually(lambda: engine.connections == expected, 6 * PATIENCE_S)

    @windows_cannot("there is no limit of file descriptors")
    def test_without_file_descriptors_open_connections_are_served(self) -> None:
        """A connection that comes then is accepted later."""
        with self.running() as engine, connected(engine.address) as caller, \
                socket.socket() as sock:
            self.ask(caller)
            sock.settimeout(PATIENCE_S)
            with no_file_descriptors():
                sock.connect(engine.address)
                for _ in range(3):
                    self.assertEqual(self.ask(caller).body, b"hello")
            later: Connection[Reply] = Connection(sock, ReplyParser())
            self.assertEqual(self.ask(later).body, b"hello")


# ---- with each engine ------------------------------------------------------------------------

class NeighboursOfThreads(OfThreads, Neighbours, unittest.TestCase):
    pass


class NeighboursOfEvents(OfEvents, Neighbours, unittest.TestCase):
    pass


if __name__ == "__main__":
    unittest.main()
