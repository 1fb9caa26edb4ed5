"""Readers of bytes, fuzzed with fixed seeds: a little of what `python3 -m tests.fuzz` does at length."""

from __future__ import annotations

import random
import re
import unittest
from collections.abc import Iterator
from typing import Any
from unittest import mock

from ponte.discovery import beat_reader, beats
from ponte.discovery.beats import decode_beat
from ponte.net import parser
from ponte.net.parser import RequestParser
from ponte.rpc import marshal, plain
from ponte.rpc.marshal import encode_call
from tests.fuzz import documents, messages, strict
from tests.fuzz.mutate import Mutator, Target
from tests.fuzz.targets import TARGETS, run, smallest

SEED = 5
INPUTS: dict[str, int] = {"requests": 150, "replies": 150, "beats": 150}    # slower ones get fewer
OTHER_INPUTS = 200


class Fuzzing(unittest.TestCase):

    def test_every_property_holds(self) -> None:
        """What tests/fuzz/messages.py, beats.py and documents.py promise, each for its readers."""
        for target in TARGETS:
            inputs = INPUTS.get(target.name, OTHER_INPUTS)
            with self.subTest(target.name):
                tally = run(target, SEED, lambda count, inputs=inputs: count < inputs)      # type: ignore[misc]
                self.assertEqual(tally.shown, [])
                self.assertGreater(len(tally.came), 1, f"it always comes to the same: {tally}")

    def test_a_seed_draws_the_same_inputs(self) -> None:
        """So that a finding can be found again."""
        for target in TARGETS:
            one, other = (Mutator(target, random.Random(SEED)) for _ in range(2))
            self.assertEqual([one.draw() for _ in range(50)], [other.draw() for _ in range(50)], target.name)

    def test_heads_dripping_byte_by_byte_cost_no_more_than_a_second(self) -> None:
        """A head of 16 KiB is judged again with each of its bytes: bounded, since the head is."""
        target = Target("dripping", (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 500,), (),
                        lambda data: str(messages.read(messages.REQUESTS, messages.by_size(data, 1)).status))
        tally = run(target, SEED, lambda count: False)
        self.assertEqual((tally.findings, dict(tally.came)), (0, {"0": 1}))


def mistaken() -> Iterator[tuple[str, str, bytes, Any]]:
    """Mistakes that a reader could make: what it is, the target that sees it by which input, and how it is made."""
    head = b"POST / HTTP/1.1\r\nHost: a\r\n"
    lenient = mock.Mock(fullmatch=lambda text: text.strip("+- _").isdigit())
    yield "a length that int() would take", "requests", head + b"Content-Length: +5\r\n\r\nhello", \
        mock.patch.object(parser, "_LENGTH", lenient)
    yield "two of what comes once", "requests", head + messages.CALL_ID * 2 + b"Content-Length: 0\r\n\r\n", \
        mock.patch.object(parser, "_ONLY_ONCE", frozenset())
    yield "a head that is known by too little", "requests", head + messages.CALL_ID + b"Content-Length: 0\r\n\r\n", \
        mock.patch.object(parser, "_without_call_id", lambda raw: (raw.replace(messages.CALL_ID, b""), messages.ID))
    yield "another error", "requests", b"GET / HTTP/1.1\r\n", \
        mock.patch.object(RequestParser, "_parse_request_line", side_effect=IndexError)
    yield "a refusal too many", "requests", head + b"Content-Length: 5\r\n\r\nhello", \
        mock.patch.object(parser, "_LENGTH", mock.Mock(fullmatch=lambda text: None))
    yield "a reply without length", "replies", b"HTTP/1.1 200 OK\r\n\r\n", \
        mock.patch.object(parser, "_body_length", return_value=0)
    yield "another error", "beats", b"\n{", mock.patch.object(beats, "_fields_of", side_effect=KeyError)
    yield "a number that is not looked at", "beats", TARGETS[2].seeds[0].replace(b'"seq":7', b'"seq":-7'), \
        mock.patch.object(beat_reader.BeatReader, "read", lambda reader, datagram: decode_beat(TARGETS[2].seeds[0]))
    yield "a pattern that takes what the parser reads otherwise", "plain text", b"a\rb", \
        mock.patch.object(plain, "_CALL", re.compile(plain._CALL.pattern.replace("\r", "")))
    long_call = encode_call("xx" * 30_000, ()).replace(b"xx", b"\xc2\x85")
    yield "a fault that quotes all of the call", "dispatch", long_call, \
        mock.patch.object(marshal, "MAX_FAULT_CHARS", 10 ** 6)
    yield "a CR that becomes an LF", "round trip", b"\0\0\2a\r\1\0", \
        mock.patch.object(marshal, "_xml", lambda text: text.encode())


class WouldBeSeen(unittest.TestCase):
    """A fuzzer that finds nothing may be blind: what if a reader were wrong?"""

    def test_each_mistake_is_seen(self) -> None:
        """And what is seen is the mistake: without it, the same input is as good as any."""
        for name, target, data, mistake in mistaken():
            check = next(known.check for known in TARGETS if known.name == target)
            with self.subTest(f"{target}: {name}"):
                check(data)
                with mistake, self.assertRaises((AssertionError, IndexError, KeyError)):
                    check(data)

    def test_what_fails_is_made_small(self) -> None:
        """The report shows what matters of an input."""
        def check(data: bytes) -> str:
            assert b"bad" not in data
            return "good"

        self.assertEqual(smallest(Target("", (), (), check), b"x" * 500 + b"bad" + b"y" * 300), b"bad")


class Strict(unittest.TestCase):
    """The second reader of HTTP: it refuses what it shall, and reads what is good."""

    def test_good_streams_are_read(self) -> None:
        """Every seed is a message or more of them."""
        for kind, seeds in ((strict.read_requests, messages.REQUEST_SEEDS),
                            (strict.read_replies, messages.REPLY_SEEDS)):
            for stream in seeds:
                with self.subTest(stream):
                    reading = kind(stream)
                    self.assertTrue(reading.messages)
                    self.assertEqual((reading.unfinished, reading.broken), (False, ""))

    def test_values_are_compared_with_their_types(self) -> None:
        """True is not 1, and 0.0 is not -0.0."""
        pairs: list[tuple[Any, Any]] = [(True, 1), (0.0, -0.0), ([1], (1,)), ({"a": 1}, {"a": True}), (b"a", "a")]
        for one, other in pairs:
            self.assertFalse(documents.same(one, other), (one, other))
        self.assertTrue(documents.same([float("nan"), {"a": None}], [float("nan"), {"a": None}]))


if __name__ == "__main__":
    unittest.main()
