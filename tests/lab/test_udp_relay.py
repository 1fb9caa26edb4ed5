"""The relay for datagrams breaks what it was asked to break, and nothing else."""

from __future__ import annotations

import random
import socket
import unittest

from lab.udp_relay import UdpRelay

PATIENCE_S = 5.0
YES, NO = 0.1, 0.9


class Drawn(random.Random):
    """Draws what the test has written down; after that, NO."""

    def __init__(self) -> None:
        super().__init__()
        self.draws: list[float] = []

    def random(self) -> float:
        return self.draws.pop(0) if self.draws else NO


class UdpRelays(unittest.TestCase):
    """For each datagram the relay draws: is it lost? sent twice? held until the next one?"""

    def setUp(self) -> None:
        self.sender, self.target, self.drawn = self.open_socket(), self.open_socket(), Drawn()
        self.relay = UdpRelay(self.target.getsockname(), self.drawn)
        self.addCleanup(self.relay.close)
        self.relay.loss = self.relay.duplication = self.relay.reordering = 0.5

    def open_socket(self) -> socket.socket:
        sock = socket.socket(type=socket.SOCK_DGRAM)
        self.addCleanup(sock.close)
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(PATIENCE_S)
        return sock

    def send(self, *texts: str) -> None:
        for text in texts:
            self.sender.sendto(text.encode(), self.relay.address)

    def expect(self, *texts: str) -> None:
        """The datagrams that arrive at the target next, in this order."""
        self.assertEqual([self.target.recv(16).decode() for _ in texts], list(texts))

    def test_datagrams_and_answers_pass(self) -> None:
        self.send("beat")
        beat, relay_address = self.target.recvfrom(16)
        self.target.sendto(b"ack", relay_address)
        self.assertEqual((beat, self.sender.recv(16)), (b"beat", b"ack"))

    def test_a_long_datagram_passes_whole(self) -> None:
        self.sender.sendto(b"x" * 40_000, self.relay.address)
        self.assertEqual(len(self.target.recv(65_536)), 40_000)

    def test_an_eavesdropper_keeps_what_came_last_and_no_answer(self) -> None:
        self.send("first", "second")
        self.expect("first")
        beat, relay_address = self.target.recvfrom(16)
        self.target.sendto(b"ack", relay_address)
        self.assertEqual((beat, self.sender.recv(16)), (b"second", b"ack"))
        self.assertEqual(self.relay.last, b"second")

    def test_a_lost_datagram_does_not_arrive(self) -> None:
        self.drawn.draws = [YES]
        self.send("lost", "next")
        self.expect("next")

    def test_a_duplicated_datagram_arrives_twice(self) -> None:
        self.drawn.draws = [NO, YES, NO]
        self.send("beat", "next")
        self.expect("beat", "beat", "next")

    def test_a_reordered_datagram_arrives_after_the_next_one(self) -> None:
        self.drawn.draws = [NO, NO, YES]
        self.send("first", "second")
        self.expect("second", "first")

    def test_a_calm_relay_breaks_nothing(self) -> None:
        self.drawn.draws = [YES] * 20
        self.relay.calm()
        self.send("one", "two", "three")
        self.expect("one", "two", "three")


if __name__ == "__main__":
    unittest.main()
