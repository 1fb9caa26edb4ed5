"""The attackers of `python3 -m bench slow`: what they send, which of their connections count."""

from __future__ import annotations

import socket
import unittest

from bench.attackers import CALLS, KINDS, LENGTH, TURNS, Attackers, opening
from ponte.net.message import Reply, encode_reply, text_reply
from ponte.net.parser import RequestParser
from tests.net.peers import PATIENCE_S
from tests.system.harness import wait_until

URL = "http://127.0.0.1:4180/greeter"
# An answer that never comes.
WAITS = b"waits"


class Openings(unittest.TestCase):

    def test_heads_and_bodies_are_never_finished(self) -> None:
        """What has been sent is correct, with each byte that drips later. A body has its head."""
        for kind, has_head in (("head", False), ("body", True)):
            parser = RequestParser()
            for data in (opening(URL, kind), b"x" * 100):
                parser.feed(data)
                self.assertIsNone(parser.next_message())
            self.assertEqual(b"\r\n\r\n" in opening(URL, kind), has_head)
            self.assertEqual(f"Content-Length: {LENGTH}".encode() in opening(URL, kind), has_head)

    def test_an_attacker_that_does_not_read_sends_many_calls(self) -> None:
        parser = RequestParser()
        parser.feed(opening(URL, "read"))
        for _ in range(CALLS):
            request = parser.next_message()
            assert request
            self.assertEqual((request.target, b"<methodName>page<" in request.body),
                             ("/greeter", True))
        self.assertFalse(parser.in_message)


class Counting(unittest.TestCase):

    def setUp(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)

    def attack(self, kind: str, *answers: bytes) -> Attackers:
        """Attackers that are accepted; each gets one of the answers. "" closes the connection."""
        attackers = Attackers(f"http://127.0.0.1:{self.listener.getsockname()[1]}/greeter", kind,
                              len(answers))
        self.addCleanup(attackers.close)
        self.victims: list[socket.socket] = []
        for answer in answers:
            victim, _ = self.listener.accept()
            victim.settimeout(PATIENCE_S)
            self.addCleanup(victim.close)
            self.victims.append(victim)
            if not answer:
                victim.shutdown(socket.SHUT_WR)
            elif answer != WAITS:
                victim.sendall(answer)
        return attackers

    def test_only_those_that_got_in_count(self) -> None:
        """A closed or refused connection does not count; one of "read" that is served does."""
        refused = encode_reply(text_reply(503, "too many"))
        served = encode_reply(Reply(200, {}, b"x"))
        for kind in KINDS:
            with self.subTest(kind):
                attackers = self.attack(kind, WAITS, b"", refused, *[served] * (kind == "read"))
                expected = 2 if kind == "read" else 1
                wait_until(lambda attackers=attackers, expected=expected:       # type: ignore[misc]
                           attackers.count() == expected, PATIENCE_S, f"{expected} are in")

    def test_each_drips_a_byte_in_its_turn(self) -> None:
        attackers = self.attack("head", WAITS, WAITS)
        begun = opening(f"http://127.0.0.1:{self.listener.getsockname()[1]}/greeter", "head")
        for turn in range(TURNS):
            attackers.drip(turn)
        for victim in self.victims:
            came = b""
            while len(came) <= len(begun):
                came += victim.recv(100)
            self.assertEqual(came, begun + b"x")


if __name__ == "__main__":
    unittest.main()
