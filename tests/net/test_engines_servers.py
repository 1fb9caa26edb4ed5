"""What servers of the proxy see, with either engine, and which outcome each of their failures is.

The side of the callers is in test_engines.py; test_engines_neighbours.py shows that a slow peer
does not delay others.
"""

from __future__ import annotations

import contextlib
import errno
import select
import time
import unittest

from ponte.calls.attempt import Outcome, Result
from ponte.calls.hop import FORGETS
from ponte.net.address import Address
from ponte.net.message import CONTINUE, Reply, Request, encode_reply
from ponte.net.windows import error_text
from tests.fakes import eventually, hurry_listeners, refused_address
from tests.net.engines import EngineCase, OfEvents, OfThreads, Trying
from tests.net.peers import (
    BROKEN_REPLIES,
    CLOSING,
    OK,
    ONE_MIB,
    PATIENCE_S,
    POST,
    SOON_S,
    Connection,
    Mute,
    Peer,
    connected,
    no_file_descriptors,
    post,
    receive,
    reset,
    soon,
    swallow,
)
from tests.windows import windows_cannot


def setUpModule() -> None:
    hurry_listeners()


class Servers(EngineCase):
    """Exchanges with servers, and which outcome each failure is."""

    def result(self, *addresses: Address, timeout_s: float = PATIENCE_S,
               message: bytes = POST) -> Result:
        """The result of the last attempt of a call to these addresses."""
        relay = Trying(*addresses, timeout_s=timeout_s, message=message)
        self.carry_out(relay)
        return relay.result

    def test_a_connection_is_reused(self) -> None:
        """Three calls, one connection; also for a second caller."""
        with Peer(OK, OK, OK) as peer, self.running(lambda *_: Trying(peer.address)) as engine:
            for _ in range(3):
                with connected(engine.address) as caller:
                    self.assertEqual(self.ask(caller).body, b"ok")
            self.assertEqual(peer.accepted, 1)

    def test_a_connection_that_its_server_closes_is_not_reused(self) -> None:
        with Peer(CLOSING, OK) as peer:
            replies = self.carry_out(Trying(peer.address), Trying(peer.address))
            self.assertEqual([reply.body for reply in replies], [b"bye", b"ok"])
            self.assertEqual(peer.accepted, 2)

    def test_a_connection_whose_server_announces_the_close_is_not_reused(self) -> None:
        """Also before it has closed: the next request goes out on another connection."""
        with Mute() as server, self.running(lambda *_: Trying(server.address)) as engine, \
                connected(engine.address) as caller:
            caller.send(POST, soon())
            with server.asked() as first:
                first.send(CLOSING, soon())
                self.assertIsNotNone(caller.read(soon()))
                caller.send(POST, soon())
                with server.asked() as second:
                    second.send(OK, soon())
                    reply = caller.read(soon())
        self.assertEqual(reply and reply.body, b"ok")

    def test_a_kept_connection_that_ends_as_a_call_begins_is_not_reused(self) -> None:
        """It is checked before anything is sent on it: its end may have come, but not been read."""
        def begin(request: Request, *_: object) -> Trying:
            for connection in kept:
                connection.close()
            return Trying(server.address)

        kept: list[Connection[Request]] = []
        with Mute() as server, self.running(begin) as engine, connected(engine.address) as caller:
            caller.send(POST, soon())
            with server.asked() as first:
                first.send(OK, soon())
                self.assertIsNotNone(caller.read(soon()))
                kept.append(first)
                caller.send(POST, soon())
                with server.asked() as second:
                    second.send(OK, soon())
                    reply = caller.read(soon())
        self.assertEqual(reply and reply.body, b"ok")

    def test_a_long_request_goes_out_in_many_pieces(self) -> None:
        """On a new connection and on a kept one; and its reply is seen."""
        # More than the system takes at once.
        long = post(body=ONE_MIB * 8)
        with Mute() as server, \
                self.running(lambda *_: Trying(server.address, message=long)) as engine, \
                connected(engine.address) as caller:
            caller.send(POST * 2, soon())
            with server.accept() as accepted:
                for _ in range(2):
                    swallow(accepted, len(long))
                    accepted.sendall(OK)
                    reply = caller.read(soon())
                    self.assertEqual(reply and reply.body, b"ok")

    def test_a_connection_that_has_ended_since_is_not_reused(self) -> None:
        """A request that went out on it would have an unknown outcome, for nothing."""
        leaving = encode_reply(Reply(200, {"Note": "the peer closes without notice"}, b"bye"))
        with Peer(leaving, OK) as peer, self.running(lambda *_: Trying(peer.address)) as engine, \
                connected(engine.address) as caller:
            self.assertEqual(self.ask(caller).body, b"bye")
            # When the peer accepts another connection, it has closed this one.
            with connected(peer.address):
                eventually(lambda: peer.accepted == 2)
            self.assertEqual(self.ask(caller).body, b"ok")
            self.assertEqual(peer.accepted, 3)

    def test_a_kept_connection_on_which_more_has_come_is_not_reused(self) -> None:
        """Bytes that came between two calls would be taken for the reply to the next."""
        with Mute() as server, self.running(lambda *_: Trying(server.address)) as engine, \
                connected(engine.address) as caller:
            caller.send(POST, soon())
            with server.asked() as first:
                first.send(OK, soon())
                self.assertIsNotNone(caller.read(soon()))
                first.send(OK.replace(b"ok", b"no"), soon())
                caller.send(POST, soon())
                with server.asked() as second:
                    second.send(OK, soon())
                    reply = caller.read(soon())
        self.assertEqual(reply and reply.body, b"ok")

    def test_a_refused_connection_was_not_sent(self) -> None:
        """The outcome is certain, so the next candidate is asked."""
        words = error_text(errno.ECONNREFUSED)
        self.assertEqual(self.result(refused_address(self))[:4],
                         (Outcome.NOT_SENT, None, f"connect: {words}", False))
        with Peer(OK) as peer:
            relay = Trying(refused_address(self), refused_address(self), peer.address)
            self.assertEqual([reply.body for reply in self.carry_out(relay)], [b"ok"])
            self.assertEqual([result.outcome for result in relay.results],
                             [Outcome.NOT_SENT, Outcome.NOT_SENT, Outcome.ANSWERED])

    def test_a_thousand_dead_candidates_are_asked_in_one_call(self) -> None:
        """A loop does not go from one candidate to the next by recursion."""
        dead = refused_address(self)
        relay = Trying(*[dead] * 1000)
        # To be refused takes some milliseconds on Windows.
        reply, = self.carry_out(relay, patience_s=10 * PATIENCE_S)
        self.assertEqual(reply.status, 502)
        self.assertEqual(len(relay.results), 1000)

    def test_a_host_without_meaning_was_not_sent(self) -> None:
        """Whatever the resolver answers or raises."""
        for host in ("a..b", "a" * 64, "127.0.0.1\0", "no.such.host.invalid", "\ud800"):
            with self.subTest(host):
                result = self.result((host, 1))
                self.assertEqual(result.outcome, Outcome.NOT_SENT)
                self.assertEqual(result.what[:8], "connect:")

    def test_a_server_may_be_known_by_its_name(self) -> None:
        """And its connection is reused."""
        with Peer(OK, OK, OK) as peer:
            replies = self.carry_out(*[Trying(("localhost", peer.address[1])) for _ in range(3)])
            self.assertEqual([reply.body for reply in replies], [b"ok"] * 3)
            self.assertEqual(peer.accepted, 1)

    def test_a_reply_that_is_not_whole_and_alone_is_none(self) -> None:
        """Each of these requests may have run: it was sent, and has no reply."""
        for name, script in (*BROKEN_REPLIES, ("interim only", CONTINUE)):
            with self.subTest(name), Peer(script) as peer:
                result = self.result(peer.address)
                self.assertEqual(result.outcome, Outcome.UNKNOWN)
                self.assertIsNone(result.reply)
                self.assertFalse(result.timed_out)
                self.assertEqual(result.what[:6], "reply:")

    def test_an_interim_reply_is_ignored(self) -> None:
        with Peer(CONTINUE + OK) as peer:
            self.assertIs(self.result(peer.address).outcome, Outcome.ANSWERED)

    def test_a_late_reply_is_a_timeout(self) -> None:
        """Unknown; and the connection is not reused, or the next call would get this reply."""
        relays: list[Trying] = []

        def begin(request: Request, *_: object) -> Trying:
            relays.append(Trying(server.address, timeout_s=PATIENCE_S if relays else SOON_S))
            return relays[-1]

        with Mute() as server, self.running(begin) as engine:
            with connected(engine.address) as caller:
                caller.send(POST, soon())
                with server.asked() as late:
                    reply = caller.read(soon())
                    assert reply
                    result = relays[0].result
                    self.assertEqual(result.outcome, Outcome.UNKNOWN)
                    self.assertTrue(result.timed_out)
                    # A server of this test remembers no calls, and that is told, too.
                    self.assertEqual(result.what, f"reply: timed out; {FORGETS}")
                    # The engine has closed the connection.
                    with contextlib.suppress(OSError):
                        late.send(OK.replace(b"ok", b"no"), soon())
            with connected(engine.address) as caller:
                caller.send(POST, soon())
                with server.asked() as asked:
                    asked.send(OK, soon())
                    reply = caller.read(soon())
                    assert reply
        self.assertEqual(reply.body, b"ok")

    def test_a_dripping_reply_is_late_too(self) -> None:
        """A byte now and then does not move the deadline."""
        with Mute() as server:
            relay = Trying(server.address, timeout_s=SOON_S)
            with self.running(lambda *_: relay) as engine, connected(engine.address) as caller:
                caller.send(POST, soon())
                with server.asked() as asked, contextlib.suppress(OSError):
                    end = soon()
                    asked.send(b"HTTP/1.1 200 OK\r\nX: y", soon())
                    while not relay.ended.wait(SOON_S / 10) and time.monotonic() < end:
                        asked.send(b"y", soon())
                self.assertTrue(relay.ended.wait(PATIENCE_S))
        self.assertEqual(relay.result.outcome, Outcome.UNKNOWN)
        self.assertTrue(relay.result.timed_out)

    def test_a_request_that_is_not_taken_in_time_was_not_sent(self) -> None:
        """Its last byte was not sent: a server that reads nothing cannot have run it."""
        with Mute() as server:
            result = self.result(server.address, timeout_s=SOON_S, message=post(body=ONE_MIB * 16))
        self.assertEqual(result.outcome, Outcome.NOT_SENT)
        self.assertTrue(result.timed_out)
        self.assertEqual(result.what, "send: timed out")

    def test_a_kept_connection_that_fails_to_send_is_replaced(self) -> None:
        """The last byte was not sent, so it has not run. On a fresh connection this is an error."""
        long = post(body=ONE_MIB * 8)
        with Mute() as server:
            relay = Trying(server.address, message=long)
            relays = iter((Trying(server.address), relay))
            with self.running(lambda *_: next(relays)) as engine, \
                    connected(engine.address) as caller:
                caller.send(POST, soon())
                with server.asked() as first:
                    first.send(OK, soon())
                    self.assertIsNotNone(caller.read(soon()))
                    # The second call is sent on the kept connection, which breaks in the middle.
                    caller.send(POST, soon())
                    receive(first, 10)
                    reset(first.socket)
                with contextlib.closing(server.accept()) as second:
                    second.recv(10)
                    reset(second)
                self.assertIsNotNone(caller.read(soon()))
        result, = relay.results
        self.assertEqual(result.outcome, Outcome.NOT_SENT)
        self.assertEqual(result.what[:5], "send:")
        self.assertFalse(result.timed_out)

    def test_idle_connections_to_others_are_closed(self) -> None:
        """A draining server waits until its callers close their connections."""
        with Mute() as server, self.running(lambda *_: Trying(server.address)) as engine, \
                connected(engine.address) as caller:
            caller.send(POST, soon())
            with server.asked() as asked:
                asked.send(OK, soon())
                self.assertIsNotNone(caller.read(soon()))
                engine.close_idle(("10.0.0.1", 1))
                caller.send(POST, soon())
                self.assertIsNotNone(asked.read(soon()), "the same connection")
                # The connection is not idle: it is not closed.
                engine.close_idle(server.address)
                asked.send(OK, soon())
                self.assertIsNotNone(caller.read(soon()))
                engine.close_idle(server.address)
                self.assertIsNone(asked.read(soon()), "the end of the stream")

    def test_a_connection_unused_for_long_is_not_trusted(self) -> None:
        """A firewall on the way may have forgotten it without notice."""
        self.limit("POOL_IDLE_S")
        with Peer(OK, OK) as peer, self.running(lambda *_: Trying(peer.address)) as engine, \
                connected(engine.address) as caller:
            self.ask(caller)
            select.select([caller.socket], [], [], SOON_S * 2)
            self.ask(caller)
            self.assertEqual(peer.accepted, 2)

    @windows_cannot("there is no limit of file descriptors")
    def test_without_a_file_descriptor_a_call_is_not_sent(self) -> None:
        """The outcome is certain, and the engine goes on."""
        with Peer(CLOSING, OK) as peer, self.running(lambda *_: next(begun)) as engine:
            relays = [Trying(peer.address) for _ in range(3)]
            begun = iter(relays)
            with connected(engine.address) as caller:
                self.assertEqual(self.ask(caller).body, b"bye")
                with no_file_descriptors():
                    self.ask(caller)
            self.assertEqual(relays[1].result.outcome, Outcome.NOT_SENT)
            self.assertEqual(relays[1].result.what[:8], "connect:")
            reply, = self.exchange(engine.address, POST)
            self.assertEqual(reply.body, b"ok")


# ---- with each engine ------------------------------------------------------------------------

class ServersOfThreads(OfThreads, Servers, unittest.TestCase):
    pass


class ServersOfEvents(OfEvents, Servers, unittest.TestCase):
    pass


if __name__ == "__main__":
    unittest.main()
