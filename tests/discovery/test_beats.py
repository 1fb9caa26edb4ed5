"""The datagrams of heartbeats: which are believed, and what is read from them. No socket, no clock."""

from __future__ import annotations

import json
import math
import random
import unittest
from typing import Any, Callable
from unittest import mock

from ponte.discovery import beat_reader, beats
from ponte.discovery.beat_reader import BeatReader
from ponte.discovery.beats import (
    MAX_DATAGRAM_BYTES,
    MAX_INTEGER,
    MAX_NAME,
    Answer,
    BadDatagram,
    Beat,
    check_name,
    decode_answer,
    decode_beat,
    encode_answer,
    encode_beat,
)

BEAT = Beat("greeter", "server-1", 1_700_000_000_000, 7, "127.0.0.1", 41234, "up", 2.0, ("hello", "whoami"), "9f86d081")
ANSWER = Answer("ack", "server-1", 1_700_000_000_000, 7, "9f86d081", 1_700_000_000_000)
KEY = b"a key of 16 bytes"


def reason(datagram: bytes, key: bytes = b"") -> str:
    """Why a datagram is dropped; "" if it is taken for a beat. A reader that knows the sender must say the same."""
    said = verdict(lambda: decode_beat(datagram, key))
    reader = knowing(BEAT, key)
    assert verdict(lambda: reader.read(datagram)) == said, datagram
    return said if isinstance(said, str) else ""


def verdict(read: Callable[[], Beat]) -> Beat | str:
    """The beat that is read, or the reason why it is dropped."""
    try:
        return read()
    except BadDatagram as error:
        return error.reason


def knowing(beat: Beat, key: bytes = b"") -> BeatReader:
    """A reader that has read the beat before this one."""
    reader = BeatReader(key)
    reader.read(encode_beat(beat._replace(seq=beat.seq - 1), key))
    return reader


def beat_with(**fields: Any) -> bytes:
    """An unsigned beat with some fields replaced, right or wrong."""
    return b"\n" + json.dumps({"v": 1, "type": "beat", **BEAT._asdict(), **fields}).encode()


class BeatDatagrams(unittest.TestCase):
    """One datagram: a line with the signature, a line of JSON."""

    def test_a_beat_survives_the_wire(self) -> None:
        """Signed and unsigned; addresses of both families, names of hosts, methods in any language."""
        for beat in (BEAT, BEAT._replace(host="::1", state="draining"), BEAT._replace(host="server.example", epoch=""),
                     BEAT._replace(idempotent=()), BEAT._replace(idempotent=("sauda\u00e7\u00e3o", "a.b"))):
            for key in (b"", KEY):
                with self.subTest(beat=beat, key=key):
                    self.assertEqual(decode_beat(encode_beat(beat, key), key), beat)

    def test_it_can_be_read_in_a_packet_dump(self) -> None:
        """The signature in hexadecimal, empty without a key; then one line of JSON."""
        signature, line = encode_beat(BEAT).split(b"\n")
        self.assertEqual((signature, json.loads(line)["instance"]), (b"", "server-1"))
        self.assertRegex(encode_beat(BEAT, KEY).split(b"\n")[0], b"^[0-9a-f]{64}$")

    def test_a_beat_never_exceeds_the_datagram(self) -> None:
        """Too many idempotent names are a ValueError at the sender, not a beat that nobody takes."""
        names = tuple(f"method_number_{number}" for number in range(100))
        with self.assertRaises(ValueError):
            encode_beat(BEAT._replace(idempotent=names))
        for count in range(100):
            try:
                datagram = encode_beat(BEAT._replace(idempotent=names[:count]))
            except ValueError:
                break
            self.assertLessEqual(len(datagram), MAX_DATAGRAM_BYTES)
        self.assertGreater(count, 30)

    def test_what_is_no_valid_beat_is_dropped_with_a_reason(self) -> None:
        """Each row, and the word under which it is counted."""
        without_port = {key: value for key, value in BEAT._asdict().items() if key != "port"}
        for datagram, why in (
                (b"", "not JSON"), (b"garbage", "signature"), (b"x" * (MAX_DATAGRAM_BYTES + 1), "too long"),
                (b"\n", "not JSON"), (b"\n{", "not JSON"), (b"\n\xff\xfe\xfa", "not JSON"),
                (b"\n" + b"[" * 1100, "not JSON"), (b"\n[]", "fields"), (b"\n7", "fields"), (b"\n{}", "fields"),
                (b"\n" + json.dumps({"v": 1, "type": "beat", **without_port}).encode(), "fields"),
                (beat_with(more=1), "fields"), (beat_with(type="ack"), "fields"), (beat_with(type=None), "fields"),
                (beat_with(v=2), "version"), (beat_with(v=None), "version"), (beat_with(v="1"), "version"),
                (beat_with(v=True), "version"), (beat_with(v=1.0), "version"),
                (beat_with(idempotent="hello"), "types"), (beat_with(idempotent=None), "types"),
                (beat_with(idempotent={}), "types"),
                *[(beat_with(**{field: name}), "name") for field in ("service", "instance")
                  for name in ("", "a" * (MAX_NAME + 1), "a\n", "a b", "a/b", ".a", "\u00e9", 7, None, ["a"])],
                *[(beat_with(idempotent=[name]), "method")
                  for name in ("", "a" * (MAX_NAME + 1), "a b", "a\0", "a-b", 7, None, ["a"])],
                *[(beat_with(**{field: number}), "number") for field in ("incarnation", "seq", "port")
                  for number in (0, -1, 1.0, "1", True, None, MAX_INTEGER + 1, math.nan)],
                (beat_with(port=65536), "address"), (beat_with(port=70_000), "address"),
                *[(beat_with(host=host), "address")
                  for host in ("", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "a b", "a\n", "a" * 254, 7, None, ["::1"])],
                (beat_with(state="asleep"), "state"), (beat_with(state=["up"]), "state"), (beat_with(epoch=7), "state"),
                *[(beat_with(lease_s=lease_s), "lease")
                  for lease_s in (0, -1, 0.05, 61, 1e6, math.nan, math.inf, "2", None, True, 10 ** 400)]):
            with self.subTest(datagram=datagram[:200]):
                self.assertEqual(reason(datagram), why)

    def test_a_host_that_cannot_be_looked_up_is_no_address(self) -> None:
        """An empty or overlong label makes the resolver raise UnicodeError at every call to that endpoint."""
        for host in ("a..b", ".a", "a" * 64):
            with self.subTest(host):
                self.assertEqual(reason(beat_with(host=host)), "address")

    def test_an_address_in_another_spelling_is_none(self) -> None:
        """A resolver takes "0" for 0.0.0.0, and "0xe0000001" for a multicast group; no name ends in a number."""
        for host in ("0", "00", "0x0", "0.0", "0.0.0.0.", "0xe0000001", "3758096385", "224.1", "a.1", "::ffff:0.0.0.0",
                     "::ffff:224.0.0.1"):
            with self.subTest(host):
                self.assertEqual(reason(beat_with(host=host)), "address")
        for host in ("a1", "1a", "x0.example", "127.0.0.1", "::ffff:127.0.0.1", "node-7", "face.b00c"):
            with self.subTest(host):
                self.assertEqual(decode_beat(beat_with(host=host)).host, host)

    def test_only_utf_8_is_read(self) -> None:
        """The JSON module would take UTF-16 and UTF-32 too."""
        line = beat_with()[1:].decode()
        for encoding in ("utf-16", "utf-16-be", "utf-32"):
            with self.subTest(encoding):
                self.assertEqual(reason(b"\n" + line.replace(" ", "").encode(encoding)), "not JSON")

    def test_only_the_key_opens(self) -> None:
        """Unsigned, signed with another key, cut, or changed in one byte: all dropped before they are parsed."""
        signed = encode_beat(BEAT, KEY)
        for name, datagram, key in (("unsigned", encode_beat(BEAT), KEY), ("another key", signed, KEY[:-1] + b"?"),
                                    ("a key where none is set", signed, b""), ("cut", signed[:-1], KEY),
                                    ("no signature", signed[64:], KEY),
                                    ("in capitals", signed[:64].upper() + signed[64:], KEY),
                                    ("a wrong one", b"0" * 64 + signed[64:], KEY)):
            with self.subTest(name):
                self.assertEqual(reason(datagram, key), "signature")
        for position in range(len(signed)):
            changed = signed[:position] + bytes([signed[position] ^ 1]) + signed[position + 1:]
            self.assertEqual(reason(changed, KEY), "signature", position)

    def test_the_signature_is_hmac_sha256_of_the_line(self) -> None:
        """Checked against a vector made by openssl: others must be able to write the same beats."""
        signature, line = encode_answer(Answer("ack", "a", 1, 2, "e", 3), b"k" * 16).split(b"\n")
        self.assertEqual(line, b'{"v":1,"type":"ack","instance":"a","incarnation":1,"seq":2,"epoch":"e","newest":3}')
        self.assertEqual(signature, b"ab40015022eb2d300f7fe088da16ee086e2f7bebcee9517ba7d8dede2f5a5be0")

    def test_mutations_of_a_good_beat_are_taken_or_dropped_and_nothing_else(self) -> None:
        """Seeded fuzzing: nothing but BadDatagram comes out."""
        rng = random.Random(5)
        good = encode_beat(BEAT)
        for _ in range(3000):
            mutant = bytearray(good)
            for _ in range(rng.randrange(1, 6)):
                position = rng.randrange(len(mutant))
                junk = bytes(rng.choices(b'\0"{}[]:,0-9.eE\n\xff', k=rng.randrange(3)))
                mutant[position:position + rng.randrange(3)] = junk
            reason(bytes(mutant))


class Readers(unittest.TestCase):
    """A BeatReader says what decode_beat says, of whatever comes; `reason` asks both in all tests of datagrams."""

    def parsed(self, reader: BeatReader, datagram: bytes) -> bool:
        """Whether a datagram is parsed, and not only its number read."""
        with mock.patch.object(beat_reader, "_beat_of", wraps=beats._beat_of) as parse:
            reader.read(datagram)
        return bool(parse.called)

    def test_a_line_with_nothing_new_but_its_number_is_not_parsed(self) -> None:
        """Any change makes it a new line: of the state, the address, the incarnation, the epoch."""
        reader = knowing(BEAT, KEY)
        self.assertFalse(self.parsed(reader, encode_beat(BEAT, KEY)))
        self.assertEqual(reader.read(encode_beat(BEAT._replace(seq=MAX_INTEGER), KEY)).seq, MAX_INTEGER)
        for change in ({"state": "draining"}, {"port": 1}, {"incarnation": 5}, {"epoch": ""}, {"instance": "b"}):
            changed = BEAT._replace(**change)
            with self.subTest(change):
                self.assertTrue(self.parsed(reader, encode_beat(changed, KEY)))
                self.assertEqual(reader.read(encode_beat(changed, KEY)), changed)

    def test_it_is_no_less_strict_with_a_line_that_it_knows(self) -> None:
        """The number must be one as JSON writes it, and as a beat may have it."""
        line = encode_beat(BEAT)
        for number, why in ((b"0", "number"), (b"-1", "number"), (b"8.0", "number"), (b"8e0", "number"),
                            (b"true", "number"), (b"null", "number"), (b'"8"', "number"), (b"[8]", "number"),
                            (b"%d" % (MAX_INTEGER + 1), "number"), (b"9" * 400, "number"), (b"08", "not JSON"),
                            (b"+8", "not JSON"), (b"", "not JSON"), (b"8_0", "not JSON"),
                            ("\u0668".encode(), "not JSON"), (b"8", ""), (b" 8", ""), (b"8 ", "")):
            with self.subTest(number):
                self.assertEqual(reason(line.replace(b'"seq":7', b'"seq":' + number)), why)

    def test_a_number_in_another_place_is_another_line(self) -> None:
        """Where taking it out would leave the same text."""
        line = encode_beat(BEAT).replace(b'"seq":7,', b"")
        for place in range(1, len(line)):
            reason(line[:place] + b'"seq":7,' + line[place:])

    def test_the_last_of_two_numbers_counts_whichever_way_it_is_written(self) -> None:
        """As JSON readers have it; the first is what a hasty one would take."""
        for name in ("seq", "\\u0073eq"):
            with self.subTest(name):
                reader = BeatReader()
                for first, last in ((5, 5), (9, 5), (5, 9)):
                    datagram = encode_beat(BEAT._replace(seq=first))[:-1] + f',"{name}":{last}}}'.encode()
                    self.assertEqual(reader.read(datagram), BEAT._replace(seq=last))

    def test_lines_that_are_not_read_again_are_forgotten(self) -> None:
        """After one `age` they are still known, after two no longer; those that are read stay."""
        reader, other = knowing(BEAT), BEAT._replace(instance="other")
        reader.read(encode_beat(other))
        reader.age()
        self.assertFalse(self.parsed(reader, encode_beat(BEAT)))
        reader.age()
        self.assertFalse(self.parsed(reader, encode_beat(BEAT)))
        self.assertTrue(self.parsed(reader, encode_beat(other)))

    def test_its_memory_is_bounded(self) -> None:
        """Beyond that, beats are read all the same."""
        with mock.patch.object(beat_reader, "MAX_KNOWN", 3):
            reader = BeatReader()
            for number in range(20):
                beat = BEAT._replace(instance=f"server-{number}", service=f"service-{number}")
                self.assertEqual(reader.read(encode_beat(beat)), beat)
                self.assertEqual(reader.read(encode_beat(beat)), beat)
        self.assertEqual(len(reader._known), 3)
        self.assertLess(len(reader._words), 10)


class AnswerDatagrams(unittest.TestCase):
    """What a registry says to a beat."""

    def test_an_answer_survives_the_wire(self) -> None:
        """Of all three types, signed and unsigned."""
        for kind in ("ack", "epoch", "superseded"):
            for key in (b"", KEY):
                answer = ANSWER._replace(type=kind)
                self.assertEqual(decode_answer(encode_answer(answer, key), key), answer)

    def test_an_answer_is_shorter_than_its_beat(self) -> None:
        """Nobody can use a registry to amplify a flood: also with the shortest beat and the longest answer."""
        for incarnation in (1, MAX_INTEGER):
            beat = Beat("a", "a", incarnation, 1, "a", 1, "up", 1)
            for key in (b"", KEY):
                answer = Answer("superseded", "a", incarnation, 1, "0" * 16, MAX_INTEGER)
                self.assertLess(len(encode_answer(answer, key)), len(encode_beat(beat, key)))

    def test_what_is_no_answer_is_dropped(self) -> None:
        """One wrong datagram must not stop the beats: types are checked here, since the thread trusts them."""
        rows: list[dict[str, Any]] = [
            {"v": 2}, {"more": 1}, {"seq": "7"}, {"seq": None}, {"incarnation": "x"}, {"newest": "x"}, {"newest": None},
            {"newest": -1}, {"newest": MAX_INTEGER + 1}, {"epoch": 7}, {"epoch": None}, {"epoch": "e" * 1000},
            {"type": 7}, {"instance": []}]
        for row in rows:
            with self.subTest(row=row), self.assertRaises(BadDatagram):
                decode_answer(b"\n" + json.dumps({"v": 1, **ANSWER._asdict(), **row}).encode())
        for datagram in (b"", b"garbage", encode_beat(BEAT), encode_answer(ANSWER, KEY)):
            with self.subTest(datagram=datagram), self.assertRaises(BadDatagram):
                decode_answer(datagram)


class Names(unittest.TestCase):
    def test_names_are_checked(self) -> None:
        """A good one comes back; a bad one is a ValueError that says what is allowed."""
        for name in ("a", "_", "server-1", "a.b_c", "7", "a" * MAX_NAME):
            self.assertEqual(check_name(name), name)
        for name in ("", "-a", ".a", "a b", "a/b", "a\n", "\u00e9", "a" * (MAX_NAME + 1)):
            with self.subTest(name), self.assertRaisesRegex(ValueError, "letters, digits"):
                check_name(name)


if __name__ == "__main__":
    unittest.main()
