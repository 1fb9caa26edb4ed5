"""Readers of bytes, fuzzed with fixed seeds: a small part of what `python3 -m tests.fuzz` does."""

from __future__ import annotations

import random
import re
import unittest
from collections.abc import Iterator
from typing import Any, NamedTuple
from unittest import mock

from ponte.discovery import beat_reader, beats
from ponte.discovery.beats import decode_beat
from ponte.net import fields, framing, parser
from ponte.net.parser import RequestParser
from ponte.rpc import marshal, plain
from ponte.rpc.marshal import encode_call
from tests.fuzz import documents, messages, strict
from tests.fuzz.mutate import Mutator, Target
from tests.fuzz.targets import TARGETS, run, smallest

SEED = 5
# Slower targets get fewer inputs.
INPUTS: dict[str, int] = {"requests": 150, "replies": 150, "beats": 150}
OTHER_INPUTS = 200


class Fuzzing(unittest.TestCase):
    """Each reader, with inputs that are drawn from a seed."""

    def test_every_property_holds(self) -> None:
        """What tests/fuzz/messages.py, beats.py and documents.py promise, each for its readers."""
        for target in TARGETS:
            inputs = INPUTS.get(target.name, OTHER_INPUTS)
            with self.subTest(target.name):
                tally = run(target, SEED,
                            lambda count, inputs=inputs: count < inputs)      # type: ignore[misc]
                self.assertEqual(tally.shown, [])
                self.assertGreater(len(tally.results), 1, f"it always comes to the same: {tally}")

    def test_a_seed_draws_the_same_inputs(self) -> None:
        """So the seed in a report is enough to find its inputs another time."""
        for target in TARGETS:
            one, other = (Mutator(target, random.Random(SEED)) for _ in range(2))
            self.assertEqual([one.draw() for _ in range(50)], [other.draw() for _ in range(50)],
                             target.name)

    def test_heads_dripping_byte_by_byte_cost_no_more_than_a_second(self) -> None:
        """An unfinished head is checked with each byte that comes; but its length is bounded."""
        def check(data: bytes) -> str:
            return str(messages.read(messages.REQUESTS, messages.by_size(data, 1)).status)

        head = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 500
        tally = run(Target("dripping", (head,), (), check), SEED, lambda count: False)
        self.assertEqual(tally.findings, 0)
        self.assertEqual(dict(tally.results), {"0": 1})


class Mistake(NamedTuple):
    """A mistake that a reader could have.

    `target` sees it by the input `data`; while the patch `made` is active, the reader has it.
    """

    name: str
    target: str
    data: bytes
    made: Any


def mistakes() -> Iterator[Mistake]:
    """One mistake for each thing that the targets promise to see."""
    head = b"POST / HTTP/1.1\r\nHost: a\r\n"
    no_body, hello = b"Content-Length: 0\r\n\r\n", b"Content-Length: 5\r\n\r\nhello"
    call_number, one = messages.CALL_NUMBER, messages.NUMBER
    yield Mistake(
        "a length that int() would take", "requests", head + hello.replace(b"5", b"+5"),
        mock.patch.object(framing, "_LENGTH",
                          mock.Mock(fullmatch=lambda text: text.strip("+- _").isdigit())))
    yield Mistake(
        "two headers of a kind that comes once", "requests", head + call_number * 2 + no_body,
        mock.patch.object(fields, "_SINGLETONS", frozenset()))
    yield Mistake(
        "a head that is known by too little", "requests", head + call_number + no_body,
        mock.patch.object(parser, "without_number",
                          lambda raw: (raw.replace(call_number, b""), one)))
    yield Mistake(
        "another error than ProtocolError", "requests", b"GET / HTTP/1.1\r\n",
        mock.patch.object(RequestParser, "_parse_request_line", side_effect=IndexError))
    yield Mistake(
        "a good request that is refused", "requests", head + hello,
        mock.patch.object(framing, "_LENGTH", mock.Mock(fullmatch=lambda text: None)))
    yield Mistake(
        "a reply without length", "replies", b"HTTP/1.1 200 OK\r\n\r\n",
        mock.patch.object(parser, "body_length", return_value=0))
    yield Mistake(
        "another error than ValueError", "beats", b"\n{",
        mock.patch.object(beats, "_fields_of", side_effect=KeyError))
    beat = TARGETS[2].seeds[0]
    yield Mistake(
        "a number that is not checked", "beats", beat.replace(b'"seq":7', b'"seq":-7'),
        mock.patch.object(beat_reader.BeatReader, "read",
                          lambda reader, datagram: decode_beat(beat)))
    yield Mistake(
        "a pattern that takes what the XML parser reads in another way", "plain text", b"a\rb",
        mock.patch.object(plain, "_CALL", re.compile(plain._CALL.pattern.replace("\r", ""))))
    yield Mistake(
        "a fault that quotes all of the call", "dispatch",
        encode_call("xx" * 30_000, ()).replace(b"xx", b"\xc2\x85"),
        mock.patch.object(marshal, "MAX_FAULT_CHARS", 10 ** 6))
    yield Mistake(
        "a CR that becomes an LF", "round trip", b"\0\0\2a\r\1\0",
        mock.patch.object(marshal, "_xml", lambda text: text.encode()))


class WouldBeSeen(unittest.TestCase):
    """A fuzzer that finds nothing may be blind: so each mistake is made, and must be found."""

    def test_each_mistake_is_seen(self) -> None:
        """And it is the mistake that is seen: without it, the same input passes."""
        for mistake in mistakes():
            check = next(target.check for target in TARGETS if target.name == mistake.target)
            with self.subTest(f"{mistake.target}: {mistake.name}"):
                check(mistake.data)
                with mistake.made, self.assertRaises((AssertionError, IndexError, KeyError)):
                    check(mistake.data)

    def test_an_input_that_fails_is_made_small(self) -> None:
        """The report shows only the part of an input that fails."""
        def check(data: bytes) -> str:
            assert b"bad" not in data
            return "good"

        target = Target("", (), (), check)
        self.assertEqual(smallest(target, b"x" * 500 + b"bad" + b"y" * 300), b"bad")


class Strict(unittest.TestCase):
    """The second reader of HTTP: it refuses what it must refuse, and reads what is good."""

    def test_good_streams_are_read(self) -> None:
        """Every seed is one message or several."""
        for read, seeds in ((strict.read_requests, messages.REQUEST_SEEDS),
                            (strict.read_replies, messages.REPLY_SEEDS)):
            for stream in seeds:
                with self.subTest(stream):
                    reading = read(stream)
                    self.assertTrue(reading.messages)
                    self.assertFalse(reading.unfinished)
                    self.assertEqual(reading.broken, "")

    def test_values_are_compared_with_their_types(self) -> None:
        """True is not 1, and 0.0 is not -0.0."""
        pairs: list[tuple[Any, Any]] = [
            (True, 1), (0.0, -0.0), ([1], (1,)), ({"a": 1}, {"a": True}), (b"a", "a")]
        for one, other in pairs:
            self.assertFalse(documents.same(one, other), (one, other))
        self.assertTrue(documents.same([float("nan"), {"a": None}], [float("nan"), {"a": None}]))


if __name__ == "__main__":
    unittest.main()
