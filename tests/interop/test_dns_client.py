"""A DNS server is asked, signed: datagrams that are lost, strangers' replies, and its refusals."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import socket
import struct
import threading
import time
import unittest
from collections.abc import Sequence
from typing import Callable
from unittest import mock

from interop.dns_client import Denied, NameServer, Silent
from interop.dns_message import HEADER, IS_REPLY, TRUNCATED, A, name_bytes, name_of
from interop.dns_tcp import receive_message, send_message
from interop.dns_update import add, write_query, write_update
from interop.tsig import BADKEY, BADSIG, BADTIME, Key
from ponte.net.address import Address
from ponte.net.datagrams import listen_on_both

KEY = Key("ponte-key", b"0123456789abcdef0123456789abcdef")
NOW = 1_800_000_000
ZONE = name_of("ponte")
HOST = name_of("greeter.ponte")
PATIENCE_S = 5.0

# What a server makes of the bytes of a request: its replies.
Serve = Callable[[bytes], Sequence[bytes]]


def replied(request: bytes, code: int = 0, *, flags: int = 0, error: int = 0, other: bytes = b"",
            secret: bytes = KEY.secret, is_signed: bool = True) -> bytes:
    """A reply without records, signed as RFC 8945, sections 4 and 5, say."""
    number, asked, *_ = HEADER.unpack_from(request)
    flags |= IS_REPLY | asked | code
    message = HEADER.pack(number, flags, 0, 0, 0, 0)
    if not is_signed:
        return message
    own_code = request[-38:-6]
    times = struct.pack("!HIH", 0, NOW, 300)
    names = name_bytes(name_of(KEY.name)), name_bytes(name_of("hmac-sha256"))
    variables = (names[0] + b"\0\xff\0\0\0\0" + names[1] + times
                 + struct.pack("!HH", error, len(other)) + other)
    signed = hmac.new(secret, struct.pack("!H", len(own_code)) + own_code + message + variables,
                      hashlib.sha256).digest()
    if error in (BADKEY, BADSIG):
        signed = b""
    data = (names[1] + times + struct.pack("!H", len(signed)) + signed
            + struct.pack("!HHH", number, error, len(other)) + other)
    return (HEADER.pack(number, flags, 0, 0, 0, 1) + names[0]
            + struct.pack("!HHIH", 250, 255, 0, len(data)) + data)


class FakeServer:
    """Answers by UDP and TCP on one port with what `serve` says. Attribute: `asked`, how often."""

    def __init__(self, serve: Serve) -> None:
        self.asked = {"udp": 0, "tcp": 0}
        self._serve = serve
        self._is_closed = False
        self._tcp, self._udp = listen_on_both(
            "127.0.0.1", 0, lambda port: socket.create_server(("127.0.0.1", port)),
            lambda listener: int(listener.getsockname()[1]))
        self.address: Address = self._tcp.getsockname()
        for work in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=work, daemon=True).start()

    def close(self) -> None:
        self._is_closed = True
        for sock in (self._udp, self._tcp):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _serve_udp(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                request, peer = self._udp.recvfrom(65_535)
                if self._is_closed:
                    return
                self.asked["udp"] += 1
                for reply in self._serve(request):
                    self._udp.sendto(reply, peer)

    def _serve_tcp(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._tcp.accept()
                with connection:
                    self.asked["tcp"] += 1
                    request = receive_message(connection, time.monotonic() + PATIENCE_S)
                    for reply in self._serve(request):
                        send_message(connection, reply, PATIENCE_S)


class Asking(unittest.TestCase):
    def setUp(self) -> None:
        patch = mock.patch("interop.dns_client.TRIES_S", (0.05, 0.05, 0.05))
        patch.start()
        self.addCleanup(patch.stop)

    def server(self, serve: Serve) -> FakeServer:
        server = FakeServer(serve)
        self.addCleanup(server.close)
        return server

    def ask(self, server: FakeServer, servers: int = 1) -> int:
        """The code of the reply to an update that adds so many servers."""
        operations = [add(HOST, A, bytes([127, 0, 0, number])) for number in range(servers)]
        asking = NameServer(server.address, KEY, now=lambda: float(NOW))
        return asking.ask(lambda number: write_update(number, ZONE, operations)).code

    def test_a_datagram_that_is_lost_is_sent_again_as_the_same_bytes(self) -> None:
        seen: list[bytes] = []

        def serve(request: bytes) -> Sequence[bytes]:
            seen.append(request)
            return [replied(request)] if len(seen) == 3 else []

        server = self.server(serve)
        self.assertEqual(self.ask(server), 0)
        self.assertEqual((len(seen), len(set(seen))), (3, 1))

    def test_a_server_that_never_answers_is_asked_a_few_times(self) -> None:
        server = self.server(lambda request: [])
        with self.assertRaises(Silent):
            self.ask(server)
        self.assertEqual(server.asked, {"udp": 3, "tcp": 0})

    def test_only_a_reply_that_is_signed_for_this_request_counts(self) -> None:
        """What strangers send before it is passed over; also a denial, or a success."""
        server = self.server(lambda request: [
            b"", b"x", request, b"\xc0\x0c" * 600, replied(request, is_signed=False),
            replied(request, secret=b"another"), replied(b"\0\0" + request[2:]),
            replied(request, 5, is_signed=False), replied(request, 9, error=BADKEY),
            replied(request)])
        self.assertEqual(self.ask(server), 0)
        self.assertEqual(server.asked["udp"], 1)

    def test_if_only_strangers_answer_the_update_was_not_done(self) -> None:
        server = self.server(lambda request: [replied(request, is_signed=False)])
        with self.assertRaisesRegex(Silent, "no signature"):
            self.ask(server)

    def test_what_does_not_fit_into_a_datagram_goes_over_tcp(self) -> None:
        server = self.server(lambda request: [replied(request)])
        self.assertEqual(self.ask(server, servers=40), 0)
        self.assertEqual(server.asked, {"udp": 0, "tcp": 1})

    def test_a_reply_that_was_cut_is_asked_for_over_tcp(self) -> None:
        asked: list[bytes] = []

        def serve(request: bytes) -> Sequence[bytes]:
            asked.append(request)
            return [replied(request, flags=TRUNCATED if len(asked) == 1 else 0)]

        server = self.server(serve)
        NameServer(server.address, KEY, now=lambda: float(NOW)).ask(
            lambda number: write_query(number, HOST, A))
        self.assertEqual(server.asked, {"udp": 1, "tcp": 1})

    def test_each_refusal_has_its_name_and_says_what_to_do(self) -> None:
        for name, words, code, error, other in (
                ("FORMERR", "takes updates", 1, 0, b""), ("SERVFAIL", "its log", 2, 0, b""),
                ("NOTIMP", "primary", 4, 0, b""),
                ("REFUSED", "grant ponte-key zonesub ANY; }", 5, 0, b""),
                ("NOTAUTH", "primary", 9, 0, b""), ("NOTZONE", "--zone", 10, 0, b""),
                ("BADSIG", '"ponte-key" has another secret', 9, BADSIG, b""),
                ("BADKEY", 'no key "ponte-key"', 9, BADKEY, b""),
                ("BADTIME", "1000 s ahead of ours", 9, BADTIME, (NOW + 1000).to_bytes(6, "big")),
                ("BADTIME", "1000 s behind ours", 9, BADTIME, (NOW - 1000).to_bytes(6, "big")),
                ("code 11", "nothing more", 11, 0, b"")):
            def serve(request: bytes, code: int = code, error: int = error,
                      other: bytes = other) -> Sequence[bytes]:
                return [replied(request, code, error=error, other=other)]

            with self.subTest(name), self.assertRaises(Denied) as caught:
                self.ask(self.server(serve))
            self.assertIn(f"({name})", str(caught.exception))
            self.assertIn(words, str(caught.exception))
            self.assertEqual(caught.exception.word, name)

    def test_nobody_there_is_told_at_once(self) -> None:
        server = self.server(lambda request: [])
        server.close()
        with self.assertRaises(OSError):
            self.ask(server)


if __name__ == "__main__":
    unittest.main()
