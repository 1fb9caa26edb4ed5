"""Datagrams: what holds of the decoders of ponte/discovery/beats.py, whatever comes.

- They return a message, or raise BadDatagram with one of the reasons that are counted.
- A message that is encoded once more, and decoded, is the same message.
- A BeatReader, which remembers lines, reads what `decode_beat` reads.
- With a key, they accept only what this key has signed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import zlib
from typing import Callable, NamedTuple, Union

from ponte.discovery.beat_reader import BeatReader
from ponte.discovery.beats import (
    MAX_DATAGRAM_BYTES,
    Answer,
    BadDatagram,
    Beat,
    beat_to_line,
    decode_answer,
    decode_beat,
    encode_answer,
    encode_beat,
)
from tests.fuzz.mutate import Target

KEY = b"a key of sixteen bytes, or more"
REASONS = frozenset(("too long", "signature", "not JSON", "fields", "version", "types", "name",
                     "method", "number", "address", "state", "lease"))

# What was read, or None and the reason.
Read = tuple[Union[Beat, Answer, None], str]


class Sent(NamedTuple):
    """A datagram, and the key of its receiver."""

    datagram: bytes
    key: bytes


def reading(decode: Callable[[bytes, bytes], Beat | Answer], sent: Sent) -> Read:
    try:
        return decode(sent.datagram, sent.key), ""
    except BadDatagram as error:
        assert error.reason in REASONS, f"an unknown reason: {error.reason!r}"
        return None, error.reason


def ways(data: bytes) -> list[Sent]:
    """The bytes as they are, for receivers with and without a key; and their line, well signed."""
    line = data.partition(b"\n")[2]
    signature = hmac.new(KEY, line, hashlib.sha256).hexdigest().encode()
    return [Sent(data, b""), Sent(data, KEY), Sent(signature + b"\n" + line, KEY)]


def check_beat(data: bytes) -> str:
    for sent in ways(data):
        beat, why = reading(decode_beat, sent)
        if isinstance(beat, Beat):
            check_key(sent)
            line = beat_to_line(beat)
            assert decode_beat(b"\n" + line if len(line) < MAX_DATAGRAM_BYTES else b"", b"") == beat
        check_reader(sent, (beat, why))
    return why or "beat"


def check_reader(sent: Sent, expected: Read) -> None:
    """A reader that has read similar lines, and then one that has read the same line."""
    line = sent.datagram.partition(b"\n")[2]
    reader = BeatReader(sent.key)
    for other in similar(line):
        key = hmac.new(sent.key, other, hashlib.sha256).hexdigest().encode() if sent.key else b""
        resent = Sent(key + b"\n" + other, sent.key)
        found = reading(lambda datagram, _: reader.read(datagram), resent)
        assert found == reading(decode_beat, resent), f"a similar line: {found}"
    for when in ("the first time", "the second time"):
        found = reading(lambda datagram, _: reader.read(datagram), sent)
        assert found == expected, f"{when}: {found}, not {expected}"


def similar(line: bytes) -> list[bytes]:
    """Lines that differ in numbers only: a reader compares them with what it remembers."""
    number = str(zlib.crc32(line)).encode()
    return [re.sub(rb'("seq": ?)[0-9]+', rb"\g<1>" + number, line),
            re.sub(rb"[0-9]+", number[:3], line, count=3)]


def check_key(sent: Sent) -> None:
    if sent.key:
        signature, _, line = sent.datagram.partition(b"\n")
        assert signature == hmac.new(sent.key, line, hashlib.sha256).hexdigest().encode(), "forged"


def check_answer(data: bytes) -> str:
    for sent in ways(data):
        answer, why = reading(decode_answer, sent)
        if isinstance(answer, Answer):
            check_key(sent)
            assert decode_answer(encode_answer(answer)) == answer
    return why or "answer"


# ---- what is mutated

_BEAT = Beat("greeter", "server-1", 1_700_000_000_000, 7, "127.0.0.1", 41234, "up", 2.0,
             ("hello", "saudação"), "9f86d081")
_SPACED = (b'\n{ "v": 1, "type": "beat", "service": "a", "instance": "b", "incarnation": 1, '
           b'"seq": 2, "host": "::1", "port": 3, "state": "leaving", "lease_s": 1, '
           b'"idempotent": [], "epoch": "" }')
_ANSWER = Answer("ack", "server-1", 1_700_000_000_000, 7, "9f86d081", 1_700_000_000_000)

WORDS = (
    b"\n", b"\0", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"null", b"true", b"false",
    b"NaN", b"Infinity", b"-Infinity", b"-1", b"0", b"1.0", b"1e3", b"1e400", b"70000", b"65536",
    b"9007199254740993", b"1" * 400, b"[]", b"{}", b"[" * 600, b'{"a":' * 200, b'""', b'"0.0.0.0"',
    b'"224.0.0.1"', b'"::"', b'"::1"', b'"a..b"', b'"\\ud800"', b'"\\u0000"', b'"\\u00e9"',
    "é".encode(), b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b'"seq":8,', b'"seq":08,',
    b'"seq": 8,', b'"seq":"seq":', b'"v":1,', b'"v":2,', b'"type":"beat",', b'"type":"ack",',
    b'"epoch":"x"', b'"state":"up",', b'"extra":1,', b'"idempotent":["a","b"],',
    b'"idempotent":"ab",', b'"remembers":false,', b'"path":"/RPC2",', b'"path":"/ ",',
    b'"lease_s":60.1,', b"a" * 65,
)

TARGETS = (
    Target("beats", (encode_beat(_BEAT), encode_beat(_BEAT, KEY), _SPACED,
                     encode_beat(_BEAT._replace(state="draining", seq=8, idempotent=())),
                     encode_beat(_BEAT._replace(remembers=False)),
                     encode_beat(_BEAT._replace(remembers=False, path="/RPC2"))),
           WORDS, check_beat),
    Target("answers", (encode_answer(_ANSWER), encode_answer(_ANSWER, KEY),
                       encode_answer(_ANSWER._replace(type="superseded", newest=2 ** 53))),
           WORDS, check_answer),
)
